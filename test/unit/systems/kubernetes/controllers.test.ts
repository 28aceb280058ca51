import { describe, expect, it } from 'vitest';
import { type FakeKubernetes, startFakeKubernetes } from '../../../kit/kubernetes/fake.ts';
import { at, type KubeObject, numberAt } from '../../../kit/kubernetes/objects.ts';
import { z } from 'zod';

const anything = z.unknown();
const NAME = 'cordum-scheduler';

async function patch(kube: FakeKubernetes, body: object): Promise<void> {
  const client = await kube.client();
  const answer = await client.patch('deployments', NAME, { type: 'strategic', body: body as Record<string, string> }, anything, {});
  expect(answer).toMatchObject({ ok: true });
}

const image = (name: string): object => ({ spec: { template: { spec: { containers: [{ name: NAME, image: name }] } } } });

function reasonOf(object: KubeObject, type: string): unknown {
  const conditions = at(object, 'status', 'conditions');
  return Array.isArray(conditions) ? at(conditions.find((one) => at(one, 'type') === type), 'reason') : undefined;
}

describe('the controllers of the fake', () => {
  it('leave the old status beside the new generation until they have looked', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME });
    await patch(kube, image('new'));
    const after = kube.get('deployments', NAME);
    expect([after.metadata.generation, numberAt(after, 'status', 'observedGeneration'), numberAt(after, 'status', 'updatedReplicas')]).toEqual([2, 1, 2]);
    kube.tick();
    expect(numberAt(kube.get('deployments', NAME), 'status', 'observedGeneration')).toBe(2);
  });

  it('roll out one pod at a time, never below what was ready, and then are done', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, replicas: 3 });
    await patch(kube, image('new'));
    for (let ticks = 0; ticks < 20; ticks += 1) {
      kube.tick();
      const now = kube.get('deployments', NAME);
      expect(numberAt(now, 'status', 'readyReplicas')).toBeGreaterThanOrEqual(3);
      expect(numberAt(now, 'status', 'replicas')).toBeLessThanOrEqual(4);
    }
    expect(reasonOf(kube.get('deployments', NAME), 'Progressing')).toBe('NewReplicaSetAvailable');
    expect(kube.podsOf(NAME).map((pod) => at(pod, 'spec', 'containers', 0, 'image'))).toEqual(['new', 'new', 'new']);
  });

  it('stop at an image that cannot be pulled, with the old pods still there', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, replicas: 2 });
    kube.fate('bad', 'imagePull');
    await patch(kube, image('bad'));
    kube.settle();
    kube.tick(6);
    const now = kube.get('deployments', NAME);
    expect([reasonOf(now, 'Progressing'), reasonOf(now, 'Available')]).toEqual(['ProgressDeadlineExceeded', 'MinimumReplicasAvailable']);
    expect([numberAt(now, 'status', 'readyReplicas'), numberAt(now, 'status', 'updatedReplicas'), numberAt(now, 'status', 'unavailableReplicas')]).toEqual([2, 1, 1]);
  });

  it('take an old ReplicaSet up again under a new revision when its template comes back', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, image: 'one' });
    await patch(kube, image('two'));
    kube.settle();
    await patch(kube, image('one'));
    kube.settle();
    const annotation = (set: KubeObject, name: string): string => set.metadata.annotations?.[`deployment.kubernetes.io/${name}`] ?? 'none';
    const revisions = kube.all('replicasets').map((set) => `${String(at(set, 'spec', 'template', 'spec', 'containers', 0, 'image'))}: revision ${annotation(set, 'revision')}, before ${annotation(set, 'revision-history')}`);
    expect(revisions.toSorted()).toEqual(['one: revision 3, before 1', 'two: revision 2, before none']);
  });

  it('roll nothing out while a Deployment is paused', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, paused: true });
    await patch(kube, image('new'));
    kube.settle();
    expect(kube.all('replicasets')).toHaveLength(1);
    expect(reasonOf(kube.get('deployments', NAME), 'Progressing')).toBe('DeploymentPaused');
  });

  it('pull a Deployment back within the bounds of its autoscaler, and let it be at zero', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, replicas: 2 });
    kube.addHpa({ name: NAME, min: 2, max: 4 });
    await patch(kube, { spec: { replicas: 9 } });
    kube.settle();
    expect(kube.podsOf(NAME)).toHaveLength(4);
    await patch(kube, { spec: { replicas: 0 } });
    kube.settle();
    expect(kube.podsOf(NAME)).toEqual([]);
    expect(reasonOf(kube.get('horizontalpodautoscalers', NAME), 'ScalingActive')).toBe('ScalingDisabled');
    expect(kube.get('deployments', NAME).status).not.toHaveProperty('readyReplicas');
  });

  it('renew a StatefulSet from its last pod to its first, one at a time', async () => {
    await using kube = await startFakeKubernetes();
    kube.addStatefulSet({ name: 'cordum-nats', labels: { app: 'nats' }, replicas: 3 });
    const client = await kube.client();
    await client.patch('statefulsets', 'cordum-nats', { type: 'merge', body: { spec: { template: { metadata: { annotations: { restarted: 'now' } } } } } }, anything, {});
    const renewed: string[] = [];
    for (let ticks = 0; ticks < 20; ticks += 1) {
      kube.tick();
      const { status } = kube.get('statefulsets', 'cordum-nats');
      expect(numberAt(status, 'readyReplicas')).toBeGreaterThanOrEqual(2);
      for (const pod of kube.all('pods')) if (pod.metadata.labels?.['controller-revision-hash'] === at(status, 'updateRevision') && !renewed.includes(pod.metadata.name)) renewed.push(pod.metadata.name);
    }
    expect(renewed).toEqual(['cordum-nats-2', 'cordum-nats-1', 'cordum-nats-0']);
    expect(at(kube.get('statefulsets', 'cordum-nats'), 'status', 'currentRevision')).toBe(at(kube.get('statefulsets', 'cordum-nats'), 'status', 'updateRevision'));
  });

  it('run a Job that somebody created and tell its CronJob of the success', async () => {
    await using kube = await startFakeKubernetes();
    const cronJob = kube.addCronJob({ name: 'cordum-redis-backup' });
    const spec = at(cronJob, 'spec', 'jobTemplate', 'spec') as Record<string, string>;
    const owner = { apiVersion: 'batch/v1', kind: 'CronJob', name: cronJob.metadata.name, uid: cronJob.metadata.uid, controller: true };
    const metadata = { name: 'by-hand', annotations: { 'cronjob.kubernetes.io/instantiate': 'manual' }, ownerReferences: [owner] };
    expect(await (await kube.client()).create('jobs', { metadata, spec }, anything, {})).toMatchObject({ ok: true });
    expect(kube.get('jobs', 'by-hand').status).toEqual({});
    kube.tick();
    expect(numberAt(kube.get('jobs', 'by-hand'), 'status', 'active')).toBe(1);
    kube.tick();
    expect(reasonOf(kube.get('jobs', 'by-hand'), 'Complete')).toBe('CompletionsReached');
    expect(kube.get('cronjobs', 'cordum-redis-backup').status).toHaveProperty('lastSuccessfulTime');
  });

  it('count a disruption budget from the pods that are ready', async () => {
    await using kube = await startFakeKubernetes();
    kube.addDeployment({ name: NAME, replicas: 2 });
    kube.addPdb({ name: NAME, labels: { app: NAME }, maxUnavailable: 1 });
    expect(numberAt(kube.get('poddisruptionbudgets', NAME), 'status', 'disruptionsAllowed')).toBe(1);
    kube.setPod(kube.podsOf(NAME)[0]?.metadata.name ?? '', 'crashLoop');
    expect(numberAt(kube.get('poddisruptionbudgets', NAME), 'status', 'disruptionsAllowed')).toBe(0);
    expect(numberAt(kube.get('deployments', NAME), 'status', 'readyReplicas')).toBe(1);
  });

  it('move on with every read when the fake is live', async () => {
    await using kube = await startFakeKubernetes({ live: true });
    kube.addDeployment({ name: NAME });
    await patch(kube, image('new'));
    const client = await kube.client();
    const seen: number[] = [];
    for (let reads = 0; reads < 3; reads += 1) {
      const answer = await client.get('deployments', NAME, anything, {});
      seen.push(answer.ok ? numberAt(answer.value, 'status', 'observedGeneration') : -1);
    }
    expect(seen).toEqual([1, 2, 2]);
  });
});
