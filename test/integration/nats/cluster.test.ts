import { describe, expect, it } from 'vitest';
import type { NatsClient } from '#systems/nats/client.ts';
import { clusterGet } from '#systems/nats/steps/cluster-get.ts';
import { consumersList } from '#systems/nats/steps/consumers-list.ts';
import { jetstreamFacts } from '#systems/nats/steps/jetstream-facts.ts';
import { serverHealth } from '#systems/nats/steps/server-health.ts';
import { streamsList } from '#systems/nats/steps/streams-list.ts';
import { CORDUM_CONSUMERS, jetstreamApi, makeCordumConsumer, makeCordumStreams, natsClient } from '../../kit/nats.ts';
import { type NatsCluster, type NatsServer, startNatsCluster } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { read } from '../../kit/step-context.ts';

type Row = Record<string, unknown>;

/** Raft notices losses after some ten seconds; the machine may be busy besides. */
const SOON_MS = 60_000;

async function until(what: string, ask: () => Promise<Row>, holds: (seen: Row) => boolean): Promise<Row> {
  let last: Row = {};
  try {
    return await waitFor(
      async () => {
        last = await ask();
        return holds(last) ? last : undefined;
      },
      { until: what, withinMs: SOON_MS, everyMs: 500 },
    );
  } catch (error) {
    throw new Error(`${what}, but last seen was ${JSON.stringify(last)}`, { cause: error });
  }
}

async function cordumOn(cluster: NatsCluster): Promise<{ ours: NatsClient; leader: NatsServer; others: NatsServer[] }> {
  const leader = cluster.node((await cluster.metaLeader()) ?? 'nats-0');
  const nc = await leader.client();
  await makeCordumStreams(nc, 3);
  for (const [queue, subject] of CORDUM_CONSUMERS) {
    const deliver = await makeCordumConsumer(nc, queue, subject);
    nc.subscribe(deliver, { queue, callback: (_error, message) => message.respond('+ACK') });
  }
  await nc.flush();
  const ours = natsClient({ url: cluster.url, monitorUrls: cluster.monitorUrls });
  return { ours, leader, others: cluster.nodes.filter((node) => node !== leader) };
}

describe('a cluster of three', () => {
  it('is whole; with one killed it keeps its quorum and names who is away; with two killed it has none', async () => {
    const cluster = await startNatsCluster();
    const { ours, leader, others } = await cordumOn(cluster);
    await until('the cluster is whole', () => read(clusterGet, {}, ours), (seen) => seen['healthy'] === true);
    expect(await read(clusterGet, {}, ours)).toMatchObject({ clustered: true, jetstream: true, expected: 3, answering: 3, together: 3, partitioned: false, quorum: 'yes', metaLeader: leader.name, gaps: [] });
    await until('Cordum is as it should be', () => read(jetstreamFacts, {}, ours), (seen) => seen['asExpected'] === true && seen['replicasExpected'] === 3);
    await until('the streams are whole', () => read(streamsList, {}, ours), (seen) => seen['healthy'] === true && seen['total'] === 2);

    const [first, second] = others;
    if (first === undefined || second === undefined) throw new Error('a cluster of three has three nodes');
    await first.stop('SIGKILL');
    const one = await until('one is away', () => read(clusterGet, {}, ours), (seen) => JSON.stringify(seen['peers']).includes('"online":false'));
    expect(one).toMatchObject({ healthy: false, reachable: true, expected: 3, answering: 2, together: 2, partitioned: false, quorum: 'yes', say: expect.stringContaining(`does not hear ${first.name}`) });
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: false, reachable: true, answering: 2, total: 3, client: { connected: true } });
    const streams = await until('the streams miss a replica and have leaders', () => read(streamsList, {}, ours), (seen) => JSON.stringify(seen['problems']).includes('replicaOffline') && (seen['missing'] as unknown[]).length === 0);
    expect(streams).toMatchObject({ healthy: false, source: 'api', problems: expect.arrayContaining([expect.objectContaining({ code: 'replicaOffline', severity: 'warning', say: expect.stringContaining('no other may fail') })]) });

    await second.stop('SIGKILL');
    const none = await until('there is no quorum', () => read(clusterGet, {}, ours), (seen) => seen['quorum'] === 'no' && seen['metaLeader'] === '');
    expect(none).toMatchObject({ healthy: false, reachable: true, answering: 1, together: 1, say: expect.stringMatching(/None of the 1 servers that answer knows a leader/) });
    const left = await until('the streams have no leader', () => read(streamsList, {}, ours), (seen) => JSON.stringify(seen['problems']).includes('noLeader'));
    expect(left).toMatchObject({ source: 'monitor', healthy: false, note: expect.stringMatching(/no leader.*10008/) });
    expect(await read(consumersList, {}, ours)).toMatchObject({ source: 'monitor', truncated: true });
    expect(await read(jetstreamFacts, {}, ours)).toMatchObject({ asExpected: false, source: 'monitor' });
    // Without monitors the quorum is known from what JetStream answers us.
    expect(await read(clusterGet, {}, natsClient({ url: cluster.url }))).toMatchObject({ quorum: 'no', reachable: false });
  });

  it('of which one hangs (SIGSTOP) is still used, and the one that hangs is named', async () => {
    const cluster = await startNatsCluster();
    const { leader, others } = await cordumOn(cluster);
    const [frozen] = others;
    if (frozen === undefined) throw new Error('a cluster of three has three nodes');
    frozen.freeze();
    // It stands first, and takes connections still.
    const ours = natsClient({ url: [frozen, ...cluster.nodes.filter((node) => node !== frozen)].map(({ address }) => `nats://${address}`).join(','), monitorUrls: cluster.monitorUrls, timeoutMs: 6_000 });
    const seen = await until('the leader does not hear the one that hangs', () => read(clusterGet, {}, ours), (now) => JSON.stringify(now['peers']).includes('"online":false'));
    expect(seen).toMatchObject({ healthy: false, quorum: 'yes', metaLeader: leader.name, answering: 2, say: expect.stringContaining(frozen.name) });
    expect(await read(serverHealth, {}, ours)).toMatchObject({ healthy: false, answering: 2, servers: expect.arrayContaining([expect.objectContaining({ reachable: false, why: expect.stringMatching(/within 6000 ms/) })]), client: { connected: true } });
    frozen.thaw();
    await until('it is back', () => read(clusterGet, {}, ours), (now) => now['healthy'] === true);
  });

  it('loses a stream with one replica together with its server, and says that nobody answers for it', async () => {
    const cluster = await startNatsCluster();
    const { ours, leader } = await cordumOn(cluster);
    const nc = await leader.client();
    const placed = new Map<string, string>();
    for (let n = 0; n < 12; n += 1) {
      const made = await jetstreamApi(nc, `STREAM.CREATE.ONE_${n}`, { name: `ONE_${n}`, subjects: [`one.${n}`], num_replicas: 1 });
      placed.set(`ONE_${n}`, (made['cluster'] as { leader: string }).leader);
    }
    const [name, where] = [...placed].find(([, on]) => on !== leader.name) ?? [];
    if (name === undefined || where === undefined) throw new Error('twelve streams all stand on the leader');
    await cluster.node(where).stop('SIGKILL');
    const seen = await until('its server is gone', () => read(streamsList, { stream: name }, ours), (now) => (now['missing'] as unknown[]).length > 0);
    expect(seen).toMatchObject({ total: 1, items: [], missing: [{ name }], problems: [{ stream: name, code: 'noLeader', severity: 'critical' }] });
  });
});
