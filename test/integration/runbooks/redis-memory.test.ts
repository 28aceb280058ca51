import { describe, expect, it } from 'vitest';
import { said } from '../../kit/runbooks/rig.ts';
import { plannedOffers, startRedisWorld } from '../../kit/runbooks/redis-world.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const NAME = 'redis-memory';
const CHUNK = 'x'.repeat(50_000);

describe('redis-memory on a real Redis', () => {
  it('says that there is room, then that it is nearly full, then that it refuses writes', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '20mb', '--maxmemory-policy', 'noeviction'] });
    await redis.cli('ZADD', 'wf:runs:status:succeeded', '1', 'run-1');
    const { rig, kube } = await startRedisWorld({ redis: { url: redis.url } });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^info: Nothing is wrong with the memory now: every server has a limit/));
    await redis.cli('EVAL', "redis.call('SETRANGE', 'ctx:big', 15500000, 'x')", '0');
    await redis.cli('EVAL', "for i = 1, 2000 do redis.call('ZADD', 'dlq:index', i, 'job-' .. i) end", '0');
    const high = await rig.diagnose(NAME);
    expect(said(high)).toContainEqual(expect.stringMatching(/^warning: 127\.0\.0\.1:\d+ uses 1\d\.\d MiB of 20\.0 MiB \([89]\d(\.\d)? %, policy noeviction\)\. At the limit it refuses writes/));
    expect(said(high)).toContainEqual(expect.stringMatching(/^info: The dead-letter queue holds 2000 entries/));
    await waitFor(async () => redis.cli('APPEND', 'more', CHUNK).then(() => undefined, () => true), { until: 'it is full', everyMs: 1 });
    kube.setPod('cordum-redis-0', { state: 'oomKilled', restarts: 2 });
    const full = await rig.diagnose(NAME);
    expect(said(full)).toContainEqual(expect.stringMatching(/^critical: Redis is full and refuses writes\./));
    expect(said(full)).toContainEqual(expect.stringMatching(/^critical: Redis was killed for its memory in the last hour: cordum-redis-0 \(2 restarts\)/));
    expect(plannedOffers(full)).toEqual([]);
  });

  it('says that a policy throws keys of Cordum away, once it does', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '4mb', '--maxmemory-policy', 'allkeys-lru'] });
    await redis.cli('EVAL', "for i = 1, 200 do redis.call('SET', 'job:state:' .. i, string.rep('x', 50000)) end", '0').catch(() => undefined);
    for (let index = 0; index < 100; index += 1) await redis.cli('SET', `ctx:${index}`, CHUNK);
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: 127.*With this policy Redis throws away any key/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Redis has thrown away keys of Cordum since it was started: \d+ on 127/));
  });

  it('says that it cannot be asked when it is gone', async () => {
    const redis = await startRedis();
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    await redis.stop();
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^critical: Redis cannot be asked, so nothing can be said of its memory\./));
  });
});
