import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
import { startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
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
  const nc = await nats.client();
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
  const saved = await streams.value.save(Object.keys(STREAMS), { signal: new AbortController().signal });
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
    expect(plan.notes).toContainEqual('As in the backup already: CORDUM_SYS.');
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

  it('is refused while a service runs, and goes on once all writers are at 0', async () => {
    const nats = await startNats();
    const kube = await startFakeKubernetes({ live: true });
    onTestFinished(() => kube.close());
    kube.addDeployment({ name: 'cordum-api-gateway', container: 'gateway', replicas: 0 });
    kube.addDeployment({ name: 'cordum-workflow-engine', container: 'workflow-engine', replicas: 0 });
    kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', replicas: 2 });
    const folder = await mkdtemp(join(tmpdir(), 'restore-kube-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const kubernetes = { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' as const, names: {}, replicas: {} };
    const client = clientFor(nats, await testFolder('restore'), { kubernetes });
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    expect(await streamsApply.plan(streamsApply.input.parse({ set }), contextOn(client))).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('cordum-scheduler (2 wanted') } });
    const still = await startFakeKubernetes({ live: true });
    onTestFinished(() => still.close());
    for (const [name, container] of [['cordum-api-gateway', 'gateway'], ['cordum-scheduler', 'scheduler'], ['cordum-workflow-engine', 'workflow-engine']] as const) still.addDeployment({ name, container, replicas: 0 });
    const quiet = clientFor(nats, client.directory, { kubernetes: { ...kubernetes, kubeconfig: await still.kubeconfig(join(folder, 'still')) } });
    expect((await planned(quiet, { set })).notes).toContainEqual('api-gateway, scheduler, workflow-engine are at 0 replicas.');
    expect((await planned(clientFor(nats, client.directory), { set })).notes).toContainEqual(expect.stringContaining('Kubernetes is not configured'));
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

  it('that was killed between removal and restore is said to be neither done nor undone, and is done by a new plan', async () => {
    const nats = await startNats();
    const client = clientFor(nats, await testFolder('restore'));
    await make(nats);
    await publish(nats, 'job.a', 3);
    const set = await save(client);
    await publish(nats, 'job.a', 3);
    const [, jobs] = (await planned(client, { set })).items;
    if (jobs === undefined) throw new Error('it differs');
    const input = streamsApply.input.parse({ set });
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'notApplied' });
    await on(nats, async (nc) => (await nc.jetstreamManager()).streams.delete('CORDUM_JOBS'));
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'unknown', evidence: expect.stringContaining('was removed and is not restored') });
    const again = await planned(client, { set });
    expect(again.items.map(({ key, title }) => ({ key, title }))).toEqual([{ key: 'CORDUM_JOBS', title: expect.stringMatching(/^Restore CORDUM_JOBS/) }]);
    await applied(client, { set }, again.items);
    expect(await streamsApply.probe(jobs, input, contextOn(client))).toMatchObject({ landed: 'applied' });
  }, 60_000);
});
