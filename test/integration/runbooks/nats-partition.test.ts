import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NatsConnection, Subscription } from 'nats';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import type { Sandbox } from '#systems/cordum/sandbox/server.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { CORDUM_CONSUMERS, makeCordumConsumer, makeCordumStreams } from '../../kit/nats.ts';
import { type RunbookRig, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startNats, startNatsCluster } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';

interface World {
  readonly sandbox: Sandbox;
  readonly kube: FakeKubernetes;
  readonly rig: RunbookRig;
}

async function startWorld(nats: { readonly url: string; readonly monitorUrl: readonly string[] }, members: number): Promise<World> {
  const { sandbox, url } = await startCordum(0);
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  kube.addStatefulSet({ name: 'cordum-nats', container: 'nats', labels: { app: 'nats' }, replicas: members });
  for (const [name, container] of [['cordum-scheduler', 'scheduler'], ['cordum-workflow-engine', 'workflow-engine'], ['cordum-api-gateway', 'gateway']] as const) kube.addDeployment({ name, container, replicas: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'nats-partition-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = await kube.kubeconfig(join(folder, 'kubeconfig'));
  const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, nats, kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' } });
  return { sandbox, kube, rig };
}

/** What the services of Cordum do when they start; the subscriptions of each queue. */
async function serviceSubscriptions(nc: NatsConnection, replicas = 1): Promise<Map<string, Subscription[]>> {
  await makeCordumStreams(nc, replicas);
  const subscriptions = new Map<string, Subscription[]>();
  for (const [queue, subject] of CORDUM_CONSUMERS) {
    const deliver = await makeCordumConsumer(nc, queue, subject);
    const one = nc.subscribe(deliver, { queue, callback: (_error, message) => message.respond('+ACK') });
    subscriptions.set(queue, [...(subscriptions.get(queue) ?? []), one]);
  }
  await nc.flush();
  return subscriptions;
}

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);
const restartedAt = (kube: FakeKubernetes, name: string): unknown => at(kube.get('deployments', name), 'spec', 'template', 'metadata', 'annotations', 'kubectl.kubernetes.io/restartedAt');

describe('nats-partition on one server', () => {
  it('finds all well; then a scheduler that listens no more, which an approved restart takes care of', async () => {
    const nats = await startNats();
    const { rig, kube } = await startWorld({ url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, 1);
    const subscriptions = await serviceSubscriptions(await nats.client());
    const well = await rig.diagnose('nats-partition');
    expect(said(well)).toEqual([expect.stringMatching(/^info: NATS is well now: The server is healthy/)]);
    expect(planned(well)).toEqual([]);

    for (const one of subscriptions.get('cordum-scheduler') ?? []) one.unsubscribe();
    const run = await rig.run('nats-partition');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Nobody listens on dur_cordum-scheduler__sys_job_submit.*Its pods are ready: it has lost its subscription/));
    const view = await rig.approve(run.id, 'restart_services');
    expect(view.offers.find(({ id }) => id === 'restart_services')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(restartedAt(kube, 'cordum-scheduler')).toBeDefined();
    expect(restartedAt(kube, 'cordum-workflow-engine')).toBeUndefined();
  });

  it('says what it means for Cordum when NATS is gone, and why: in a crash loop, then scaled to 0, which it offers to end', async () => {
    const nats = await startNats();
    const { rig, kube, sandbox } = await startWorld({ url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, 3);
    await nats.stop('SIGKILL');
    await sandbox.down('nats');
    for (const name of ['cordum-nats-0', 'cordum-nats-1', 'cordum-nats-2']) {
      kube.setPod(name, 'crashLoop');
      kube.log(name, 'nats', { previous: 'nats-server: /etc/nats/nats.conf:3:1: Parse error "${{ x }}" <!channel>\n' });
    }
    const crashing = await rig.diagnose('nats-partition');
    expect(said(crashing)).toContainEqual(expect.stringContaining('each new submit waits 5 s and is refused with 503'));
    expect(said(crashing)).toContainEqual(expect.stringMatching(/3 of 3 NATS pods crash in a loop.*nats\.conf:3:1: Parse error/));
    expect(planned(crashing)).toEqual([]);

    for (const name of ['cordum-nats-0', 'cordum-nats-1', 'cordum-nats-2']) kube.setPod(name, 'running');
    kube.touch('statefulsets', 'cordum-nats', { spec: { replicas: 0 } });
    kube.settle();
    const stopped = await rig.run('nats-partition');
    expect(said(stopped)).toContainEqual(expect.stringMatching(/^critical: NATS is scaled to 0 \(cordum-nats\)/));
    const view = await rig.approve(stopped.id, 'start_nats');
    expect(view.effects.map(({ status }) => status)).toEqual(['succeeded']);
    expect(at(kube.get('statefulsets', 'cordum-nats'), 'spec', 'replicas')).toBe(3);
  });

  it('knows a server that came up without its data', async () => {
    const nats = await startNats();
    const { rig } = await startWorld({ url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, 1);
    const run = await rig.diagnose('nats-partition');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: CORDUM_SYS and CORDUM_JOBS not there/));
    expect(planned(run)).toEqual(['restart_services']);
  });
});

describe('nats-partition on a cluster of three', () => {
  it('tells the loss of one server from the loss of the quorum', async () => {
    const cluster = await startNatsCluster();
    const leader = cluster.node((await cluster.metaLeader()) ?? 'nats-0');
    const { rig } = await startWorld({ url: cluster.url, monitorUrl: cluster.monitorUrls }, 3);
    await serviceSubscriptions(await leader.client(), 3);
    const [first, second] = cluster.nodes.filter((node) => node !== leader);
    await first?.stop('SIGKILL');
    expect(said(await rig.diagnose('nats-partition'))).toContainEqual(expect.stringMatching(/^warning: A NATS server is lost, and the others have a quorum/));

    await second?.stop('SIGKILL');
    await waitFor(
      async () => (said(await rig.diagnose('nats-partition')).some((sentence) => sentence.startsWith('critical: JetStream has no quorum')) ? true : undefined),
      { until: 'the loss of the quorum is named', withinMs: 60_000, everyMs: 1_000 },
    );
  });
});
