import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { capacityCap, checkCapacity } from '#policy/caps.ts';
import { deploymentScaleDown } from '#systems/kubernetes/steps/deployment-scale-down.ts';
import { deploymentScaleUp } from '#systems/kubernetes/steps/deployment-scale-up.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { at } from '../../../../kit/kubernetes/objects.ts';
import { kubeRecording } from '../../../../kit/kubernetes/recordings.ts';
import { writeRig } from '../../../../kit/kubernetes/write-rig.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
});
afterEach(() => kube.close());

const KEY = 'deployment/cordum-scheduler';
const replicasOf = (name: string): unknown => at(kube.get('deployments', name), 'spec', 'replicas');
const boundsOf = (name: string): unknown[] => ['minReplicas', 'maxReplicas'].map((bound) => at(kube.get('horizontalpodautoscalers', name), 'spec', bound));

describe('scaling up', () => {
  const three = { service: 'scheduler', replicas: 3 };

  it('sets the number, waits until all are ready, and is held by no floor', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    const rig = await writeRig(deploymentScaleUp, kube);
    const plan = await rig.planned(three);
    expect(plan.capacity).toBeUndefined();
    expect(plan.items).toMatchObject([{ key: KEY, current: { replicas: 1, state: expect.stringMatching(/^[0-9a-f]{16}$/) }, next: { replicas: 3 } }]);
    const applied = await rig.carryOut(three);
    expect(replicasOf('cordum-scheduler')).toBe(3);
    expect(await rig.verify(applied, three)).toMatchObject({ ends: { [KEY]: 'done' } });
    expect(deploymentScaleUp.undo?.(applied, deploymentScaleUp.input.parse(three))).toMatchObject({ uses: 'kubernetes.deployment.scale-down', with: { service: 'scheduler', replicas: 1 } });
  });

  it('is pending while pods come up, and has returned when somebody sets it back', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    const rig = await writeRig(deploymentScaleUp, kube);
    kube.fate('cordum-scheduler', 'unschedulable');
    const applied = await rig.carryOut(three);
    expect(await rig.verify(applied, three)).toMatchObject({ ends: { [KEY]: 'pending' } });
    kube.touch('deployments', 'cordum-scheduler', { spec: { replicas: 1 } });
    expect(await rig.verify(applied, three)).toMatchObject({ ends: { [KEY]: 'returned' } });
  });

  it('whose pods the quota forbids has failed, and says so', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    const rig = await writeRig(deploymentScaleUp, kube);
    const applied = await rig.carryOut({ service: 'scheduler', replicas: 2 });
    const { message } = (kubeRecording('pod_create_quota_403').response.body as { message: string });
    kube.touch('deployments', 'cordum-scheduler', { status: { replicas: 1, readyReplicas: 1, updatedReplicas: 1, conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message }] } });
    expect(await rig.verify(applied, { service: 'scheduler', replicas: 2 })).toMatchObject({ ends: { [KEY]: 'failed' }, say: expect.stringMatching(/^cordum-scheduler wants 2 and has 1 replica, 1 ready\. Its pods cannot be created .*exceeded quota/) });
  });

  it('goes no further than the scaling table, or the bounds of the target', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    expect(await (await writeRig(deploymentScaleUp, kube)).plan({ service: 'scheduler', replicas: 4 })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    const wider = await writeRig(deploymentScaleUp, kube, { replicas: { scheduler: { min: 1, max: 4 } } });
    expect((await wider.planned({ service: 'scheduler', replicas: 4 })).items).toHaveLength(1);
  });

  it('raises the least of the autoscaler that owns the number, and gives it back', async () => {
    kube.addDeployment({ name: 'cordum-api-gateway', replicas: 2 });
    kube.addHpa({ name: 'gateway-scaler', target: 'cordum-api-gateway', min: 2, max: 3 });
    kube.utilization('gateway-scaler', 70);
    kube.settle();
    const four = { service: 'api-gateway', replicas: 4 };
    const rig = await writeRig(deploymentScaleUp, kube);
    const applied = await rig.carryOut(four);
    expect(boundsOf('gateway-scaler')).toEqual([4, 4]);
    expect(replicasOf('cordum-api-gateway')).toBe(4);
    expect(await rig.verify(applied, four)).toMatchObject({ ends: { 'deployment/cordum-api-gateway': 'done' } });
    const undo = deploymentScaleUp.undo?.(applied, deploymentScaleUp.input.parse(four));
    await (await writeRig(deploymentScaleDown, kube)).carryOut(undo?.with ?? {});
    expect(boundsOf('gateway-scaler')).toEqual([2, 3]);
  });

  it('stays as it was planned while the autoscaler reports new metrics, and not when somebody changes its bounds', async () => {
    kube.addDeployment({ name: 'cordum-api-gateway', replicas: 2 });
    kube.addHpa({ name: 'cordum-api-gateway', min: 2, max: 6 });
    const four = { service: 'api-gateway', replicas: 4 };
    const rig = await writeRig(deploymentScaleUp, kube);
    const { items } = await rig.planned(four);
    const before = kube.get('horizontalpodautoscalers', 'cordum-api-gateway').metadata.resourceVersion;
    kube.touch('horizontalpodautoscalers', 'cordum-api-gateway', { status: { currentReplicas: 2, desiredReplicas: 2, lastScaleTime: '2026-11-21T10:00:00Z' } });
    expect(kube.get('horizontalpodautoscalers', 'cordum-api-gateway').metadata.resourceVersion).not.toBe(before);
    expect((await rig.planned(four)).items).toEqual(items);
    const [item] = items;
    if (item === undefined) throw new Error('no item');
    kube.touch('horizontalpodautoscalers', 'cordum-api-gateway', { metadata: { labels: { touched: 'yes' } } });
    expect(await rig.apply(item, four)).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(boundsOf('cordum-api-gateway')).toEqual([2, 6]);
  });

  it('from zero sets the number itself, since the autoscaler has stopped', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 0 });
    kube.addHpa({ name: 'cordum-scheduler', min: 2, max: 3 });
    const applied = await (await writeRig(deploymentScaleUp, kube)).carryOut({ service: 'scheduler', replicas: 2 });
    expect(applied[0]?.result).toMatchObject({ byAutoscaler: false });
    expect(replicasOf('cordum-scheduler')).toBe(2);
  });

  it('that is there already is nothing to do', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3 });
    expect((await (await writeRig(deploymentScaleUp, kube)).planned(three)).items).toEqual([]);
  });

  it('whose dry run the API refuses is refused with its words', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    kube.deny({ verb: 'patch', resource: 'deployments/scale' });
    expect(await (await writeRig(deploymentScaleUp, kube)).plan(three)).toMatchObject({ ok: false, failure: { reason: 'forbidden', message: expect.stringContaining('dry run') } });
  });
});

describe('scaling down', () => {
  const one = { service: 'scheduler', replicas: 1 };

  it('takes one replica at a time, each looked at again after the one before', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3 });
    const rig = await writeRig(deploymentScaleDown, kube);
    const plan = await rig.planned(one);
    expect(plan.items.map(({ key }) => key)).toEqual([KEY, `${KEY}#2to1`]);
    expect(plan.capacity).toEqual({ total: 3, floor: 1 });
    const applied = await rig.carryOut(one);
    expect(replicasOf('cordum-scheduler')).toBe(1);
    expect(await rig.verify(applied, one)).toMatchObject({ ends: { [KEY]: 'done', [`${KEY}#2to1`]: 'done' } });
    expect(deploymentScaleDown.undo?.(applied, deploymentScaleDown.input.parse(one))).toMatchObject({ uses: 'kubernetes.deployment.scale-up', with: { replicas: 3 } });
  });

  it('is held by the cap and the floor of the executor', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3, pods: ['running', 'crashLoop', 'crashLoop'] });
    const { capacity } = await (await writeRig(deploymentScaleDown, kube)).planned(one);
    expect(capacity).toEqual({ total: 1, floor: 1 });
    expect(checkCapacity(capacity ?? { total: 9, floor: 0 }, 1, 5).allowed).toBe(false);
    expect(capacityCap({ total: 3, floor: 1 }, 5)).toBe(1);
  });

  it('stops when somebody else has changed the number in between', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3 });
    const rig = await writeRig(deploymentScaleDown, kube);
    const [first, second] = (await rig.planned(one)).items;
    if (first === undefined || second === undefined) throw new Error('no items');
    await rig.apply(first, one);
    // Up and down again: the number is right, the generation is not.
    kube.touch('deployments', 'cordum-scheduler', { metadata: { generation: 9 } });
    const again = await rig.plan(one, second.key);
    expect(again.ok && again.value.items[0]?.current).not.toEqual(second.current);
    expect(await rig.apply(second, one)).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(replicasOf('cordum-scheduler')).toBe(2);
  });

  it('lowers the most of the autoscaler that owns the number, step by step', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3 });
    kube.addHpa({ name: 'cordum-scheduler', min: 2, max: 4 });
    const rig = await writeRig(deploymentScaleDown, kube);
    const applied = await rig.carryOut(one);
    expect(boundsOf('cordum-scheduler')).toEqual([1, 1]);
    expect(replicasOf('cordum-scheduler')).toBe(1);
    expect(Object.values((await rig.verify(applied, one)).ends)).toEqual(['done', 'done']);
    const undo = deploymentScaleDown.undo?.(applied, deploymentScaleDown.input.parse(one));
    expect(undo?.with).toEqual({ service: 'scheduler', replicas: 3, bounds: { min: 2, max: 4 } });
    await (await writeRig(deploymentScaleUp, kube)).carryOut(undo?.with ?? {});
    expect(boundsOf('cordum-scheduler')).toEqual([2, 4]);
  });

  it('never goes to zero, and never changes the number of a store', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 3 });
    kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, replicas: 6 });
    const rig = await writeRig(deploymentScaleDown, kube);
    expect(await rig.plan({ service: 'scheduler', replicas: 0 })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(await rig.plan({ service: 'redis', replicas: 5 })).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });
});

describe('a lost call', () => {
  it('is told apart: landed, not landed, and changed by somebody', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    const rig = await writeRig(deploymentScaleUp, kube);
    const two = { service: 'scheduler', replicas: 2 };
    const [item] = (await rig.planned(two)).items;
    if (item === undefined) throw new Error('no item');
    expect(await rig.probe(item, two)).toMatchObject({ landed: 'notApplied' });
    await rig.apply(item, two);
    expect(await rig.probe(item, two)).toMatchObject({ landed: 'applied', result: { replicas: 2 } });
    kube.touch('deployments', 'cordum-scheduler', { spec: { replicas: 3 } });
    expect(await rig.probe(item, two)).toMatchObject({ landed: 'unknown' });
  });

  it('cannot be told when Kubernetes cannot be seen', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 1 });
    const rig = await writeRig(deploymentScaleUp, kube);
    const two = { service: 'scheduler', replicas: 2 };
    const [item] = (await rig.planned(two)).items;
    if (item === undefined) throw new Error('no item');
    kube.deny({ verb: 'get', resource: 'deployments' });
    expect(await rig.probe(item, two)).toMatchObject({ landed: 'unknown', failure: { reason: 'forbidden' } });
  });
});
