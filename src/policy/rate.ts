/** At most so many effects in any second and in any hour. Below one a second, `perSecond` spreads them: 0.5 is one in two seconds. */
export interface Rate {
  readonly perSecond: number;
  readonly perHour: number;
}

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/**
 * The earliest moment, at or after `nowMs`, at which one more effect keeps to the rate; Infinity when there is none.
 * `history` holds the moments of the intents so far, in any order; those older than an hour may be left out.
 */
export function nextSlot(history: readonly number[], rate: Rate, nowMs: number): number {
  const sorted = history.toSorted((a, b) => a - b);
  return Math.max(nowMs, slotOf(sorted, rate.perSecond, SECOND_MS), slotOf(sorted, rate.perHour, HOUR_MS));
}

/** The lower of the two holds, each for itself. */
export function lowerRate(a: Rate | undefined, b: Rate | undefined): Rate | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return { perSecond: Math.min(a.perSecond, b.perSecond), perHour: Math.min(a.perHour, b.perHour) };
}

/** A window of `windowMs` holds `count` at most, so the next comes no sooner than a window after the count-th last. */
function slotOf(sorted: readonly number[], count: number, windowMs: number): number {
  if (!(count > 0)) return Number.POSITIVE_INFINITY;
  const whole = Math.max(1, Math.floor(count));
  const blocking = sorted.at(-whole);
  if (sorted.length < whole || blocking === undefined) return Number.NEGATIVE_INFINITY;
  return blocking + (count < 1 ? Math.ceil(windowMs / count) : windowMs);
}
