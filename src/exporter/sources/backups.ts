/**
 * How old the backups are, by the CronJobs that make them. That a job has succeeded does not mean that its files are whole:
 * Cordum's Redis backup succeeds when one of three primaries was saved. Whoever can see the files adds a source of their own.
 */
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 60_000;

const BACKUP_STORES = ['redis', 'nats'] as const;
export type BackupStore = (typeof BACKUP_STORES)[number];

export interface BackupFacts {
  /** The CronJob is there and not suspended. */
  readonly scheduled: boolean;
  readonly lastSuccessAtMs: number | undefined;
  readonly lastScheduleAtMs: number | undefined;
}

/** A CronJob that is not there is an answer: `scheduled: false`. */
export type ReadBackup = (store: BackupStore, call: Call) => Promise<Result<BackupFacts>>;

export function backupsSource(target: string, read: ReadBackup): Source {
  return {
    target,
    name: 'backups',
    everyMs: EVERY_MS,
    async look(call) {
      const seen = await Promise.all(BACKUP_STORES.map(async (store) => ({ store, facts: await read(store, call) })));
      const samples = seen.flatMap(({ store, facts }) => (facts.ok ? samplesOf(store, facts.value) : []));
      const failed = seen.flatMap(({ facts }) => (facts.ok ? [] : [facts.failure]))[0];
      return failed === undefined ? { samples } : { samples, failure: failed };
    },
  };
}

function samplesOf(store: BackupStore, { scheduled, lastSuccessAtMs, lastScheduleAtMs }: BackupFacts): Sample[] {
  const labels = { store };
  const samples: Sample[] = [{ series: 'cordum_backup_cronjob', labels, value: scheduled ? 1 : 0 }];
  if (lastSuccessAtMs !== undefined) samples.push({ series: 'cordum_backup_last_success_timestamp_seconds', labels, value: lastSuccessAtMs / 1_000 });
  if (lastScheduleAtMs !== undefined) samples.push({ series: 'cordum_backup_last_schedule_timestamp_seconds', labels, value: lastScheduleAtMs / 1_000 });
  return samples;
}
