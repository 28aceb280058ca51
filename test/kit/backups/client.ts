/** What the steps on backups are given, made by hand. */
import { succeed } from '#kernel/failure.ts';
import type { BackupClient, SetFacts, StoreName, TakenFacts } from '#systems/backup/client.ts';

export const NOW = Date.UTC(2026, 10, 21, 7);

/** A good set of that age in seconds. */
export function setOf(store: StoreName, ageSeconds: number, more: Partial<SetFacts> = {}): SetFacts {
  const takenAt = new Date(NOW - ageSeconds * 1_000).toISOString();
  return { set: `${store}-${takenAt.replace(/[-:]|\.\d+/g, '')}`, store, takenAt, ageSeconds, bytes: 1_000, files: 1, shards: 1, manifest: 'there', complete: 'yes', size: 'usual', sizeRatio: 1, notes: [], ...more };
}

export const TAKEN: TakenFacts = { set: 'redis-20261121T070000Z', complete: true, missing: [], bytes: 1_000, files: 1, takenAt: '2026-11-21T07:00:00.000Z', finishedAt: '2026-11-21T07:00:04.000Z' };

/** An empty directory with room, and stores that can be backed up. */
export function backupClient(more: Partial<BackupClient> = {}): BackupClient {
  return {
    directory: '/backups',
    keptSeconds: 7 * 86_400,
    list: async () => succeed({ stores: [], sets: [], skewSeconds: null, unfinished: [], strangers: [] }),
    room: async () => ({ freeBytes: 1_000_000, totalBytes: 4_000_000 }),
    verify: async () => succeed({ problems: [], notes: [] }),
    source: async () => succeed({ from: ['redis:6379'], bytes: 2_000, load: ['It forks.'] }),
    take: async () => succeed(TAKEN),
    find: async () => succeed(undefined),
    close: async () => {},
    ...more,
  };
}
