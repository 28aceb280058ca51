/** A target with a real Redis, a sandbox Cordum and a fake Kubernetes that runs them: what the runbooks on Redis look at. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import type { Sandbox } from '#systems/cordum/sandbox/server.ts';
import { CORDUM_KEY } from '../e2e/bot.ts';
import { startCordum } from '../e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../kubernetes/fake.ts';
import type { PodState, PodStateName } from '../kubernetes/pods.ts';
import { type RunbookRig, startRunbookRig } from './rig.ts';

export interface RedisWorld {
  readonly sandbox: Sandbox;
  readonly kube: FakeKubernetes;
  readonly rig: RunbookRig;
}

export interface RedisWorldOptions {
  /** What stands under `redis` of the target. */
  readonly redis: Readonly<Record<string, unknown>>;
  /** The pods of the StatefulSet cordum-redis. Default: one that runs. */
  readonly pods?: readonly (PodStateName | PodState)[];
  readonly replicas?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

export async function startRedisWorld({ redis, pods = ['running'], replicas = pods.length, more = {} }: RedisWorldOptions): Promise<RedisWorld> {
  const { sandbox, url } = await startCordum(0);
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  kube.addStatefulSet({ name: 'cordum-redis', container: 'redis', labels: { app: 'redis' }, replicas, pods, storage: '20Gi' });
  for (const [name, container] of [['cordum-api-gateway', 'gateway'], ['cordum-scheduler', 'scheduler'], ['cordum-workflow-engine', 'workflow-engine'], ['cordum-safety-kernel', 'safety']] as const) kube.addDeployment({ name, container, replicas: 2 });
  kube.put('services', { metadata: { name: 'redis' }, spec: { type: 'ClusterIP', clusterIP: '10.96.0.9', selector: { app: 'redis' }, ports: [{ name: 'redis', port: 6379, targetPort: 6379 }] } });
  const endpoints = pods.map((state, index) => ({ addresses: [`10.244.0.${index + 10}`], conditions: { ready: state === 'running' }, targetRef: { kind: 'Pod', name: `cordum-redis-${index}` } }));
  kube.put('endpointslices', { metadata: { name: 'redis-x', labels: { 'kubernetes.io/service-name': 'redis' } }, addressType: 'IPv4', endpoints, ports: [{ port: 6379 }] });
  kube.addCronJob({ name: 'cordum-redis-backup', schedule: '0 * * * *' });
  const folder = await mkdtemp(join(tmpdir(), 'redis-world-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = await kube.kubeconfig(join(folder, 'kubeconfig'));
  const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis, kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' }, ...more });
  return { sandbox, kube, rig };
}

export const plannedOffers = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);
