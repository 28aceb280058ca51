import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLog, type Log } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import { createCordumClient, type CordumClient } from '#systems/cordum/client.ts';
import { createExporter, type Exporter, type ExporterOptions } from '#systems/cordum/exporter.ts';
import { addDeadJob, seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from '../../../kit/clock.ts';

const LONG_MS = 3_600_000;
const ENTRIES = { target: 'production' };

let clock: VirtualClock;
let sandbox: Sandbox;
let client: CordumClient;
let registry: Registry;
let exporter: Exporter;

beforeEach(async () => {
  clock = createVirtualClock();
  sandbox = createSandbox({ clock, apiKey: 'key', tenant: 'default' });
  const { url } = await sandbox.start();
  client = createCordumClient({ url, apiKey: new Secret('key'), tenant: 'default', clock, timeoutMs: LONG_MS, readsPerSecond: Number.POSITIVE_INFINITY });
  registry = new Registry();
  exporter = exporterOf({});
});

afterEach(async () => {
  await exporter.stop();
  await client.close();
  await sandbox.stop();
});

function exporterOf(options: Partial<ExporterOptions>): Exporter {
  registry.clear();
  return createExporter({ targets: [{ name: 'production', client }], clock, registry, log: silentLog, timeoutMs: LONG_MS, ...options });
}

/** The value of one series, or undefined when there is none. */
async function series(name: string, labels: Record<string, string>): Promise<number | undefined> {
  const metric = await registry.getSingleMetric(name)?.get();
  return metric?.values.find((value) => Object.entries(labels).every(([label, is]) => value.labels[label] === is))?.value;
}

/** Waits for real sockets while virtual time stands; moves it on once nothing arrives any more. */
async function driven<T>(promise: Promise<T>): Promise<T> {
  const state = { ended: false };
  const done = promise.finally(() => { state.ended = true; });
  for (let quiet = 0, calls = -1; !state.ended; quiet += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (sandbox.calls.length !== calls) [quiet, calls] = [0, sandbox.calls.length];
    else if (quiet % 2_000 === 1_999) await clock.advance(1_000);
  }
  return done;
}

/** Waits until the sandbox has had `count` calls. */
async function called(count: number): Promise<void> {
  while (sandbox.calls.length < count) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe('a mistake of ours in reading an answer', () => {
  test('counts as not seen, and the next round sees again: it ends neither the rounds nor the process', async () => {
    seedDlq(sandbox, 4);
    const bug = { on: true };
    const sometimes: CordumClient = { ...client, dlqPage: (...args) => (bug.on ? Promise.reject(new TypeError('a bug')) : client.dlqPage(...args)) };
    exporter = exporterOf({ targets: [{ name: 'production', client: sometimes }], pollMs: 1_000 });
    await driven(exporter.start());
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(0);
    expect(await exporter.reread('production')).toMatchObject({ seen: false });
    bug.on = false;
    expect(await driven(exporter.reread('production'))).toMatchObject({ seen: true, entries: 4 });
  });
});

describe('the depth of the queue', () => {
  test('has no series before it was seen for the first time, and the exporter is not up', async () => {
    expect(await series('cordum_dlq_entries', ENTRIES)).toBeUndefined();
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(0);
    await sandbox.down('gateway');
    await exporter.poll();
    expect(await series('cordum_dlq_entries', ENTRIES)).toBeUndefined();
  });

  test('is the number of distinct entries, whatever the pages repeat', async () => {
    seedDlq(sandbox, 1_240);
    await exporter.poll();
    expect(sandbox.calls.filter((call) => call.path === '/api/v1/dlq/page').length).toBeGreaterThan(3);
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(1_240);
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(1);
  });

  test.each(['gateway', 'redis'] as const)('stays as it was while the %s is away, and the exporter is down', async (part) => {
    seedDlq(sandbox, 240);
    await exporter.poll();
    await sandbox.down(part);
    await driven(exporter.poll());
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(240);
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(0);

    await sandbox.up(part);
    for (const id of sandbox.entryIds().slice(0, 40)) sandbox.world.dlq.delete(id);
    await driven(exporter.poll());
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(200);
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(1);
  });

  test('is read although the workers cannot be, and the exporter says that it does not see everything', async () => {
    addDeadJob(sandbox);
    sandbox.loseAnswer('GET /api/v1/workers', 'beforeEffect');
    await exporter.poll();
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(1);
    expect(await series('cordum_exporter_up', ENTRIES)).toBe(0);
    expect(await exporter.reread('production')).toMatchObject({ seen: true, entries: 1 });
  });

  test('is not waited for longer than a poll may take', async () => {
    exporter = exporterOf({ timeoutMs: 2_000 });
    sandbox.delay(10_000);
    const reading = exporter.reread('production');
    await called(1);
    await clock.advance(2_000);
    expect(await reading).toEqual({ seen: false, because: 'Cordum did not answer everything within 2 s.' });
  });

  test('is polled at once and then in rounds, until it is stopped', async () => {
    exporter = exporterOf({ pollMs: 15_000 });
    await exporter.start();
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(0);
    addDeadJob(sandbox);
    const before = sandbox.calls.length;
    await clock.advance(14_999);
    expect(sandbox.calls).toHaveLength(before);
    await clock.advance(1);
    await called(before + 1);
    await exporter.stop();
    const after = sandbox.calls.length;
    await clock.advance(60_000);
    expect(sandbox.calls).toHaveLength(after);
  });

  test('of one target is unharmed by another that does not answer', async () => {
    const nowhere = createCordumClient({ url: 'http://127.0.0.1:1', apiKey: new Secret('key'), tenant: 'default', clock });
    exporter = exporterOf({ targets: [{ name: 'nowhere', client: nowhere }, { name: 'production', client }] });
    addDeadJob(sandbox);
    await exporter.poll();
    await nowhere.close();
    expect(await series('cordum_dlq_entries', { target: 'nowhere' })).toBeUndefined();
    expect(await series('cordum_exporter_up', { target: 'nowhere' })).toBe(0);
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(1);
  });

  test('is missed in the log once, not at every poll', async () => {
    const lines: string[] = [];
    const note = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`);
    const log: Log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') };
    exporter = exporterOf({ log });
    await sandbox.down('gateway');
    await exporter.poll();
    await exporter.poll();
    await sandbox.up('gateway');
    await exporter.poll();
    await exporter.poll();
    expect(lines).toEqual(['warn: the exporter cannot see Cordum; its series keep their last values', 'info: the exporter sees Cordum again']);
  });
});

describe('a fresh look', () => {
  test('says how many entries there are now, and the series says the same', async () => {
    await exporter.poll();
    addDeadJob(sandbox);
    await clock.advance(1_000);
    expect(await exporter.reread('production')).toEqual({ seen: true, target: 'production', entries: 1, truncated: false, at: clock.now() });
    expect(await series('cordum_dlq_entries', ENTRIES)).toBe(1);
  });

  test('says why it saw nothing', async () => {
    await sandbox.down('gateway');
    expect(await exporter.reread('production')).toEqual({ seen: false, because: expect.stringContaining('Cordum') as string });
    expect(await exporter.reread('elsewhere')).toEqual({ seen: false, because: 'no Cordum is configured for this target' });
  });

  test('that needs the workers has seen them', async () => {
    sandbox.loseAnswer('GET /api/v1/workers', 'beforeEffect');
    expect((await exporter.reread('production', 'cordum_last_heartbeat_timestamp')).seen).toBe(false);
    expect((await exporter.reread('production', 'cordum_last_heartbeat_timestamp')).seen).toBe(true);
  });

  test('never takes the answer of a poll that had begun before, and those who ask together share one', async () => {
    sandbox.delay(1_000);
    const poll = exporter.poll();
    await called(1);
    const readings = [exporter.reread('production'), exporter.reread('production')];
    sandbox.delay(0);
    await clock.advance(1_000);
    await poll;
    addDeadJob(sandbox);
    expect(await Promise.all(readings)).toMatchObject([{ entries: 1 }, { entries: 1 }]);
    expect(sandbox.calls.filter((call) => call.path === '/api/v1/status')).toHaveLength(2);
  });
});

describe('the last heartbeat of a worker', () => {
  const of = (worker: string, pool = 'demo-mock-bank'): Promise<number | undefined> => series('cordum_last_heartbeat_timestamp', { target: 'production', worker, pool });
  const seconds = (): number => clock.now() / 1_000;

  test('is the time of the last snapshot that held it: a worker that has vanished grows old', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    sandbox.addWorker({ id: 'bank-2', pool: 'demo-mock-bank' });
    await exporter.poll();
    const first = seconds();
    expect([await of('bank-1'), await of('bank-2')]).toEqual([first, first]);

    sandbox.removeWorker('bank-2');
    await clock.advance(60_000);
    await exporter.poll();
    expect([await of('bank-1'), await of('bank-2')]).toEqual([seconds(), first]);
  });

  test('grows old for all while the scheduler is away, because nobody writes the snapshot', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    await sandbox.down('scheduler');
    const then = seconds();
    await clock.advance(120_000);
    await exporter.poll();
    expect(await of('bank-1')).toBe(then);
  });

  test('is forgotten after a day without the worker, but not because Cordum could not be asked', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    await exporter.poll();
    sandbox.removeWorker('bank-1');
    await clock.advance(25 * 3_600_000);
    await sandbox.down('gateway');
    await exporter.poll();
    expect(await of('bank-1')).toBeDefined();
    await sandbox.up('gateway');
    await exporter.poll();
    expect(await of('bank-1')).toBeUndefined();
  });

  test('moves with the worker to another pool', async () => {
    sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
    await exporter.poll();
    sandbox.addWorker({ id: 'bank-1', pool: 'default' });
    await exporter.poll();
    expect([await of('bank-1'), await of('bank-1', 'default')]).toEqual([undefined, seconds()]);
  });

  test('is kept for so many workers and not more, and of a name only its beginning', async () => {
    for (let at = 0; at < 2_100; at += 1) sandbox.addWorker({ id: `worker-${at}"\n${'x'.repeat(300)}`, pool: 'default' });
    await exporter.poll();
    const values = (await registry.getSingleMetric('cordum_last_heartbeat_timestamp')?.get())?.values ?? [];
    expect(values).toHaveLength(2_000);
    expect(Math.max(...values.map((value) => String(value.labels['worker']).length))).toBe(200);
    expect((await registry.metrics()).split('\n').filter((line) => line.startsWith('cordum_last_heartbeat_timestamp{'))).toHaveLength(2_000);
  });
});
