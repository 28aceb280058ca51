import { TestRunner } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { createRedisClient, type RedisClient, type RedisClientDeps } from '#systems/redis/client.ts';
import type { RedisTarget } from '#systems/redis/target.ts';
import type { RedisSentinels } from './servers/redis.ts';

/** A client of ours, closed with the test, in the time of the machine. */
export function redisClient(target: Omit<RedisTarget, 'url'> & { readonly url?: string }, deps: Partial<RedisClientDeps> = {}): RedisClient {
  const { url, ...rest } = target;
  const client = createRedisClient({ ...rest, ...(url === undefined ? {} : { url: new Secret(url) }) }, { clock: systemClock, ...deps });
  TestRunner.getCurrentTest()?.context.onTestFinished(() => client.close());
  return client;
}

export function throughSentinels({ name, sentinels }: RedisSentinels, password?: string, deps: Partial<RedisClientDeps> = {}): RedisClient {
  return redisClient({ sentinel: { master: name, addresses: sentinels.map(({ address }) => address) }, ...(password === undefined ? {} : { password: new Secret(password) }) }, deps);
}
