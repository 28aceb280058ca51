/** What the operations are told of drills and schedules, and what approving ahead goes by: the configuration, and the credentials of people. */
import type { Config } from '#config/config.ts';
import { isBlackout } from '#drills/schedule/times.ts';
import { storeRun } from '#drills/steps/store-run.ts';
import { createStandings } from '#drills/standing.ts';
import type { Clock } from '#kernel/clock.ts';
import type { AheadSubject, Context, Credentials } from '#operations/context.ts';
import type { ScheduleView } from '#operations/operations.ts';
import { drillViews } from './drill-views.ts';
import type { Schedules } from './schedules.ts';

export function drillContext(config: Config, schedules: Schedules, clock: Clock): Pick<Context, 'drills' | 'drillAhead' | 'notices' | 'credentials' | 'schedules'> {
  const standings = createStandings();
  return {
    drills: () => drillViews(config.drills, standings, clock),
    drillAhead: createDrillAhead(config, () => schedules.views()),
    notices: () => schedules.notices(),
    credentials: credentialsOf(config.auth),
    schedules: () => schedules.views(),
  };
}

export function createDrillAhead({ drills, schedules, targets }: Pick<Config, 'drills' | 'schedules' | 'targets'>, standing: () => Promise<readonly ScheduleView[]>): (name: string) => Promise<AheadSubject | undefined> {
  return async (name) => {
    const drill = drills.find((one) => one.name === name);
    const own = schedules.filter((one) => one.drill === name);
    // As for a run that names none: the target of its schedule, else the only one or the last.
    const target = drill?.target ?? own.find((one) => one.target !== null)?.target ?? targets.at(-1)?.name;
    if (drill === undefined || target === undefined) return undefined;
    const names = new Set(own.map((one) => one.name));
    const next = (await standing()).flatMap((one) => (names.has(one.name) && one.nextAt !== null ? [one.nextAt] : []));
    return {
      uses: storeRun.name,
      input: { drill: name },
      target,
      nextAt: next.toSorted()[0] ?? null,
      closedAt(ms) {
        const closed = own.find((one) => isBlackout(one, ms));
        return closed === undefined ? undefined : `schedule ${closed.name} has a blackout on that day`;
      },
    };
  };
}

function credentialsOf({ apiKeys }: Config['auth']): Credentials {
  return {
    roles: new Set(apiKeys.flatMap(({ roles }) => roles)),
    of(principalId) {
      const own = apiKeys.filter(({ principal }) => principal === principalId);
      return own.length === 0 ? undefined : own.flatMap(({ roles }) => roles);
    },
  };
}
