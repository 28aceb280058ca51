/** Looks at each of some schedules when it is time for it, at one after the other; after a failure again in a minute. */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';

const AGAIN_MS = 60_000;

export interface RoundsParts<One> {
  readonly schedules: readonly One[];
  readonly clock: Clock;
  readonly log: Log;
  /** What a failure means, a sentence for the log. */
  readonly failure: string;
  /** Answers when to look again, in ms since the epoch; undefined: never. */
  look(schedule: One): Promise<number | undefined>;
}

export interface Rounds {
  start(): Promise<void>;
  /** Ends when nothing is looked at any more. */
  stop(): Promise<void>;
}

export function createRounds<One extends { readonly name: string }>({ schedules, clock, log, failure, look }: RoundsParts<One>): Rounds {
  const timers = new Map<string, () => void>();
  let stopped = false;
  let working: Promise<void> = Promise.resolve();

  const visit = async (schedule: One): Promise<void> => {
    if (stopped) return;
    let next: number | undefined;
    try {
      next = await look(schedule);
    } catch (error) {
      log.error({ error, schedule: schedule.name }, failure);
      next = clock.now() + AGAIN_MS;
    }
    if (stopped || next === undefined) return;
    timers.get(schedule.name)?.();
    timers.set(schedule.name, clock.schedule(next, () => {
      working = working.then(() => visit(schedule));
    }));
  };

  return {
    async start() {
      for (const schedule of schedules) await visit(schedule);
    },
    async stop() {
      stopped = true;
      for (const cancel of timers.values()) cancel();
      await working;
    },
  };
}
