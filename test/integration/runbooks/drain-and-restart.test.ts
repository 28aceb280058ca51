import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { addJob, setState } from '#systems/cordum/sandbox/model.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum, writesOf } from '../../kit/e2e/cordum.ts';
import { startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';

const POOL = 'demo-mock-bank';
const WORKERS = 'mock-bank-worker';
const offer = (run: RunView, id: string): RunView['offers'][number] | undefined => run.offers.find((one) => one.id === id);
const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);

describe('drain-and-restart, carried out by the whole bot', () => {
  it('drains and waits, does not restart while a job runs, restarts the idle workers, and makes the pool active again', async () => {
    const { sandbox, url } = await startCordum(0);
    const kube = await startFakeKubernetes({ live: true });
    onTestFinished(() => kube.close());
    kube.addDeployment({ name: WORKERS, container: 'worker', image: 'registry.example/mock-bank:1.4.0', replicas: 2 });
    const folder = await mkdtemp(join(tmpdir(), 'drain-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, kubernetes: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } });

    // Nobody else serves its topic, so without leave=0 it is refused.
    const refused = await rig.diagnose('drain-and-restart', { pool: POOL, workload: WORKERS });
    expect(said(refused)).toContainEqual(expect.stringMatching(/^warning: Nobody else serves job\.demo-mock-bank\.transfer/));
    expect(planned(refused)).toEqual([]);
    expect(JSON.stringify(offer(refused, 'drain'))).toContain('1 must be left');

    const first = await rig.run('drain-and-restart', { pool: POOL, workload: WORKERS, leave: 0, timeout: 60 });
    expect(said(first)).toContainEqual(`info: The pool ${POOL} is active, with 2 workers and 0 jobs. Next: drain it. Then run this again.`);
    const drained = await rig.approve(first.id, 'drain');
    expect(offer(drained, 'drain')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(await runOf(drained.id)).toBe('succeeded');

    // As after a drain whose time was up: the pool is inactive, and a job of it still runs.
    const job = addJob(sandbox.world, { topic: 'job.demo-mock-bank.transfer' });
    setState(sandbox.world, job, 'RUNNING');
    const busy = await rig.diagnose('drain-and-restart', { pool: POOL, workload: WORKERS });
    expect(said(busy)).toContainEqual(expect.stringMatching(/^warning: The pool demo-mock-bank is inactive and still has jobs \(0 by its workers, 1 running on topics of its own\)/));
    expect(planned(busy)).toEqual([]);
    setState(sandbox.world, job, 'SUCCEEDED');

    const before = kube.podsOf(WORKERS).map(({ metadata }) => metadata.name);
    const second = await rig.run('drain-and-restart', { pool: POOL, workload: WORKERS });
    const restarted = await rig.approve(second.id, 'restart');
    expect(offer(restarted, 'restart')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(kube.podsOf(WORKERS).filter(({ metadata }) => before.includes(metadata.name))).toEqual([]);

    const third = await rig.run('drain-and-restart', { pool: POOL, then: 'activate' });
    expect(offer(await rig.approve(third.id, 'activate'), 'activate')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(said(await rig.diagnose('drain-and-restart', { pool: POOL, then: 'activate' }))).toEqual([`info: The pool ${POOL} is active, with 2 workers: it is done.`]);
    expect(writesOf(sandbox).map(({ method, path, principal }) => `${method} ${path} ${principal ?? ''}`)).toEqual([`POST /api/v1/pools/${POOL}/drain ben`, `PATCH /api/v1/pools/${POOL} ben`]);

    async function runOf(id: string): Promise<string | undefined> {
      return (await rig.app.operations.run(id))?.status;
    }
  });

  it('drains nothing where no scheduler writes down who works, and restarts nothing that is Cordum itself', async () => {
    const { sandbox, url } = await startCordum(0);
    const kube = await startFakeKubernetes({ live: true });
    onTestFinished(() => kube.close());
    kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', replicas: 2 });
    const folder = await mkdtemp(join(tmpdir(), 'drain-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, kubernetes: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } });
    await sandbox.down('scheduler');
    const blind = await rig.diagnose('drain-and-restart', { pool: POOL, leave: 0 });
    expect(said(blind)).toContainEqual(expect.stringMatching(/^critical: No scheduler is seen/));
    expect(planned(blind)).toEqual([]);

    await sandbox.up('scheduler');
    const pools = sandbox.world.installation.config['pools'];
    sandbox.world.installation.config['pools'] = { ...(typeof pools === 'object' ? pools : {}), pools: { [POOL]: { status: 'inactive' } } };
    const wrong = await rig.diagnose('drain-and-restart', { pool: POOL, workload: 'cordum-scheduler' });
    expect(planned(wrong)).toEqual([]);
    expect(JSON.stringify(offer(wrong, 'restart'))).toContain("Cordum's own scheduler");
  });
});
