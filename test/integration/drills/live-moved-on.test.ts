/** A good backup beside a live system that has changed since: nobody is woken for that. One of another system is found. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { performBackup } from '#app/backup-parts.ts';
import { performDrill } from '#app/drill-parts.ts';
import type { Store } from '#backups/names.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { failuresOf, placeOf } from '../../kit/backups/place.ts';
import { backUpNats, fillNats, fillRedis, testFolder } from '../../kit/drills/backups.ts';
import { runHere } from '../../kit/drills/command.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis, startRedisCluster } from '../../kit/servers/redis.ts';

const LIMITS = { maxAgeMs: 2 * 3_600_000, tolerance: 0.5, rpoMs: 3_600_000, rtoMs: 900_000 };

async function take(store: Store, url: string): Promise<string> {
  const directory = join(await testFolder('taken'), 'backups');
  mkdirSync(directory);
  const taken = await performBackup({ store, directory, live: { url: new Secret(url) }, tlsFiles: undefined, streams: undefined, temp: await testFolder('looked-into') }, { clock: systemClock, signal: new AbortController().signal, onStep: () => undefined });
  if (!taken.ok) throw new Error(taken.failure.message);
  return directory;
}

async function drilled(store: Store, directory: string, live: string) {
  const outcome = await performDrill('test', { store, directory, choice: { kind: 'latest' }, limits: LIMITS, temp: await testFolder('sandboxes'), live: { [store === 'nats' ? 'nats' : 'redis']: { url: new Secret(live) } } }, { clock: systemClock, signal: new AbortController().signal });
  return { verdict: `${outcome.status} ${failuresOf(outcome)}`, statusOf: (name: string) => outcome.checks.find((one) => one.name === name)?.status, detailOf: (name: string) => outcome.checks.find((one) => one.name === name)?.detail };
}

const alone = async (store: Store, directory: string): Promise<string> => (await placeOf(store, directory, { manifest: false })).directory;
const changed = (revision: number): string => JSON.stringify({ scope: 'system', scope_id: 'default', data: { limits: { jobs: 7 } }, revision, updated_at: new Date().toISOString() });

describe('a good backup beside a live system that moved on', () => {
  it('of Redis passes when documents changed, keys came and went, and the server was started again', async () => {
    const before = await startRedis();
    await fillRedis(before, 100);
    const redis = await take('redis', before.url);
    const config = await take('config', before.url);
    await before.cli('SAVE');
    // Another run id, the same keys: as after a restart, or a failover to a replica.
    const after = await startRedis();
    await after.cli('REPLICAOF', '127.0.0.1', String(before.port));
    await expect.poll(() => after.cli('DBSIZE'), { timeout: 10_000 }).toBe('102');
    await after.cli('REPLICAOF', 'NO', 'ONE');
    await after.cli('SET', 'cfg:system:default', changed(2));
    await after.cli('EVAL', "for i = 1, 80 do redis.call('DEL', 'job:state:' .. i) end for i = 1, 15 do redis.call('SET', 'dlq:entry:' .. i, 'x') end", '0');
    for (const [store, directory] of [['redis', redis], ['redis', await alone('redis', redis)], ['config', config], ['config', await alone('config', config)]] as const) {
      const { verdict, statusOf } = await drilled(store, directory, after.url);
      expect(`${store}: ${verdict}`).toBe(`${store}: passed `);
      expect(statusOf(`${store}.documents.live`)).toBe('warning');
    }
    await after.cli('ACL', 'SETUSER', 'drill', 'on', '>pw', '~*', '+@all', '-get');
    const narrow = await drilled('redis', redis, after.url.replace('//', '//drill:pw@'));
    expect(narrow.verdict).toBe('passed ');
    expect(narrow.detailOf('redis.documents.live')).toContain('cfg:system:default could not be read from the live system');
    // By hand, with nothing that tells: known as a change of the live one by the run id alone.
    await before.cli('SET', 'cfg:system:policy', (await before.cli('GET', 'cfg:system:policy')).replace('"jobs":5', '"jobs":6'));
    expect((await drilled('redis', redis, before.url)).verdict).toBe('passed ');
  });

  it('of Redis fails when the live one is another', async () => {
    const [one, other] = [await startRedis(), await startRedis()];
    await fillRedis(one, 100);
    await fillRedis(other, 100);
    const old = new Date(Date.now() - 86_400_000).toISOString();
    await other.cli('SET', 'cfg:system:default', JSON.stringify({ scope: 'system', scope_id: 'default', data: { limits: { jobs: 9 } }, revision: 4, updated_at: old }));
    for (const store of ['redis', 'config'] as const) {
      const directory = await take(store, one.url);
      for (const from of [directory, await alone(store, directory)]) expect((await drilled(store, from, other.url)).verdict).toMatch(new RegExp(`^failed ${store}\\.documents\\.live: cfg:system:default was last changed at`));
    }
  });

  it('of a cluster passes when a primary has failed over and documents changed, and fails by the ids of another', async () => {
    const { nodes } = await startRedisCluster();
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    for (const id of ['default', 'policy']) await first.cli('-c', 'SET', `cfg:system:${id}`, changed(1));
    for (let i = 0; i < 30; i += 1) await first.cli('-c', 'SET', `job:state:${i}`, 'SUCCEEDED');
    const directory = await take('redis', first.url);
    const replica = (await Promise.all(nodes.map(async (node) => ({ node, role: await node.cli('ROLE') })))).find(({ role }) => role.startsWith('slave'))?.node;
    await replica?.cli('CLUSTER', 'FAILOVER', 'FORCE');
    await expect.poll(() => replica?.cli('ROLE'), { timeout: 15_000 }).toMatch(/^master/);
    // Until the primary that was has heard of it, it takes writes and loses them.
    const known = new RegExp(`:${replica?.port}@\\S+ (?:myself,)?master`);
    await expect.poll(async () => (await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')))).filter((text) => !known.test(text)), { timeout: 15_000 }).toEqual([]);
    await expect.poll(() => first.cli('-c', 'SET', 'cfg:system:default', changed(2)).catch(String), { timeout: 15_000 }).toBe('OK');
    for (const from of [directory, await alone('redis', directory)]) {
      const { verdict, statusOf } = await drilled('redis', from, first.url);
      expect(verdict).toBe('passed ');
      expect(statusOf('redis.documents.live')).toBe('warning');
    }
    const other = await placeOf('redis', directory);
    other.manifest((manifest) => ({ ...manifest, source: { ...manifest.source, identity: manifest.source.identity.map((id) => id.replace(/./g, (digit) => (digit === '0' ? '1' : '0'))) } }));
    expect((await drilled('redis', other.directory, first.url)).verdict).toMatch(/^failed redis\.source\.live: It is a backup of another cluster/);
  });

  it('of JetStream passes when messages came while it was taken, and were worked off, dropped, or the stream made anew', async () => {
    const nats = await startNats();
    await fillNats(nats, 200);
    const url = `nats://${nats.address}`;
    const nc = await nats.client();
    const jsm = await nc.jetstreamManager();
    await jsm.consumers.add('CORDUM_JOBS', { durable_name: 'worker', ack_policy: 'explicit' as never });
    await jsm.streams.add({ name: 'CORDUM_DLQ', subjects: ['dlq.>'], max_msgs: 300 });
    await jsm.streams.add({ name: 'CORDUM_WORK', subjects: ['work.>'], retention: 'workqueue' as never });
    await jsm.consumers.add('CORDUM_WORK', { durable_name: 'worker', ack_policy: 'explicit' as never });
    const stop = new AbortController();
    const load = (async () => {
      while (!stop.signal.aborted) await Promise.all(Array.from({ length: 60 }, (_, i) => nc.jetstream().publish(['job.test', 'dlq.test', 'work.test'][i % 3] ?? '', 'x'.repeat(2_000))));
    })();
    const work = (async () => {
      const consumer = await nc.jetstream().consumers.get('CORDUM_WORK', 'worker');
      while (!stop.signal.aborted) for await (const message of await consumer.fetch({ max_messages: 20, expires: 1_000 })) message.ack();
    })();
    const busy = await take('nats', url);
    // As natscli leaves it: with the state that the server told at the begin.
    const plain = await testFolder('plain');
    await backUpNats(nats, plain, Date.now());
    stop.abort();
    await work;
    await load;
    for (const from of [busy, await alone('nats', busy), plain]) expect((await drilled('nats', from, url)).verdict).toBe('passed ');
    for (const directory of [busy, plain]) expect(await runHere(['backup', 'verify', directory])).toMatchObject({ code: 0 });
    await jsm.streams.purge('CORDUM_JOBS', { keep: 3 });
    await jsm.consumers.delete('CORDUM_JOBS', 'worker');
    await jsm.streams.update('CORDUM_JOBS', { max_msgs: 1_000_000, description: 'changed' });
    for (const from of [busy, await alone('nats', busy)]) expect((await drilled('nats', from, url)).verdict).toBe('passed ');
    await jsm.streams.delete('CORDUM_JOBS');
    await jsm.streams.add({ name: 'CORDUM_JOBS', subjects: ['job.>'] });
    for (const from of [busy, await alone('nats', busy)]) {
      const { verdict, statusOf } = await drilled('nats', from, url);
      expect(verdict).toBe('passed ');
      expect(statusOf('nats.streams.live')).toBe('warning');
    }
  });
});
