/** Backups of servers that are not known: what is not understood is left out, and is no damage. Made by hand. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isKnownIndex } from '#backups/archive/block-index.ts';
import { consumerFaults, isSealed } from '#backups/archive/consumers.ts';
import { readStreamArchive } from '#backups/archive/read.ts';
import { lookAtRdb } from '#backups/redis/rdb-file.ts';
import { compareCounts } from '#drills/redis/rdb-counts.ts';
import { chunksOf, encodeS2 } from '../../kit/backups/s2.ts';
import { writeTar } from '../../kit/backups/tar.ts';
import { writeRdb, type SmallRdb } from '../../kit/backups/rdb.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'forms-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function look(rdb: Partial<SmallRdb>) {
  const path = join(directory, 'a.rdb');
  writeFileSync(path, writeRdb({ strings: [['a', 'b']], ...rdb }));
  return { path, seen: await lookAtRdb(path) };
}

describe('an RDB of a server that is not known', () => {
  const foreign: readonly (readonly [string, Partial<SmallRdb>])[] = [
    ['Valkey 8', { version: '0011', aux: { 'valkey-ver': '8.0.1' } }],
    ['Redis 8.2', { version: '0012', aux: { 'redis-ver': '8.2.0' } }],
    ['a fork under the version of Redis', { version: '0009', aux: { 'redis-ver': '7.2.4', 'fork-field': '1' } }],
    ['an unstable build', { version: '0012', aux: { 'redis-ver': '255.255.255' } }],
    ['one that says nothing', { aux: {} }],
  ];
  it.each(foreign)('is not called changed for what it does not say: %s', async (_, rdb) => {
    const { seen } = await look(rdb);
    expect(seen).toMatchObject({ ok: true, head: { knownWriter: false } });
  });

  it('is refused where the version is one that the Redis which it names never wrote', async () => {
    expect((await look({ version: '0009', aux: { 'redis-ver': '7.2.4', ctime: '1790000000' } })).seen).toMatchObject({ ok: false, because: expect.stringContaining('writes version 11') });
    expect((await look({ version: '0010', aux: { 'redis-ver': '8.0.2', ctime: '1790000000' } })).seen).toMatchObject({ ok: false, because: expect.stringContaining('writes version 12') });
    expect((await look({ version: '0011', aux: { 'redis-ver': '7.2.4', ctime: '1790000000' } })).seen).toMatchObject({ ok: true, head: { knownWriter: true } });
  });

  it('needs no count of its keys, which Redis itself never leaves out', async () => {
    const count = async (aux: Readonly<Record<string, string>>) => {
      const { path, seen } = await look({ aux });
      if (!seen.ok) throw new Error(seen.because);
      const counted = { ok: true, because: '', tooNew: false, keys: 1, volatile: 0, endsAt: seen.head.bytes, databases: [{ id: 0, at: 0 }] };
      return (await compareCounts({ name: 'a.rdb', path, head: seen.head, counted })).wrong;
    };
    expect(await count({ 'valkey-ver': '8.0.1' })).toEqual([]);
    expect(await count({ 'redis-ver': '7.0.15', ctime: '1790000000' })).toEqual([expect.stringContaining('does not say how many keys')]);
  });

  it('is counted as far as the answer of redis-check-rdb was kept', async () => {
    const { path, seen } = await look({ aux: {} });
    if (!seen.ok) throw new Error(seen.because);
    const counted = { ok: true, because: '', tooNew: false, keys: 7, volatile: 0, endsAt: seen.head.bytes, databases: undefined };
    expect(await compareCounts({ name: 'a.rdb', path, head: seen.head, counted })).toEqual({ wrong: [], databases: undefined });
  });
});

describe('an archive of a server that is not known', () => {
  const consumer = (state: string, sum = 'v2:abcdef') => consumerFaults('worker', new Map([['meta.inf', Buffer.from('{"name":"worker","new_field":[1]}')], ['meta.sum', Buffer.from(sum)], ['o.dat', Buffer.from(state, 'hex')]]), 'CORDUM_JOBS');

  it('may seal in another form, and keep the state of consumers in a later one', () => {
    expect(isSealed('CORDUM_JOBS', Buffer.from('{}'), Buffer.from('v2:abcdef'))).toBe(true);
    expect(isSealed('CORDUM_JOBS', Buffer.from('{}'), Buffer.from('0123456789abcdef'))).toBe(false);
    expect(consumer('1603ffffff')).toEqual([]);
    expect(consumer('1602ffffff')).toEqual(['has a state that cannot be']);
    expect(consumer('9902ffffff')).toEqual(['has a state that cannot be']);
  });

  it('may have indexes of another form, further files below msgs, and entries that have the times of their files', async () => {
    expect(isKnownIndex(Buffer.from('1602', 'hex'))).toBe(false);
    const at = (seconds: number) => Buffer.from(`22 mtime=${seconds}.5\n`);
    const parts = [
      { name: 'PaxHeaders.0/meta.inf', type: 'x', bytes: at(1_700_000_000) },
      { name: 'meta.inf', bytes: Buffer.from('{"name":"CORDUM_JOBS","later":{"a":1}}') },
      { name: 'PaxHeaders.0/meta.sum', type: 'x', bytes: at(1_790_000_000) },
      { name: 'meta.sum', bytes: Buffer.from('v2:abcdef') },
      { name: 'msgs/1.idx', bytes: Buffer.from('1609ffff', 'hex') },
      { name: 'msgs/1.blk', bytes: Buffer.alloc(0) },
      { name: 'msgs/index.db', bytes: Buffer.from('0b03', 'hex') },
      { name: 'msgs/thw.db', bytes: Buffer.from('x') },
    ];
    const seen = await readStreamArchive(chunksOf(encodeS2(writeTar(parts))));
    expect(seen.problems).toEqual([]);
    expect(seen.stream).toBe('CORDUM_JOBS');
    expect(seen.writtenMs).toBe(0);
  });
});
