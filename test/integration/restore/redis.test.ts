import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRestoreClient } from '#app/restore-parts.ts';
import type { TargetConfig } from '#config/config.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import type { RestoreClient } from '#systems/restore/client.ts';
import { redisApply } from '#systems/restore/steps/redis-apply.ts';
import { fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { type RedisServer, startRedis, startRedisCluster } from '../../kit/servers/redis.ts';
import { startProcess, waitFor } from '../../kit/servers/process.ts';
import { contextOn } from '../../kit/step-context.ts';

function clientFor(redis: Pick<RedisServer, 'url'>, backups: string, more: Partial<TargetConfig> = {}): RestoreClient {
  const client = createRestoreClient({ name: 'prod', match: {}, backups, redis: { url: new Secret(redis.url) }, ...more }, systemClock);
  if (client === undefined) throw new Error('the target has a directory');
  onTestFinished(() => client.close());
  return client;
}

/** What docs/operating.md tells people to give the bot: for its steps, and for backups and restores. */
async function rightsOfGuide(): Promise<string[][]> {
  const guide = await readFile(join(import.meta.dirname, '../../../docs/operating.md'), 'utf8');
  return ['redis.acl', 'redis-restore.acl'].map((name) => (guide.split(`# ${name}\n`)[1] ?? '').split('\n')[0]?.split(' ') ?? []);
}

async function save(client: RestoreClient): Promise<string> {
  const redis = client.redis();
  if (!redis.ok) throw new Error(redis.failure.message);
  const saved = await redis.value.save('eff_test', { signal: new AbortController().signal });
  if (!saved.ok) throw new Error(saved.failure.message);
  return saved.value;
}

async function planned(client: RestoreClient, set: string): Promise<Plan> {
  const plan = await redisApply.plan(redisApply.input.parse({ set }), contextOn(client));
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value;
}

async function applied(client: RestoreClient, set: string, items: readonly Item[]): Promise<AppliedItem[]> {
  const done: AppliedItem[] = [];
  for (const item of items) {
    const result = await redisApply.apply(item, redisApply.input.parse({ set }), contextOn(client, { idempotencyKey: `eff_${item.key}_${set}` }));
    if (!result.ok) throw new Error(`${item.key}: ${result.failure.message}`);
    done.push({ item, result: redisApply.output.parse(result.value) as AppliedItem['result'] });
  }
  return done;
}

/** Values of every kind, binary ones among them, small and large, with and without an end. */
const FILL = `
redis.call('SET', 'bin:\\0\\255{x}', '\\0\\1\\254\\255', 'PX', ARGV[1])
redis.call('HSET', 'h:small', 'f', '1', '\\0\\200', 'v')
redis.call('RPUSH', 'l:list', 'a', 'b', 'a')
redis.call('ZADD', 'z:set', 1.5, 'one', 2, 'two')
redis.call('XADD', 'x:stream', '5-1', 'k', 'v')
redis.call('XGROUP', 'CREATE', 'x:stream', 'g', '0')
redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'x:stream', '>')
for i = 1, 3000 do redis.call('HSET', 'h:large', 'field' .. i, 'value' .. i) redis.call('SADD', 's:large', 'member' .. i) end
redis.call('SET', 'job:lease', 'held', 'PX', ARGV[1])`;

const DAMAGE = `
redis.call('DEL', 'cfg:system:policy', 'l:list')
redis.call('HSET', 'h:large', 'field7', 'other')
redis.call('PERSIST', 'job:lease')
redis.call('LPUSH', 'h:new', 'x')
for i = 1, 700 do redis.call('SET', 'junk:' .. i, i) end`;

describe('a restore of Redis', () => {
  it('makes a server with an append-only file and a password hold what was backed up and nothing else, and can be taken back', async () => {
    const redis = await startRedis({ password: 'p@ss w', args: ['--appendonly', 'yes'] });
    await startRedis({ password: 'p@ss w', args: ['--replicaof', '127.0.0.1', String(redis.port)] });
    for (const rights of await rightsOfGuide()) await redis.cli(...rights);
    const client = clientFor({ url: `redis://runbook-bot:PASSWORD@${redis.address}` }, await testFolder('restore'));
    await fillRedis(redis);
    await redis.cli('EVAL', FILL, '0', '3600000');
    const end = await redis.cli('PEXPIRETIME', 'job:lease');
    const set = await save(client);
    await redis.cli('EVAL', DAMAGE, '0');
    const plan = await planned(client, set);
    expect(plan.items.map(({ key }) => key)).toEqual(['safety-backup', `restore/${redis.address}`]);
    expect(plan.summary).toContain('Replace all keys of Redis (769) by those of redis-');
    expect(plan.notes).toContainEqual(expect.stringContaining('junk 700 → 0'));
    expect(plan.notes).toContainEqual(expect.stringContaining('append-only file on'));
    const done = await applied(client, set, plan.items);
    expect(await redis.cli('DBSIZE')).toBe('70');
    expect(await redis.cli('HGET', 'h:large', 'field7')).toBe('value7');
    expect(await redis.cli('PEXPIRETIME', 'job:lease')).toBe(end);
    expect(await redis.cli('EVAL', "return redis.call('GET', 'bin:\\0\\255{x}') == '\\0\\1\\254\\255' and redis.call('XPENDING', 'x:stream', 'g')[1]", '0')).toBe('1');
    const verified = await waitFor(
      async () => {
        const seen = await redisApply.verify(done, redisApply.input.parse({ set }), contextOn(client));
        return seen.ok && !Object.values(seen.value.ends).includes('pending') ? seen.value : undefined;
      },
      { until: 'the replica is in step', withinMs: 10_000 },
    );
    expect(verified).toMatchObject({ ends: { 'safety-backup': 'done', [`restore/${redis.address}`]: 'done' }, say: expect.stringMatching(/70 keys.*69 values.*1 replicas are in step/) });
    const undo = redisApply.undo?.(done, redisApply.input.parse({ set }));
    const back = String(undo?.with['set']);
    await applied(client, back, (await planned(client, back)).items);
    expect(await redis.cli('DBSIZE')).toBe('769');
    expect(await redis.cli('TTL', 'job:lease')).toBe('-1');
    await redis.stop('SIGKILL');
    const again = await startRedis({ password: 'p@ss w', directory: redis.directory, args: ['--appendonly', 'yes'] });
    await waitFor(async () => ((await again.cli('DBSIZE').catch(() => '')) === '769' ? true : undefined), { until: 'what was restored outlives the server', withinMs: 5_000 });
  }, 60_000);

  it('brings the backup of one server into a cluster, that of a cluster back into it, and into one server', async () => {
    const folder = await testFolder('restore');
    const alone = await startRedis();
    await fillRedis(alone);
    await alone.cli('EVAL', FILL, '0', '3600000');
    const set = await save(clientFor(alone, folder));
    const { nodes } = await startRedisCluster({ replicas: 0 });
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    const sizes = async (): Promise<number[]> => (await Promise.all(nodes.map((node) => node.cli('DBSIZE')))).map(Number);
    const sum = async (): Promise<number> => (await sizes()).reduce((total, one) => total + one, 0);
    const cluster = clientFor(first, folder);
    const plan = await planned(cluster, set);
    expect(plan.items.map(({ key }) => key).toSorted()).toEqual(['safety-backup', ...nodes.map(({ address }) => `restore/${address}`)].toSorted());
    await applied(cluster, set, plan.items);
    expect(await sum()).toBe(70);
    expect(Math.min(...(await sizes()))).toBeGreaterThan(5);
    const shards = await save(cluster);
    await first.cli('FLUSHALL');
    await first.cli('-c', 'SET', 'junk', '1');
    await first.cli('-c', 'HSET', 'h:large', 'field7', 'other');
    const done = await applied(cluster, shards, (await planned(cluster, shards)).items);
    expect(await sum()).toBe(70);
    expect(await redisApply.verify(done, redisApply.input.parse({ set: shards }), contextOn(cluster))).toMatchObject({ ok: true, value: { say: expect.stringContaining('70 keys') } });
    const other = await startRedis();
    const into = clientFor(other, folder);
    await applied(into, shards, (await planned(into, shards)).items);
    expect(await other.cli('DBSIZE')).toBe('70');
    expect(await other.cli('HGET', 'h:large', 'field7')).toBe('value7');
  }, 60_000);

  it('that was killed while it copied is seen to be undone, and is done again to the last key', async () => {
    const redis = await startRedis();
    const folder = await testFolder('restore');
    const client = clientFor(redis, folder);
    await redis.cli('EVAL', "for i = 1, 30000 do redis.call('SET', 'then:' .. i, i) end", '0');
    const set = await save(client);
    await redis.cli('FLUSHALL');
    await redis.cli('EVAL', "for i = 1, 500 do redis.call('SET', 'now:' .. i, i) end", '0');
    const [safety, item] = (await planned(client, set)).items;
    if (safety === undefined || item === undefined) throw new Error('a plan has items');
    const input = redisApply.input.parse({ set });
    expect(await redisApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: expect.stringContaining('is in no backup') } });
    // A backup that may hold it and cannot be read is named.
    const spoilt = await save(client);
    const file = join(folder, `redis-${spoilt}.rdb`);
    const bytes = await readFile(file);
    bytes[bytes.length - 200] = (bytes.at(-200) ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect(await redisApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining(`Whether it is in redis-${spoilt} is not known: redis-${spoilt} is damaged`) } });
    expect(await redis.cli('DBSIZE')).toBe('500');
    await applied(client, set, [safety]);
    const child = startProcess({ what: 'restore', command: process.execPath, args: [join(import.meta.dirname, '../../kit/drills/restore-process.ts'), redis.url, folder, set], cwd: folder });
    await waitFor(async () => (Number(await redis.cli('DBSIZE')) > 1_000 ? true : undefined), { until: 'some keys are copied', withinMs: 20_000, everyMs: 10 });
    await child.stop('SIGKILL');
    const copied = Number(await redis.cli('DBSIZE'));
    expect(copied).toBeLessThan(30_000);
    expect(await redisApply.probe(item, input, contextOn(client))).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('can be done again') });
    await applied(client, set, [item]);
    expect(await redis.cli('DBSIZE')).toBe('30000');
    expect(await redisApply.probe(item, input, contextOn(client))).toMatchObject({ landed: 'applied' });
  }, 60_000);

  it('is refused while somebody is connected, into a server without room, and from a damaged or incomplete backup', async () => {
    const redis = await startRedis();
    const folder = await testFolder('restore');
    const client = clientFor(redis, folder);
    await redis.cli('EVAL', "for i = 1, 3000 do redis.call('SET', 'k:' .. i, string.rep('v', 1000)) end", '0');
    const set = await save(client);
    const { items } = await planned(client, set);
    const input = redisApply.input.parse({ set });
    const pending = redis.cli('BLPOP', 'never', '0').catch(() => '');
    await waitFor(async () => ((await redis.cli('CLIENT', 'LIST')).includes('cmd=blpop') ? true : undefined), { until: 'somebody waits', withinMs: 5_000 });
    for (const item of items) expect(await redisApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: expect.stringContaining('last command blpop') } });
    expect(await redisApply.plan(input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('connected to Redis') } });
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await pending;
    const small = await startRedis({ args: ['--maxmemory', '3mb'] });
    expect(await redisApply.plan(input, contextOn(clientFor(small, folder)))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringMatching(/has room for 3 MiB \(maxmemory\), and what it would hold needs about \d+ MiB/) } });
    const file = join(folder, `redis-${set}.rdb`);
    const bytes = await readFile(file);
    bytes[bytes.length - 200] = (bytes.at(-200) ?? 0) ^ 1;
    await writeFile(file, bytes);
    expect(await redisApply.plan(input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('damaged') } });
    const manifest = join(folder, `redis-${set}.manifest.json`);
    await writeFile(manifest, JSON.stringify({ ...(JSON.parse(await readFile(manifest, 'utf8')) as object), complete: false, missing: ['10.0.0.1:6379'] }));
    expect(await redisApply.plan(input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('is not complete: 10.0.0.1:6379') } });
    expect(await client.sets('redis')).toMatchObject({ ok: true, value: [{ because: expect.stringContaining('is not complete') }] });
  }, 60_000);
});
