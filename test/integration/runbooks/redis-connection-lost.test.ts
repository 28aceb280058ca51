import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { at } from '../../kit/kubernetes/objects.ts';
import { said } from '../../kit/runbooks/rig.ts';
import { plannedOffers, startRedisWorld } from '../../kit/runbooks/redis-world.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { freePort } from '../../kit/servers/port.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const NAME = 'redis-connection-lost';
const MEANS = expect.stringMatching(/^critical: What it means: Cordum answers 429/);

describe('redis-connection-lost on a Redis that is well', () => {
  it('says so, and then that only Cordum has lost it, for which restarts of its services are offered', async () => {
    const redis = await startRedis();
    await redis.cli('SET', 'cfg:system:default', '{"revision":2}');
    const { rig, sandbox } = await startRedisWorld({ redis: { url: redis.url } });
    const well = await rig.diagnose(NAME);
    expect(said(well)).toEqual(expect.arrayContaining([expect.stringMatching(/^info: Nothing is wrong now: all 1 servers/)]));
    expect(said(well).filter((one) => !one.startsWith('info'))).toEqual([]);
    expect(plannedOffers(well)).toEqual([]);
    await sandbox.down('redis');
    const lost = await rig.diagnose(NAME);
    expect(said(lost)).toContainEqual(expect.stringMatching(/^critical: Redis at .* answers the bot and takes writes, but Cordum says that it has lost its Redis/));
    expect(plannedOffers(lost)).toEqual(['reconnect']);
  });

  it('says that it is empty, which that of a running Cordum never is', async () => {
    const redis = await startRedis();
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^critical: Redis is empty/));
  });
});

describe('redis-connection-lost on a Redis that is gone', () => {
  it('names the file that its own last words name', async () => {
    const redis = await startRedis({ args: ['--appendonly', 'yes'] });
    await redis.cli('SET', 'job:state:a', 'RUNNING');
    await redis.stop();
    // The middle of the file is damaged; a cut end alone would be forgiven.
    await writeFile(join(redis.directory, 'appendonlydir', 'appendonly.aof.1.incr.aof'), '*3\r\n$3\r\nSET\r\nbroken\r\n*1\r\n');
    const words = await startRedis({ args: ['--appendonly', 'yes'], directory: redis.directory }).then(() => '', String);
    const { rig, kube, sandbox } = await startRedisWorld({ redis: { url: redis.url }, pods: ['crashLoop'] });
    kube.log('cordum-redis-0', 'redis', { previous: words, current: words });
    await sandbox.down('redis');
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Redis crashes in a loop because it cannot read its own data: .*Bad file format reading the append only file/));
    expect(said(run)).toContainEqual(MEANS);
    expect(plannedOffers(run)).toEqual([]);
  });

  it('names the line of a configuration that it does not understand', async () => {
    const words = await startRedis({ args: ['--maxmemory-policy', 'nonsense'] }).then(() => '', String);
    const { rig, kube } = await startRedisWorld({ redis: { url: `redis://127.0.0.1:${await freePort()}` }, pods: ['crashLoop'] });
    kube.log('cordum-redis-0', 'redis', { previous: words, current: words });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^critical: Redis crashes in a loop because of its configuration.*FATAL CONFIG FILE ERROR/));
  });

  it('that was scaled to nothing is started again, once that is approved', async () => {
    const { rig, kube, sandbox } = await startRedisWorld({ redis: { url: `redis://127.0.0.1:${await freePort()}` }, pods: [], replicas: 0 });
    await sandbox.down('redis');
    const run = await rig.run(NAME);
    expect(said(run)).toContainEqual('critical: Redis was scaled to nothing (cordum-redis wants 0 replicas), so there are no pods.');
    const view = await rig.approve(run.id, 'start');
    expect(view.offers.find(({ id }) => id === 'start')).toMatchObject({ status: 'done' });
    expect(at(kube.get('statefulsets', 'cordum-redis'), 'spec', 'replicas')).toBe(6);
  });

  it('with pods that were killed, that wait, or that find no image, says so and offers nothing', async () => {
    const { rig } = await startRedisWorld({ redis: { url: `redis://127.0.0.1:${await freePort()}` }, pods: ['oomKilled', 'imagePull', 'unschedulable'] });
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Redis was killed for its memory: cordum-redis-0 .*512Mi/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Pods of Redis cannot start: cordum-redis-1/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Pods of Redis wait for a place: cordum-redis-2/));
    expect(plannedOffers(run)).toEqual([]);
  });
});

describe('redis-connection-lost on a Redis that hangs', () => {
  it('offers a restart; under a NetworkPolicy that shuts Cordum out, no restart of anything is offered', async () => {
    const redis = await startRedis();
    const { rig, kube, sandbox } = await startRedisWorld({ redis: { url: redis.url }, pods: Array.from({ length: 6 }, () => 'running' as const) });
    await sandbox.down('redis');
    redis.freeze();
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Redis at .* does not answer in time, though 6 of its pods are ready: it hangs/));
    expect(run.offers.find(({ id }) => id === 'restart')).toMatchObject({ tier: 'R2', status: 'planned' });
    redis.thaw();
    // It answers the bot again, which the policy does not touch.
    kube.put('networkpolicies', { metadata: { name: 'cordum-default-deny' }, spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } });
    const shut = await rig.diagnose(NAME);
    expect(said(shut)).toContainEqual(expect.stringMatching(/^critical: A NetworkPolicy keeps Cordum from its Redis: .*cordum-default-deny/));
    expect(plannedOffers(shut)).toEqual([]);
  });
});

describe('redis-connection-lost on a Redis that lets nobody in', () => {
  it('says that the password is wrong, and never shows it', async () => {
    const redis = await startRedis({ password: 'the-right-one' });
    const { rig, sandbox } = await startRedisWorld({ redis: { url: `redis://:a-wrong-password-123@${redis.address}` } });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^warning: Cordum says that it has its Redis, so it is the bot that does not get through \(auth\)/));
    await sandbox.down('redis');
    const run = await rig.diagnose(NAME);
    expect(said(run)).toEqual(expect.arrayContaining([MEANS, expect.stringMatching(/^critical: The password is wrong\./)]));
    expect(JSON.stringify(run)).not.toContain('a-wrong-password-123');
  });

  it('says that its clients are too many', async () => {
    const redis = await startRedis({ args: ['--maxclients', '3'] });
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    const sockets = Array.from({ length: 3 }, () => connect(redis.port, '127.0.0.1').on('error', () => undefined));
    onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
    await waitFor(async () => redis.cli('PING').then(() => undefined, () => true), { until: 'it takes no more clients' });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^critical: Redis takes no more connections\./));
  });

  it('tells four ways apart in which TLS does not come about', async () => {
    const right = await makeCertificates({ names: ['127.0.0.1'] });
    const named = await makeCertificates({ names: ['redis.cordum.svc'] });
    const expired = await makeCertificates({ names: ['127.0.0.1'], expiresInDays: -1 });
    const say = async (redis: { readonly url: string }, caFile: string): Promise<string[]> => {
      const { rig } = await startRedisWorld({ redis: { url: redis.url, tls: { caFile } } });
      return said(await rig.diagnose(NAME)).filter((one) => one.startsWith('critical'));
    };
    const [mutual, plain, wrongName, old] = await Promise.all([startRedis({ tls: { certificates: right, mutual: true } }), startRedis({ tls: { certificates: right } }), startRedis({ tls: { certificates: named } }), startRedis({ tls: { certificates: expired } })]);
    expect(await say(plain, named.caFile)).toEqual([expect.stringMatching(/^critical: The certificate of Redis is signed by an authority that is not trusted\./)]);
    expect(await say(wrongName, named.caFile)).toEqual([expect.stringMatching(/^critical: The certificate of Redis is for another name\./)]);
    expect(await say(old, expired.caFile)).toEqual([expect.stringMatching(/^critical: A certificate on the way to Redis has expired\./)]);
    expect(await say(mutual, right.caFile)).toEqual([expect.stringMatching(/^critical: Redis wants a client certificate that it trusts, and got none\./)]);
  });
});

describe('redis-connection-lost on a Redis that does not serve', () => {
  it('says that it is full', async () => {
    const redis = await startRedis({ args: ['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction'] });
    const chunk = 'x'.repeat(50_000);
    await waitFor(async () => redis.cli('APPEND', 'big', chunk).then(() => undefined, () => true), { until: 'it is full', everyMs: 1 });
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    expect(said(await rig.diagnose(NAME))).toEqual(expect.arrayContaining([MEANS, expect.stringMatching(/^critical: Redis is full and refuses writes\./)]));
  });

  it('says that it cannot save, and why, where its log does', async () => {
    const redis = await startRedis({ args: ['--save', '3600 1'] });
    // A file cannot take the place of a folder that holds something: the save fails at its last step, for root as well.
    await mkdir(join(redis.directory, 'dump.rdb', 'in-the-way'), { recursive: true });
    await redis.cli('SET', 'a', 'b');
    await redis.cli('BGSAVE');
    await waitFor(async () => ((await redis.cli('INFO', 'persistence')).includes('rdb_last_bgsave_status:err') ? true : undefined), { until: 'the save has failed' });
    const { rig, kube } = await startRedisWorld({ redis: { url: redis.url } });
    expect(said(await rig.diagnose(NAME))).toEqual(expect.arrayContaining([MEANS, expect.stringMatching(/^critical: Redis refuses writes because it cannot save to disk\./)]));
    kube.log('cordum-redis-0', 'redis', { current: 'Write error saving DB on disk(rdbSaveRio): No space left on device\n' });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^critical: Redis refuses writes because its disk is full .*No space left on device/));
  });

  it('says that it is reading its data', async () => {
    const redis = await startRedis({ args: ['--enable-debug-command', 'yes', '--loading-process-events-interval-bytes', '1024', '--key-load-delay', '5000'] });
    await redis.cli('EVAL', "for i = 1, 4000 do redis.call('SET', 'job:state:' .. i, 'RUNNING') end", '0');
    const { rig } = await startRedisWorld({ redis: { url: redis.url } });
    const reload = redis.cli('DEBUG', 'RELOAD').catch(() => undefined);
    await waitFor(async () => redis.cli('PING').then(() => undefined, () => true), { until: 'it is loading' });
    expect(said(await rig.diagnose(NAME))).toEqual(expect.arrayContaining([MEANS, expect.stringMatching(/^critical: Redis has started and is reading its data\./)]));
    await redis.stop('SIGKILL');
    await reload;
  });

  it('says that the address leads to a replica, and to which primary to point it', async () => {
    const primary = await startRedis();
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    await waitFor(async () => ((await replica.cli('INFO', 'replication')).includes('master_link_status:up') ? true : undefined), { until: 'the replica is in sync' });
    const { rig } = await startRedisWorld({ redis: { url: replica.url } });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(new RegExp(`^critical: The address leads to a replica, which takes no writes\\..*${primary.address}: point the address there`)));
  });
});
