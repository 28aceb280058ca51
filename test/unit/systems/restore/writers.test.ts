/** Services as items of a restore, as the app gives them over a Kubernetes: the fake one, whose controllers move with every read. */
import { describe, expect, it } from 'vitest';
import { createServices } from '#app/restore-services.ts';
import { succeed } from '#kernel/failure.ts';
import type { AppliedItem, Item, JsonObject } from '#step-kit/index.ts';
import { applyService, endOfService, goOn, probeService, recheckService, serviceItems } from '#systems/restore/writers.ts';
import { type CordumInKubernetes, startCordumInKubernetes } from '../../../kit/kubernetes/cordum.ts';
import { type AnyContext, contextOn } from '../../../kit/step-context.ts';

const CORE = { 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 1 } as const;
const whole = () => Promise.resolve(succeed(''));

interface Rig {
  readonly kube: CordumInKubernetes;
  context(more?: Partial<AnyContext>): AnyContext;
  plan(): Promise<{ readonly items: Item[]; readonly notes: readonly string[] }>;
  item(key: string): Promise<Item>;
  apply(key: string, more?: Partial<AnyContext>): Promise<AppliedItem>;
}

async function startRig(deployments: Readonly<Record<string, number>> = CORE): Promise<Rig> {
  const kube = await startCordumInKubernetes(deployments);
  const services = createServices(await kube.fake.client());
  const context = (more: Partial<AnyContext> = {}): AnyContext => contextOn({ services }, more);
  const plan: Rig['plan'] = async () => {
    const planned = await serviceItems(context());
    if (!planned.ok) throw new Error(planned.failure.message);
    return { items: [...planned.value.stops, ...planned.value.starts], notes: planned.value.notes };
  };
  const item = async (key: string): Promise<Item> => {
    const found = (await plan()).items.find((one) => one.key === key);
    if (found === undefined) throw new Error(`${key} is not planned`);
    return found;
  };
  return {
    kube,
    context,
    plan,
    item,
    async apply(key, more) {
      const planned = await item(key);
      const done = await applyService(planned, context(more), whole);
      if (!done.ok) throw new Error(done.failure.message);
      return { item: planned, result: done.value as unknown as JsonObject };
    },
  };
}

describe('services that a restore stops and starts', () => {
  it('are approved whatever an autoscaler does to them meanwhile, and go back to the number that they had last', async () => {
    const { kube, plan, apply, context } = await startRig();
    const before = (await plan()).items;
    kube.fake.touch('deployments', 'cordum-api-gateway', { spec: { replicas: 5 } });
    kube.fake.settle();
    expect((await plan()).items).toEqual(before);
    expect(await recheckService('stop/api-gateway', context())).toMatchObject({ ok: true, value: { items: [before[0]] } });
    expect(await apply('stop/api-gateway')).toMatchObject({ result: { done: 'stopped', replicas: 5 } });
    expect(await apply('start/api-gateway')).toMatchObject({ result: { done: 'started', replicas: 5 } });
    expect(kube.replicas()['cordum-api-gateway']).toBe(5);
    expect(kube.fake.get('deployments', 'cordum-api-gateway').metadata.annotations).not.toHaveProperty('cordum-runbook-bot/replicas-before-restore');
  });

  it('have stopped only when the last pod is gone, also one that does not count any more', async () => {
    const { kube, apply, context } = await startRig();
    const [pod] = kube.fake.podsOf('cordum-scheduler');
    kube.fake.setPod(pod?.metadata.name ?? '', 'terminating');
    let sleptMs = 0;
    const stopped = await apply('stop/scheduler', {
      sleep: (ms) => {
        sleptMs += ms;
        return Promise.resolve();
      },
    });
    expect(sleptMs).toBeGreaterThanOrEqual(180_000);
    expect(await endOfService(stopped, [], context())).toMatchObject({ ok: true, value: { end: 'pending', say: expect.stringContaining('1 pods are still going') } });
    kube.fake.remove('pods', pod?.metadata.name ?? '');
    expect(await endOfService(stopped, [], context())).toMatchObject({ ok: true, value: { end: 'done' } });
  });

  it('tell by their mark whether a lost call has landed', async () => {
    const { item, apply, context } = await startRig();
    const stop = await item('stop/scheduler');
    expect(await probeService(stop, context({ idempotencyKey: 'a/1' }))).toMatchObject({ landed: 'notApplied' });
    await apply('stop/scheduler', { idempotencyKey: 'a/1' });
    expect(await probeService(stop, context({ idempotencyKey: 'a/1' }))).toMatchObject({ landed: 'applied', result: { done: 'stopped', replicas: 2 } });
    expect(await probeService(stop, context({ idempotencyKey: 'b/1' }))).toMatchObject({ landed: 'notApplied' });
  });

  it('are left alone when somebody else has stopped them, started them, or taken the note away', async () => {
    const { kube, plan, apply, context } = await startRig({ ...CORE, 'cordum-scheduler': 0 });
    const planned = await plan();
    expect(planned.items.map(({ key }) => key)).toEqual(['stop/api-gateway', 'stop/workflow-engine', 'start/workflow-engine', 'start/api-gateway']);
    expect(planned.notes).toContainEqual('Stopped by somebody else, and left so: cordum-scheduler.');
    await apply('stop/api-gateway');
    kube.fake.touch('deployments', 'cordum-api-gateway', { spec: { replicas: 1 } });
    expect(await recheckService('start/api-gateway', context())).toMatchObject({ ok: true, value: { items: [], notes: ['cordum-api-gateway runs already'] } });
    const { metadata } = kube.fake.get('deployments', 'cordum-api-gateway');
    kube.fake.touch('deployments', 'cordum-api-gateway', { spec: { replicas: 0 }, metadata: { annotations: { ...metadata.annotations, 'cordum-runbook-bot/replicas-before-restore': '-7' } } });
    expect(await recheckService('start/api-gateway', context())).toMatchObject({ ok: true, value: { items: [], notes: [expect.stringContaining('start it by hand')] } });
  });

  it('are not started on what is not whole, which is asked until the first of them runs', async () => {
    const { item, apply, context } = await startRig();
    for (const service of ['api-gateway', 'scheduler', 'workflow-engine']) await apply(`stop/${service}`);
    const lacking = () => Promise.resolve(succeed('CORDUM_JOBS is not there.'));
    expect(await applyService(await item('start/workflow-engine'), context(), lacking)).toMatchObject({ ok: false, failure: { reason: 'refused', landed: 'no', message: 'cordum-workflow-engine is not started: CORDUM_JOBS is not there.' } });
    await apply('start/workflow-engine');
    expect(await applyService(await item('start/scheduler'), context(), lacking)).toMatchObject({ ok: true });
  });

  it('cannot be planned when one that every Cordum has is not found, or Kubernetes does not answer', async () => {
    const { kube, context } = await startRig({ 'cordum-api-gateway': 1, 'cordum-scheduler': 1 });
    expect(await serviceItems(context())).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
    await kube.fake.close();
    expect(await serviceItems(context())).toMatchObject({ ok: false });
  });

  it('that stay stopped are named with what they had and the way on', async () => {
    const { apply } = await startRig();
    const stops = [await apply('stop/api-gateway'), await apply('stop/scheduler')];
    const saved: AppliedItem = { item: { key: 'safety-backup', title: '', current: {}, next: {} }, result: { key: 'safety-backup', done: 'saved', set: '20261121T060000Z', wasThere: true, replicas: 0 } };
    expect(goOn([...stops, saved, await apply('start/scheduler')], 'nats')).toEqual(['Still stopped: api-gateway (it had 3). To go on, start the runbook again: a new plan takes up from here and starts them at its end, or restore nats-20261121T060000Z to have what was there before.']);
    expect(goOn([saved], 'nats')).toEqual([]);
  });
});
