import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { createRedisClient, type RedisClient, type RedisClientDeps } from '#systems/redis/client.ts';
import type { RedisTarget } from '#systems/redis/target.ts';
import { startRedis, startRedisCluster, startRedisSentinel } from '../../kit/servers/redis.ts';

describe('the client of Redis', () => {
  it('finds a single server', async () => {
    const redis = await startRedis();
    const survey = await clientOf({ url: new Secret(redis.url) }).survey(call());
    expect(survey).toMatchObject({ ok: true, value: { mode: 'standalone', servers: [{ role: 'master' }] } });
  });

  it('finds all six nodes of a cluster', async () => {
    const cluster = await startRedisCluster();
    const survey = await clientOf({ url: new Secret(cluster.nodes[4]?.url ?? '') }).survey(call());
    if (!survey.ok) throw new Error(survey.failure.message);
    expect(survey.value.mode).toBe('cluster');
    expect(survey.value.servers.map(({ node }) => node.address).toSorted()).toEqual(cluster.nodes.map(({ address }) => address).toSorted());
  });

  it('finds the master by its Sentinels', async () => {
    const { name, master, sentinels } = await startRedisSentinel({ password: 'pw' });
    const survey = await clientOf({ sentinel: { master: name, addresses: sentinels.map(({ address }) => address) }, password: new Secret('pw') }).survey(call());
    if (!survey.ok) throw new Error(survey.failure.message);
    expect(survey.value).toMatchObject({ mode: 'sentinel', entry: { address: master.address } });
    expect(survey.value.servers).toHaveLength(3);
  });
});

function call(): { signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

function clientOf(target: RedisTarget, deps: Partial<RedisClientDeps> = {}): RedisClient {
  const client = createRedisClient(target, { clock: systemClock, ...deps });
  onTestFinished(() => client.close());
  return client;
}
