/** Schedules put together: slots and reminders are kept in the journal, runs are started through the one door. */
import type { Config } from '#config/config.ts';
import { createReminders, type ReminderEvent } from '#drills/schedule/reminders.ts';
import { createScheduler, type ScheduleEvent, type Scheduler } from '#drills/schedule/scheduler.ts';
import type { Journal } from '#engine/ports.ts';
import { isoTime, type Clock } from '#kernel/clock.ts';
import { sha256 } from '#kernel/digest.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import type { NoticeFacts, Operations, ScheduleView } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';

const SCHEDULE: Principal = { id: 'schedule', kind: 'automation', roles: [], via: 'schedule' };
/** What is longer ago is not told any more where it was not told then. */
const TOLD_MS = 7 * 24 * 3_600_000;

export interface SchedulesParts {
  readonly config: Pick<Config, 'schedules'>;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  /** Known once the door is made. */
  operations(): Pick<Operations, 'startRun'>;
}

export interface Schedules extends Scheduler {
  views(): Promise<readonly ScheduleView[]>;
  /** Newest last. */
  notices(): Promise<readonly NoticeFacts[]>;
}

export function createSchedules({ config, journal, clock, log, operations }: SchedulesParts): Schedules {
  const byName = new Map(config.schedules.map((one) => [one.name, one]));
  const append = async (stream: string, type: string, data: object): Promise<void> => {
    const expectedVersion = (await journal.read(stream)).at(-1)?.version ?? 0;
    const appended = await journal.append({ stream, expectedVersion, events: [{ type, actor: SCHEDULE.id, data: data as JsonObject }], at: clock.now() });
    if (!appended.ok) throw new Error(`somebody else has written to ${stream}`);
  };
  const scheduler = createScheduler({
    schedules: config.schedules,
    clock,
    log,
    store: {
      read: async (name) => (await journal.read(`schedule:${name}`)).map(({ type, data }) => ({ ...data, type }) as unknown as ScheduleEvent),
      append: (name, { type, ...data }) => append(`schedule:${name}`, type, data),
    },
    async start({ name }, key) {
      const { runbook = '', drill = null, target = null } = byName.get(name) ?? {};
      const started = await operations().startRun(SCHEDULE, { runbook, idempotencyKey: key, ...(target === null ? {} : { target }), inputs: drill === null ? {} : { drill } });
      if (started.ok) return { runId: started.value.id };
      if (started.problem.code === 'unavailable') throw new Error(started.problem.message);
      return { refused: started.problem.message };
    },
  });
  const nextAt = async (name: string): Promise<string | null> => (await scheduler.standing()).find((one) => one.name === name)?.nextAt ?? null;
  const reminders = createReminders({
    schedules: config.schedules.filter(({ drill }) => drill !== null),
    clock,
    log,
    store: {
      read: async (name) => (await journal.read(`reminder:${name}`)).map(({ data }) => data as unknown as ReminderEvent),
      append: (name, event) => append(`reminder:${name}`, 'DrillReminded', event),
    },
    nextAt,
  });
  return {
    async start() {
      await scheduler.start();
      await reminders.start();
    },
    async stop() {
      await reminders.stop();
      await scheduler.stop();
    },
    standing: () => scheduler.standing(),
    async views() {
      return (await scheduler.standing()).map(({ name, nextAt: next, last }): ScheduleView => {
        const { runbook = '', drill = null, target = null, cron = '', timeZone = '' } = byName.get(name) ?? {};
        return {
          name, runbook, drill, target, cron, timeZone, nextAt: next,
          lastSlot: last?.slot ?? null,
          lastRunId: last?.type === 'ScheduleStarted' ? last.runId : null,
          lastMissedBecause: last?.type === 'ScheduleMissed' ? last.because : null,
        };
      });
    },
    notices: async () => (await Promise.all(config.schedules.map(async (one) => noticesOf(journal, clock.now(), one, await nextAt(one.name))))).flat(),
  };
}

async function noticesOf(journal: Journal, now: number, { name, drill, runbook }: Config['schedules'][number], nextAt: string | null): Promise<NoticeFacts[]> {
  const [reminded, slots] = await Promise.all([journal.read(`reminder:${name}`), journal.read(`schedule:${name}`)]);
  const of = (kind: NoticeFacts['kind'], dueAt: string, at: number, live: boolean, because: string | null): NoticeFacts => ({ id: `ntc_${sha256(`${name}\n${dueAt}\n${kind}`).slice(0, 26)}`, kind, schedule: name, drill, runbook, dueAt, at: isoTime(at), because, live });
  const reminders = reminded.map(({ data, at }) => {
    const { kind, dueAt } = data as unknown as ReminderEvent;
    return of(kind, dueAt, at, Date.parse(dueAt) > now && dueAt === nextAt, null);
  });
  const missed = slots.flatMap(({ type, data, at }) => (type === 'ScheduleMissed' ? [of('missed', String(data['slot']), at, at > now - TOLD_MS, String(data['because']))] : []));
  return [...reminders, ...missed].filter((one) => Math.max(Date.parse(one.dueAt), Date.parse(one.at)) > now - TOLD_MS);
}
