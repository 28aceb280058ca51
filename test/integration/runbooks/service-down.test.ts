import { describe, expect, it } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startServices } from '../../kit/runbooks/services.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { freePort } from '../../kit/servers/port.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const open = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned' || status === 'pending').map(({ id }) => id);
const imageOf = (kube: { get(resource: string, name: string): unknown }, name: string): unknown => at(kube.get('deployments', name), 'spec', 'template', 'spec', 'containers', 0, 'image');

describe('service-down, with Kubernetes, Cordum, Redis and NATS to look at', () => {
  it('rolls a scheduler back whose new image cannot be pulled, and then finds it healthy', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const nats = await startNats();
    const { kube, target } = await startServices();
    kube.fate('ghcr.io/cordum/scheduler:v0.9.99', 'imagePull');
    const { spec } = kube.get('deployments', 'cordum-scheduler');
    kube.touch('deployments', 'cordum-scheduler', { spec: { template: JSON.parse(JSON.stringify(spec?.['template']).replace('scheduler:v0.9.7', 'scheduler:v0.9.99')) } });
    kube.tick(3);
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, kubernetes: target });
    await sandbox.down('scheduler');
    const run = await rig.run('service-down', { service: 'scheduler' });
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: IMPACT: submits are still accepted/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: The last rollout does not come to an end, and pods of before still serve/));
    expect(open(run)).toEqual(['rollback']);
    expect((await rig.approvalOf(run.id, 'rollback')).tier).toBe('R2');
    const view = await rig.approve(run.id, 'rollback');
    expect(view.offers.find(({ id }) => id === 'rollback')?.status).toBe('done');
    expect(imageOf(kube, 'cordum-scheduler')).toBe('ghcr.io/cordum/scheduler:v0.9.7');
    await sandbox.up('scheduler');
    const after = await rig.diagnose('service-down', { service: 'scheduler' });
    expect(said(after)).toContainEqual(expect.stringMatching(/^info: cordum-scheduler looks healthy now/));
    expect(open(after)).toEqual([]);
  });

  it('tells a crash that Redis causes from one that is its own, and offers a restart only when Redis is back', async () => {
    const port = await freePort();
    const { kube, target } = await startServices({ scheduler: { replicas: 2, pods: ['crashLoop', 'crashLoop'] } });
    for (const { metadata } of kube.podsOf('cordum-scheduler')) kube.log(metadata.name, 'scheduler', { previous: 'starting\nfatal: redis ping failed: dial tcp 10.0.0.7:6379: connect: connection refused\n' });
    const nats = await startNats();
    const rig = await startRunbookRig({ redis: { url: `redis://127.0.0.1:${port}` }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, kubernetes: target });
    const broken = await rig.diagnose('service-down', { service: 'scheduler' });
    expect(said(broken)).toContainEqual(expect.stringMatching(/^critical: It crashes while Redis is down/));
    expect(open(broken)).toEqual([]);
    await startRedis({ port });
    const back = await rig.diagnose('service-down', { service: 'scheduler' });
    expect(said(back)).toContainEqual(expect.stringMatching(/^critical: It ended because it could not reach something, and Redis and NATS answer now.*connection refused$/));
    expect(open(back)).toEqual(['restart']);
    for (const { metadata } of kube.podsOf('cordum-scheduler')) kube.log(metadata.name, 'scheduler', { previous: 'load pools: yaml: line 4: <!channel> ${{ "x" }}\n' });
    const own = await rig.diagnose('service-down', { service: 'scheduler' });
    expect(said(own)).toContainEqual(expect.stringMatching(/^critical: It ends over its configuration.*yaml: line 4/));
    expect(open(own)).toEqual([]);
  });

  it('starts what was scaled to zero, and looks for the service itself where nobody names one', async () => {
    const { url } = await startCordum(0);
    const { kube, target } = await startServices({ 'context-engine': { replicas: 0, pods: [] } });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, kubernetes: target });
    const run = await rig.run('service-down');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: cordum-context-engine is scaled to zero/));
    expect(open(run)).toEqual(['start']);
    const view = await rig.approve(run.id, 'start');
    expect(view.offers.find(({ id }) => id === 'start')?.status).toBe('done');
    expect(at(kube.get('deployments', 'cordum-context-engine'), 'spec', 'replicas')).toBe(2);
  });

  it('sees a scheduler that runs and does not report, a NetworkPolicy in between, and a Service that leads nowhere', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const { kube, target } = await startServices({ 'workflow-engine': { replicas: 2, pods: ['notReady', 'notReady'] } });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, kubernetes: target });
    await sandbox.down('scheduler');
    const hung = await rig.diagnose('service-down', { service: 'scheduler' });
    expect(said(hung)).toContainEqual(expect.stringMatching(/^critical: The pods call themselves healthy, but scheduler has not reported/));
    expect(open(hung)).toEqual(['restart']);
    kube.put('networkpolicies', { metadata: { name: 'deny' }, spec: { podSelector: { matchLabels: { app: 'redis' } }, policyTypes: ['Ingress'], ingress: [] } });
    const cut = await rig.diagnose('service-down', { service: 'workflow-engine' });
    expect(said(cut)).toContainEqual(expect.stringMatching(/^critical: A NetworkPolicy cuts it off: from Redis/));
    expect(open(cut)).toEqual([]);
    kube.remove('endpointslices', 'cordum-context-engine-x');
    const nowhere = await rig.diagnose('service-down', { service: 'context-engine' });
    expect(said(nowhere)).toContainEqual(expect.stringMatching(/^critical: The pods are healthy, but nobody reaches them through the Service/));
  });

  it('without Kubernetes says of a gateway that is gone what it means, and offers nothing', async () => {
    const rig = await startRunbookRig({ cordum: { url: 'http://127.0.0.1:9', apiKey: CORDUM_KEY } });
    const run = await rig.diagnose('service-down', { service: 'api-gateway' });
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: IMPACT: nobody can submit/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The gateway cannot be reached, and Kubernetes cannot be seen/));
    expect(open(run)).toEqual([]);
  });
});
