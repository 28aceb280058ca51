/** Starts what is due. All that it knows it has from its store, so a restart neither forgets a slot nor starts one twice. */
import { isoTime, type Clock } from '#kernel/clock.ts';
import { sha256 } from '#kernel/digest.ts';
import type { Log } from '#kernel/log.ts';
import { createRounds } from './rounds.ts';
import { dueSlots, slotAfter, type Times } from './times.ts';

/** Later than this it was missed: the bot was down. */
const LATE_MS = 10 * 60_000;

export interface Schedule extends Times {
  /** Whether a slot that was missed is made up for, once. */
  readonly catchUp: boolean;
}

/** What has become of a slot, or that the schedule was first seen as it is. */
export type ScheduleEvent =
  | { readonly type: 'ScheduleSeen'; readonly at: string; readonly definition: string }
  | { readonly type: 'ScheduleStarted'; readonly slot: string; readonly runId: string; readonly passedOver: number; readonly late: boolean }
  | { readonly type: 'ScheduleMissed'; readonly slot: string; readonly because: string };

export interface ScheduleStore {
  read(name: string): Promise<readonly ScheduleEvent[]>;
  append(name: string, event: ScheduleEvent): Promise<void>;
}

export interface SchedulerParts {
  readonly schedules: readonly Schedule[];
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ScheduleStore;
  /** Starts the run of a slot. The same key starts it once, however often it is asked. Rejects when it should be tried again. */
  start(schedule: Schedule, key: string): Promise<{ readonly runId: string } | { readonly refused: string }>;
}

export interface ScheduleStanding {
  readonly name: string;
  /** When the next slot is due, with its jitter; null: the expression names none. */
  readonly nextAt: string | null;
  readonly last: Exclude<ScheduleEvent, { readonly type: 'ScheduleSeen' }> | null;
}

export interface Scheduler {
  start(): Promise<void>;
  stop(): Promise<void>;
  standing(): Promise<readonly ScheduleStanding[]>;
}

export function createScheduler({ schedules, clock, log, store, start }: SchedulerParts): Scheduler {
  const look = async (schedule: Schedule): Promise<number | undefined> => {
    const since = await knownSince(schedule, store, clock.now());
    const { due, passedOver, next } = dueSlots(schedule, since, clock.now());
    if (due !== undefined) {
      const slot = isoTime(due.slotMs);
      const late = clock.now() - due.dueMs > LATE_MS;
      await store.append(schedule.name, late && !schedule.catchUp ? { type: 'ScheduleMissed', slot, because: 'the bot was not running, and this schedule does not catch up' } : await begin(schedule, slot, { passedOver, late }));
    }
    return next?.dueMs;
  };

  const begin = async (schedule: Schedule, slot: string, how: { readonly passedOver: number; readonly late: boolean }): Promise<ScheduleEvent> => {
    const started = await start(schedule, `schedule\n${schedule.name}\n${slot}`);
    if ('runId' in started) return { type: 'ScheduleStarted', slot, runId: started.runId, ...how };
    log.warn({ schedule: schedule.name, slot, because: started.refused }, 'a scheduled run was refused');
    return { type: 'ScheduleMissed', slot, because: started.refused };
  };

  return {
    ...createRounds({ schedules, clock, log, look, failure: 'a schedule could not be looked at; again in a minute' }),
    standing: () =>
      Promise.all(
        schedules.map(async (schedule): Promise<ScheduleStanding> => {
          const events = await store.read(schedule.name);
          const since = sinceOf(schedule, events) ?? clock.now();
          const next = dueSlots(schedule, since, clock.now()).next ?? slotAfter(schedule, clock.now());
          const last = events.findLast((event) => event.type !== 'ScheduleSeen');
          return { name: schedule.name, nextAt: next === undefined ? null : isoTime(next.dueMs), last: last ?? null };
        }),
      ),
  };
}

/** Slots after this moment are open. A schedule that is new, or has changed, begins now: what lies before was never promised. */
async function knownSince(schedule: Schedule, store: ScheduleStore, nowMs: number): Promise<number> {
  const since = sinceOf(schedule, await store.read(schedule.name));
  if (since !== undefined) return since;
  await store.append(schedule.name, { type: 'ScheduleSeen', at: isoTime(nowMs), definition: definitionOf(schedule) });
  return nowMs;
}

function sinceOf(schedule: Schedule, events: readonly ScheduleEvent[]): number | undefined {
  const seen = events.findLast((event) => event.type === 'ScheduleSeen');
  if (seen?.type !== 'ScheduleSeen' || seen.definition !== definitionOf(schedule)) return undefined;
  const last = events.at(-1);
  return last === undefined || last.type === 'ScheduleSeen' ? Date.parse(seen.at) : Date.parse(last.slot);
}

function definitionOf({ cron, timeZone }: Schedule): string {
  return sha256(`${cron}\n${timeZone}`).slice(0, 16);
}
