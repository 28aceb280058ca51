import type { Clock } from '#kernel/clock.ts';

/** A timer that sets itself again for the same moment would never let `advance` end. */
const MOST_FIRINGS = 100_000;

export interface VirtualClock extends Clock {
  /** Moves time on by `ms`, firing what falls due in order of time; resolves when the code that it woke has settled. */
  advance(ms: number): Promise<void>;
  /** Moves time on to `atMs` (never back). */
  advanceTo(atMs: number): Promise<void>;
  /** How many timers are set. */
  pending(): number;
}

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A clock that stands still until a test moves it. Starts at 2026-01-01T00:00:00Z unless told. */
export function createVirtualClock(startMs: number = Date.UTC(2026, 0, 1)): VirtualClock {
  const timers = new Set<Timer>();
  let nowMs = startMs;
  let order = 0;

  const nextDue = (untilMs: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.atMs > untilMs) continue;
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) first = timer;
    }
    return first;
  };

  const advanceTo = async (atMs: number): Promise<void> => {
    await settle();
    for (let firings = 0; ; firings += 1) {
      if (firings >= MOST_FIRINGS) throw new Error(`${MOST_FIRINGS} timers have fired and time still stands at ${nowMs}: something sets itself again for the same moment`);
      const due = nextDue(atMs);
      if (due === undefined) break;
      timers.delete(due);
      nowMs = Math.max(nowMs, due.atMs);
      due.fire();
      await settle();
    }
    nowMs = Math.max(nowMs, atMs);
  };

  return {
    now: () => nowMs,
    schedule(atMs, fire) {
      order += 1;
      const timer: Timer = { atMs, order, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance: (ms) => advanceTo(nowMs + ms),
    advanceTo,
    pending: () => timers.size,
  };
}

/** Two turns of the event loop: a journal answers at the end of a turn, and its writer goes on in the next. */
export async function settle(turns = 2): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}
