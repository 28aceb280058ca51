import { describe, expect, it } from 'vitest';
import { createNames, SERVICES } from '#systems/kubernetes/names.ts';

const plain = { names: {}, replicas: {} };
const kustomize = createNames({ profile: 'kustomize', ...plain });
const helm = createNames({ profile: 'helm', release: 'prod', ...plain });

describe('the names of the production overlay', () => {
  it('runs the stores as StatefulSets under labels without the prefix of their names', () => {
    expect(kustomize.workload('redis')).toEqual({ kind: 'statefulsets', name: 'cordum-redis' });
    expect(kustomize.selector('redis')).toBe('app=redis');
    expect(kustomize.selector('nats')).toBe('app=nats');
  });

  it('runs the services as Deployments, two of which have containers of other names', () => {
    expect(kustomize.workload('safety-kernel')).toEqual({ kind: 'deployments', name: 'cordum-safety-kernel' });
    expect(kustomize.selector('safety-kernel')).toBe('app=cordum-safety-kernel');
    expect([kustomize.container('safety-kernel'), kustomize.container('api-gateway'), kustomize.container('scheduler')]).toEqual(['safety', 'gateway', 'scheduler']);
  });

  it('has an autoscaler for five services, not for the dashboard and the stores', () => {
    expect(SERVICES.filter((service) => kustomize.hpa(service) === undefined)).toEqual(['dashboard', 'redis', 'nats']);
    expect(kustomize.hpa('scheduler')).toBe('cordum-scheduler');
  });

  it('scales by the scaling guide, and the stores not at all', () => {
    expect(kustomize.replicas('scheduler')).toEqual({ min: 1, max: 3 });
    expect(kustomize.replicas('api-gateway')).toEqual({ min: 1, max: 6 });
    expect(kustomize.replicas('redis')).toEqual({ min: 6, max: 6 });
    expect(kustomize.replicas('nats')).toEqual({ min: 3, max: 3 });
  });
});

describe('the names of the Helm chart', () => {
  it('prefixes with release and chart, and selects by instance and component', () => {
    expect(helm.workload('redis')).toEqual({ kind: 'deployments', name: 'prod-cordum-redis' });
    expect(helm.selector('redis')).toBe('app.kubernetes.io/instance=prod,app.kubernetes.io/component=redis');
    expect(helm.container('api-gateway')).toBe('api-gateway');
  });

  it('does not name the chart twice when the release has its name in it', () => {
    expect(createNames({ profile: 'helm', release: 'cordum-eu', ...plain }).workload('scheduler').name).toBe('cordum-eu-scheduler');
    expect(createNames({ profile: 'helm', ...plain }).workload('scheduler').name).toBe('cordum-scheduler');
  });

  it('cuts a long name as Helm does, and leaves no dash at the end', () => {
    const name = createNames({ profile: 'helm', release: `${'r'.repeat(62)}-x`, ...plain }).workload('nats').name;
    expect(name).toBe(`${'r'.repeat(62)}-nats`);
  });

  it('has no autoscaler, and one member of each store', () => {
    expect(SERVICES.every((service) => helm.hpa(service) === undefined)).toBe(true);
    expect(helm.replicas('nats')).toEqual({ min: 1, max: 1 });
  });
});

describe('names of a target of its own', () => {
  const own = createNames({ profile: 'kustomize', names: { scheduler: 'planner', 'redis-backup': 'nightly' }, replicas: { scheduler: { min: 3, max: 9 } } });

  it('go before those of the profile, for workload, autoscaler and backup', () => {
    expect(own.workload('scheduler').name).toBe('planner');
    expect(own.hpa('scheduler')).toBe('planner');
    expect(own.backups).toEqual({ redis: 'nightly', nats: 'cordum-nats-backup', retention: 'cordum-backup-retention' });
    expect(own.replicas('scheduler')).toEqual({ min: 3, max: 9 });
  });

  it('lead back to the service, and a foreign name leads nowhere', () => {
    for (const service of SERVICES) expect(own.serviceOf(own.workload(service).name)).toBe(service);
    expect(own.serviceOf('cordum-scheduler')).toBeUndefined();
  });
});
