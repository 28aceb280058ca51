import { describe, expect, it } from 'vitest';
import { at } from '../../kit/kubernetes/objects.ts';
import { said } from '../../kit/runbooks/rig.ts';
import { plannedOffers, startRedisWorld } from '../../kit/runbooks/redis-world.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const NAME = 'config-drift';
const documentOf = (revision: number): string => JSON.stringify({ scope: 'system', scope_id: 'default', data: {}, revision, updated_at: '2026-11-20T19:00:00Z' });

describe('config-drift on real parts', () => {
  it('sees none; then a gateway that goes by another revision, a safety kernel that does not listen, a paused rollout, and a document that is gone', async () => {
    const redis = await startRedis();
    const nats = await startNats();
    const nc = await nats.client();
    // What each replica of a service of Cordum listens to tells which it is.
    const scheduler = [await nats.client(), await nats.client()];
    const kernel = [await nats.client(), await nats.client()];
    for (const one of scheduler) for (const subject of ['sys.handshake', 'sys.job.cancel', 'sys.config.changed']) one.subscribe(subject, { callback: () => undefined });
    for (const one of kernel) one.subscribe('sys.config.changed', { callback: () => undefined });
    await Promise.all([nc, ...scheduler, ...kernel].map((one) => one.flush()));
    const { rig, kube, sandbox } = await startRedisWorld({ redis: { url: redis.url }, more: { nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] } } });
    const revision = sandbox.world.installation.configRevision;
    await redis.cli('SET', 'cfg:system:default', documentOf(revision));

    const well = await rig.diagnose(NAME);
    expect(said(well)).toEqual([`info: No drift is to be seen: the gateway goes by revision ${revision}, which is the one in Redis, replicas of a service report one version, no rollout is under way, and all schedulers and safety kernels listen at NATS for news of changes.`]);

    await redis.cli('SET', 'cfg:system:default', documentOf(revision + 5));
    await kernel[1]?.close();
    kube.touch('deployments', 'cordum-scheduler', { spec: { paused: true } });
    const drifted = await rig.diagnose(NAME);
    expect(said(drifted)).toContainEqual(expect.stringMatching(new RegExp(`^critical: The gateway goes by "system:${revision}\\|.* holds revision ${revision + 5}: the gateway has another Redis`)));
    expect(said(drifted)).toContainEqual(expect.stringMatching(/^warning: 2 safety kernels are ready, and only 1 listen at NATS/));
    expect(said(drifted)).toContainEqual(expect.stringMatching(/^warning: Rollouts are paused.*cordum-scheduler/));
    expect(plannedOffers(drifted)).toEqual(['restart_kernels', 'resume']);

    kube.touch('deployments', 'cordum-scheduler', { spec: { paused: false } });
    kube.settle();
    await redis.cli('DEL', 'cfg:system:default');
    const run = await rig.run(NAME);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The configuration is gone from Redis/));
    await rig.approve(run.id, 'restart_schedulers');
    expect(at(kube.get('deployments', 'cordum-scheduler'), 'spec', 'template', 'metadata', 'annotations', 'kubectl.kubernetes.io/restartedAt')).toBeTypeOf('string');
  });
});
