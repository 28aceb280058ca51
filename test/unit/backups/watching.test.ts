import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '#backups/manifest.ts';
import { manifestFile, redisFile, stampOf } from '#backups/names.ts';
import { watchDirectory, type Watched, type WatchedStore } from '#backups/watching.ts';
import { testFolder } from '../../kit/drills/backups.ts';

const NOW = Date.UTC(2026, 10, 21, 7);
const HOUR = 3_600_000;

async function watch(directory: string): Promise<Watched> {
  const seen = await watchDirectory(directory, NOW);
  if (!seen.ok) throw new Error(seen.failure.message);
  return seen.value;
}

const of = (seen: Watched, store: string): WatchedStore | undefined => seen.stores.find((one) => one.store === store);

function rdb(directory: string, atMs: number, bytes = 100, node: number | null = null): void {
  writeFileSync(join(directory, redisFile(stampOf(atMs), node)), 'x'.repeat(bytes));
}

function manifest(directory: string, atMs: number, files: readonly string[], bytes = 100): void {
  const stamp = stampOf(atMs);
  const sha256 = 'a'.repeat(64);
  const content: Manifest = {
    version: 1, store: 'redis', takenAt: new Date(atMs).toISOString(), finishedAt: new Date(atMs).toISOString(), tool: { name: 't', version: '1' },
    source: { address: 'r:6379', serverVersion: '7', identity: [], mode: 'standalone' }, files: files.map((path) => ({ path, bytes, sha256 })), complete: true, missing: [],
    redis: { shards: [{ file: files[0] ?? '', slots: [], runId: '', keys: 1, expires: 0 }], keysByPrefix: [], required: [], sample: [], unreadable: [], newestRecordAt: null },
  };
  writeFileSync(join(directory, manifestFile('redis', stamp)), JSON.stringify(content));
}

describe('the watch over a directory of backups', () => {
  it('tells of each store how many sets there are, the newest, the oldest, and what the newest weighs against those before it', async () => {
    const directory = await testFolder('watch');
    for (const hours of [1, 2, 3, 4]) rdb(directory, NOW - hours * HOUR, hours === 1 ? 30 : 100);
    mkdirSync(join(directory, `nats-${stampOf(NOW - 2 * HOUR)}`));
    const seen = await watch(directory);
    expect(of(seen, 'redis')).toMatchObject({ sets: 4, newestMs: NOW - HOUR, oldestMs: NOW - 4 * HOUR, newest: { bytes: 30, size: 'small', sizeRatio: 0.3, complete: 'unknown' } });
    expect(of(seen, 'nats')).toMatchObject({ sets: 1, newest: { complete: 'no' } });
    expect(of(seen, 'config')).toMatchObject({ sets: 0, newestMs: undefined, newest: undefined });
    expect(seen.skewMs).toBe(HOUR);
    expect(seen.room?.totalBytes).toBeGreaterThan(0);
  });

  it('believes a manifest that all is there, and not when a file is of another size or gone', async () => {
    const directory = await testFolder('watch');
    const file = redisFile(stampOf(NOW - HOUR), null);
    rdb(directory, NOW - HOUR);
    manifest(directory, NOW - HOUR, [file]);
    expect(of(await watch(directory), 'redis')?.newest?.complete).toBe('yes');
    writeFileSync(join(directory, file), 'shorter');
    expect(of(await watch(directory), 'redis')?.newest?.complete).toBe('no');
    rmSync(join(directory, file));
    expect(of(await watch(directory), 'redis')).toMatchObject({ sets: 0, newestMs: undefined, newest: { complete: 'no' } });
  });

  it('counts no set whose name is of the future: it would look fresh until then', async () => {
    const directory = await testFolder('watch');
    rdb(directory, NOW + HOUR);
    rdb(directory, NOW - 5 * HOUR);
    expect(of(await watch(directory), 'redis')).toMatchObject({ sets: 1, newestMs: NOW - 5 * HOUR, newest: { set: `redis-${stampOf(NOW - 5 * HOUR)}` } });
  });

  it('counts what broke off and what is foreign, and is not led astray by either', async () => {
    const directory = await testFolder('watch');
    for (const name of ['redis-20261121T060000Z.rdb.part', 'nats-20261121T060000Z.part', 'README', '.snapshot', 'redis-20261131T060000Z.rdb', '\u202egnirts']) writeFileSync(join(directory, name), '');
    symlinkSync(directory, join(directory, 'loop'));
    expect(await watch(directory)).toMatchObject({ unfinished: 2, strangers: 5 });
  });

  it('cannot be held over a directory that is not there: that is no directory without backups', async () => {
    const directory = await testFolder('watch');
    expect(await watchDirectory(join(directory, 'gone'), NOW)).toMatchObject({ ok: false, failure: { message: expect.stringContaining('ENOENT') as string } });
  });

  it('lets others work while it reads thousands of names, and looks only at the newest few', async () => {
    const directory = await testFolder('watch');
    // Of a name that is looked at, a link to nowhere would be told.
    for (let i = 0; i < 2_000; i += 1) symlinkSync('/nowhere', join(directory, redisFile(stampOf(NOW - (i + 10) * 60_000), null)));
    for (let i = 0; i < 6; i += 1) rdb(directory, NOW - (i + 1) * 60_000);
    let turns = 0;
    let reading = true;
    const turn = (): void => {
      turns += 1;
      if (reading) setImmediate(turn);
    };
    setImmediate(turn);
    const seen = await watch(directory);
    reading = false;
    expect(of(seen, 'redis')).toMatchObject({ sets: 2_006, newest: { sizeRatio: 1, complete: 'unknown', notes: [] } });
    expect(turns).toBeGreaterThan(5);
  });

  it('holds whatever names there are', async () => {
    const stamp = fc.integer({ min: NOW - 90 * 24 * HOUR, max: NOW + 24 * HOUR }).map(stampOf);
    const name = fc.oneof(stamp.map((one) => `redis-${one}.rdb`), fc.tuple(stamp, fc.nat(9)).map(([one, node]) => `redis-${one}-node${node}.rdb`), stamp.map((one) => `config-${one}.json`), stamp.map((one) => `redis-${one}.manifest.json`), fc.stringMatching(/^[A-Za-z0-9._-]{1,30}$/).filter((one) => !/^\.+$/.test(one)));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { maxLength: 30, selector: (one) => one.toLowerCase() }), async (names) => {
        const directory = await testFolder('watch');
        for (const one of names) writeFileSync(join(directory, one), '{');
        const seen = await watch(directory);
        for (const { sets, newestMs, oldestMs, newest } of seen.stores) {
          expect(newestMs === undefined).toBe(sets === 0);
          if (newestMs !== undefined) expect([oldestMs! <= newestMs, newestMs <= NOW + 5 * 60_000, newest !== undefined]).toEqual([true, true, true]);
        }
        expect(seen.unfinished + seen.strangers).toBeLessThanOrEqual(names.length);
        rmSync(directory, { recursive: true });
      }),
      { numRuns: 60 },
    );
  });
});
