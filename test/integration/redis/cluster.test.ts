import { describe, expect, it } from 'vitest';
import { clusterGet } from '#systems/redis/steps/cluster-get.ts';
import { jobsCount } from '#systems/redis/steps/jobs-count.ts';
import { keyDelete } from '#systems/redis/steps/key-delete.ts';
import { keysInspect } from '#systems/redis/steps/keys-inspect.ts';
import { locksList } from '#systems/redis/steps/locks-list.ts';
import { memoryGet } from '#systems/redis/steps/memory-get.ts';
import { sentinelGet } from '#systems/redis/steps/sentinel-get.ts';
import { serverInfo } from '#systems/redis/steps/server-info.ts';
import { serverPing } from '#systems/redis/steps/server-ping.ts';
import { slowlogList } from '#systems/redis/steps/slowlog-list.ts';
import { redisClient, throughSentinels } from '../../kit/redis.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { type RedisServer, startRedisCluster, startRedisSentinel } from '../../kit/servers/redis.ts';
import { contextOn, read } from '../../kit/step-context.ts';

const QUICK = { timeoutMs: 2_000, connectTimeoutMs: 1_000 };

describe('a Redis Cluster', () => {
  it('is seen whole from any of its nodes, its keys as well, and one key is deleted wherever it stands', async () => {
    const { nodes } = await startRedisCluster();
    const client = redisClient({ url: at(nodes, 4).url });
    expect(await read(serverPing, {}, client)).toMatchObject({ healthy: true, why: 'ok', mode: 'cluster', nodesTotal: 6, nodesReachable: 6 });
    expect(await read(serverInfo, {}, client)).toMatchObject({ masters: 3, replicas: 3, replicasInSync: 3, nodesReachable: 6 });
    expect(await read(clusterGet, {}, client)).toMatchObject({ enabled: true, healthy: true, state: 'ok', slotsAssigned: 16_384, slotsOk: 16_384, masters: 3, replicas: 3, failing: 0, mastersWithoutReplica: [], movesTotal: 0, problems: [] });
    expect(await read(memoryGet, {}, client)).toMatchObject({ total: 6 });
    expect((await read(slowlogList, {}, client))['unseen']).toEqual([]);
    const locks = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => `cordum:scheduler:job:${id}`);
    for (const key of locks) await at(nodes, 0).cli('-c', 'SET', key, 'scheduler-1', 'EX', '50');
    await at(nodes, 0).cli('-c', 'SET', 'cordum:reconciler:default', 'scheduler-1');
    const listed = await read(locksList, {}, client);
    expect(listed).toMatchObject({ total: 7, stuck: 1, reconcilerHeld: true, complete: true, items: [{ key: 'cordum:reconciler:default', stuck: true, ttl: 'never' }, ...locks.map((key) => ({ key, stuck: false }))] });
    await at(nodes, 0).cli('-c', 'ZADD', 'job:index:running', '1000000', 'old', String(Date.now() * 1_000), 'new');
    expect(await read(jobsCount, {}, client)).toMatchObject({ running: 2, stale: 1 });
    const items = [];
    for (const key of locks) {
      const plan = await keyDelete.plan({ key }, contextOn(client));
      if (!plan.ok) throw new Error(plan.failure.message);
      items.push(...plan.value.items);
    }
    for (const item of items) expect(await keyDelete.apply(item, { key: item.key }, contextOn(client))).toMatchObject({ ok: true });
    expect(await read(keysInspect, { keys: ['cordum:scheduler:job:*'] }, client)).toMatchObject({ items: [] });
  });

  it('that loses a master is down until the replica has taken over, and then has a master without a replica', async () => {
    const cluster = await startRedisCluster({ args: ['--cluster-replica-no-failover', 'yes'] });
    const client = redisClient({ url: at(cluster.nodes, 1).url }, QUICK);
    await at(cluster.nodes, 0).stop('SIGKILL');
    await cluster.until('fail');
    const down = await read(clusterGet, {}, client);
    expect(down).toMatchObject({ reachable: true, why: 'clusterDown', healthy: false, state: 'fail', failing: 1 });
    expect(down['slotsFail']).toBe(5_461);
    expect(codes(down)).toEqual(expect.arrayContaining(['clusterFail', 'masterFailed']));
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, healthy: false, why: 'clusterDown', nodesTotal: 6, nodesReachable: 5 });
    for (const node of cluster.nodes.slice(3)) await node.cli('CONFIG', 'SET', 'cluster-replica-no-failover', 'no');
    await cluster.until('ok');
    const after = await read(clusterGet, {}, client);
    expect(after).toMatchObject({ why: 'ok', state: 'ok', healthy: false, slotsOk: 16_384, failing: 1 });
    expect(codes(after).toSorted()).toEqual(['noReplica', 'nodeFailed']);
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, why: 'ok', acceptsWrites: true, healthy: false, nodesReachable: 5 });
  });

  it('is still seen when the configured node is gone, over the others that were known', async () => {
    const cluster = await startRedisCluster();
    const client = redisClient({ url: at(cluster.nodes, 5).url }, QUICK);
    expect(await read(serverPing, {}, client)).toMatchObject({ healthy: true });
    await at(cluster.nodes, 5).stop('SIGKILL');
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: true, healthy: false, acceptsWrites: true, mode: 'cluster' });
  });

  it('shows a slot on the move, and a move that was broken off; its keys are found on both ends', async () => {
    const { nodes } = await startRedisCluster({ replicas: 0 });
    const client = redisClient({ url: at(nodes, 1).url });
    const key = 'cordum:reconciler:default';
    const slot = await at(nodes, 0).cli('CLUSTER', 'KEYSLOT', key);
    const owner = nodes[Math.floor((Number(slot) * 3) / 16_384)] ?? at(nodes, 0);
    const other = nodes.find((node) => node !== owner) ?? at(nodes, 0);
    await owner.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await other.cli('CLUSTER', 'MYID'));
    const half = await read(clusterGet, {}, client);
    expect(half).toMatchObject({ movesTotal: 1, moves: [{ slot: Number(slot), from: owner.address, to: other.address, agreed: false }] });
    expect(codes(half)).toContain('slotMoveBroken');
    await other.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await owner.cli('CLUSTER', 'MYID'));
    expect(codes(await read(clusterGet, {}, client))).toContain('slotMoving');
    // A key that is not on the owner any more is answered with ASK.
    await at(nodes, 2).cli('-c', 'SET', key, 'scheduler-1', 'EX', '30');
    expect(await other.cli('--raw', 'CLUSTER', 'COUNTKEYSINSLOT', slot)).toBe('1');
    expect(await read(keysInspect, { keys: [key] }, client)).toMatchObject({ existing: 1, items: [{ exists: true, value: 'scheduler-1', ttl: 'expected' }] });
  });

  it('over TLS is seen whole although its nodes announce addresses that no certificate holds', async () => {
    const certificates = await makeCertificates({ names: ['localhost'] });
    const { nodes } = await startRedisCluster({ replicas: 0, tls: { certificates }, password: 'pw' });
    const client = redisClient({ url: `rediss://:pw@localhost:${at(nodes, 0).port}`, tls: { ca: certificates.ca } });
    expect(await read(serverPing, {}, client)).toMatchObject({ healthy: true, nodesTotal: 3, nodesReachable: 3 });
  });
});

describe('a Redis behind Sentinels', () => {
  it('is found by them, and found again after they have failed over', async () => {
    const setup = await startRedisSentinel({ password: 'pw' });
    const { master, replicas, sentinels } = setup;
    const client = throughSentinels(setup, 'pw', QUICK);
    expect(await read(sentinelGet, {}, client)).toMatchObject({ enabled: true, healthy: true, master: master.address, quorumReached: true, agree: true, quorum: 2, replicas: [{ up: true }, { up: true }] });
    expect(await read(serverPing, {}, client)).toMatchObject({ healthy: true, mode: 'sentinel', address: master.address, nodesTotal: 3, nodesReachable: 3 });
    await at(sentinels, 0).stop('SIGKILL');
    await master.stop('SIGKILL');
    const addresses = replicas.map(({ address }) => address);
    const after = await waitFor(
      async () => {
        const seen = await read(serverPing, {}, client);
        return seen['acceptsWrites'] === true ? seen : undefined;
      },
      { until: 'a replica has been made master', withinMs: 60_000 },
    );
    expect(addresses).toContain(after['address']);
    const seen = await read(sentinelGet, {}, client);
    expect(seen).toMatchObject({ reachable: true, healthy: false, master: after['address'], quorumReached: true });
    expect(codes(seen)).toEqual(expect.arrayContaining(['sentinelNotSeen', 'replicaDown']));
    await at(sentinels, 1).stop('SIGKILL');
    await waitFor(async () => (codes(await read(sentinelGet, {}, client)).includes('noQuorum') ? true : undefined), { until: 'the last Sentinel sees no quorum' });
    await at(sentinels, 2).stop('SIGKILL');
    expect(await read(serverPing, {}, client)).toMatchObject({ reachable: false, why: 'noMaster' });
    expect(await read(sentinelGet, {}, client)).toMatchObject({ reachable: false, healthy: false, problems: [{ code: 'noSentinel' }] });
  });
});

function at(servers: readonly RedisServer[], index: number): RedisServer {
  const server = servers[index];
  if (server === undefined) throw new Error(`no server ${index}`);
  return server;
}

function codes(answer: Record<string, unknown>): string[] {
  return (answer['problems'] as { code: string }[]).map(({ code }) => code);
}
