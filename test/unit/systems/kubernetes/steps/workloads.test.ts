import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { workload } from '#systems/kubernetes/records.ts';
import { judge } from '#systems/kubernetes/rollouts.ts';
import { deploymentsList } from '#systems/kubernetes/steps/deployments-list.ts';
import { hpaList } from '#systems/kubernetes/steps/hpa-list.ts';
import { pdbList } from '#systems/kubernetes/steps/pdb-list.ts';
import { pvcList } from '#systems/kubernetes/steps/pvc-list.ts';
import { rolloutHistory } from '#systems/kubernetes/steps/rollout-history.ts';
import { rolloutStatus } from '#systems/kubernetes/steps/rollout-status.ts';
import { tagOf, withTag } from '#systems/kubernetes/words.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { kubeRecording } from '../../../../kit/kubernetes/recordings.ts';
import { read, tryRead } from '../../../../kit/step-context.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
});
afterEach(() => kube.close());

describe('a rollout as a real controller reported it', () => {
  it.each([
    ['deployment_get_ok', 'deployments', 'complete'],
    ['deployment_get_mid_rollout', 'deployments', 'progressing'],
    ['deployment_get_restarting', 'deployments', 'progressing'],
    ['deployment_get_progress_deadline_exceeded', 'deployments', 'stuck'],
    ['deployment_get_replica_failure', 'deployments', 'stuck'],
    ['deployment_get_paused', 'deployments', 'paused'],
    ['deployment_get_unavailable', 'deployments', 'degraded'],
    ['deployment_get_after_undo', 'deployments', 'complete'],
    ['statefulset_get', 'statefulsets', 'complete'],
    ['statefulset_get_restarting', 'statefulsets', 'progressing'],
    ['statefulset_get_restarted', 'statefulsets', 'complete'],
  ] as const)('%s is, of %s, %s', (name, kind, rollout) => {
    expect(judge({ kind, record: workload.parse(kubeRecording(name).response.body) }).rollout).toBe(rollout);
  });
});

describe('the workloads of Cordum', () => {
  it('are listed with what is missing, and others in the namespace are left out', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', image: 'ghcr.io/cordum/scheduler:v0.9.7' });
    kube.addDeployment({ name: 'somebody-elses' });
    kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, image: 'redis:7', replicas: 6 });
    const answer = await read(deploymentsList, {}, await kube.client());
    expect(answer).toMatchObject({ total: 2, healthy: false, items: [{ service: 'scheduler', tag: 'v0.9.7', rollout: 'complete', healthy: true, minReplicas: 1, maxReplicas: 3, limitMemory: '512Mi' }, { service: 'redis', kind: 'statefulsets', ready: 6 }] });
    expect((answer['missing'] as { service: string }[]).map(({ service }) => service)).toContain('nats');
  });

  it('scaled to zero are not healthy, and none at all is not found', async () => {
    const client = await kube.client();
    expect(await tryRead(deploymentsList, {}, client)).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 0 });
    expect(await read(deploymentsList, { service: 'scheduler' }, client)).toMatchObject({ healthy: false, items: [{ desired: 0, rollout: 'complete', healthy: false }] });
  });

  it('show the settings that were asked for, and never a secret', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', env: { REDIS_POOL_SIZE: '20', REDIS_URL: 'rediss://:hunter2@redis:6379', API_KEY: 'abc', DB_PASSWORD: 'xyz' } });
    const answer = await read(deploymentsList, { service: 'scheduler', env: ['REDIS_POOL_SIZE', 'REDIS_URL', 'API_KEY', 'DB_PASSWORD', 'NOT_SET'] }, await kube.client());
    expect(answer).toMatchObject({ items: [{ env: [{ name: 'REDIS_POOL_SIZE', value: '20', source: 'plain' }, { value: '', source: 'hidden' }, { value: '', source: 'hidden' }, { value: '', source: 'hidden' }, { value: '', source: 'absent' }] }] });
    expect(JSON.stringify(answer)).not.toMatch(/hunter2|abc|xyz/);
  });
});

describe('the rollout of a service', () => {
  it('says what it waits for', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', replicas: 2, pods: ['running', 'crashLoop'] });
    const client = await kube.client();
    expect(await read(rolloutStatus, { service: 'scheduler' }, client)).toMatchObject({ rollout: 'degraded', complete: false, stuck: false, healthy: false, why: '1 of 2 pods available.' });
    expect(await tryRead(rolloutStatus, { service: 'dashboard' }, client)).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });

  it('has a history whose newest different revision is what an undo goes to', async () => {
    kube.addDeployment({ name: 'cordum-scheduler', image: 's:v3', history: [{ image: 's:v1', cause: 'first' }, { image: 's:v2' }] });
    const client = await kube.client();
    expect(await read(rolloutHistory, { service: 'scheduler' }, client)).toMatchObject({ current: 3, previous: 2, items: [{ revision: 3, tag: 'v3', current: true }, { revision: 2 }, { revision: 1, changeCause: 'first' }] });
    kube.addStatefulSet({ name: 'cordum-nats', labels: { app: 'nats' } });
    expect(await tryRead(rolloutHistory, { service: 'nats' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });
});

describe('autoscalers, budgets and volumes', () => {
  it('an autoscaler that cannot see its metrics is not active', async () => {
    kube.addDeployment({ name: 'cordum-api-gateway' });
    kube.addHpa({ name: 'cordum-api-gateway', min: 2, max: 3 });
    kube.settle();
    const client = await kube.client();
    expect(await read(hpaList, {}, client)).toMatchObject({ active: false, items: [{ service: 'api-gateway', scalingActive: false, metrics: [{ name: 'cpu', seen: false, targetPercent: 70 }, { seen: false }] }] });
    kube.utilization('cordum-api-gateway', 200);
    kube.settle();
    expect(await read(hpaList, { service: 'api-gateway' }, client)).toMatchObject({ active: true, items: [{ scalingActive: true, desired: 3, atMax: true }] });
    expect(await read(hpaList, { service: 'scheduler' }, client)).toMatchObject({ total: 0, active: false });
  });

  it('a budget belongs to the service whose pods it selects, and says whether one may go', async () => {
    kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, replicas: 6, pods: ['running', 'running', 'running', 'running', 'notReady', 'notReady'] });
    kube.addPdb({ name: 'cordum-redis-pdb', labels: { app: 'redis' }, minAvailable: 4 });
    expect(await read(pdbList, { service: 'redis' }, await kube.client())).toMatchObject({ allAllow: false, items: [{ service: 'redis', minAvailable: '4', healthy: 4, disruptionsAllowed: 0, allowed: false }] });
    expect(await read(pdbList, { service: 'nats' }, await kube.client())).toMatchObject({ total: 0, allAllow: false });
  });

  it('a claim that is not bound says so', async () => {
    kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, replicas: 2, storage: '20Gi' });
    kube.addPvc({ name: 'cordum-backups', phase: 'Pending' });
    const client = await kube.client();
    expect(await read(pvcList, { service: 'redis' }, client)).toMatchObject({ total: 2, allBound: true, items: [{ capacity: '20Gi' }, {}] });
    expect(await read(pvcList, {}, client)).toMatchObject({ total: 3, bound: 2, allBound: false });
  });

  it('shows the claims that its pods name, since those of the Helm chart do not say whose they are', async () => {
    kube.addDeployment({ name: 'cordum-redis', container: 'redis', replicas: 1, labels: { 'app.kubernetes.io/instance': 'cordum', 'app.kubernetes.io/component': 'redis' } });
    kube.touch('deployments', 'cordum-redis', { spec: { template: { spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'cordum-redis' } }, { name: 'tmp', emptyDir: {} }] } } } });
    for (const name of ['cordum-redis', 'cordum-nats']) kube.addPvc({ name, phase: 'Pending', labels: { 'app.kubernetes.io/instance': 'cordum' } });
    const client = await kube.client({ profile: 'helm' });
    expect(await read(pvcList, { service: 'redis' }, client)).toMatchObject({ total: 1, bound: 0, items: [{ name: 'cordum-redis', phase: 'Pending' }] });
    kube.deny({ verb: 'get', resource: 'deployments' });
    expect(await tryRead(pvcList, { service: 'redis' }, client)).toMatchObject({ ok: false, failure: { reason: 'forbidden' } });
  });
});

describe('the name of an image', () => {
  it.each([
    ['ghcr.io/cordum/x:v1', 'v1', 'ghcr.io/cordum/x:v2'],
    ['registry:5000/x', 'latest', 'registry:5000/x:v2'],
    ['x@sha256:abc', 'sha256:abc', 'x:v2'],
    ['registry:5000/x:v1@sha256:abc', 'sha256:abc', 'registry:5000/x:v2'],
  ])('%s has the tag %s, and with another is %s', (image, tag, next) => {
    expect(tagOf(image)).toBe(tag);
    expect(withTag(image, 'v2')).toBe(next);
  });

  it('takes a digest as well', () => {
    expect(withTag('x:v1', 'sha256:abc')).toBe('x@sha256:abc');
  });
});
