import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ConsumerConfig, NatsConnection, StreamConfig } from 'nats';
import { describe, expect, it } from 'vitest';
import { performBackup } from '#app/backup-parts.ts';
import { redisFile, stampOf, type Store } from '#backups/names.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { drillOf, failuresOf, placeOf, type Place } from '../../kit/backups/place.ts';
import { backUpRedis, testFolder } from '../../kit/drills/backups.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis, startRedisCluster, type RedisServer } from '../../kit/servers/redis.ts';

/** With those of a cluster and the archives alone these are more than 200; each bit of the number of a shape adds something that a backup may hold. */
const REDIS = 130;
const NATS = 46;
const AT_ONCE = 4;
const WITHIN_MS = 400_000;
/** Every so many is taken with its manifest; the others are as the seeds' CronJob leaves them. */
const NOTED_EVERY = 8;

const document = (id: string): string => JSON.stringify({ scope: 'system', scope_id: id, data: { limits: { jobs: 5 } }, revision: 1, updated_at: new Date().toISOString() });

/** What is alarmed about, of one backup; empty when it passes and leaves nothing behind. */
async function alarmOf(shape: string, store: Store, directory: string): Promise<string[]> {
  const outcome = await drillOf({ store, directory });
  const left = outcome.teardown !== null && (!outcome.teardown.directoryGone || outcome.teardown.left.length > 0);
  return outcome.status === 'passed' && !left ? [] : [`${shape}: ${outcome.status}${left ? ', something is left behind' : ''} ${failuresOf(outcome)}`];
}

async function take(store: Store, url: string, directory: string): Promise<void> {
  const taken = await performBackup({ store, directory, live: { url: new Secret(url) }, tlsFiles: undefined, streams: undefined, temp: await testFolder('looked-into') }, { clock: systemClock, signal: new AbortController().signal, onStep: () => undefined });
  if (!taken.ok) throw new Error(taken.failure.message);
}

async function newDirectory(): Promise<string> {
  const directory = join(await testFolder('good'), 'backups');
  mkdirSync(directory);
  return directory;
}

/** Drills that run while the next backup is made, a few at a time. */
function createDrills() {
  const alarms: string[] = [];
  const running = new Set<Promise<void>>();
  let done = 0;
  const end = async (): Promise<{ done: number; alarms: string[] }> => {
    await Promise.all(running);
    return { done, alarms };
  };
  const add = async (shape: string, store: Store, directory: string): Promise<void> => {
    const one: Promise<void> = alarmOf(shape, store, directory).then((found) => {
      running.delete(one);
      done += 1;
      alarms.push(...found);
    });
    running.add(one);
    if (running.size >= AT_ONCE) await Promise.race(running);
  };
  return { add, end };
}

/** Only the archives, as a script leaves them that speaks the protocol by itself. */
function asRaw({ directory, path }: Place): string {
  for (const folder of readdirSync(path('nats-TS'))) {
    renameSync(path(`nats-TS/${folder}/stream.tar.s2`), path(`nats-TS/${folder.replace('.snapshot', '.tar.s2')}`));
    rmSync(path(`nats-TS/${folder}`), { recursive: true });
  }
  return directory;
}

const SHAPES = `
local shape, jobs = tonumber(ARGV[1]), tonumber(ARGV[2])
local function has(bit) return math.floor(shape / bit) % 2 == 1 end
redis.call('SET', 'cfg:system:default', ARGV[3])
redis.call('SET', 'cfg:system:policy', ARGV[4])
for i = 1, jobs do redis.call('SET', 'job:state:' .. i, 'SUCCEEDED') end
if has(1) then for i = 1, 50 do redis.call('SET', 'ctx:' .. i .. ':' .. shape, string.rep('v', i * 7), 'PX', 600000 + i) end end
if has(2) then
  for i = 1, 300 do
    redis.call('HSET', 'job:meta:' .. i % 40, 'f' .. i, i, 'long', string.rep('x', 100))
    redis.call('RPUSH', 'list', i, string.rep('a', i))
    redis.call('SADD', 'ints', i * i)
    redis.call('SADD', 'words', 'w' .. i)
    redis.call('ZADD', 'job:recent', i, 'j' .. i)
    redis.call('ZADD', 'small', i % 5, 'm' .. i % 9)
  end
end
if has(4) then
  redis.call('XADD', 'events', '1-1', 'a', 'b')
  redis.call('XADD', 'events', '2-1', 'a', 'b')
  redis.call('XGROUP', 'CREATE', 'events', 'g', '0')
  redis.call('XREADGROUP', 'GROUP', 'g', 'me', 'COUNT', 1, 'STREAMS', 'events', '>')
  redis.call('XADD', 'emptied', '1-1', 'a', 'b')
  redis.call('XDEL', 'emptied', '1-1')
  redis.call('PFADD', 'hll', 'a', 'b')
  redis.call('SETBIT', 'bits', 900, 1)
  redis.call('GEOADD', 'geo', 13, 38, 'x')
end
if has(8) then
  redis.call('SELECT', 3)
  for i = 1, 70 do redis.call('SET', 'elsewhere' .. i, i, 'EX', 900) redis.call('SET', 'stays' .. i, i) end
  redis.call('SELECT', 0)
end
if has(32) then
  redis.call('SET', 'big', string.rep('0123456789', 200000))
  redis.call('SET', 'empty', '')
  redis.call('SET', 'b\\0in\\255', '\\0\\1\\255')
  redis.call('SET', '', 'no name')
  redis.call('SET', 'number', 12345678901)
  for i = 1, 30 do redis.call('SET', 'soon' .. i, 'x', 'PX', 20 + i) end
end
if has(128) then for i = 1, 500 do redis.call('SET', '{one}:' .. i, i) redis.call('SET', '{two}' .. i, i) end end
`;

async function shapeRedis(redis: RedisServer, shape: number): Promise<void> {
  await redis.cli('FLUSHALL');
  const bit = (which: number): boolean => (shape & which) !== 0;
  if (bit(16)) await redis.cli('FUNCTION', 'LOAD', 'REPLACE', "#!lua name=lib\nredis.register_function('f', function() return 1 end)");
  else await redis.cli('FUNCTION', 'FLUSH');
  await redis.cli('CONFIG', 'SET', 'rdbcompression', bit(64) ? 'no' : 'yes', 'maxmemory-policy', ['noeviction', 'allkeys-lfu', 'volatile-lru'][shape % 3] ?? '');
  await redis.cli('EVAL', SHAPES, '0', String(shape), String([0, 1, 30, 63, 64, 400, 3_000, 17_000][shape % 11] ?? 100), document('default'), document('policy'));
}

/** By SAVE, or over the wire as the CronJob does. */
async function copyOf(redis: RedisServer, directory: string, overTheWire: boolean): Promise<void> {
  if (overTheWire) return void (await backUpRedis(redis, directory, Date.now()));
  // Refused as long as the process of a transfer before it is ending.
  await expect.poll(() => redis.cli('SAVE').catch(String), { timeout: 10_000 }).toBe('OK');
  copyFileSync(join(redis.directory, 'dump.rdb'), join(directory, redisFile(stampOf(Date.now()), null)));
}

interface Shaped {
  readonly name: string;
  readonly stream?: Partial<StreamConfig>;
  readonly messages?: number;
  readonly payload?: number;
  readonly headers?: boolean;
  readonly bigHeaders?: boolean;
  readonly consumers?: readonly Partial<ConsumerConfig>[];
  after?(nc: NatsConnection): Promise<unknown>;
}

const NAME = 'CORDUM_JOBS';
const durable = (name: string, more: Record<string, unknown> = {}): Partial<ConsumerConfig> => ({ durable_name: name, ack_policy: 'explicit', ...more }) as Partial<ConsumerConfig>;
const ofRetention = (retention: string): Partial<StreamConfig> => ({ retention }) as Partial<StreamConfig>;

async function remove(nc: NatsConnection, sequences: readonly number[], erase = true): Promise<void> {
  const jsm = await nc.jetstreamManager();
  for (const sequence of sequences) await jsm.streams.deleteMessage(NAME, sequence, erase);
}

/** Takes so many messages with a pull consumer and acknowledges every one, or every `each`th. */
async function work(nc: NatsConnection, consumer: string, count: number, each = 1): Promise<void> {
  const messages = await (await nc.jetstream().consumers.get(NAME, consumer)).fetch({ max_messages: count, expires: 5_000 });
  for await (const message of messages) if (message.seq % each === 0) await message.ackAck();
}

async function purgeAndPublish(nc: NatsConnection): Promise<void> {
  await (await nc.jetstreamManager()).streams.purge(NAME);
  await nc.jetstream().publish('job.again', 'x');
}

const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

const STREAMS: readonly Shaped[] = [
  { name: 'empty' },
  { name: 'one message', messages: 1 },
  { name: 'headers', messages: 60, headers: true },
  { name: 'an empty payload', messages: 30, payload: 0 },
  { name: 'large messages in several blocks', messages: 40, payload: 500_000 },
  { name: 'some deleted', messages: 50, after: (nc) => remove(nc, [2, 3, 9, 50]) },
  { name: 'the first deleted', messages: 50, after: (nc) => remove(nc, [1, 2]) },
  { name: 'some deleted without being erased', messages: 50, after: (nc) => remove(nc, [7, 8], false) },
  { name: 'all deleted', messages: 20, after: (nc) => remove(nc, from(1, 20)) },
  { name: 'purged', messages: 50, after: async (nc) => (await nc.jetstreamManager()).streams.purge(NAME) },
  { name: 'a whole block deleted', messages: 40, payload: 500_000, after: (nc) => remove(nc, from(14, 36)) },
  { name: 'purged up to a message', messages: 50, after: async (nc) => (await nc.jetstreamManager()).streams.purge(NAME, { seq: 30 }) },
  { name: 'purged by subject', messages: 70, after: async (nc) => (await nc.jetstreamManager()).streams.purge(NAME, { filter: 'job.s3' }) },
  { name: 'purged and filled again', messages: 50, after: (nc) => purgeAndPublish(nc) },
  { name: 'a limit of messages', messages: 90, stream: { max_msgs: 20 } },
  { name: 'a limit for each subject', messages: 90, stream: { max_msgs_per_subject: 3 } },
  { name: 'a limit of bytes', messages: 90, payload: 1_000, stream: { max_bytes: 20_000 } },
  { name: 'an age that is far off', messages: 20, stream: { max_age: 3_600e9 } },
  { name: 'new ones refused when full', messages: 20, stream: { max_msgs: 50, discard: 'new' } as never },
  { name: 'sealed', messages: 20, after: async (nc) => (await nc.jetstreamManager()).streams.update(NAME, { sealed: true } as never) },
  { name: 'nothing may be deleted', messages: 20, stream: { deny_delete: true, deny_purge: true } },
  { name: 'direct reads, roll-ups and a description', messages: 20, stream: { allow_direct: true, allow_rollup_hdrs: true, description: 'jobs — ü' } },
  { name: 'several subjects', messages: 20, stream: { subjects: ['job.>', 'other.*', 'third'] } },
  { name: 'republished', messages: 20, stream: { republish: { src: 'job.>', dest: 'copy.>' } } },
  { name: 'a changed configuration', messages: 20, after: async (nc) => (await nc.jetstreamManager()).streams.update(NAME, { max_msgs: 500, description: 'changed' }) },
  { name: 'no acknowledgements of writes', messages: 20, stream: { no_ack: false, duplicate_window: 60e9 } },
  { name: 'a work queue with nobody', messages: 40, stream: ofRetention('workqueue') },
  { name: 'a work queue', messages: 40, stream: ofRetention('workqueue'), consumers: [durable('worker')] },
  { name: 'a work queue, half done', messages: 40, stream: ofRetention('workqueue'), consumers: [durable('worker')], after: (nc) => work(nc, 'worker', 20) },
  { name: 'a work queue, every third done', messages: 60, stream: ofRetention('workqueue'), consumers: [durable('worker')], after: (nc) => work(nc, 'worker', 50, 3) },
  { name: 'a work queue, all done', messages: 10, stream: ofRetention('workqueue'), consumers: [durable('worker')], after: (nc) => work(nc, 'worker', 10) },
  { name: 'a work queue of two workers', messages: 40, stream: ofRetention('workqueue'), consumers: [durable('a', { filter_subject: 'job.s1' }), durable('b', { filter_subject: 'job.s2' })], after: (nc) => work(nc, 'a', 3) },
  { name: 'interest of nobody', messages: 40, stream: ofRetention('interest') },
  { name: 'interest of two', messages: 40, stream: ofRetention('interest'), consumers: [durable('a'), durable('b')], after: async (nc) => { await work(nc, 'a', 40); await work(nc, 'b', 10); } },
  { name: 'pull consumers', messages: 40, consumers: [durable('a'), durable('b', { deliver_policy: 'new' }), durable('c', { ack_policy: 'all' }), durable('d', { deliver_policy: 'by_start_sequence', opt_start_seq: 9 }), durable('e', { ack_policy: 'none' })], after: (nc) => work(nc, 'a', 20, 2) },
  { name: 'a push consumer and one of a queue', messages: 40, consumers: [durable('p', { deliver_subject: 'to.p' }), durable('q', { deliver_subject: 'to.q', deliver_group: 'g', flow_control: false, idle_heartbeat: 0 })] },
  { name: 'a consumer that is listening', messages: 40, consumers: [durable('p', { deliver_subject: 'heard.p' })], after: async (nc) => { nc.subscribe('heard.p', { callback: (_error, message) => message.respond() }); await nc.flush(); } },
  { name: 'an ephemeral consumer', messages: 40, consumers: [{ ack_policy: 'explicit', inactive_threshold: 600e9 } as never] },
  { name: 'headers, limits and deleted ones at once', messages: 60, headers: true, payload: 3_000, stream: { max_msgs: 45 }, consumers: [durable('f')], after: (nc) => remove(nc, [20, 60]) },
  { name: 'thirty consumers and redeliveries', messages: 40, consumers: from(1, 30).map((i) => durable(`c-${i}`, { max_deliver: 5, backoff: [1e9, 2e9] })), after: (nc) => work(nc, 'c-1', 20, 5) },
  { name: 'consumers in memory', messages: 40, consumers: [durable('on-disk'), durable('in-memory', { mem_storage: true }), { ack_policy: 'explicit', mem_storage: true, inactive_threshold: 600e9 } as never] },
  { name: 'only a consumer in memory', messages: 10, consumers: [durable('in-memory', { mem_storage: true })] },
  { name: 'a work queue with blocks done', messages: 60, payload: 500_000, stream: ofRetention('workqueue'), consumers: [durable('a', { filter_subject: 'job.s1' }), durable('rest', { filter_subject: 'job.s2' })], after: (nc) => remove(nc, from(17, 46)) },
  { name: 'a bucket, written over', messages: 80, payload: 300_000, headers: true, stream: { max_msgs_per_subject: 1, allow_rollup_hdrs: true, deny_delete: true } },
  { name: 'huge headers', messages: 10, bigHeaders: true },
  { name: 'copied from another', messages: 10, after: async (nc) => void (await (await nc.jetstreamManager()).streams.update(NAME, { sources: [{ name: 'CORDUM_SYS' }] } as never)) },
];

async function shapeNats(nc: NatsConnection, shaped: Shaped): Promise<void> {
  const jsm = await nc.jetstreamManager();
  const { headers } = await import('nats');
  await jsm.streams.delete(NAME).catch(() => false);
  await jsm.streams.add({ name: NAME, subjects: ['job.>'], ...shaped.stream });
  for (const consumer of shaped.consumers ?? []) await jsm.consumers.add(NAME, consumer);
  const head = headers();
  head.append('Id', 'a');
  head.append('Id', 'b');
  if (shaped.bigHeaders === true) for (let i = 0; i < 40; i += 1) head.append('Long', 'h'.repeat(1_000));
  const payload = Buffer.alloc(shaped.payload ?? 40, 'x');
  for (let i = 0; i < (shaped.messages ?? 0); i += 1) await nc.jetstream().publish(`job.s${i % 7}`, payload, shaped.headers === true || shaped.bigHeaders === true ? { headers: head } : {});
  await shaped.after?.(nc);
}

describe('good backups', () => {
  it(`${REDIS} of Redis, of every shape, raise no alarm`, async () => {
    const redis = await startRedis();
    const drills = createDrills();
    for (let i = 0; i < REDIS; i += 1) {
      // Spread over all 256.
      const shape = (i * 37) % 256;
      const directory = await newDirectory();
      await shapeRedis(redis, shape);
      if (i % NOTED_EVERY === 5) await take('redis', redis.url, directory);
      else await copyOf(redis, directory, i % NOTED_EVERY === 1);
      await drills.add(`shape ${shape}`, 'redis', directory);
    }
    expect(await drills.end()).toEqual({ done: REDIS, alarms: [] });
  }, WITHIN_MS);

  it('of a cluster raise none either, whatever its shards hold', async () => {
    const { nodes } = await startRedisCluster({ replicas: 0 });
    const [first] = nodes;
    if (first === undefined) throw new Error('a cluster has nodes');
    const drills = createDrills();
    const fills: readonly (readonly [string, (i: number) => string, number])[] = [['only what is required', String, 0], ['few keys', (i) => `job:state:${i}`, 8], ['one tag', (i) => `{jobs}:${i}`, 30], ['many keys', (i) => `job:state:${i}`, 900]];
    for (const [name, key, count] of fills) {
      for (const node of nodes) await node.cli('FLUSHALL');
      for (const id of ['default', 'policy']) await first.cli('-c', 'SET', `cfg:system:${id}`, document(id));
      for (const node of nodes) {
        const calls = Array.from({ length: count }, (_, i) => `redis.pcall('SET', '${key(i)}', 'SUCCEEDED', 'EX', 9000)`);
        if (count > 0) await node.cli('EVAL', `#!lua flags=allow-cross-slot-keys\n${calls.join('\n')}`, '0');
      }
      const directory = await newDirectory();
      await take('redis', first.url, directory);
      await drills.add(name, 'redis', directory);
      await drills.add(`${name}, without the manifest`, 'redis', (await placeOf('redis', directory, { manifest: false })).directory);
    }
    expect(await drills.end()).toEqual({ done: 2 * fills.length, alarms: [] });
  }, WITHIN_MS);

  it(`${NATS} of JetStream, of every shape, raise no alarm`, async () => {
    expect(STREAMS).toHaveLength(NATS);
    const nats = await startNats();
    const nc = await nats.client();
    await (await nc.jetstreamManager()).streams.add({ name: 'CORDUM_SYS', subjects: ['sys.>'] });
    const drills = createDrills();
    for (const [i, shaped] of STREAMS.slice(0, NATS).entries()) {
      await shapeNats(nc, shaped);
      const directory = await newDirectory();
      await take('nats', `nats://${nats.address}`, directory);
      await drills.add(shaped.name, 'nats', directory);
      if (i % 2 === 1) await drills.add(`${shaped.name}, the archives alone`, 'nats', asRaw(await placeOf('nats', directory, { manifest: false })));
    }
    expect(await drills.end()).toEqual({ done: NATS + NATS / 2, alarms: [] });
  }, WITHIN_MS);

  it('of a stream whose messages have reached their age in the meantime raise none either', async () => {
    const nats = await startNats();
    const nc = await nats.client();
    const jsm = await nc.jetstreamManager();
    for (const [name, word] of [['CORDUM_SYS', 'sys'], [NAME, 'job']] as const) {
      await jsm.streams.add({ name, subjects: [`${word}.>`], max_age: 3e9, duplicate_window: 1e9 });
      for (let i = 0; i < 20; i += 1) await nc.jetstream().publish(`${word}.a`, String(i));
    }
    const directory = await newDirectory();
    await take('nats', `nats://${nats.address}`, directory);
    await expect.poll(async () => (await jsm.streams.info(NAME)).state.messages, { timeout: 20_000 }).toBe(0);
    const outcome = await drillOf({ store: 'nats', directory });
    expect(`${outcome.status} ${failuresOf(outcome)}`).toBe('passed ');
  }, WITHIN_MS);
});
