import { describe, expect, it } from 'vitest';
import type { Item } from '#step-kit/index.ts';
import type { RedisClient } from '#systems/redis/client.ts';
import { jobsCount } from '#systems/redis/steps/jobs-count.ts';
import { keyDelete } from '#systems/redis/steps/key-delete.ts';
import { keysInspect } from '#systems/redis/steps/keys-inspect.ts';
import { locksList } from '#systems/redis/steps/locks-list.ts';
import { redisClient } from '../../kit/redis.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';
import { contextOn, read, tryRead } from '../../kit/step-context.ts';

const LOCK = 'cordum:scheduler:job:9b73b5cb';
const BREAKER = 'cordum:cb:safety:failures';

describe("Cordum's keys", () => {
  it('are shown with type, size and time to live, and only small harmless values', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    await redis.cli('SET', BREAKER, '3', 'EX', '25');
    await redis.cli('SET', LOCK, 'holder-1', 'EX', '55');
    await redis.cli('SET', 'sys:workers:snapshot', JSON.stringify({ captured_at: '2026-11-20T19:23:03Z', writer_id: 'vm-1', pools: { a: {} }, topics: {}, workers: { w1: {}, w2: {} } }), 'EX', '86400');
    await redis.cli('SET', 'cfg:system:default', JSON.stringify({ scope: 'system', scope_id: 'default', data: { token: 'hunter2' }, revision: 7, updated_at: '2026-11-20T19:19:59Z' }));
    await redis.cli('SET', 'cfg:system:workers', JSON.stringify({ revision: 1, data: 'hash-of-credential' }));
    await redis.cli('ZADD', 'dlq:index', '1', 'a', '2', 'b');
    await redis.cli('SET', 'job:req:secret-job', 'payload');
    const seen = await read(keysInspect, { keys: [BREAKER, 'cordum:scheduler:*', 'sys:workers:snapshot', 'cfg:system:*', 'dlq:index', 'cordum:reconciler:default', 'job:*'] }, client, { now: () => Date.parse('2026-11-20T19:24:03Z') });
    expect(seen['items']).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: BREAKER, kind: 'breaker', count: 3, ttl: 'expected', expectedTtlSeconds: 30 }),
        expect.objectContaining({ key: LOCK, kind: 'lock', value: 'holder-1', ttl: 'expected' }),
        expect.objectContaining({ key: 'sys:workers:snapshot', count: 2, ageSeconds: 60, value: 'written by vm-1, with 2 workers in 1 pools' }),
        expect.objectContaining({ key: 'cfg:system:default', count: 7, value: 'revision 7' }),
        expect.objectContaining({ key: 'cfg:system:workers', valueShown: false, value: '' }),
        expect.objectContaining({ key: 'dlq:index', type: 'zset', size: 2, ttl: 'never' }),
        expect.objectContaining({ key: 'cordum:reconciler:default', exists: false, type: 'none', ttl: 'absent' }),
      ]),
    );
    expect(JSON.stringify(seen)).not.toMatch(/hunter2|hash-of-credential|payload|secret-job/);
  });

  it.each(['*', 'session:*', 'apikey:abc', 'user:alice', 'job:req:1', 'cordum:[ab]*', 'cordum:*:x', 'KEYS *', 'cordum:rl:a\r\nFLUSHALL'])('beyond the allow-list are refused: %j', async (key) => {
    const client = redisClient({ url: 'redis://127.0.0.1:1' });
    expect(await tryRead(keysInspect, { keys: [key] }, client)).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(await keyDelete.plan({ key }, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });

  it('that are many are cut, and it is said', async () => {
    const redis = await startRedis();
    await redis.cli('EVAL', "for i=1,3000 do redis.call('SET','cordum:scheduler:job:j'..i,'h','EX',50) end", '0');
    const client = redisClient({ url: redis.url });
    expect(await read(locksList, { limit: 50 }, client)).toMatchObject({ total: 50, truncated: true, complete: false });
    expect(await read(keysInspect, { keys: ['cordum:scheduler:job:*'], limit: 10 }, client)).toMatchObject({ existing: 10, truncated: true });
  });

  it('count the jobs of each state, and those that hang', async () => {
    const redis = await startRedis();
    const now = Date.parse('2026-11-20T20:00:00Z');
    await redis.cli('ZADD', 'job:index:running', String((now - 3_600_000) * 1_000), 'old', String((now - 1_000) * 1_000), 'new');
    await redis.cli('ZADD', 'job:index:failed', String((now - 3_600_000) * 1_000), 'dead');
    const counted = await read(jobsCount, { olderThanSeconds: 900 }, redisClient({ url: redis.url }), { now: () => now });
    expect(counted).toMatchObject({ running: 2, open: 2, stale: 1, oldestStaleSeconds: 3_600 });
    expect(counted['states']).toContainEqual({ state: 'RUNNING', final: false, count: 2, older: 1, oldestJobId: 'old', oldestAt: '2026-11-20T19:00:00.000Z', oldestAgeSeconds: 3_600 });
  });
});

describe('the deletion of a key', () => {
  it('shows type, size, time to live and holder, deletes it, and sees that it is gone', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    await redis.cli('SET', LOCK, 'holder-1');
    const item = await planned(client, LOCK);
    expect(item).toMatchObject({ key: LOCK, current: { type: 'string', timeToLive: 'never', sizeBytes: 8, holder: 'holder-1' } });
    expect(await keyDelete.probe(item, { key: LOCK }, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    const applied = await keyDelete.apply(item, { key: LOCK }, contextOn(client));
    if (!applied.ok) throw new Error(applied.failure.message);
    expect(await redis.cli('EXISTS', LOCK)).toBe('0');
    expect(await keyDelete.probe(item, { key: LOCK }, contextOn(client))).toMatchObject({ landed: 'applied' });
    expect(await keyDelete.verify([{ item, result: { deletedAt: '' } }], { key: LOCK }, contextOn(client))).toMatchObject({ ok: true, value: { ends: { [LOCK]: 'done' } } });
    await redis.cli('SET', LOCK, 'holder-2', 'EX', '60');
    expect(await keyDelete.verify([{ item, result: { deletedAt: '' } }], { key: LOCK }, contextOn(client))).toMatchObject({ ok: true, value: { ends: { [LOCK]: 'done' }, say: expect.stringContaining('holder-2') } });
    await redis.cli('SET', LOCK, 'holder-1');
    expect(await keyDelete.verify([{ item, result: { deletedAt: '' } }], { key: LOCK }, contextOn(client))).toMatchObject({ ok: true, value: { ends: { [LOCK]: 'returned' } } });
  });

  it.each([
    { what: 'another holder', change: ['SET', LOCK, 'holder-2'] },
    { what: 'a time to live', change: ['EXPIRE', LOCK, '30'] },
    { what: 'no existence any more', change: ['DEL', LOCK] },
  ])('is not done when the key has $what by then', async ({ change }) => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    await redis.cli('SET', LOCK, 'holder-1');
    const item = await planned(client, LOCK);
    await redis.cli(...change);
    const before = await redis.cli('EXISTS', LOCK);
    expect(await keyDelete.apply(item, { key: LOCK }, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(await redis.cli('EXISTS', LOCK)).toBe(before);
  });

  it('compares in the server itself: a value that changed after it was read stays', async () => {
    const redis = await startRedis();
    const survey = await redisClient({ url: redis.url }).survey(contextOn(undefined));
    if (!survey.ok) throw new Error(survey.failure.message);
    await redis.cli('SET', LOCK, 'holder-2');
    expect(await survey.value.keys.deleteIfSame(LOCK, { value: Buffer.from('holder-1'), expires: false }, contextOn(undefined))).toEqual({ ok: true, value: 'changed' });
    expect(await survey.value.keys.deleteIfSame(LOCK, { value: Buffer.from('holder-2'), expires: true }, contextOn(undefined))).toEqual({ ok: true, value: 'changed' });
    expect(await redis.cli('GET', LOCK)).toBe('holder-2');
    expect(await survey.value.keys.deleteIfSame(LOCK, { value: Buffer.from('holder-2'), expires: false }, contextOn(undefined))).toEqual({ ok: true, value: 'deleted' });
  });

  it('of a breaker counter holds while the breaker stays open, whatever it counts', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    await redis.cli('SET', BREAKER, '3');
    const item = await planned(client, BREAKER);
    expect(item.current).toEqual({ type: 'string', timeToLive: 'never', breaker: 'open' });
    await redis.cli('INCR', BREAKER);
    expect(await keyDelete.apply(item, { key: BREAKER }, contextOn(client))).toMatchObject({ ok: true });
    await redis.cli('SET', BREAKER, '1');
    expect(await keyDelete.apply(item, { key: BREAKER }, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'conflict' } });
  });

  it('is refused for a key that holds something else than Cordum keeps there', async () => {
    const redis = await startRedis();
    await redis.cli('SADD', LOCK, 'x');
    expect(await keyDelete.plan({ key: LOCK }, contextOn(redisClient({ url: redis.url })))).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });

  it('plans nothing for a key that is not there, and nothing for another item', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url });
    expect(await keyDelete.plan({ key: LOCK }, contextOn(client))).toMatchObject({ ok: true, value: { items: [] } });
    await redis.cli('SET', LOCK, 'holder-1');
    expect(await keyDelete.plan({ key: LOCK }, contextOn(client, { only: 'cordum:dlq:cleanup' }))).toMatchObject({ ok: true, value: { items: [] } });
  });

  it('whose server hangs may have landed, and the probe finds out that it has', async () => {
    const redis = await startRedis();
    const client = redisClient({ url: redis.url }, { timeoutMs: 1_500, connectTimeoutMs: 1_500 });
    await redis.cli('SET', LOCK, 'holder-1');
    const item = await planned(client, LOCK);
    const survey = await client.survey(contextOn(client));
    if (!survey.ok) throw new Error(survey.failure.message);
    // The reads of `apply` answer as long as the server runs; it stops just before the deletion.
    const frozen: RedisClient = { ...client, survey: async () => ({ ok: true, value: { ...survey.value, keys: { ...survey.value.keys, deleteIfSame: (key, expected, call) => (redis.freeze(), survey.value.keys.deleteIfSame(key, expected, call)) } } }) };
    expect(await keyDelete.apply(item, { key: LOCK }, contextOn(frozen))).toMatchObject({ ok: false, failure: { reason: 'timeout', landed: 'maybe' } });
    expect(await keyDelete.probe(item, { key: LOCK }, contextOn(client))).toMatchObject({ landed: 'unknown' });
    redis.thaw();
    const evidence = await waitFor(async () => {
      const answer = await keyDelete.probe(item, { key: LOCK }, contextOn(client));
      return answer.landed === 'unknown' ? undefined : answer.landed;
    }, { until: 'the probe sees the key' });
    expect(evidence).toBe(await redis.cli('EXISTS', LOCK) === '0' ? 'applied' : 'notApplied');
  });
});

async function planned(client: RedisClient, key: string): Promise<Item> {
  const plan = await keyDelete.plan({ key }, contextOn(client));
  if (!plan.ok) throw new Error(plan.failure.message);
  const [item] = plan.value.items;
  if (item === undefined) throw new Error(plan.value.summary);
  return item;
}
