import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endpointsList } from '#systems/kubernetes/steps/endpoints-list.ts';
import { networkpoliciesList } from '#systems/kubernetes/steps/networkpolicies-list.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../../../kit/kubernetes/fake.ts';
import { read } from '../../../../kit/step-context.ts';

let kube: FakeKubernetes;
beforeEach(async () => {
  kube = await startFakeKubernetes();
  kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety' });
  kube.addDeployment({ name: 'cordum-api-gateway', container: 'gateway' });
});
afterEach(() => kube.close());

const policy = (name: string, spec: object): void => void kube.put('networkpolicies', { metadata: { name }, spec } as never);
const ask = { service: 'safety-kernel', from: 'api-gateway', port: 50051 };
const may = async (input: object = ask) => read(networkpoliciesList, input, await kube.client());
const kernelPods = { matchLabels: { app: 'cordum-safety-kernel' } };
const fromGateway = { podSelector: { matchLabels: { app: 'cordum-api-gateway' } } };

describe('whether a service may be reached', () => {
  it('is yes where no policy selects it', async () => {
    policy('elsewhere', { podSelector: { matchLabels: { app: 'other' } }, policyTypes: ['Ingress'] });
    expect(await may()).toMatchObject({ allowed: 'yes', total: 0, ingress: { policy: '' } });
  });

  it('is no under the default-deny of the production overlay, which lets nobody in to the safety kernel', async () => {
    policy('cordum-default-deny', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
    policy('cordum-egress-api-gateway', { podSelector: { matchLabels: { app: 'cordum-api-gateway' } }, policyTypes: ['Egress'], egress: [{ to: [{ podSelector: kernelPods }], ports: [{ protocol: 'TCP', port: 50051 }] }] });
    expect(await may()).toMatchObject({ allowed: 'no', ingress: { allowed: 'no', policy: 'cordum-default-deny' }, egress: { allowed: 'yes', policy: 'cordum-egress-api-gateway' } });
  });

  it('is asked for a Job of a backup by the labels of its template, which as shipped has none', async () => {
    kube.addStatefulSet({ name: 'cordum-redis', container: 'redis', labels: { app: 'redis' } });
    kube.addCronJob({ name: 'cordum-redis-backup' });
    policy('cordum-allow-redis', { podSelector: { matchLabels: { app: 'redis' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'Exists' }] } }] }] });
    const backup = { service: 'redis', fromBackup: 'redis', port: 6379 };
    expect(await may(backup)).toMatchObject({ allowed: 'no', ingress: { policy: 'cordum-allow-redis' } });
    policy('let-jobs-in', { podSelector: { matchLabels: { app: 'redis' } }, policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: { matchExpressions: [{ key: 'job-name', operator: 'Exists' }] } }] }] });
    expect(await may(backup)).toMatchObject({ allowed: 'yes', ingress: { policy: 'let-jobs-in' } });
    await expect(may({ ...backup, fromBackup: 'nats' })).rejects.toThrow('cordum-nats-backup');
  });

  it('is yes when one of several policies allows it, on that port only', async () => {
    policy('deny', { podSelector: {}, policyTypes: ['Ingress'] });
    policy('allow', { podSelector: kernelPods, policyTypes: ['Ingress'], ingress: [{ from: [fromGateway], ports: [{ protocol: 'TCP', port: 50051 }] }] });
    expect(await may()).toMatchObject({ allowed: 'yes', ingress: { policy: 'allow' } });
    expect(await may({ ...ask, port: 9095 })).toMatchObject({ allowed: 'no' });
    expect(await may({ ...ask, from: 'safety-kernel' })).toMatchObject({ allowed: 'no' });
  });

  it.each([
    ['a range of ports', { ports: [{ port: 50_000, endPort: 50_100 }] }, 'yes'],
    ['another protocol', { ports: [{ protocol: 'UDP', port: 50_051 }] }, 'no'],
    ['a port by a name that no container has', { ports: [{ port: 'grpc' }] }, 'unknown'],
    ['everybody', {}, 'yes'],
    ['every namespace', { from: [{ namespaceSelector: {} }] }, 'yes'],
    ['this namespace by its name', { from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'cordum' } } }] }, 'yes'],
    ['another namespace by its name', { from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } }] }, 'no'],
    ['namespaces by a label that cannot be seen', { from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }] }, 'unknown'],
    ['addresses', { from: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }, 'unknown'],
    ['pods by an expression', { from: [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['cordum-api-gateway'] }] } }] }, 'yes'],
    ['all pods but these', { from: [{ podSelector: { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['cordum-api-gateway'] }] } }] }, 'no'],
  ])('by a rule for %s', async (_what, rule, allowed) => {
    policy('allow', { podSelector: kernelPods, ingress: [rule] });
    expect(await may()).toMatchObject({ allowed });
  });

  it('is not known for a caller of which nothing is known', async () => {
    policy('allow', { podSelector: kernelPods, ingress: [{ from: [fromGateway] }] });
    expect(await may({ service: 'safety-kernel' })).toMatchObject({ allowed: 'unknown' });
  });
});

describe('what stands behind a Service', () => {
  const service = (spec: object): void => void kube.put('services', { metadata: { name: 'cordum-safety-kernel' }, spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', selector: { app: 'cordum-safety-kernel' }, ...spec } } as never);
  const slice = (...ready: boolean[]): void => void kube.put('endpointslices', { metadata: { name: 'cordum-safety-kernel-x', labels: { 'kubernetes.io/service-name': 'cordum-safety-kernel' } }, addressType: 'IPv4', endpoints: ready.map((one, index) => ({ addresses: [`10.0.0.${index}`], conditions: { ready: one }, targetRef: { kind: 'Pod', name: `p${index}` } })), ports: [{ port: 50_051 }] } as never);
  const look = async (port?: number) => read(endpointsList, { service: 'safety-kernel', ...(port === undefined ? {} : { port }) }, await kube.client());
  const grpc = { ports: [{ name: 'grpc', port: 50_051, targetPort: 50_051 }] };
  const declared = (containerPort: number): void => {
    const { spec } = kube.get('deployments', 'cordum-safety-kernel');
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { ...spec, template: { metadata: { labels: { app: 'cordum-safety-kernel' } }, spec: { containers: [{ name: 'safety', image: 'x', ports: [{ containerPort }] }] } } } });
  };

  it('is told apart: no Service, no pods, none ready, a wrong port, all well', async () => {
    expect(await look()).toMatchObject({ problem: 'noService', total: 0, portServed: false });
    service(grpc);
    expect(await look()).toMatchObject({ problem: 'noPods', portServed: false });
    slice(false);
    expect(await look()).toMatchObject({ problem: 'noReadyPods', items: [{ notReady: 1 }] });
    kube.remove('endpointslices', 'cordum-safety-kernel-x');
    slice(true, false);
    expect(await look(50_051)).toMatchObject({ problem: 'none', readyAddresses: 1, portServed: true, items: [{ addresses: [{ pod: 'p0', ready: true }, {}] }] });
    expect(await look(8_080)).toMatchObject({ problem: 'portNotExposed', portServed: false });
  });

  it('is a wrong port when the pods declare others, and no problem when they declare it or none', async () => {
    service(grpc);
    slice(true);
    expect(await look()).toMatchObject({ problem: 'none' });
    declared(9_999);
    expect(await look()).toMatchObject({ problem: 'targetPortNotServed', items: [{ ports: [{ declared: false }] }] });
    declared(50_051);
    expect(await look()).toMatchObject({ problem: 'none', items: [{ ports: [{ declared: true }] }] });
  });

  it('leaves out Services that select other pods, or none', async () => {
    service({ ...grpc, selector: { app: 'other' } });
    kube.put('services', { metadata: { name: 'no-selector' }, spec: { ports: [{ port: 1 }] } } as never);
    expect(await look()).toMatchObject({ total: 0 });
  });
});
