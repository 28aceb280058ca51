import { type Clock, waitUntil } from '#kernel/clock.ts';

/** Lets calls through at an even rate, with a small burst after a quiet moment. */
export interface Pacer {
  /** Resolves when it is this call's turn, or when the signal aborts. */
  turn(signal?: AbortSignal): Promise<void>;
}

export function createPacer(clock: Clock, perSecond: number, burst: number): Pacer {
  const intervalMs = 1_000 / perSecond;
  let nextAt = Number.NEGATIVE_INFINITY;
  return {
    async turn(signal) {
      const now = clock.now();
      const at = Math.max(nextAt, now - (burst - 1) * intervalMs);
      nextAt = at + intervalMs;
      if (at > now) await waitUntil(clock, at, signal);
    },
  };
}
