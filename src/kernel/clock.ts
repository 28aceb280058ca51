/** Time comes in by the hand: nothing else in `src` asks the machine what time it is, so tests run in virtual time. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `fire` once, at `atMs` or soon after, never before. The returned function cancels it. */
  schedule(atMs: number, fire: () => void): () => void;
}

/** setTimeout holds 31 bits of milliseconds; a later time is reached in several naps. */
const LONGEST_NAP_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(atMs, fire) {
    let timer: NodeJS.Timeout;
    const nap = (): void => {
      const restMs = atMs - Date.now();
      timer = restMs > 0 ? setTimeout(nap, Math.min(restMs, LONGEST_NAP_MS)) : setTimeout(fire, 0);
      timer.unref();
    };
    nap();
    return () => clearTimeout(timer);
  },
};

export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Resolves when the clock has reached `atMs`, or at once when the signal aborts. */
export function waitUntil(clock: Clock, atMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.schedule(atMs, done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** What a call to somewhere else goes by: it ends when its time is over, or when whoever asked has lost interest. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Its time was over, whatever else happened. */
  timedOut(): boolean;
  /** Whoever asked ended it, and within its time. */
  cancelled(): boolean;
  /** To be called when the call has ended, or the timer would outlive it. */
  stop(): void;
}

export function deadlineOf(clock: Clock, timeoutMs: number, asked?: AbortSignal): Deadline {
  const timeout = new AbortController();
  const stop = clock.schedule(clock.now() + timeoutMs, () => timeout.abort());
  const timedOut = (): boolean => timeout.signal.aborted;
  return {
    signal: asked === undefined ? timeout.signal : AbortSignal.any([asked, timeout.signal]),
    timedOut,
    cancelled: () => !timedOut() && asked?.aborted === true,
    stop,
  };
}
