import { createHash } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countDataset } from '#backups/redis/dataset.ts';
import { scanRdb, type RdbScanInput } from '#backups/redis/rdb-scan.ts';
import { scanRdbInWorker } from '#backups/redis/rdb-worker.ts';
import { openDataConnection, type DataConnection } from '#systems/redis/data-connection.ts';
import { startRedis, type RedisServer } from '../../kit/servers/redis.ts';

/** One of each kind in which Redis keeps a value, small ones (in one piece) and large ones (record by record). */
const FILL = `
local function many(command, key, count, width) for i = 1, count do local args = {key} for w = 1, width do args[#args + 1] = (width == 2 and w == 1 and command == 'ZADD') and i or ('m' .. i .. '-' .. w) end redis.call(command, unpack(args)) end end
for i = 1, 700 do redis.call('SET', 'job:req:' .. i .. ':aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '{}') end
redis.call('SET', '12345', 'a number as a key') redis.call('SET', '-7', 'x') redis.call('SET', '1000000', 'x')
for _, value in ipairs({'1', '-300', '70000', 'text'}) do redis.call('SET', 'ctx:' .. value, value) end
redis.call('SET', 'ctx:long', string.rep('abc', 10000)) redis.call('SET', 'ctx:huge', string.rep('x', 5000000))
many('RPUSH', 'list:small', 3, 1) many('RPUSH', 'list:large', 3000, 1) redis.call('RPUSH', 'list:plain', string.rep('y', 20000))
many('SADD', 'set:small', 3, 1) many('SADD', 'set:large', 600, 1) redis.call('SADD', 'set:ints', 1, 2, 3)
many('ZADD', 'zset:small', 3, 2) many('ZADD', 'zset:large', 300, 2) redis.call('ZADD', 'zset:inf', '-inf', 'a', '+inf', 'b', '0.1', 'c')
many('HSET', 'hash:small', 3, 2) many('HSET', 'hash:large', 700, 2)
redis.call('PFADD', 'hll:a', 'b') redis.call('GEOADD', 'geo:a', 13, 52, 'berlin') redis.call('SETBIT', 'bits:a', 9999, 1)
for i = 1, 300 do redis.call('XADD', 'stream:jobs:a', i .. '-1', 'field', 'value' .. i) end
redis.call('XGROUP', 'CREATE', 'stream:jobs:a', 'one', '0') redis.call('XGROUP', 'CREATE', 'stream:jobs:a', 'two', '$') redis.call('XGROUP', 'CREATE', 'stream:empty:a', 'three', '$', 'MKSTREAM')
redis.call('XREADGROUP', 'GROUP', 'one', 'alice', 'COUNT', 30, 'STREAMS', 'stream:jobs:a', '>') redis.call('XREADGROUP', 'GROUP', 'one', 'bob', 'COUNT', 3, 'STREAMS', 'stream:jobs:a', '>')
redis.call('XDEL', 'stream:jobs:a', '5-1')
for i = 1, 50 do redis.call('SET', 'res:' .. i, 'x', 'PX', 3600000) redis.call('SET', 'lock:' .. i, 'x', 'EX', 3600) end
redis.call('SET', ':colon', 'x') redis.call('SET', 'cfg:system:default', '{}') redis.call('SET', 'cfg:', 'x') redis.call('SET', 'cfg', 'x') redis.call('SET', 'a:B:c', 'x') redis.call('SET', 'a:b', 'x') redis.call('SET', string.rep('p', 100) .. ':x', 'x')
redis.call('SET', 'ü:ö:é', 'x') redis.call('SET', '\\255\\254:x', 'x')`;

const ASKED: Omit<RdbScanInput, 'path' | 'nowMs'> = { choose: 20, beginnings: ['cfg:', 'job:req:'], collect: 500 };

async function filled(args: readonly string[]): Promise<{ readonly redis: RedisServer; readonly connection: DataConnection; readonly file: string }> {
  const redis = await startRedis({ args });
  const opened = await openDataConnection({ host: '127.0.0.1', port: redis.port });
  if (!opened.ok) throw new Error(opened.failure.message);
  const { call } = opened.value;
  await call('EVAL', FILL, 0);
  await call('FUNCTION', 'LOAD', "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
  await call('SELECT', 5);
  await call('SET', 'other:db:key', 'x');
  await call('SELECT', 0);
  await call('SAVE');
  return { redis, connection: opened.value, file: join(redis.directory, 'dump.rdb') };
}

describe('the keys of an RDB file', () => {
  it.each([
    ['compressed', ['--rdbcompression', 'yes']],
    ['as they are', ['--rdbcompression', 'no']],
    ['with the least recently used noted', ['--maxmemory', '500mb', '--maxmemory-policy', 'allkeys-lru']],
    ['with the least frequently used noted', ['--maxmemory', '500mb', '--maxmemory-policy', 'allkeys-lfu']],
  ])('are those that the server counts, prefix by prefix, whatever their values are: %s', async (_, args) => {
    const { connection, file } = await filled(args);

    const { sha256, bytes, facts } = await scanRdbInWorker({ path: file, nowMs: Date.now(), ...ASKED });
    const counted = await countDataset(connection, { seed: '', choose: 0 });
    await connection.close();

    expect(facts?.prefixes).toEqual(counted.prefixes);
    expect(facts?.prefixes).toContainEqual({ prefix: 'res', count: 50, volatile: 50 });
    expect(sha256).toBe(createHash('sha256').update(readFileSync(file)).digest('hex'));
    expect(bytes).toBe(readFileSync(file).length);
    expect(facts?.collected.map(({ beginning, keys, truncated }) => ({ beginning, keys: keys.length, truncated }))).toEqual([
      { beginning: 'cfg:', keys: 2, truncated: false },
      { beginning: 'job:req:', keys: 500, truncated: true },
    ]);
    expect(new Set(facts?.chosen).size).toBe(20);
  });

  it('are not counted when their time is over, since no server loads them', async () => {
    const { connection, file } = await filled([]);
    await connection.close();

    const { facts } = scanRdb({ path: file, nowMs: Date.now() + 3_601_000, ...ASKED });

    expect(facts?.prefixes.filter(({ prefix }) => prefix === 'res' || prefix === 'lock')).toEqual([]);
  });

  it('are told or not, without an exception or an end in sight, when any byte of the file has changed', async () => {
    const { connection, file } = await filled(['--rdbcompression', 'yes']);
    await connection.close();
    const whole = readFileSync(file);
    let told = 0;
    let state = 7;
    for (let n = 0; n < 150; n += 1) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      const damaged = Buffer.from(whole);
      damaged[state % whole.length] = n % 256;
      writeFileSync(file, damaged);
      const scanned = scanRdb({ path: file, nowMs: 0, ...ASKED });
      expect(scanned.bytes).toBe(whole.length);
      if (scanned.facts !== undefined) told += 1;
    }
    expect(told).toBeGreaterThan(0);
    expect(told).toBeLessThan(150);
  });

  it('are not told from a file that ends too early or holds what is not known, but its digest is', async () => {
    const { connection, file } = await filled([]);
    await connection.close();
    const whole = readFileSync(file);
    const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

    const unknown = join(file, '..', 'unknown.rdb');
    const strange = Buffer.concat([whole.subarray(0, 9), Buffer.from([0xf7]), whole.subarray(9)]);
    writeFileSync(unknown, strange);
    truncateSync(file, 3_000);

    expect(scanRdb({ path: file, nowMs: 0, ...ASKED })).toEqual({ bytes: 3_000, sha256: digest(whole.subarray(0, 3_000)) });
    expect(scanRdb({ path: unknown, nowMs: 0, ...ASKED })).toEqual({ bytes: strange.length, sha256: digest(strange) });
  });
});
