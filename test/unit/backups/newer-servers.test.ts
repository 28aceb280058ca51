/** What Redis 7.4 and Valkey 9 have besides: fields of a hash that end by themselves, and how many keys each slot holds. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { Manifest } from '#backups/manifest.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { countFieldTimes, digestKey } from '#backups/redis/dataset.ts';
import { lookAtRdb } from '#backups/redis/rdb-file.ts';
import { scanRdb } from '#backups/redis/rdb-scan.ts';
import { againstCounts } from '#backups/restore/redis-live.ts';
import type { DrillContext } from '#drills/context.ts';
import { verifyDataset } from '#drills/redis/verify.ts';

/** Written by Redis 7.4.1 as the only node of a cluster: eight keys, two of them hashes with fields that end, one as a listpack and one as a table. */
const RECORDED = fileURLToPath(new URL('../../fixtures/redis/dump-7.4.1-cluster.rdb', import.meta.url));
const NOW_MS = Date.parse('2026-11-21T06:00:00Z');
const HOUR_MS = 3_600_000;

/** A server with one hash: its fields, and when each of them ends (−1: it stays). */
function serverWith(fields: Readonly<Record<string, number>>, { knowsTimes = true } = {}): RedisConnection {
  const names = Object.keys(fields);
  const answers: Record<string, () => unknown> = {
    TYPE: () => (names.length === 0 ? 'none' : 'hash'),
    HLEN: () => names.length,
    HGETALL: () => names.flatMap((name) => [Buffer.from(name), Buffer.from('v')]),
    HKEYS: () => names.map((name) => Buffer.from(name)),
    PTTL: () => -1,
    GET: () => null,
    INFO: () => '# Keyspace\r\ndb0:keys=9,expires=1,avg_ttl=5,subexpiry=2\r\ndb3:keys=2,expires=1,avg_ttl=5,subexpiry=7\r\n',
  };
  const call = (command: string, ...args: readonly unknown[]): Promise<unknown> => {
    if (command === 'HPEXPIRETIME') return knowsTimes ? Promise.resolve(args.slice(3).map((name) => fields[String(name)])) : Promise.reject(new Error("ERR unknown command 'HPEXPIRETIME'"));
    const answer = answers[command];
    return answer === undefined ? Promise.reject(new Error(`ERR unknown command '${command}'`)) : Promise.resolve(answer());
  };
  return { call, callBuffer: call, close: () => Promise.resolve() };
}

describe('an RDB file of a cluster of Redis 7.4', () => {
  it('is read without a server, hashes with fields that end and the sizes of slots among the rest', async () => {
    const { facts } = scanRdb({ path: RECORDED, nowMs: NOW_MS, choose: 20, beginnings: ['job:req:'], collect: 10 });
    expect(facts?.prefixes).toEqual([
      { prefix: 'cfg:system', count: 1, volatile: 0 },
      { prefix: 'job:meta', count: 1, volatile: 0 },
      { prefix: 'job:req', count: 2, volatile: 1 },
      { prefix: 'lease:large', count: 1, volatile: 0 },
      { prefix: 'lease:small', count: 1, volatile: 0 },
      { prefix: 'list:a', count: 1, volatile: 0 },
      { prefix: 'stream:a', count: 1, volatile: 0 },
    ]);
    expect(facts?.fieldTimes).toBe(2);
    expect(await lookAtRdb(RECORDED)).toMatchObject({ ok: true, head: { rdbVersion: 12, writer: 'Redis 7.4.1', knownWriter: true } });
  });
});

describe('a hash with fields that end', () => {
  it('is noted with the first end; one of a server that knows no such fields without', async () => {
    expect((await digestKey(serverWith({ a: NOW_MS + 5_000, b: -1, c: NOW_MS + 3_000 }), 'lease:1'))?.fieldsEndAtMs).toBe(NOW_MS + 3_000);
    expect(await digestKey(serverWith({ a: -1 }), 'lease:1')).not.toHaveProperty('fieldsEndAtMs');
    expect(await digestKey(serverWith({ a: NOW_MS }, { knowsTimes: false }), 'lease:1')).not.toHaveProperty('fieldsEndAtMs');
    expect(await countFieldTimes(serverWith({}))).toBe(2);
  });

  it('may have gone from a restored Redis, as many as there were and no more', () => {
    const lease = (count: number) => [{ prefix: 'lease', count, volatile: 0 }];
    expect(againstCounts(lease(9), lease(7), 2)).toEqual([]);
    expect(againstCounts(lease(9), lease(6), 2)).toEqual(['lease: 6 keys that stay, the backup has 9']);
    expect(againstCounts(lease(9), lease(10), 2)).toEqual(['lease: 10 keys that stay, the backup has 9']);
  });

  it('is compared in a drill until the first of them ends, and then no more', async () => {
    const noted = await digestKey(serverWith({ a: NOW_MS + HOUR_MS, b: -1 }), 'lease:1');
    const drill = async (restored: RedisConnection, nowMs: number, keys: number) => {
      const manifest = { source: { identity: [] }, redis: { keysByPrefix: [{ prefix: 'lease', count: 9, volatile: 0 }], required: [], unreadable: [], sample: [{ key: 'lease:1', type: 'hash', sha256: noted?.sha256 ?? '', expiresAt: null, fieldsEndAt: new Date(NOW_MS + HOUR_MS).toISOString() }] } } as unknown as Manifest;
      const context = { clock: { now: () => nowMs }, signal: new AbortController().signal, limits: { tolerance: 0.5 } } as unknown as DrillContext;
      const inFile = { prefixes: [{ prefix: 'lease', count: keys, volatile: 0 }], chosen: [], fieldTimes: 1, collected: [] };
      const { checks } = await verifyDataset({ connections: [restored], manifest, live: undefined, canary: undefined, files: [], keys: [inFile], expired: 0, takenMs: NOW_MS }, context);
      return ['redis.keys.manifest', 'redis.keys.sample'].map((name) => checks.find((check) => check.name === name)?.status);
    };
    const [whole, partly, gone] = [serverWith({ a: NOW_MS + HOUR_MS, b: -1 }), serverWith({ b: -1 }), serverWith({})];
    expect(await drill(whole, NOW_MS, 9)).toEqual(['passed', 'passed']);
    expect(await drill(partly, NOW_MS, 9)).toEqual(['passed', 'failed']);
    expect(await drill(partly, NOW_MS + 2 * HOUR_MS, 9)).toEqual(['passed', 'passed']);
    expect(await drill(gone, NOW_MS + 2 * HOUR_MS, 8)).toEqual(['passed', 'passed']);
    expect(await drill(gone, NOW_MS + 2 * HOUR_MS, 7)).toEqual(['failed', 'passed']);
  });
});
