import { describe, expect, it } from 'vitest';
import type { BackupFile, BackupSet, Inventory } from '#backups/inventory.ts';
import { listBackups, median } from '#backups/listing.ts';
import type { Manifest } from '#backups/manifest.ts';
import { stampOf, type Store } from '#backups/names.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-21T12:00:00Z');
const SHA = 'a'.repeat(64);

function manifestOf(store: Store, atMs: number, files: readonly BackupFile[], missing: readonly string[] = []): Manifest {
  return {
    version: 1,
    store,
    takenAt: new Date(atMs).toISOString(),
    finishedAt: new Date(atMs).toISOString(),
    tool: { name: 't', version: '1' },
    source: { address: 'a:1', serverVersion: '7', identity: [], mode: 'standalone' },
    files: files.map(({ path, bytes }) => ({ path, bytes, sha256: SHA })),
    complete: missing.length === 0,
    missing: [...missing],
    config: { keys: [{ key: 'k', type: 'string', sha256: SHA }] },
  };
}

/** A set as the inventory finds it: `nodes` RDB files, or one file of the config store. */
function setAt(store: Store, atMs: number, sizes: readonly number[], more: Partial<BackupSet> = {}): BackupSet {
  const stamp = stampOf(atMs);
  const files = sizes.map((bytes, node): BackupFile => ({ path: `${store}-${stamp}-${node}`, bytes, modifiedMs: atMs, ...(store === 'redis' && sizes.length > 1 ? { node } : {}), ...(store === 'nats' ? { stream: ['CORDUM_SYS', 'CORDUM_JOBS'][node] ?? `S${node}` } : {}) }));
  return { store, stamp, namedMs: atMs, files, bytes: sizes.reduce((sum, size) => sum + size, 0), manifest: 'none', ...more };
}

const list = (sets: readonly BackupSet[], more: Partial<Inventory> = {}, limit = 50) => listBackups({ directory: '/b', sets, strangers: [], ...more }, NOW, limit);

describe('a list of backups', () => {
  it('says of each store how many there are, the newest and the oldest, and of which there is none', () => {
    const listing = list([setAt('redis', NOW - HOUR, [100]), setAt('redis', NOW - 30 * HOUR, [80]), setAt('config', NOW - 2 * HOUR, [7])]);
    expect(listing.stores).toEqual([
      { store: 'redis', sets: 2, shown: 2, bytes: 180, newestAt: '2026-11-21T11:00:00.000Z', newestAgeSeconds: 3_600, oldestAt: '2026-11-20T06:00:00.000Z', medianBytes: 90 },
      { store: 'nats', sets: 0, shown: 0, bytes: 0, newestAt: null, newestAgeSeconds: null, oldestAt: null, medianBytes: null },
      { store: 'config', sets: 1, shown: 1, bytes: 7, newestAt: '2026-11-21T10:00:00.000Z', newestAgeSeconds: 7_200, oldestAt: '2026-11-21T10:00:00.000Z', medianBytes: 7 },
    ]);
    expect(listing.warnings).toEqual(['There is no backup of nats.']);
  });

  it('shows the newest of each store up to the limit, and counts them all', () => {
    const listing = list(Array.from({ length: 5 }, (_, i) => setAt('redis', NOW - i * HOUR, [10])), {}, 2);
    expect([listing.sets.length, listing.stores[0]?.sets, listing.stores[0]?.shown]).toEqual([2, 5, 2]);
  });

  it('tells a set that is much smaller or larger than those before it, once there are two to compare with', () => {
    const sizes = [900, 40, 100, 110, 90];
    const listing = list(sizes.map((size, i) => setAt('redis', NOW - i * HOUR, [size])));
    expect(listing.sets.map(({ size }) => size)).toEqual(['large', 'small', 'usual', 'unknown', 'unknown']);
    expect(listing.sets[1]?.notes).toEqual(['It has less than half of the bytes that were usual (40, usual 100).']);
    const [half, double] = [50, 200].map((size) => list([setAt('redis', NOW, [size]), setAt('redis', NOW - HOUR, [100]), setAt('redis', NOW - 2 * HOUR, [100])]).sets[0]?.size);
    expect([half, double]).toEqual(['usual', 'usual']);
  });

  it('measures how far the newest of Redis and NATS are apart, and warns beyond an hour', () => {
    const near = list([setAt('redis', NOW - HOUR, [1]), setAt('nats', NOW - HOUR - 60_000, [1, 1])]);
    expect([near.skewSeconds, near.warnings]).toEqual([60, ['There is no backup of config.']]);
    const far = list([setAt('redis', NOW, [1]), setAt('nats', NOW - 5 * HOUR, [1, 1])]);
    expect([far.skewSeconds, far.warnings.some((warning) => warning.includes('5h apart'))]).toEqual([18_000, true]);
    expect(list([setAt('redis', NOW, [1])]).skewSeconds).toBeNull();
  });

  it('never calls a set complete without a manifest that says so', () => {
    const complete = (set: BackupSet) => list([set]).sets[0]?.complete;
    const bare = setAt('config', NOW, [5]);
    expect(complete(bare)).toBe('unknown');
    expect(complete({ ...bare, manifest: manifestOf('config', NOW, bare.files) })).toBe('yes');
    expect(complete({ ...bare, manifest: { unreadable: 'it is not JSON' } })).toBe('unknown');
    expect(complete({ ...bare, manifest: manifestOf('config', NOW, bare.files, ['node 2']) })).toBe('no');
    expect(complete({ ...bare, manifest: manifestOf('config', NOW, [...bare.files, { path: 'gone', bytes: 1, modifiedMs: 0 }]) })).toBe('no');
    expect(complete({ ...bare, manifest: manifestOf('redis', NOW, bare.files) })).toBe('no');
    expect(complete({ ...bare, manifest: manifestOf('config', NOW, bare.files.map((file) => ({ ...file, bytes: 6 }))) })).toBe('no');
    expect(complete(setAt('config', NOW, [0]))).toBe('no');
    expect(complete(setAt('redis', NOW, []))).toBe('no');
  });

  it('of a CronJob without manifests, finds a missing shard by its number and by how many there were before', () => {
    const whole = setAt('redis', NOW - HOUR, [10, 10, 10]);
    const gap = setAt('redis', NOW, [10, 10, 10]);
    expect(list([{ ...gap, files: gap.files.filter(({ node }) => node !== 1) }]).sets[0]?.notes).toEqual(['Shards are missing that there should be, or were before: node1.']);
    const short = { ...gap, files: gap.files.slice(0, 2) };
    expect(list([short]).sets[0]?.complete).toBe('unknown');
    expect(list([short, whole]).sets[0]).toMatchObject({ complete: 'no', notes: ['Shards are missing that there should be, or were before: node2.'] });
    expect(list([whole, short]).sets[0]?.complete).toBe('unknown');
  });

  it('of NATS without a manifest, finds a missing stream and half a snapshot', () => {
    expect(list([setAt('nats', NOW, [10])]).sets[0]?.notes).toEqual(['Streams of Cordum are missing: CORDUM_JOBS.']);
    const files = ['CORDUM_SYS', 'CORDUM_JOBS'].map((stream): BackupFile => ({ path: `nats-x/${stream}.snapshot/backup.json`, bytes: 5, modifiedMs: 0, stream }));
    expect(list([{ ...setAt('nats', NOW, []), files }]).sets[0]?.notes).toEqual(['Snapshots with one of their two files: CORDUM_SYS, CORDUM_JOBS.']);
  });

  it('tells apart what broke off from what is no backup at all, and a time that lies ahead', () => {
    const listing = list([setAt('redis', NOW + HOUR, [1])], { strangers: ['redis-20261121T000000Z.rdb.part', 'dump.rdb'] });
    expect([listing.unfinished, listing.strangers]).toEqual([['redis-20261121T000000Z.rdb.part'], ['dump.rdb']]);
    expect(listing.sets[0]).toMatchObject({ ageSeconds: 0, notes: ['Its name says that it was taken in the future.'] });
  });
});

describe('the median', () => {
  it('is the one in the middle, or between the two in the middle', () => {
    expect([median([]), median([5]), median([9, 1, 5]), median([1, 2, 10, 3])]).toEqual([0, 5, 5, 3]);
  });
});
