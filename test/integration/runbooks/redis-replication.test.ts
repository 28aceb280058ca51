import { describe, expect, it } from 'vitest';
import { said } from '../../kit/runbooks/rig.ts';
import { plannedOffers, startRedisWorld } from '../../kit/runbooks/redis-world.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startRedis, startRedisCluster, startRedisSentinel } from '../../kit/servers/redis.ts';

const NAME = 'redis-replication';
const SIX = Array.from({ length: 6 }, () => 'running' as const);

describe('redis-replication on a cluster of six', () => {
  it('finds it well; then a primary without a replica, which a backup is offered for; then slots that nobody can take over', async () => {
    const cluster = await startRedisCluster();
    const [first, ...others] = cluster.nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    const { rig, sandbox, kube } = await startRedisWorld({ redis: { url: first.url }, pods: SIX });
    const well = await rig.diagnose(NAME);
    expect(said(well)).toContainEqual(expect.stringMatching(/^info: Nothing is wrong now: 3 masters and 3 replicas; 16384 of 16384 slots/));
    expect(plannedOffers(well)).toEqual([]);

    const rows = (await first.cli('CLUSTER', 'NODES')).split('\n').map((line) => line.split(' '));
    const replica = rows.find(([id, , flags, of]) => flags === 'slave' && id !== undefined && rows.some(([master, , its]) => master === of && its === 'master'));
    const master = rows.find(([id]) => id === replica?.[3]);
    const nodeOf = (row: readonly string[] | undefined) => others.find(({ address }) => row?.[1]?.startsWith(`${address}@`) === true);
    await nodeOf(replica)?.stop('SIGKILL');
    await waitFor(async () => ((await first.cli('CLUSTER', 'NODES')).includes('slave,fail ') ? true : undefined), { until: 'the replica is held for down' });
    kube.setPod('cordum-redis-5', 'crashLoop');
    const thin = await rig.diagnose(NAME);
    const address = nodeOf(master)?.address;
    expect(said(thin)).toContainEqual(expect.stringMatching(new RegExp(`^warning: No replica follows ${address} \\(546[12] slots\\)`)));
    expect(said(thin)).toContainEqual(expect.stringMatching(/^warning: Pods of Redis are not well: cordum-redis-5 \(crashLoop\)/));
    expect(plannedOffers(thin)).toEqual(['backup']);

    kube.touch('statefulsets', 'cordum-redis', { spec: { replicas: 5 } });
    const scaled = await rig.diagnose(NAME);
    expect(said(scaled)).toContainEqual(expect.stringMatching(/^critical: Somebody has scaled Redis down: cordum-redis wants 5 servers, while the cluster knows 6/));
    expect(plannedOffers(scaled)).toEqual(['scale', 'backup']);

    await sandbox.down('redis');
    await nodeOf(master)?.stop('SIGKILL');
    await cluster.until('fail');
    kube.touch('statefulsets', 'cordum-redis', { spec: { replicas: 6 } });
    const down = await rig.diagnose(NAME);
    expect(said(down)).toContainEqual(expect.stringMatching(new RegExp(`^critical: Primaries are down and no replica can take over: ${address} with 546[12] slots`)));
    expect(said(down)).toContainEqual(expect.stringMatching(/^critical: What it means: Cordum's keys stand in all slots/));
    expect(plannedOffers(down)).toEqual([]);
  });

  it('that was never formed is said to be that', async () => {
    const lonely = await startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'] });
    const { rig } = await startRedisWorld({ redis: { url: lonely.url }, pods: SIX.slice(2) });
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The cluster was never formed/));
    expect(plannedOffers(run)).toEqual([]);
  });
});

describe('redis-replication on a replica without the password of its primary', () => {
  it('says by its log why it cannot follow', async () => {
    const primary = await startRedis({ password: 'pw' });
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(primary.port)] });
    const words = await waitFor(async () => (/NOAUTH/.test(replica.output()) ? replica.output() : undefined), { until: 'it has been refused' });
    const { rig, kube } = await startRedisWorld({ redis: { url: replica.url } });
    kube.log('cordum-redis-0', 'redis', { current: words });
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Replicas cannot log in at their primary: .*NOAUTH Authentication required.*masterauth/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Replicas have lost their primary: /));
    expect(plannedOffers(run)).toEqual([]);
  });
});

describe('redis-replication behind Sentinels', () => {
  it('finds them well; then too few of them to replace a primary that is down', async () => {
    const { name, master, sentinels } = await startRedisSentinel();
    const { rig } = await startRedisWorld({ redis: { sentinel: { master: name, addresses: sentinels.map(({ address }) => address) } }, pods: SIX.slice(3) });
    expect(said(await rig.diagnose(NAME))).toContainEqual(expect.stringMatching(/^info: Nothing is wrong now: the primary answers and takes writes, and its replicas follow\. 3 Sentinels agree/));
    await Promise.all([sentinels[1]?.stop('SIGKILL'), sentinels[2]?.stop('SIGKILL'), master.stop('SIGKILL')]);
    const held = async (what: 'MASTER' | 'SENTINELS'): Promise<number> => (await sentinels[0]?.cli('SENTINEL', what, name))?.match(/s_down/g)?.length ?? 0;
    await waitFor(async () => ((await held('MASTER')) >= 1 && (await held('SENTINELS')) >= 2 ? true : undefined), { until: 'the one that is left holds the master and the other two for down' });
    const run = await rig.diagnose(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Too few Sentinels reach each other \(quorum 2; 1 of 3 answer\).*is down as well\.$/));
    expect(plannedOffers(run)).toEqual([]);
  });
});
