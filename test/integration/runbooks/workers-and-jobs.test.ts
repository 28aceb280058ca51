import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { addJob, type Job, setState } from '#systems/cordum/sandbox/model.ts';
import { addDeadJob } from '#systems/cordum/sandbox/seed.ts';
import type { Sandbox } from '#systems/cordum/sandbox/server.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { ANN, type RunbookRig, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';
import { type RedisServer, startRedis } from '../../kit/servers/redis.ts';

const TRANSFER = 'job.demo-mock-bank.transfer';
const POOL = 'demo-mock-bank';
const RECONCILER = 'cordum:reconciler:default';

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);
const offer = (run: RunView, id: string): RunView['offers'][number] | undefined => run.offers.find((one) => one.id === id);

async function startScheduler(): Promise<{ readonly kube: FakeKubernetes; readonly kubernetes: object }> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', replicas: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'workers-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { kube, kubernetes: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } };
}

/** As the scheduler writes it (recording redis_keys). */
async function writeSnapshot(redis: RedisServer, ageMs: number): Promise<void> {
  await redis.cli('SET', 'sys:workers:snapshot', JSON.stringify({ captured_at: new Date(Date.now() - ageMs).toISOString(), writer_id: 'vm', pools: {}, topics: {}, workers: {} }), 'EX', '86400');
}

/** A job that a worker is said to have, unchanged for so long. */
function runningJob(sandbox: Sandbox, ageMs: number): Job {
  const job = addJob(sandbox.world, { topic: TRANSFER });
  setState(sandbox.world, job, 'RUNNING');
  job.updatedAtMs -= ageMs;
  return job;
}

/** Fills in the form of an offer, has it approved, and waits for its end. */
async function carryOut(rig: RunbookRig, runId: string, id: string, inputs: Readonly<Record<string, string>>): Promise<RunView> {
  const asked = await rig.app.operations.planOffer(ANN, runId, id, inputs);
  if (!asked.ok) throw new Error(`${asked.problem.code}: ${asked.problem.message}`);
  await waitFor(async () => (await rig.app.operations.approvals({ status: 'pending' })).items.find((approval) => approval.runId === runId && approval.offerId === id), { until: `${id} is planned` });
  return rig.approve(runId, id);
}

describe('worker-pool-unresponsive on a Cordum with a real Redis and NATS', () => {
  it('finds the pool well; then tells gone workers, with a job of theirs that it cancels, from workers that are connected and not accepted', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const nats = await startNats();
    const { kubernetes } = await startScheduler();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, kubernetes });
    const worker = await nats.client();
    const jobs = worker.subscribe('worker.bank-1.jobs', { callback: () => {} });
    await worker.flush();
    await writeSnapshot(redis, 2_000);
    const well = await rig.diagnose('worker-pool-unresponsive', { pool: POOL });
    expect(said(well)).toEqual([`info: The pool ${POOL} is active now and has 2 workers (bank-1, bank-2).`]);
    expect(planned(well)).toEqual([]);

    for (const id of ['bank-1', 'bank-2', 'notif-1']) sandbox.removeWorker(id);
    const job = runningJob(sandbox, 60_000);
    const connected = await rig.run('worker-pool-unresponsive', { pool: POOL });
    expect(said(connected)).toContainEqual(expect.stringMatching(/^critical: No worker of any pool is there, while NATS and the scheduler are/));
    expect(said(connected)).toContainEqual(expect.stringMatching(/^warning: 1 connections at NATS listen to jobs, and the scheduler counts 0 workers/));
    expect(said(connected)).toContainEqual(expect.stringMatching(new RegExp(`^warning: 1 jobs show as RUNNING on topics whose pool has no worker, such as ${job.id}`)));
    const view = await carryOut(rig, connected.id, 'cancel', { job: job.id });
    expect(offer(view, 'cancel')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(sandbox.job(job.id)?.state).toBe('CANCELLED');

    jobs.unsubscribe();
    await worker.close();
    sandbox.addWorker({ id: 'notif-1', pool: 'notification-service' });
    const gone = await rig.diagnose('worker-pool-unresponsive', { pool: POOL });
    expect(said(gone)).toEqual([expect.stringMatching(/^critical: No worker of the pool demo-mock-bank is there, while other pools have 1:/)]);
  });

  it('blames neither pool nor workers when there is no scheduler, no fresh list, no NATS, or no Cordum', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const nats = await startNats();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] } });
    await writeSnapshot(redis, 600_000);
    expect(said(await rig.diagnose('worker-pool-unresponsive', { pool: POOL }))).toContainEqual(expect.stringMatching(/^critical: A scheduler is registered and has not written down since/));

    sandbox.removeWorker('bank-1');
    sandbox.removeWorker('bank-2');
    await sandbox.down('scheduler');
    const noScheduler = await rig.diagnose('worker-pool-unresponsive', { pool: POOL });
    expect(said(noScheduler)).toContainEqual(expect.stringMatching(/^critical: No scheduler is registered: nobody hears heartbeats/));
    expect(said(noScheduler).join('\n')).not.toContain('No worker of the pool');

    await sandbox.up('scheduler');
    await sandbox.down('nats');
    await nats.stop('SIGKILL');
    const noNats = await rig.diagnose('worker-pool-unresponsive', { pool: POOL });
    expect(said(noNats)).toContainEqual(expect.stringMatching(/^critical: Cordum has lost its NATS/));
    expect(said(noNats).join('\n')).not.toContain('No worker of the pool');

    await sandbox.down('gateway');
    const noCordum = await rig.diagnose('worker-pool-unresponsive', { pool: POOL });
    expect(said(noCordum)).toEqual([expect.stringMatching(/^critical: Cordum cannot be reached, so its workers cannot be seen/)]);
    expect(planned(noCordum)).toEqual([]);
  });
});

describe('stale-jobs on a Cordum with a real Redis', () => {
  it('tells a lock that never expires, which it deletes, from a reconciler that does not run, one that cannot end jobs, and a Redis that is gone', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const { kube, kubernetes } = await startScheduler();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, kubernetes });
    expect(said(await rig.diagnose('stale-jobs'))).toEqual([expect.stringMatching(/^info: No job is stuck now/)]);

    const job = runningJob(sandbox, 2_400_000);
    await redis.cli('ZADD', 'job:index:running', String(job.updatedAtMs * 1_000), job.id);
    await redis.cli('SET', RECONCILER, 'a-scheduler-that-is-gone');
    const stuck = await rig.run('stale-jobs');
    expect(said(stuck)).toContainEqual(expect.stringMatching(/^critical: The lock of the reconciler never expires \(holder a-scheduler-that-is-gone\)/));
    expect(said(stuck)).toContainEqual(expect.stringMatching(new RegExp(`^warning: In Redis, not changed for 16 minutes: 1 RUNNING \\(the oldest ${job.id}, 40 min\\)`)));
    await expect(rig.approvalOf(stuck.id, 'restart')).rejects.toThrow('no approval is open');
    const view = await carryOut(rig, stuck.id, 'unlock', { lock: RECONCILER });
    expect(offer(view, 'unlock')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(await redis.cli('EXISTS', RECONCILER)).toBe('0');

    const idle = await rig.run('stale-jobs');
    expect(said(idle)).toContainEqual(expect.stringMatching(/^critical: 1 schedulers are registered, jobs are past their timeout, and none holds the lock of the reconciler now/));
    expect(offer(await rig.approve(idle.id, 'restart'), 'restart')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(at(kube.get('deployments', 'cordum-scheduler'), 'spec', 'template', 'metadata', 'annotations', 'kubectl.kubernetes.io/restartedAt')).toBeDefined();

    await redis.cli('SET', RECONCILER, 'vm', 'EX', '60');
    expect(said(await rig.diagnose('stale-jobs'))).toContainEqual(expect.stringMatching(/^critical: A scheduler holds the lock of the reconciler, and 1 jobs are past their timeout all the same/));

    await redis.stop('SIGKILL');
    const noRedis = await rig.diagnose('stale-jobs');
    expect(said(noRedis)).toContainEqual(expect.stringMatching(/^critical: Redis cannot be asked from here/));
    expect(planned(noRedis)).toEqual([]);
  });
});

describe('job-failure-rate on a Cordum with a real Prometheus', () => {
  it('names share, topic and the worker that fails; then retries what never reached one', async () => {
    const { sandbox, url } = await startCordum(0);
    let failed = 0;
    let ended = 0;
    const metrics = createServer((_request, response) => {
      failed += 8;
      ended += 10;
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`cordum_scheduler_jobs_completed_total{topic="${TRANSFER}",status="JOB_STATUS_FAILED"} ${failed}\ncordum_scheduler_jobs_completed_total{topic="${TRANSFER}",status="JOB_STATUS_SUCCEEDED"} ${ended - failed}\n`);
    });
    await new Promise<void>((resolve) => metrics.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void metrics.close());
    const { port } = metrics.address() as AddressInfo;
    const prometheus = await startPrometheus({ config: `global: { scrape_interval: 1s }\nscrape_configs:\n  - { job_name: cordum, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }\n` });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, prometheus: { url: prometheus.url } });
    await waitFor(async () => ((await prometheus.query('rate(cordum_scheduler_jobs_completed_total[1m])')).length === 2 ? true : undefined), { until: 'there is a rate' });

    for (let i = 0; i < 6; i += 1) addDeadJob(sandbox, { reasonCode: 'worker_error', reason: 'upstream <!channel> ${{ x }}', workerId: 'bank-1', attempts: 1 });
    const failing = await rig.diagnose('job-failure-rate');
    expect(said(failing)).toContainEqual(`warning: 80 % of the jobs that ended within ten minutes failed, most on ${TRANSFER} (80 %).`);
    expect(said(failing)).toContainEqual(expect.stringMatching(/^warning: Workers themselves report errors: 6 worker_error/));
    expect(said(failing)).toContainEqual(expect.stringMatching(/^critical: One worker fails, its neighbours do not: bank-1 had 6 of the 6/));
    expect(planned(failing)).toEqual([]);

    const dead = addDeadJob(sandbox);
    const run = await rig.run('job-failure-rate');
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: 1 of the newest failures never reached a worker \(1 max_scheduling_retries\), and the pools have workers now/));
    expect(offer(await rig.approve(run.id, 'retry'), 'retry')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(sandbox.entryIds()).not.toContain(dead.id);

    await prometheus.stop('SIGKILL');
    sandbox.removeWorker('bank-1');
    sandbox.removeWorker('bank-2');
    addDeadJob(sandbox);
    const blind = await rig.diagnose('job-failure-rate');
    expect(said(blind)).toContainEqual(expect.stringMatching(/^critical: Jobs fail since nobody runs them: no worker is online in demo-mock-bank/));
    expect(planned(blind)).toEqual([]);
  });
});
