/** Schedules put together: slots are kept in the journal, runs are started through the one door. */
import type { Config } from '#config/config.ts';
import { createScheduler, type ScheduleEvent, type Scheduler } from '#drills/schedule/scheduler.ts';
import type { Journal } from '#engine/ports.ts';
import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Log } from '#kernel/log.ts';
import type { Operations, ScheduleView } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';

const SCHEDULE: Principal = { id: 'schedule', kind: 'automation', roles: [], via: 'schedule' };

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
}

export function createSchedules({ config, journal, clock, log, operations }: SchedulesParts): Schedules {
  const byName = new Map(config.schedules.map((one) => [one.name, one]));
  const scheduler = createScheduler({
    schedules: config.schedules,
    clock,
    log,
    store: {
      read: async (name) => (await journal.read(`schedule:${name}`)).map(({ type, data }) => ({ ...data, type }) as unknown as ScheduleEvent),
      async append(name, { type, ...data }) {
        const stream = `schedule:${name}`;
        const expectedVersion = (await journal.read(stream)).at(-1)?.version ?? 0;
        const appended = await journal.append({ stream, expectedVersion, events: [{ type, actor: SCHEDULE.id, data: data as JsonObject }] });
        if (!appended.ok) throw new Error(`somebody else has written to ${stream}`);
      },
    },
    async start({ name }, key) {
      const { runbook = '', drill = null, target = null } = byName.get(name) ?? {};
      const started = await operations().startRun(SCHEDULE, { runbook, idempotencyKey: key, ...(target === null ? {} : { target }), inputs: drill === null ? {} : { drill } });
      if (started.ok) return { runId: started.value.id };
      if (started.problem.code === 'unavailable') throw new Error(started.problem.message);
      return { refused: started.problem.message };
    },
  });
  return {
    ...scheduler,
    async views() {
      return (await scheduler.standing()).map(({ name, nextAt, last }): ScheduleView => {
        const { runbook = '', drill = null, target = null, cron = '', timeZone = '' } = byName.get(name) ?? {};
        return {
          name, runbook, drill, target, cron, timeZone, nextAt,
          lastSlot: last?.slot ?? null,
          lastRunId: last?.type === 'ScheduleStarted' ? last.runId : null,
          lastMissedBecause: last?.type === 'ScheduleMissed' ? last.because : null,
        };
      });
    },
  };
}
