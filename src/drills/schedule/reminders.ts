/**
 * Says a week and a day before a drill is due that it will be. What has been said stands in the store, so that a restart says nothing
 * twice; what fell into a downtime is said afterwards, as long as the drill is still to come.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import { createRounds, type Rounds } from './rounds.ts';
import { slotAfter, type Times } from './times.ts';

const DAY_MS = 24 * 3_600_000;
/** The last one that has come stands for those before it. */
const LEADS = [
  { kind: 'day', leadMs: DAY_MS },
  { kind: 'week', leadMs: 7 * DAY_MS },
] as const;
/** While the scheduler has not yet dealt with what is due. */
const AGAIN_MS = 60_000;

export type ReminderKind = (typeof LEADS)[number]['kind'];

export interface ReminderEvent {
  readonly kind: ReminderKind;
  /** The moment that it is about, with jitter and blackout: what moves is said anew. */
  readonly dueAt: string;
}

export interface ReminderStore {
  read(name: string): Promise<readonly ReminderEvent[]>;
  append(name: string, event: ReminderEvent): Promise<void>;
}

export interface RemindersParts {
  readonly schedules: readonly Times[];
  readonly clock: Clock;
  readonly log: Log;
  readonly store: ReminderStore;
  /** When it is next due; null: never. */
  nextAt(name: string): Promise<string | null>;
}

export function createReminders({ schedules, clock, log, store, nextAt }: RemindersParts): Rounds {
  const look = async (schedule: Times): Promise<number | undefined> => {
    const now = clock.now();
    const due = await nextAt(schedule.name);
    if (due === null) return undefined;
    const kind = whatIsDue(schedule, Date.parse(due), now);
    if (kind !== undefined && !(await store.read(schedule.name)).some((one) => one.kind === kind && one.dueAt === due)) {
      await store.append(schedule.name, { kind, dueAt: due });
      log.info({ schedule: schedule.name, dueAt: due }, 'a drill will be due');
    }
    return nextLook(Date.parse(due), now);
  };
  return createRounds({ schedules, clock, log, look, failure: 'a reminder could not be kept; again in a minute' });
}

/** Undefined: it is too early, too late, or the schedule comes so often that nobody wants to hear of it. */
export function whatIsDue(schedule: Times, dueMs: number, nowMs: number): ReminderKind | undefined {
  if (nowMs >= dueMs) return undefined;
  const lead = LEADS.find(({ leadMs }) => nowMs >= dueMs - leadMs);
  if (lead === undefined) return undefined;
  const first = slotAfter(schedule, dueMs - lead.leadMs - schedule.jitterMs - 1);
  return first !== undefined && first.dueMs < dueMs ? undefined : lead.kind;
}

function nextLook(dueMs: number, nowMs: number): number {
  const moments = [...LEADS.map(({ leadMs }) => dueMs - leadMs), dueMs + AGAIN_MS].filter((ms) => ms > nowMs);
  return moments.length === 0 ? nowMs + AGAIN_MS : Math.min(...moments);
}
