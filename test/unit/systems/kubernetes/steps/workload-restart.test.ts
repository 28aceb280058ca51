import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workloadRestart } from '#systems/kubernetes/steps/workload-restart.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { writeRig } from '../../../../kit/kubernetes/write-rig.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
  kube.addDeployment({ name: 'mock-bank-worker', container: 'worker', image: 'registry.example/mock-bank:1.4.0', replicas: 2 });
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', image: 'ghcr.io/cordum/scheduler:v0.9.7' });
});
afterEach(() => kube.close());

const workers = { name: 'mock-bank-worker' };

describe('the restart of a workload beside Cordum', () => {
  it('is tried as a dry run, and changes nothing by it', async () => {
    const before = kube.get('deployments', 'mock-bank-worker').metadata.resourceVersion;
    const plan = await (await writeRig(workloadRestart, kube)).planned(workers);
    expect(plan.items).toMatchObject([{ key: 'deployment/mock-bank-worker', current: { state: expect.stringMatching(/^[0-9a-f]{16}$/), replicas: 2 } }]);
    expect(kube.requests.filter(({ method }) => method !== 'GET').map(({ query }) => query.get('dryRun'))).toEqual(['All']);
    expect(kube.get('deployments', 'mock-bank-worker').metadata.resourceVersion).toBe(before);
  });

  it('replaces every pod and is done when the new ones are available', async () => {
    const rig = await writeRig(workloadRestart, kube);
    const before = kube.podsOf('mock-bank-worker').map(({ metadata }) => metadata.name);
    const applied = await rig.carryOut(workers);
    expect(kube.podsOf('mock-bank-worker').filter(({ metadata }) => before.includes(metadata.name))).toEqual([]);
    expect(await rig.verify(applied, workers)).toMatchObject({ ends: { 'deployment/mock-bank-worker': 'done' } });
  });

  it('is pending right after the call, and its lost answer is found by its mark', async () => {
    const rig = await writeRig(workloadRestart, kube);
    const [item] = (await rig.planned(workers)).items;
    if (item === undefined) throw new Error('no item');
    expect(await rig.probe(item, workers)).toMatchObject({ landed: 'notApplied' });
    const done = await rig.apply(item, workers);
    if (!done.ok) throw new Error(done.failure.message);
    expect(await rig.verify([{ item, result: done.value }], workers)).toMatchObject({ ends: { [item.key]: 'pending' } });
    expect(await rig.probe(item, workers)).toMatchObject({ landed: 'applied' });
    expect(await rig.probe(item, workers, { idempotencyKey: 'another' })).toMatchObject({ landed: 'notApplied' });
  });

  it('stays as it was planned while only its status moves', async () => {
    const rig = await writeRig(workloadRestart, kube);
    const { items } = await rig.planned(workers);
    const [item] = items;
    if (item === undefined) throw new Error('no item');
    kube.touch('deployments', 'mock-bank-worker', { status: { observedGeneration: 1, unavailableReplicas: 1 } });
    expect((await rig.planned(workers)).items).toEqual(items);
    expect(await rig.apply(item, workers)).toMatchObject({ ok: true });
  });

  it('sends nothing once the workload has moved', async () => {
    const rig = await writeRig(workloadRestart, kube);
    const [item] = (await rig.planned(workers)).items;
    if (item === undefined) throw new Error('no item');
    kube.touch('deployments', 'mock-bank-worker', { metadata: { labels: { touched: 'yes' } } });
    const sent = kube.requests.length;
    expect(await rig.apply(item, workers)).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(kube.requests.slice(sent).map(({ method }) => method)).toEqual(['GET']);
  });

  it('is refused where no serving pod would be left, whatever the runbook says of it', async () => {
    kube.touch('deployments', 'mock-bank-worker', { spec: { strategy: { type: 'Recreate', rollingUpdate: null } } });
    const rig = await writeRig(workloadRestart, kube);
    expect(await rig.plan(workers)).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('0 of 2 serving pods left') } });
    expect(await rig.plan({ ...workers, idle: true })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });

  it("is refused for Cordum's own services, for a paused one, and for a name that is none", async () => {
    const rig = await writeRig(workloadRestart, kube);
    expect(await rig.plan({ name: 'cordum-scheduler' })).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('kubernetes.rollout.restart') } });
    kube.touch('deployments', 'mock-bank-worker', { spec: { paused: true } });
    expect(await rig.plan(workers)).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('paused') } });
    for (const name of ['', '../pods', 'a/b', 'A', 'x?dryRun=', '-a']) expect(workloadRestart.input.safeParse({ name }).success, name).toBe(false);
    expect(await rig.plan({ name: 'not-there' })).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });

  it('plans nothing for a workload that is scaled to 0', async () => {
    kube.touch('deployments', 'mock-bank-worker', { spec: { replicas: 0 } });
    expect((await (await writeRig(workloadRestart, kube)).planned(workers)).items).toEqual([]);
  });
});
