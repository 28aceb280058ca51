import { type Clock, waitUntil } from '#kernel/clock.ts';

/** Lets calls through at an even rate, with a small burst after a quiet moment. */
export interface Pacer {
  /** Resolves when it is this call's turn, or when the signal aborts. */
  turn(signal?: AbortSignal): Promise<void>;
  /** The other side said: slower. */
  refused(): void;
}

export interface Pace {
  /** To begin with. */
  readonly perSecond: number;
  /** Never faster than this, however patient the other side is. Default: as to begin with. */
  readonly mostPerSecond?: number;
  readonly burst: number;
}

/** A limit that nobody knows is found by going faster for as long as nobody minds, and much slower once somebody does. */
const FASTER = 1.5;
const SLOWER = 0.5;
const EVERY_MS = 1_000;
/** After a refusal the pace stays down this long, ms. */
const CAREFUL_MS = 10_000;
const LEAST_PER_SECOND = 5;
/** The clock counts milliseconds. */
const TIMER_MS = 1;

export function createPacer(clock: Clock, { perSecond, mostPerSecond = perSecond, burst }: Pace): Pacer {
  let rate = perSecond;
  let fasterAt: number | undefined;
  let nextAt = Number.NEGATIVE_INFINITY;

  const faster = (now: number): void => {
    fasterAt ??= now + EVERY_MS;
    if (now < fasterAt) return;
    rate = Math.min(mostPerSecond, rate * FASTER);
    fasterAt = now + EVERY_MS;
  };

  return {
    async turn(signal) {
      const now = clock.now();
      faster(now);
      const intervalMs = 1_000 / rate;
      const at = Math.max(nextAt, now - (burst - 1) * intervalMs);
      nextAt = at + intervalMs;
      // Less than a timer can tell is not waited for; the turns are counted on all the same, so the pace holds.
      if (at - now >= TIMER_MS) await waitUntil(clock, at, signal);
    },
    refused() {
      const now = clock.now();
      // Calls under way are refused together; that is one refusal.
      if (fasterAt !== undefined && fasterAt > now + EVERY_MS) return;
      rate = Math.max(Math.min(LEAST_PER_SECOND, perSecond), rate * SLOWER);
      fasterAt = now + CAREFUL_MS;
    },
  };
}
