import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drillOf, failuresOf, placeOf, type Damage } from '../../kit/backups/place.ts';
import { CLUSTER, SINGLE } from '../../kit/backups/redis-damage.ts';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runCommand } from '../../kit/drills/command.ts';
import { startRedis, startRedisCluster, type RedisServer } from '../../kit/servers/redis.ts';

const document = (id: string): string => JSON.stringify({ scope: 'system', scope_id: id, data: { limits: { jobs: 5 } }, revision: 1 });

async function take(redis: RedisServer): Promise<string> {
  const directory = join(await testFolder('good'), 'backups');
  mkdirSync(directory);
  const taken = await runCommand(['backup', 'take', 'redis', '--url', redis.url, '--out', directory, '--json']);
  expect(taken.code, taken.note).toBe(0);
  return directory;
}

/** Every damage with the manifest, and, where it can be seen in the files alone, without it; those that passed, or failed for another reason. */
async function misses(store: 'redis', good: string, corpus: readonly Damage[]): Promise<string[]> {
  const missed: string[] = [];
  for (const damage of corpus) {
    for (const [manifest, expected] of [[true, damage.noted], [false, damage.alone]] as const) {
      if (expected === undefined) continue;
      const place = await placeOf(store, good, { manifest });
      await damage.apply(place);
      const outcome = await drillOf(place);
      const failures = failuresOf(outcome);
      if (outcome.status !== 'failed' || !expected.test(failures.replaceAll('\n', ' '))) missed.push(`${damage.name} (${manifest ? 'with' : 'without'} manifest): ${outcome.status}: ${failures}`);
      if (outcome.teardown !== null && (!outcome.teardown.directoryGone || outcome.teardown.left.length > 0)) missed.push(`${damage.name}: left something behind`);
    }
  }
  return missed;
}

describe('damaged backups of Redis', () => {
  it('are found, each by the check that names what is wrong', async () => {
    const redis = await startRedis({ args: ['--rdbcompression', 'no'] });
    await fillRedis(redis, 200);
    await redis.cli('SET', 'job:state:dup', 'SUCC');
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
