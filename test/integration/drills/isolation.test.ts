import { describe, expect, it } from 'vitest';
import { performDrill, type DrillToDo } from '#app/drill-parts.ts';
import type { Store } from '#backups/names.ts';
import type { Phase } from '#drills/context.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { backUpNats, backUpRedis, fillNats, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { startCountingProxy, type CountingProxy } from '../../kit/servers/counting-proxy.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis, startRedisCluster } from '../../kit/servers/redis.ts';

const LIMITS = { maxAgeMs: 7_200_000, rpoMs: 3_600_000, rtoMs: 900_000, tolerance: 0.5 };

function toDo(store: Store, directory: string, temp: string, live: string): DrillToDo {
  return { store, directory, temp, choice: { kind: 'latest' }, limits: LIMITS, live: { [store === 'nats' ? 'nats' : 'redis']: { url: new Secret(live) } } };
}

/** Does the drill, with what the proxy had counted at the first step in the sandbox, and at the end. */
async function drillBehind(proxy: CountingProxy, drill: DrillToDo) {
  const phases: Phase[] = [];
  let atSandbox: ReturnType<CountingProxy['counts']> | undefined;
  const outcome = await performDrill('20261121T060000Z-test-000000', drill, {
    clock: systemClock,
    signal: new AbortController().signal,
    onStep(phase) {
      phases.push(phase);
      if (phase === 'fetch') atSandbox ??= proxy.counts();
    },
  });
  return { outcome, phases, atSandbox, atEnd: proxy.counts() };
}

describe('a drill beside a live system', () => {
  it('reads the live Redis first, and sends it no packet once the sandbox has started', async () => {
    const redis = await startRedis({ password: 'p:w@1' });
    await fillRedis(redis);
    const backups = await testFolder('backups');
    await backUpRedis(redis, backups, Date.now());
    const proxy = await startCountingProxy(redis.port);

    const drill = toDo('redis', backups, await testFolder('temp'), `redis://:${encodeURIComponent('p:w@1')}@localhost:${proxy.port}`);
    const { outcome, phases, atSandbox, atEnd } = await drillBehind(proxy, drill);

    expect(outcome.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(outcome.status).toBe('passed');
    expect(outcome.checks).toContainEqual({ name: 'redis.keys.live', status: 'passed', detail: 'Within 50 % of the 62 live keys, prefix by prefix.' });
    expect(phases[0]).toBe('live');
    expect(atSandbox?.bytes).toBeGreaterThan(100);
    expect(atEnd.bytes).toBe(atSandbox?.bytes);
    expect(atEnd.connections).toBe(atSandbox?.connections);
    expect(atEnd.open).toBe(0);
    expect(outcome.live?.addresses).toContain(`127.0.0.1:${proxy.port}`);
    expect(JSON.stringify(outcome)).not.toContain('p:w@1');
  });

  it('reads the live NATS first, and sends it no packet once the sandbox has started', async () => {
    const nats = await startNats();
    await fillNats(nats);
    const backups = await testFolder('backups');
    await backUpNats(nats, backups, Date.now());
    const proxy = await startCountingProxy(nats.clientPort);

    const { outcome, phases, atSandbox, atEnd } = await drillBehind(proxy, toDo('nats', backups, await testFolder('temp'), `nats://127.0.0.1:${proxy.port}`));

    expect(outcome.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(outcome.status).toBe('passed');
    expect(outcome.checks).toContainEqual({ name: 'nats.streams.live', status: 'passed', detail: 'Every live stream of Cordum is in the backup, with all messages that live and are older than it; 2 stream(s) live.' });
    expect(phases[0]).toBe('live');
    expect(atSandbox?.bytes).toBeGreaterThan(100);
    expect(atEnd.bytes).toBe(atSandbox?.bytes);
    expect(atEnd.connections).toBe(atSandbox?.connections);
    expect(atEnd.open).toBe(0);
    expect(outcome.live?.identity).toHaveLength(1);
  });

  it('reads both live systems before the one sandbox of a drill of all stores, and sends neither a packet afterwards', async () => {
    const [redis, nats] = await Promise.all([startRedis(), startNats()]);
    await fillRedis(redis);
    await fillNats(nats);
    const backups = await testFolder('backups');
    await backUpRedis(redis, backups, Date.now());
    await backUpNats(nats, backups, Date.now());
    const [before, behind] = await Promise.all([startCountingProxy(redis.port), startCountingProxy(nats.clientPort)]);
    let other: ReturnType<CountingProxy['counts']> | undefined;
    const counting: CountingProxy = {
      ...before,
      counts() {
        other ??= behind.counts();
        return before.counts();
      },
    };

    const drill: DrillToDo = { ...toDo('redis', backups, await testFolder('temp'), `redis://127.0.0.1:${before.port}`), store: 'all' };
    const both = { ...drill, live: { ...drill.live, nats: { url: new Secret(`nats://127.0.0.1:${behind.port}`) } } };
    const { outcome, atSandbox, atEnd } = await drillBehind(counting, both);

    expect(outcome.checks.filter(({ status }) => status === 'failed')).toEqual([]);
    expect(outcome.live?.identity).toHaveLength(2);
    expect(atSandbox?.bytes).toBeGreaterThan(100);
    expect(atEnd).toEqual(atSandbox);
    expect(other?.bytes).toBeGreaterThan(100);
    expect(behind.counts()).toEqual(other);
  });

  it('knows every node of a live cluster by its run id, its node id and its address, and talks to none of them afterwards', async () => {
    const cluster = await startRedisCluster();
    const [first] = cluster.nodes;
    if (first === undefined) throw new Error('no node');
    const source = await startRedis();
    await fillRedis(source);
    const backups = await testFolder('backups');
    await backUpRedis(source, backups, Date.now());
    const received = (): Promise<number[]> => Promise.all(cluster.nodes.map(async (node) => Number(/total_connections_received:(\d+)/.exec(await node.cli('INFO', 'stats'))?.[1])));
    let atSandbox: Promise<number[]> | undefined;

    const outcome = await performDrill('20261121T060000Z-test-000000', toDo('redis', backups, await testFolder('temp'), `redis://${first.address}`), {
      clock: systemClock,
      signal: new AbortController().signal,
      onStep(phase) {
        if (phase === 'fetch') atSandbox ??= received();
      },
    });

    for (const node of cluster.nodes) {
      expect(outcome.live?.identity).toContain(/run_id:(\w+)/.exec(await node.cli('INFO', 'server'))?.[1]);
      expect(outcome.live?.identity).toContain(await node.cli('CLUSTER', 'MYID'));
      expect(outcome.live?.addresses).toContain(node.address);
    }
    const then = await atSandbox;
    // The test's own looks: INFO for the number itself, and the two above; each is one connection.
    expect(await received()).toEqual(then?.map((count) => count + 3));
  });

  it('does not start when the live system cannot be read: it could not be told from the sandbox', async () => {
    const redis = await startRedis();
    await fillRedis(redis);
    const backups = await testFolder('backups');
    await backUpRedis(redis, backups, Date.now());
    const { address } = redis;
    await redis.stop();

    const outcome = await performDrill('20261121T060000Z-test-000000', toDo('redis', backups, await testFolder('temp'), `redis://${address}`), { clock: systemClock, signal: new AbortController().signal });

    expect(outcome).toMatchObject({ status: 'failed', sandbox: null, backup: null });
    expect(outcome.checks).toMatchObject([{ name: 'redis.live.readable', status: 'failed' }]);
  });
});
