import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createRestoreClient } from '#app/restore-parts.ts';
import type { TargetConfig } from '#config/config.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { AppliedItem, Item, Plan } from '#step-kit/index.ts';
import type { RestoreClient } from '#systems/restore/client.ts';
import { streamsApply } from '#systems/restore/steps/streams-apply.ts';
import { testFolder } from '../../kit/drills/backups.ts';
import { startCordumInKubernetes } from '../../kit/kubernetes/cordum.ts';
import { type NatsServer, startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { contextOn } from '../../kit/step-context.ts';

const STREAMS = { CORDUM_SYS: 'sys.>', CORDUM_JOBS: 'job.>' } as const;

function clientFor(nats: NatsServer, backups: string, more: Partial<TargetConfig> = {}): RestoreClient {
  const client = createRestoreClient({ name: 'prod', match: {}, backups, nats: { url: new Secret(`nats://${nats.address}`), monitorUrls: [nats.monitorUrl] }, ...more }, systemClock);
  if (client === undefined) throw new Error('the target has a directory');
  onTestFinished(() => client.close());
  return client;
}

/** Nobody stays connected: that would be a writer. */
async function on<T>(nats: NatsServer, use: (nc: Awaited<ReturnType<NatsServer['client']>>) => Promise<T>): Promise<T> {
  const nc = await nats.client({ name: 'a test' });
  try {
    return await use(nc);
  } finally {
    await nc.close();
    // The server lists it a moment longer.
    await waitFor(async () => (/"num_connections":\s*0\b/.test(await (await fetch(new URL('/connz', nats.monitorUrl))).text()) ? true : undefined), { until: 'nobody is connected', withinMs: 5_000 });
  }
}

const publish = (nats: NatsServer, subject: string, messages: number): Promise<void> =>
  on(nats, async (nc) => {
    for (let i = 0; i < messages; i += 1) await nc.jetstream().publish(subject, JSON.stringify({ i }));
  });

const make = (nats: NatsServer): Promise<void> =>
  on(nats, async (nc) => {
    const jsm = await nc.jetstreamManager();
    for (const [name, subject] of Object.entries(STREAMS)) {
      await jsm.streams.add({ name, subjects: [subject] });
      await jsm.consumers.add(name, { durable_name: `dur_${name}`, ack_policy: 'explicit' as never });
    }
  });

const stateOf = (nats: NatsServer, stream: string): Promise<{ messages: number; last: number; consumers: number }> =>
  on(nats, async (nc) => {
    const { state } = await (await nc.jetstreamManager()).streams.info(stream);
    return { messages: state.messages, last: state.last_seq, consumers: state.consumer_count };
  });

async function save(client: RestoreClient): Promise<string> {
  const streams = client.streams();
  if (!streams.ok) throw new Error(streams.failure.message);
  const saved = await streams.value.save(Object.keys(STREAMS), 'a test', { signal: new AbortController().signal });
  if (!saved.ok) throw new Error(saved.failure.message);
  return saved.value;
}

async function planned(client: RestoreClient, input: object): Promise<Plan> {
  const plan = await streamsApply.plan(streamsApply.input.parse(input), contextOn(client));
  if (!plan.ok) throw new Error(plan.failure.message);
  return plan.value;
}

async function applied(client: RestoreClient, input: object, items: readonly Item[]): Promise<AppliedItem[]> {
  const done: AppliedItem[] = [];
  for (const item of items) {
    const result = await streamsApply.apply(item, streamsApply.input.parse(input), contextOn(client));
    if (!result.ok) throw new Error(`${item.key}: ${result.failure.message}`);
    done.push({ item, result: streamsApply.output.parse(result.value) as AppliedItem['result'] });
  }
  return done;
}

/** As the engine does it: looked at once more just before, and watched until it has ended. */
async function carriedOut(client: RestoreClient, input: object, items: readonly Item[]): Promise<AppliedItem[]> {
  const parsed = streamsApply.input.parse(input);
  const done: AppliedItem[] = [];
  for (const item of items) {
    const again = await streamsApply.plan(parsed, contextOn(client, { only: item.key }));
    expect(again, item.key).toMatchObject({ ok: true, value: { items: [{ key: item.key, current: item.current, next: item.next }] } });
    done.push(...(await applied(client, input, [item])));
    await waitFor(async () => {
      const seen = await streamsApply.verify(done.slice(-1), parsed, contextOn(client));
      return seen.ok && seen.value.ends[item.key] === 'done' ? true : undefined;
    }, { until: `${item.key} has ended`, withinMs: 10_000 });
  }
  return done;
}

describe('a restore of streams', () => {
  it('backs up what is there, replaces it with its consumers, and can be taken back', async () => {
    const nats = await startNats();
    const client = clientFor(nats, await testFolder('restore'));
    await make(nats);
    await publish(nats, 'sys.job', 40);
    await publish(nats, 'job.a', 20);
    const set = await save(client);
    await publish(nats, 'job.a', 5);
    const plan = await planned(client, { set });
    expect(plan.items.map(({ key }) => key)).toEqual(['safety-backup', 'CORDUM_JOBS']);
    expect(plan.notes).toContainEqual('CORDUM_JOBS holds 25 messages up to 25 now, 1 consumers; in the backup 20 up to 20, 1 consumers.');
    const done = await applied(client, { set }, plan.items);
    expect(await stateOf(nats, 'CORDUM_JOBS')).toEqual({ messages: 20, last: 20, consumers: 1 });
    expect(await streamsApply.verify(done, streamsApply.input.parse({ set }), contextOn(client))).toMatchObject({ ok: true, value: { ends: { 'safety-backup': 'done', CORDUM_JOBS: 'done' } } });
    const undo = streamsApply.undo?.(done, streamsApply.input.parse({ set }));
    const back = await planned(client, undo?.with ?? {});
    await applied(client, undo?.with ?? {}, back.items);
    expect(await stateOf(nats, 'CORDUM_JOBS')).toEqual({ messages: 25, last: 25, consumers: 1 });
  }, 60_000);

  it('is neither planned nor done while somebody is connected who could write', async () => {
    const nats = await startNats();
    const client = clientFor(nats, await testFolder('restore'));
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const { items } = await planned(client, { set });
    const input = streamsApply.input.parse({ set });
    await on(nats, async () => {
      expect(await streamsApply.plan(input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('connected to NATS, who could write') } });
      for (const item of items) expect(await streamsApply.apply(item, input, contextOn(client))).toMatchObject({ ok: false, failure: { landed: 'no' } });
    });
    expect(await stateOf(nats, 'CORDUM_JOBS')).toMatchObject({ messages: 6 });
    const blind = clientFor(nats, client.directory, { nats: { url: new Secret(`nats://${nats.address}`), monitorUrls: [] } });
    expect(await streamsApply.plan(input, contextOn(blind))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('set nats.monitorUrl') } });
  }, 60_000);

  it('stops services in order, waits for their pods, and starts them in the opposite order with as many as they had', async () => {
    const nats = await startNats();
    const kube = await startCordumInKubernetes({ 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 0, 'cordum-safety-kernel': 2 });
    const client = clientFor(nats, await testFolder('restore'), { kubernetes: kube.target });
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const plan = await planned(client, { set });
    expect(plan.items.map(({ key }) => key)).toEqual(['stop/api-gateway', 'stop/scheduler', 'stop/safety-kernel', 'safety-backup', 'CORDUM_SYS', 'CORDUM_JOBS', 'start/safety-kernel', 'start/scheduler', 'start/api-gateway']);
    expect(plan.notes).toContainEqual(expect.stringContaining('Stopped by somebody else, and left so: cordum-workflow-engine.'));
    expect(plan.notes).toContainEqual('context-engine is not there, so it counts as not installed.');
    const done = await carriedOut(client, { set }, plan.items);
    expect(kube.replicas()).toEqual({ 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 0, 'cordum-safety-kernel': 2 });
    expect(kube.scaled()).toEqual(['cordum-api-gateway 0', 'cordum-scheduler 0', 'cordum-safety-kernel 0', 'cordum-safety-kernel 2', 'cordum-scheduler 2', 'cordum-api-gateway 3']);
    expect(await stateOf(nats, 'CORDUM_JOBS')).toEqual({ messages: 3, last: 3, consumers: 1 });
    // Services write as soon as they run, and the restore is none the worse for it.
    await publish(nats, 'job.a', 1);
    kube.fake.settle();
    const verdict = await streamsApply.verify(done, streamsApply.input.parse({ set }), contextOn(client));
    expect(verdict).toMatchObject({ ok: true, value: { say: expect.stringMatching(/nats-\d{8}T\d{6}Z, the rollback point.*CORDUM_JOBS: 4 messages up to 4, 1 consumers: restored, and written to since/s) } });
    expect(new Set(Object.values(verdict.ok ? verdict.value.ends : {}))).toEqual(new Set(['done']));
  }, 60_000);

  it('that broke off with services stopped is taken up by a new plan, and starts none of them on streams that are not whole', async () => {
    const nats = await startNats();
    const kube = await startCordumInKubernetes({ 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 2 });
    const client = clientFor(nats, await testFolder('restore'), { kubernetes: kube.target });
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const first = await planned(client, { set });
    const stopped = await carriedOut(client, { set }, first.items.slice(0, 3));
    const input = streamsApply.input.parse({ set });
    const start = first.items.find(({ key }) => key === 'start/scheduler');
    if (start === undefined) throw new Error('it ran');
    expect(await streamsApply.apply(start, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: expect.stringContaining('CORDUM_JOBS is not as') } });
    expect(await streamsApply.verify(stopped, input, contextOn(client))).toMatchObject({ ok: true, value: { say: expect.stringContaining('Still stopped: api-gateway (it had 3), scheduler (it had 2), workflow-engine (it had 2). To go on, start the runbook again') } });

    const second = await planned(client, { set });
    expect(second.items.map(({ key }) => key)).toEqual(['safety-backup', 'CORDUM_SYS', 'CORDUM_JOBS', 'start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
    await carriedOut(client, { set }, second.items.slice(0, 3));
    const third = await planned(client, { set });
    expect(third.items.map(({ key }) => key)).toEqual(['start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
    await carriedOut(client, { set }, third.items);
    expect(kube.replicas()).toEqual({ 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 2 });
    expect((await planned(client, { set })).items).toEqual([]);
  }, 60_000);

  it('is not planned while a worker is connected, since it stops services of Cordum only', async () => {
    const nats = await startNats();
    const kube = await startCordumInKubernetes({ 'cordum-api-gateway': 1, 'cordum-scheduler': 1, 'cordum-workflow-engine': 1 });
    const client = clientFor(nats, await testFolder('restore'), { kubernetes: kube.target });
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const input = streamsApply.input.parse({ set });
    const bus = await nats.client({ name: 'cordum-bus' });
    bus.subscribe('sys.handshake');
    await bus.flush();
    expect(await streamsApply.plan(input, contextOn(client))).toMatchObject({ ok: true });
    const worker = await nats.client({ name: 'cordum-bus' });
    worker.subscribe('worker.w-1.jobs');
    await worker.flush();
    expect(await streamsApply.plan(input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('1 connected to NATS, who could write: cordum-bus (worker') } });
  }, 60_000);

  it('never removes a stream that no whole backup holds as it is', async () => {
    const nats = await startNats();
    const folder = await testFolder('restore');
    const client = clientFor(nats, folder);
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const { items } = await planned(client, { set });
    const jobs = items.find(({ key }) => key === 'CORDUM_JOBS');
    if (jobs === undefined) throw new Error('it differs');
    const input = streamsApply.input.parse({ set });
    expect(await streamsApply.apply(jobs, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: expect.stringContaining('in no backup') } });
    const safety = await save(client);
    const archive = join(folder, `nats-${safety}`, 'CORDUM_JOBS.snapshot', 'stream.tar.s2');
    const bytes = await readFile(archive);
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 0xff;
    await writeFile(archive, bytes);
    expect(await streamsApply.apply(jobs, input, contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no' } });
    expect(await stateOf(nats, 'CORDUM_JOBS')).toMatchObject({ messages: 6 });
  }, 60_000);

  it('that was killed between removal and restore, or in the middle of a transfer, is done again', async () => {
    const nats = await startNats();
    const client = clientFor(nats, await testFolder('restore'));
    await make(nats);
    await publish(nats, 'job.a', 9);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const { items } = await planned(client, { set });
    const [safety, jobs] = items;
    if (safety === undefined || jobs === undefined) throw new Error('it differs');
    const input = streamsApply.input.parse({ set });
    await applied(client, { set }, [safety]);
    expect(await streamsApply.probe(safety, input, contextOn(client))).toMatchObject({ landed: 'applied', result: { done: 'saved' } });
    expect(await streamsApply.probe(safety, input, contextOn(client, { idempotencyKey: 'another' }))).toMatchObject({ landed: 'notApplied' });
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('has not been touched') });
    await on(nats, async (nc) => (await nc.jetstreamManager()).streams.delete('CORDUM_JOBS'));
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('is not restored yet') });
    // As a server of version 2.15 leaves it, which writes while it receives.
    await on(nats, async (nc) => (await nc.jetstreamManager()).streams.add({ name: 'CORDUM_JOBS', subjects: ['job.>'] }));
    await publish(nats, 'job.a', 4);
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('4 messages up to 4, a part of the backup') });
    await applied(client, { set }, [jobs]);
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'applied' });
    expect(await stateOf(nats, 'CORDUM_JOBS')).toEqual({ messages: 9, last: 9, consumers: 1 });
    await applied(client, { set }, [jobs]);
    await publish(nats, 'job.a', 2);
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'unknown', evidence: expect.stringContaining('Somebody else has written it') });
  }, 60_000);

  it('counts messages that have meanwhile outlived their age as kept and as restored', async () => {
    const nats = await startNats();
    const client = clientFor(nats, await testFolder('restore'));
    await make(nats);
    await publish(nats, 'job.a', 6);
    const set = await save(client);
    const safety = await save(client);
    await on(nats, async (nc) => {
      const jsm = await nc.jetstreamManager();
      const { config } = await jsm.streams.info('CORDUM_JOBS');
      await jsm.streams.update('CORDUM_JOBS', { ...config, max_age: 3_600_000_000_000 });
      await jsm.streams.purge('CORDUM_JOBS', { seq: 3 });
    });
    const streams = client.streams();
    if (!streams.ok) throw new Error(streams.failure.message);
    const next = { present: true, messages: 6, firstSeq: 1, lastSeq: 6, consumers: 1 };
    expect(await streams.value.standing({ stream: 'CORDUM_JOBS', next, maxAgeSeconds: 3_600 }, contextOn(client))).toMatchObject({ ok: true, value: { is: 'restored', side: { messages: 4, firstSeq: 3 } } });
    expect(await streams.value.standing({ stream: 'CORDUM_JOBS', next: { ...next, lastSeq: 9 }, maxAgeSeconds: 3_600 }, contextOn(client))).toMatchObject({ ok: true, value: { is: 'kept', set: safety } });
    expect(set).not.toBe(safety);
  }, 60_000);
});
