/**
 * How long each phase took. Phases overlap, since what needs nothing of each other is done side by side: each moment counts once, for
 * the earliest phase that was going on, so that the phases add up to what somebody with a clock would have seen.
 */
import { PHASES, type Phase } from './context.ts';

export interface Span {
  readonly phase: Phase;
  readonly fromMs: number;
  readonly toMs: number;
}

export function phaseTimes(spans: readonly Span[]): Readonly<Record<Phase, number>> {
  const edges = [...new Set(spans.flatMap(({ fromMs, toMs }) => [fromMs, toMs]))].toSorted((a, b) => a - b);
  const times = Object.fromEntries(PHASES.map((phase) => [phase, 0])) as Record<Phase, number>;
  edges.forEach((from, i) => {
    const to = edges[i + 1] ?? from;
    const phase = PHASES.find((one) => spans.some((span) => span.phase === one && span.fromMs <= from && span.toMs >= to));
    if (phase !== undefined) times[phase] += to - from;
  });
  return times;
}
