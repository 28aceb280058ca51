/**
 * What lies in the directory of backups: that a job has succeeded does not mean that its files are there, whole, and of the usual
 * size. A directory that cannot be read is no directory without backups: its series keep their last values.
 */
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 60_000;

export interface BackupStoreFacts {
  readonly store: string;
  readonly sets: number;
  /** Ms since the epoch; undefined without any set. */
  readonly newestMs: number | undefined;
  readonly oldestMs: number | undefined;
  /** Of the newest. */
  readonly newest: { readonly bytes: number; readonly sizeRatio: number | null; readonly complete: 'yes' | 'no' | 'unknown' } | undefined;
}

export interface BackupDirectoryFacts {
  readonly stores: readonly BackupStoreFacts[];
  readonly skewMs: number | undefined;
  readonly unfinished: number;
  readonly strangers: number;
  readonly room: { readonly freeBytes: number; readonly totalBytes: number } | undefined;
}

export type ReadBackupDirectory = (call: Call) => Promise<Result<BackupDirectoryFacts>>;

/** `keptMs`: how long sets are kept, undefined where nobody has said so. */
export function backupDirectorySource(target: string, keptMs: number | undefined, read: ReadBackupDirectory): Source {
  return {
    target,
    name: 'backup-directory',
    everyMs: EVERY_MS,
    async look(call) {
      const seen = await read(call);
      const kept: Sample[] = keptMs === undefined ? [] : [{ series: 'cordum_backup_retention_seconds', labels: {}, value: keptMs / 1_000 }];
      return seen.ok ? { samples: [...kept, ...samplesOf(seen.value)] } : { samples: kept, failure: seen.failure };
    },
  };
}

function samplesOf({ stores, skewMs, unfinished, strangers, room }: BackupDirectoryFacts): Sample[] {
  const samples: Sample[] = [
    ...stores.flatMap(ofStore),
    { series: 'cordum_backup_directory_leftovers', labels: { kind: 'unfinished' }, value: unfinished },
    { series: 'cordum_backup_directory_leftovers', labels: { kind: 'foreign' }, value: strangers },
  ];
  if (skewMs !== undefined) samples.push({ series: 'cordum_backup_skew_seconds', labels: {}, value: skewMs / 1_000 });
  if (room !== undefined) samples.push({ series: 'cordum_backup_directory_free_bytes', labels: {}, value: room.freeBytes }, { series: 'cordum_backup_directory_size_bytes', labels: {}, value: room.totalBytes });
  return samples;
}

function ofStore({ store, sets, newestMs, oldestMs, newest }: BackupStoreFacts): Sample[] {
  const labels = { store };
  const samples: Sample[] = [{ series: 'cordum_backup_sets', labels, value: sets }];
  if (newestMs !== undefined) samples.push({ series: 'cordum_backup_set_newest_timestamp_seconds', labels, value: newestMs / 1_000 });
  if (oldestMs !== undefined) samples.push({ series: 'cordum_backup_set_oldest_timestamp_seconds', labels, value: oldestMs / 1_000 });
  if (newest === undefined) return samples;
  samples.push({ series: 'cordum_backup_set_bytes', labels, value: newest.bytes });
  if (newest.sizeRatio !== null) samples.push({ series: 'cordum_backup_set_size_ratio', labels, value: newest.sizeRatio });
  // What nobody can tell has no series: it is neither complete nor a reason to call somebody.
  if (newest.complete !== 'unknown') samples.push({ series: 'cordum_backup_set_complete', labels, value: newest.complete === 'yes' ? 1 : 0 });
  return samples;
}
