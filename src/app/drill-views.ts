/** The configured drills with what their evidence says, for people and for metrics. */
import type { DrillConfig } from '#config/config.ts';
import type { DrillStanding } from '#drills/desk.ts';
import type { Standings } from '#drills/standing.ts';
import type { Clock } from '#kernel/clock.ts';
import type { DrillFacts, DrillStoreView } from '#operations/operations.ts';

/** A quarter, and ten days to do it in. The alert on the metric has the same number. */
export const OVERDUE_MS = 100 * 24 * 3_600_000;

export async function drillViews(drills: readonly DrillConfig[], standings: Standings, clock: Clock): Promise<readonly DrillFacts[]> {
  return Promise.all(
    drills.map(async (drill): Promise<DrillFacts> => {
      const { name, target, backups, choice } = drill;
      const now = clock.now();
      const stores = (await standings.of(drill)).map((standing) => storeView(standing, now));
      return { name, target, backups, choice: choice.kind, overdue: stores.some(({ lastPassedAt }) => lastPassedAt === null || now - Date.parse(lastPassedAt) > OVERDUE_MS), stores };
    }),
  );
}

function storeView({ store, last, lastPassedAt }: DrillStanding, nowMs: number): DrillStoreView {
  const age = (at: string): number => Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  return {
    store,
    lastStatus: last?.status ?? 'never',
    lastAt: last?.endedAt ?? null,
    lastAgeSeconds: last === null ? null : age(last.endedAt),
    backup: last?.backup?.set ?? null,
    backupAgeSeconds: last?.backup?.ageSeconds ?? null,
    rpoSeconds: last?.rpoSeconds ?? null,
    rtoSeconds: last?.rtoSeconds ?? null,
    failed: last?.failed ?? [],
    bundle: last?.bundle ?? null,
    lastPassedAt,
    passedAgeSeconds: lastPassedAt === null ? null : age(lastPassedAt),
  };
}
