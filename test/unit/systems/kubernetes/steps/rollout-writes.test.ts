import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deploymentSetEnv } from '#systems/kubernetes/steps/deployment-set-env.ts';
import { deploymentSetImage } from '#systems/kubernetes/steps/deployment-set-image.ts';
import { rolloutPause } from '#systems/kubernetes/steps/rollout-pause.ts';
import { rolloutRestart } from '#systems/kubernetes/steps/rollout-restart.ts';
import { rolloutResume } from '#systems/kubernetes/steps/rollout-resume.ts';
import { rolloutUndo } from '#systems/kubernetes/steps/rollout-undo.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { at, type KubeObject } from '../../../../kit/kubernetes/objects.ts';
import { writeRig } from '../../../../kit/kubernetes/write-rig.ts';
import { contextOn } from '../../../../kit/step-context.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
  kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', image: 'ghcr.io/cordum/safety-kernel:v0.9.7', history: [{ image: 'ghcr.io/cordum/safety-kernel:v0.9.6', cause: 'first' }], env: { LOG_LEVEL: 'info' } });
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', image: 'ghcr.io/cordum/scheduler:v0.9.7', sidecars: ['otel-collector'], env: { SCHEMA_ENFORCEMENT: 'warn' } });
});
afterEach(() => kube.close());

const kernel = { services: ['safety-kernel'] };
const writes = (): string[] => kube.requests.filter(({ method }) => method !== 'GET').map(({ path, query }) => `${path.split('/').at(-1) ?? ''}${String(query).includes('dryRun') ? '?dryRun' : ''}`);
const imageOf = (deployment: KubeObject): unknown => at(deployment, 'spec', 'template', 'spec', 'containers', '0', 'image');

describe('a restart', () => {
  it('is tried as a dry run first, and changes nothing by it', async () => {
    const before = kube.get('deployments', 'cordum-safety-kernel').metadata.resourceVersion;
    const plan = await (await writeRig(rolloutRestart, kube)).planned(kernel);
    expect(plan.items).toMatchObject([{ key: 'deployment/cordum-safety-kernel', current: { state: expect.stringMatching(/^[0-9a-f]{16}$/) } }]);
    expect(writes()).toEqual(['cordum-safety-kernel?dryRun']);
    expect(kube.get('deployments', 'cordum-safety-kernel').metadata.resourceVersion).toBe(before);
  });

  it('replaces every pod and is done when the new ones are available', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const before = kube.podsOf('cordum-safety-kernel').map(({ metadata }) => metadata.name);
    const applied = await rig.carryOut(kernel);
    expect(kube.podsOf('cordum-safety-kernel').map(({ metadata }) => metadata.name)).not.toEqual(expect.arrayContaining(before));
    expect(await rig.verify(applied, kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'done' } });
  });

  it('is pending right after the call, although the counters look complete', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const [item] = (await rig.planned(kernel)).items;
    if (item === undefined) throw new Error('no item');
    const done = await rig.apply(item, kernel);
    if (!done.ok) throw new Error(done.failure.message);
    expect(await rig.verify([{ item, result: done.value }], kernel)).toMatchObject({ ends: { [item.key]: 'pending' } });
  });

  it('has failed as soon as a new pod cannot pull its image', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    kube.fate('cordum-safety-kernel', 'imagePull');
    const applied = await rig.carryOut(kernel);
    const answer = await rig.verify(applied, kernel);
    expect(answer.ends).toEqual({ 'deployment/cordum-safety-kernel': 'failed' });
    expect(answer.say).toContain('image');
  });

  it('has failed when its deadline has passed, and is unknown while somebody has paused it', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const applied = await rig.carryOut(kernel);
    const late = [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'timed out' }];
    kube.touch('deployments', 'cordum-safety-kernel', { status: { updatedReplicas: 1, conditions: late } });
    expect(await rig.verify(applied, kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'failed' }, say: expect.stringContaining('deadline') });
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { paused: true } });
    expect(await rig.verify(applied, kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'unknown' } });
  });

  it('is refused by a conflict when the workload has moved, and nothing lands', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const [item] = (await rig.planned(kernel)).items;
    if (item === undefined) throw new Error('no item');
    kube.touch('deployments', 'cordum-safety-kernel', { metadata: { labels: { touched: 'yes' } } });
    expect(await rig.apply(item, kernel)).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(await rig.probe(item, kernel)).toMatchObject({ landed: 'notApplied' });
  });

  it('stays as it was planned while only the status moves, as it does with each pod that turns ready or unready', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const { items } = await rig.planned(kernel);
    kube.touch('deployments', 'cordum-safety-kernel', { status: { readyReplicas: 1, unavailableReplicas: 1 } });
    expect((await rig.planned(kernel)).items).toEqual(items);
    const [item] = items;
    if (item === undefined) throw new Error('no item');
    expect(await rig.probe(item, kernel)).toMatchObject({ landed: 'notApplied', evidence: expect.stringContaining('still as it was planned') });
    expect(await rig.apply(item, kernel)).toMatchObject({ ok: true });
  });

  it('is tried again when the status moves between the last look and the call, but not for ever', async () => {
    const client = await kube.client();
    const rig = await writeRig(rolloutRestart, kube);
    const [item] = (await rig.planned(kernel)).items;
    if (item === undefined) throw new Error('no item');
    let moves = 1;
    const flapping = { ...client, patch: ((resource, name, patch, shape, call) => {
      if (moves > 0) kube.touch('deployments', name, { status: { readyReplicas: moves } });
      moves -= 1;
      return client.patch(resource, name, patch, shape, call);
    }) as typeof client.patch };
    expect(await rolloutRestart.plan(kernel as { services: 'safety-kernel'[] }, contextOn(flapping))).toMatchObject({ ok: true, value: { items: [item] } });
    moves = 1;
    expect(await rolloutRestart.apply(item, rolloutRestart.input.parse(kernel), contextOn(flapping))).toMatchObject({ ok: true });
    const [again] = (await rig.planned(kernel)).items;
    moves = 99;
    expect(await rolloutRestart.apply(again ?? item, rolloutRestart.input.parse(kernel), contextOn(flapping))).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(moves).toBe(96);
  });

  it('of one that was made anew under the same name is a conflict', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const [item] = (await rig.planned(kernel)).items;
    if (item === undefined) throw new Error('no item');
    kube.touch('deployments', 'cordum-safety-kernel', { metadata: { uid: 'another' } });
    expect(await rig.apply(item, kernel)).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
  });

  it('whose answer was lost is found by its mark, and only by its own', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    const [item] = (await rig.planned(kernel)).items;
    if (item === undefined) throw new Error('no item');
    expect(await rig.probe(item, kernel)).toMatchObject({ landed: 'notApplied' });
    await rig.apply(item, kernel, { idempotencyKey: 'effect-1' });
    expect(await rig.probe(item, kernel, { idempotencyKey: 'effect-1' })).toMatchObject({ landed: 'applied', result: { service: 'safety-kernel' } });
    expect(await rig.probe(item, kernel, { idempotencyKey: 'effect-2' })).toMatchObject({ landed: 'notApplied' });
  });

  it('has no floor to keep where surge pods come first, and keeps it where pods go first', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    expect((await rig.planned(kernel)).capacity).toBeUndefined();
    const { spec } = kube.get('deployments', 'cordum-safety-kernel');
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { ...spec, strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } } } });
    expect((await rig.planned(kernel)).capacity).toEqual({ total: 2, floor: 1 });
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { ...spec, strategy: { type: 'Recreate' } } });
    expect(await rig.plan(kernel)).toMatchObject({ ok: false, failure: { reason: 'refused', message: expect.stringContaining('Recreate') } });
  });

  it('of a paused Deployment is refused, and a missing one is not found', async () => {
    const rig = await writeRig(rolloutRestart, kube);
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { paused: true } });
    expect(await rig.plan(kernel)).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(await rig.plan({ services: ['dashboard'] })).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });

  it('of a StatefulSet keeps the majority of a store', async () => {
    kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, container: 'redis', image: 'redis:7', replicas: 6 });
    const rig = await writeRig(rolloutRestart, kube);
    const plan = await rig.planned({ services: ['redis'] });
    expect(plan).toMatchObject({ capacity: { total: 6, floor: 4 }, items: [{ key: 'statefulset/cordum-redis' }] });
    const applied = await rig.carryOut({ services: ['redis'] });
    expect(await rig.verify(applied, { services: ['redis'] })).toMatchObject({ ends: { 'statefulset/cordum-redis': 'done' } });
  });
});

describe('an undo', () => {
  it('goes back to the revision before that differs, passing over a restart', async () => {
    await (await writeRig(rolloutRestart, kube)).carryOut(kernel);
    const rig = await writeRig(rolloutUndo, kube);
    const plan = await rig.planned(kernel);
    expect(plan.items).toMatchObject([{ current: { image: 'ghcr.io/cordum/safety-kernel:v0.9.7' }, next: { revision: 1, image: 'ghcr.io/cordum/safety-kernel:v0.9.6' } }]);
    const applied = await rig.carryOut(kernel);
    expect(imageOf(kube.get('deployments', 'cordum-safety-kernel'))).toBe('ghcr.io/cordum/safety-kernel:v0.9.6');
    expect(await rig.verify(applied, kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'done' } });
  });

  it('leaves the cause of what it undoes behind, or the history would give it to the revision that comes back', async () => {
    await (await writeRig(deploymentSetImage, kube)).carryOut({ services: ['scheduler'], tag: 'v0.9.8' });
    expect(at(kube.get('deployments', 'cordum-scheduler'), 'metadata', 'annotations', 'kubernetes.io/change-cause')).toBe('runbook bot: v0.9.7 to v0.9.8');
    await (await writeRig(rolloutUndo, kube)).carryOut({ services: ['scheduler'] });
    expect(imageOf(kube.get('deployments', 'cordum-scheduler'))).toBe('ghcr.io/cordum/scheduler:v0.9.7');
    expect(Object.keys(kube.get('deployments', 'cordum-scheduler').metadata.annotations ?? {})).not.toContain('kubernetes.io/change-cause');
  });

  it('can be taken back by a step that the same rules plan', async () => {
    const rig = await writeRig(rolloutUndo, kube);
    const undo = rolloutUndo.undo?.(await rig.carryOut(kernel), rolloutUndo.input.parse(kernel));
    expect(undo?.uses).toBe('kubernetes.rollout.undo');
    await rig.carryOut(undo?.with ?? {});
    expect(imageOf(kube.get('deployments', 'cordum-safety-kernel'))).toBe('ghcr.io/cordum/safety-kernel:v0.9.7');
  });

  it('that races with another change is a conflict at the API itself', async () => {
    const client = await kube.client();
    const plan = await (await writeRig(rolloutUndo, kube)).planned(kernel);
    const [item] = plan.items;
    if (item === undefined) throw new Error('no item');
    // The change comes in between our own last look and the patch.
    const racing = { ...client, patch: ((resource, name, patch, shape, call) => {
      kube.touch('deployments', 'cordum-safety-kernel', { metadata: { labels: { touched: 'yes' } } });
      return client.patch(resource, name, patch, shape, call);
    }) as typeof client.patch };
    expect(await rolloutUndo.apply(item, rolloutUndo.input.parse(kernel), contextOn(racing))).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    expect(imageOf(kube.get('deployments', 'cordum-safety-kernel'))).toBe('ghcr.io/cordum/safety-kernel:v0.9.7');
  });

  it('is not found where no earlier revision differs, and refused while paused', async () => {
    const rig = await writeRig(rolloutUndo, kube);
    expect(await rig.plan({ services: ['scheduler'] })).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    expect(await rig.plan({ revisions: [{ service: 'safety-kernel', revision: 99 }] })).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { paused: true } });
    expect(await rig.plan(kernel)).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });
});

describe('a new image', () => {
  it('goes to the container of the service, in the order given, and keeps the sidecar', async () => {
    const rig = await writeRig(deploymentSetImage, kube);
    const input = { services: ['scheduler', 'safety-kernel'], tag: 'v0.9.8' };
    expect((await rig.planned(input)).items.map(({ key }) => key)).toEqual(['deployment/cordum-scheduler', 'deployment/cordum-safety-kernel']);
    const applied = await rig.carryOut(input);
    const scheduler = kube.get('deployments', 'cordum-scheduler');
    expect(imageOf(scheduler)).toBe('ghcr.io/cordum/scheduler:v0.9.8');
    expect(at(scheduler, 'spec', 'template', 'spec', 'containers', '1', 'image')).toBe('sidecars/otel-collector:v1');
    expect(at(scheduler, 'metadata', 'annotations', 'kubernetes.io/change-cause')).toBe('runbook bot: v0.9.7 to v0.9.8');
    expect(Object.values((await rig.verify(applied, input)).ends)).toEqual(['done', 'done']);
    const undo = deploymentSetImage.undo?.(applied, deploymentSetImage.input.parse(input));
    expect(undo?.with).toEqual({ tags: [{ service: 'safety-kernel', tag: 'v0.9.7' }, { service: 'scheduler', tag: 'v0.9.7' }] });
    await rig.carryOut(undo?.with ?? {});
    expect(imageOf(kube.get('deployments', 'cordum-safety-kernel'))).toBe('ghcr.io/cordum/safety-kernel:v0.9.7');
  });

  it('that is there already is left out, and one that somebody sets back has returned', async () => {
    const rig = await writeRig(deploymentSetImage, kube);
    expect(await rig.planned({ services: ['scheduler'], tag: 'v0.9.7' })).toMatchObject({ items: [], notes: [expect.stringContaining('already')] });
    const input = { services: ['scheduler'], tag: 'v0.9.8' };
    const applied = await rig.carryOut(input);
    await rig.carryOut({ services: ['scheduler'], tag: 'v0.9.7' });
    expect(Object.values((await rig.verify(applied, input)).ends)).toEqual(['returned']);
  });

  it('must be a tag, not the name of an image elsewhere', () => {
    for (const tag of ['evil.example.com/x:1', 'v1 ', '../v1', '', 'v1@sha256:0']) expect(deploymentSetImage.input.safeParse({ services: ['scheduler'], tag }).success, tag).toBe(false);
    expect(deploymentSetImage.input.safeParse({ services: ['redis'], tag: 'v1' }).success).toBe(false);
  });
});

describe('a setting', () => {
  const input = { changes: [{ service: 'scheduler', name: 'SCHEMA_ENFORCEMENT', value: 'enforce' }, { service: 'safety-kernel', name: 'SAFETY_DECISION_CACHE_TTL', value: '30s' }] };

  it('is set, shows the former value, and is taken back to it or out again', async () => {
    const rig = await writeRig(deploymentSetEnv, kube);
    const plan = await rig.planned(input);
    expect(plan.items[0]?.current).toMatchObject({ settings: [{ name: 'SCHEMA_ENFORCEMENT', value: 'warn', set: true }] });
    const applied = await rig.carryOut(input);
    expect(envOf('cordum-scheduler')).toEqual([{ name: 'SCHEMA_ENFORCEMENT', value: 'enforce' }]);
    expect(envOf('cordum-safety-kernel')).toContainEqual({ name: 'SAFETY_DECISION_CACHE_TTL', value: '30s' });
    expect(Object.values((await rig.verify(applied, input)).ends)).toEqual(['done', 'done']);
    const undo = deploymentSetEnv.undo?.(applied, deploymentSetEnv.input.parse(input));
    await rig.carryOut(undo?.with ?? {});
    expect(envOf('cordum-scheduler')).toEqual([{ name: 'SCHEMA_ENFORCEMENT', value: 'warn' }]);
    expect(envOf('cordum-safety-kernel')).toEqual([{ name: 'LOG_LEVEL', value: 'info' }]);
  });

  it('of another name is refused, and so is a value that could be more than a word', () => {
    const tried = (change: object): boolean => deploymentSetEnv.input.safeParse({ changes: [{ service: 'scheduler', ...change }] }).success;
    expect(tried({ name: 'SCHEMA_ENFORCEMENT', value: 'off' })).toBe(true);
    for (const change of [{ name: 'REDIS_URL', value: 'x' }, { name: 'LD_PRELOAD', value: 'x' }, { name: 'SCHEMA_ENFORCEMENT', value: '$(REDIS_PASSWORD)' }, { name: 'SCHEMA_ENFORCEMENT' }]) expect(tried(change), JSON.stringify(change)).toBe(false);
  });

  it('never opens a gate that is closed, also not by the undo of closing it', async () => {
    const tried = (change: object): boolean => deploymentSetEnv.input.safeParse({ changes: [{ service: 'scheduler', name: 'POLICY_CHECK_FAIL_MODE', ...change }] }).success;
    for (const value of ['open', 'OPEN', 'Closed', 'allow']) expect(tried({ value }), value).toBe(false);
    expect(tried({ value: 'closed' })).toBe(true);
    expect(tried({ remove: true })).toBe(true);
    const { spec } = kube.get('deployments', 'cordum-scheduler');
    const container = { name: 'scheduler', image: 'x:1', env: [{ name: 'POLICY_CHECK_FAIL_MODE', value: 'open' }, { name: 'SCHEMA_ENFORCEMENT', value: 'warn' }] };
    kube.touch('deployments', 'cordum-scheduler', { spec: { ...spec, template: { metadata: { labels: { app: 'cordum-scheduler' } }, spec: { containers: [container] } } } });
    const close = { service: 'scheduler', name: 'POLICY_CHECK_FAIL_MODE', value: 'closed' };
    const both = { changes: [close, { service: 'scheduler', name: 'SCHEMA_ENFORCEMENT', value: 'enforce' }] };
    const applied = await (await writeRig(deploymentSetEnv, kube)).carryOut(both);
    expect(envOf('cordum-scheduler')).toContainEqual({ name: 'POLICY_CHECK_FAIL_MODE', value: 'closed' });
    expect(deploymentSetEnv.undo?.(applied, deploymentSetEnv.input.parse(both))?.with).toEqual({ changes: [{ service: 'scheduler', name: 'SCHEMA_ENFORCEMENT', value: 'warn' }] });
    const gateAlone = applied.map(({ item, result }) => ({ result, item: { ...item, current: { settings: [{ name: 'POLICY_CHECK_FAIL_MODE', value: 'open', set: true }] } } }));
    expect(deploymentSetEnv.undo?.(gateAlone, deploymentSetEnv.input.parse({ changes: [close] }))).toBeUndefined();
  });

  it('that comes from a Secret is left to whoever keeps it', async () => {
    const { spec } = kube.get('deployments', 'cordum-scheduler');
    const container = { name: 'scheduler', image: 'x:1', env: [{ name: 'SCHEMA_ENFORCEMENT', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] };
    kube.touch('deployments', 'cordum-scheduler', { spec: { ...spec, template: { metadata: { labels: { app: 'cordum-scheduler' } }, spec: { containers: [container] } } } });
    expect(await (await writeRig(deploymentSetEnv, kube)).plan(input)).toMatchObject({ ok: false, failure: { reason: 'refused' } });
  });
});

describe('pausing', () => {
  it('holds, resumes, and each takes the other back', async () => {
    const pause = await writeRig(rolloutPause, kube);
    const applied = await pause.carryOut(kernel);
    expect(at(kube.get('deployments', 'cordum-safety-kernel'), 'spec', 'paused')).toBe(true);
    expect(await pause.verify(applied, kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'done' } });
    expect((await pause.planned(kernel)).items).toEqual([]);
    const undo = rolloutPause.undo?.(applied, rolloutPause.input.parse(kernel));
    expect(undo?.uses).toBe(rolloutResume.name);
    const resume = await writeRig(rolloutResume, kube);
    expect(await resume.verify(await resume.carryOut(undo?.with ?? {}), kernel)).toMatchObject({ ends: { 'deployment/cordum-safety-kernel': 'done' } });
    expect(at(kube.get('deployments', 'cordum-safety-kernel'), 'spec', 'paused')).not.toBe(true);
  });
});

function envOf(name: string): unknown {
  return at(kube.get('deployments', name), 'spec', 'template', 'spec', 'containers', '0', 'env');
}
