import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { type RunbookRig, startRunbookRig } from '../../kit/runbooks/rig.ts';

const RUNBOOK = `runbook: workloads
title: Changes to workloads
owner: platform-oncall
triggers:
  - alert: ['alertname="Never"']
steps:
  - id: pods
    uses: kubernetes.pods.list
    with: { service: scheduler }
offers:
  - id: fewer
    title: One scheduler
    if: \${{ steps.pods.output.total > 1 }}
    uses: kubernetes.deployment.scale-down
    with: { service: scheduler, replicas: 1 }
    waves: { sizes: [100%], pause: 1s }
  - id: more
    title: Three schedulers
    if: \${{ steps.pods.output.total < 3 }}
    uses: kubernetes.deployment.scale-up
    with: { service: scheduler, replicas: 3 }
  - id: upgrade
    title: Upgrade
    if: \${{ steps.pods.output.total > 0 }}
    uses: kubernetes.deployment.set-image
    with: { services: [safety-kernel, scheduler], tag: v0.9.8 }
    waves: { sizes: [1], pause: 1s }
`;

interface World {
  readonly kube: FakeKubernetes;
  readonly rig: RunbookRig;
}

async function startWorld(schedulers: { readonly replicas: number; readonly pods?: readonly ('running' | 'crashLoop')[] }): Promise<World> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  const folder = await mkdtemp(join(tmpdir(), 'kubernetes-writes-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', image: 'ghcr.io/cordum/scheduler:v0.9.7', ...schedulers });
  kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', image: 'ghcr.io/cordum/safety-kernel:v0.9.7' });
  await writeFile(join(folder, 'workloads.yaml'), RUNBOOK);
  const kubeconfig = await kube.kubeconfig(join(folder, 'kubeconfig'));
  const rig = await startRunbookRig({ kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' } }, { runbooks: folder });
  return { kube, rig };
}

const offerOf = (view: RunView, id: string): RunView['offers'][number] | undefined => view.offers.find((offer) => offer.id === id);
const imageOf = (kube: FakeKubernetes, name: string): unknown => at(kube.get('deployments', name), 'spec', 'template', 'spec', 'containers', 0, 'image');

describe('a scale-down, carried out by the whole bot', () => {
  it('takes one replica after another, although the runbook asks for all at once', async () => {
    const { kube, rig } = await startWorld({ replicas: 3 });
    const run = await rig.run('workloads');
    const view = await rig.approve(run.id, 'fewer');
    expect(offerOf(view, 'fewer')).toMatchObject({ status: 'done' });
    expect(at(kube.get('deployments', 'cordum-scheduler'), 'spec', 'replicas')).toBe(1);
    expect(view.effects.map(({ wave }) => wave)).toEqual([0, 1]);
    const sent = kube.requests.filter(({ method, query, path }) => method === 'PATCH' && path.endsWith('/scale') && query.get('dryRun') === null);
    expect(sent.map(({ body }) => at(body, 'spec', 'replicas'))).toEqual([2, 1]);
    expect(sent.every(({ body }) => at(body, 'metadata', 'resourceVersion') !== undefined)).toBe(true);
  });

  it('is not even offered for approval where no serving pod can be spared, while a scale-up is', async () => {
    const { rig } = await startWorld({ replicas: 2, pods: ['running', 'crashLoop'] });
    const run = await rig.run('workloads');
    expect(JSON.stringify(offerOf(run, 'fewer'))).toContain('1 serve and 1 must be left');
    await expect(rig.approvalOf(run.id, 'fewer')).rejects.toThrow('no approval is open');
    await expect(rig.approvalOf(run.id, 'more')).resolves.toMatchObject({ tier: 'R1' });
  });
});

describe('an upgrade in waves of one, carried out by the whole bot', () => {
  it('stops at the service whose new pods do not come up, and leaves the next as it was', async () => {
    const { kube, rig } = await startWorld({ replicas: 2 });
    kube.fate('ghcr.io/cordum/safety-kernel:v0.9.8', 'imagePull');
    const run = await rig.run('workloads');
    await rig.approve(run.id, 'upgrade');
    expect(imageOf(kube, 'cordum-safety-kernel')).toBe('ghcr.io/cordum/safety-kernel:v0.9.8');
    expect(imageOf(kube, 'cordum-scheduler')).toBe('ghcr.io/cordum/scheduler:v0.9.7');
  });

  it('goes on to the next service when the first has been rolled out', async () => {
    const { kube, rig } = await startWorld({ replicas: 2 });
    const run = await rig.run('workloads');
    const view = await rig.approve(run.id, 'upgrade');
    expect(offerOf(view, 'upgrade')).toMatchObject({ status: 'done' });
    expect([imageOf(kube, 'cordum-safety-kernel'), imageOf(kube, 'cordum-scheduler')]).toEqual(['ghcr.io/cordum/safety-kernel:v0.9.8', 'ghcr.io/cordum/scheduler:v0.9.8']);
  });
});
