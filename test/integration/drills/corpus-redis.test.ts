import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drillOf, failuresOf, misses, placeOf } from '../../kit/backups/place.ts';
import { CLUSTER, SINGLE } from '../../kit/backups/redis-damage.ts';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { startRedis, startRedisCluster, type RedisServer } from '../../kit/servers/redis.ts';

const document = (id: string): string => JSON.stringify({ scope: 'system', scope_id: id, data: { limits: { jobs: 5 } }, revision: 1 });

async function take(redis: RedisServer): Promise<string> {
  const directory = join(await testFolder('good'), 'backups');
  mkdirSync(directory);
  const taken = await runHere(['backup', 'take', 'redis', '--url', redis.url, '--out', directory, '--json']);
  expect(taken.code, taken.note).toBe(0);
  return directory;
}

describe('damaged backups of Redis', () => {
  it('are found, each by the check that names what is wrong', async () => {
    const redis = await startRedis({ args: ['--rdbcompression', 'no'] });
    await fillRedis(redis, 200);
    await redis.cli('SET', 'job:state:dup', 'SUCC');
    for (const i of [1, 2, 3]) await redis.cli('EVAL', `redis.call('SELECT', 1) redis.call('SET', 'elsewhere:${i}', 'v')`, '0');
    await redis.cli('SET', 'ctx:1', 'kept for a while', 'EX', '90000');
    const good = await take(redis);
    for (const manifest of [true, false]) {
      const outcome = await drillOf(await placeOf('redis', good, { manifest }));
      expect(`${outcome.status} ${failuresOf(outcome)}`).toBe('passed ');
    }
    expect(SINGLE.length).toBeGreaterThanOrEqual(55);
    expect(await misses('redis', good, SINGLE)).toEqual([]);
  });

  it('are found in a cluster, shard by shard', async () => {
    const { nodes } = await startRedisCluster({ replicas: 0 });
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    for (const id of ['default', 'policy']) await first.cli('-c', 'SET', `cfg:system:${id}`, document(id));
    for (const node of nodes) for (let i = 0; i < 150; i += 1) await node.cli('SET', `job:state:${i}`, 'SUCCEEDED').catch(() => '');
    const good = await take(first);
    for (const manifest of [true, false]) {
      const outcome = await drillOf(await placeOf('redis', good, { manifest }));
      expect(`${outcome.status} ${failuresOf(outcome)}`).toBe('passed ');
    }
    expect(await misses('redis', good, CLUSTER)).toEqual([]);
  });
});
