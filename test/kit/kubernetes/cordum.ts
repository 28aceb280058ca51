/** Cordum's Deployments in the fake Kubernetes, for what stops and starts them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { KubernetesTarget } from '#config/config.ts';
import { type FakeKubernetes, startFakeKubernetes } from './fake.ts';

export interface CordumInKubernetes {
  readonly fake: FakeKubernetes;
  readonly target: KubernetesTarget & { readonly kubeconfig: string };
  replicas(): Record<string, number>;
  /** What was scaled to what, in order: `cordum-scheduler 0`. */
  scaled(): string[];
}

/** Deployments by name, with so many replicas. Its controllers move with every read. */
export async function startCordumInKubernetes(services: Readonly<Record<string, number>>): Promise<CordumInKubernetes> {
  const fake = await startFakeKubernetes({ live: true });
  onTestFinished(() => fake.close());
  for (const [name, replicas] of Object.entries(services)) fake.addDeployment({ name, replicas });
  const folder = await mkdtemp(join(tmpdir(), 'cordum-kube-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = await fake.kubeconfig(join(folder, 'kubeconfig'));
  return {
    fake,
    target: { namespace: fake.namespace, kubeconfig, profile: 'kustomize', names: {}, replicas: {} },
    replicas: () => Object.fromEntries(Object.keys(services).map((name) => [name, Number(fake.get('deployments', name).spec?.['replicas'])])),
    scaled: () => fake.requests.filter(({ method }) => method === 'PATCH').map(({ path, body }) => `${path.split('/').at(-1) ?? ''} ${/"replicas":(\d+)/.exec(JSON.stringify(body))?.[1] ?? ''}`),
  };
}
