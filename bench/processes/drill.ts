/** One drill in a process of its own: how long, and how much memory it took at most. */
import { performDrill } from '#app/drill-parts.ts';
import { systemClock } from '#kernel/clock.ts';
import { inputOf, peakMb, tellResult } from '../kit/process.ts';

export interface DrillInput {
  readonly store: 'redis' | 'nats';
  readonly directory: string;
  readonly temp: string;
}

export interface DrillResult {
  readonly ms: number;
  readonly status: string;
  readonly peakMb: number;
  readonly rtoSeconds: number;
  /** Whatever has not passed. */
  readonly deviations: readonly string[];
  readonly steps: readonly string[];
}

const DAY_MS = 24 * 3_600_000;

const { store, directory, temp } = inputOf<DrillInput>();
const began = performance.now();
const limits = { maxAgeMs: DAY_MS, tolerance: 0.5, rpoMs: DAY_MS, rtoMs: DAY_MS };
const outcome = await performDrill('bench', { store, directory, choice: { kind: 'latest' }, limits, temp }, { clock: systemClock, signal: new AbortController().signal });
const startedMs = Date.parse(outcome.startedAt);
tellResult({
  ms: performance.now() - began,
  status: outcome.status,
  peakMb: peakMb(),
  rtoSeconds: outcome.rtoSeconds,
  deviations: outcome.checks.filter(({ status }) => status === 'failed' || status === 'warning').map(({ name, detail }) => `${name}: ${detail}`),
  steps: outcome.steps.map(({ doing, startedAt, ms }) => `${doing} ${Date.parse(startedAt) - startedMs}+${ms}`),
} satisfies DrillResult);
process.exit(0);
