/** The services of Cordum in a fake cluster, as the production overlay names them, with a Service and addresses in front of each. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DeploymentFacts } from '../kubernetes/builders.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../kubernetes/fake.ts';

const CONTAINERS: Readonly<Record<string, string>> = { 'api-gateway': 'gateway', scheduler: 'scheduler', 'workflow-engine': 'workflow-engine', 'safety-kernel': 'safety', 'context-engine': 'context-engine' };

export interface Services {
  readonly kube: FakeKubernetes;
  /** For `kubernetes` of the target. */
  readonly target: object;
}

/** Two healthy pods each, unless a test says otherwise of a service. */
export async function startServices(different: Readonly<Record<string, Partial<DeploymentFacts>>> = {}): Promise<Services> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  const folder = await mkdtemp(join(tmpdir(), 'services-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [service, container] of Object.entries(CONTAINERS)) {
    kube.addDeployment({ name: `cordum-${service}`, container, image: `ghcr.io/cordum/${service}:v0.9.7`, ...different[service] });
    addService(kube, service);
  }
  kube.addStatefulSet({ name: 'cordum-redis', labels: { app: 'redis' }, container: 'redis', replicas: 6 });
  kube.addStatefulSet({ name: 'cordum-nats', labels: { app: 'nats' }, container: 'nats', replicas: 3 });
  return { kube, target: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } };
}

function addService(kube: FakeKubernetes, service: string): void {
  const name = `cordum-${service}`;
  kube.put('services', { metadata: { name }, spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', selector: { app: name }, ports: [{ name: 'main', port: 80, targetPort: 80 }] } });
  kube.put('endpointslices', {
    metadata: { name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready: true }, targetRef: { kind: 'Pod', name: `${name}-a` } }],
    ports: [{ port: 80 }],
  });
}
