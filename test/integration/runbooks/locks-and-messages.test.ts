import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { addDeadJob } from '#systems/cordum/sandbox/seed.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { CORDUM_CONSUMERS, jetstreamApi, makeCordumConsumer, makeCordumStreams } from '../../kit/nats.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { type RedisServer, startRedis } from '../../kit/servers/redis.ts';

const SNAPSHOT = 'sys:workers:snapshot';
const WRITER = 'cordum:scheduler:snapshot:writer';
const CLEANUP = 'cordum:dlq:cleanup';

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);

/** Two schedulers and two gateways that run. */
async function startServices(): Promise<{ readonly kube: FakeKubernetes; readonly kubernetes: object }> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', replicas: 2 });
  kube.addDeployment({ name: 'cordum-api-gateway', container: 'gateway', replicas: 2 });
  const folder = await mkdtemp(join(tmpdir(), 'locks-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { kube, kubernetes: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } };
}

/** As the scheduler writes it (recording redis_keys). */
async function writeSnapshot(redis: RedisServer, ageMs: number, workers: number): Promise<void> {
  const pools = { 'demo-mock-bank': { workers } };
  const snapshot = { captured_at: new Date(Date.now() - ageMs).toISOString(), writer_id: 'vm-b2554c2b', pools, topics: {}, workers: Object.fromEntries(Array.from({ length: workers }, (_, index) => [`bank-${index}`, {}])) };
  await redis.cli('SET', SNAPSHOT, JSON.stringify(snapshot), 'EX', '86400');
}

async function registerInstances(redis: RedisServer, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await redis.cli('SET', `cordum:instance:${id}`, JSON.stringify({ id, service: id.split(':')[0], version: 'v0.9.7', started_at: '2026-11-20T19:00:00Z' }), 'EX', '300');
}

describe('stale-worker-list on a real Redis', () => {
  it('finds a fresh list; then one that nobody writes, for a lock that never expires, which it deletes on approval; then none for want of Redis', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const { kubernetes } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, kubernetes });
    await registerInstances(redis, 'scheduler:a', 'scheduler:b');
    await writeSnapshot(redis, 2_000, sandbox.world.workers.size);
    const fresh = await rig.diagnose('stale-worker-list');
    expect(said(fresh)).toEqual([expect.stringMatching(/^info: The list is fresh/)]);
    expect(planned(fresh)).toEqual([]);

    await writeSnapshot(redis, 600_000, 1);
    expect(planned(await rig.diagnose('stale-worker-list'))).toEqual(['restart_scheduler']);

    await redis.cli('SET', WRITER, 'a-scheduler-that-is-gone');
    const stuck = await rig.run('stale-worker-list');
    expect(said(stuck)).toContainEqual(expect.stringMatching(/^critical: The lock of the snapshot's writer never expires \(held by a-scheduler-that-is-gone\)/));
    const view = await rig.approve(stuck.id, 'delete_lock');
    expect(view.offers.find(({ id }) => id === 'delete_lock')).toMatchObject({ status: 'done', verified: { outcome: 'passed' } });
    expect(await redis.cli('EXISTS', WRITER)).toBe('0');

    await redis.stop('SIGKILL');
    const blind = await rig.diagnose('stale-worker-list');
    expect(said(blind)).toContainEqual(expect.stringMatching(/^critical: Redis cannot be asked from here/));
    expect(planned(blind)).toEqual([]);
  });
});

describe('dlq-cleanup-stalled on a real Redis', () => {
  it('tells a lock that never expires and entries without an end from a queue that is well, and from a Redis that is full', async () => {
    const { url } = await startCordum(0);
    const redis = await startRedis({ args: ['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'] });
    const { kubernetes } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, kubernetes });
    await redis.cli('SET', 'dlq:entry:job-1', '{"job_id":"job-1"}', 'EX', '2591000');
    await redis.cli('ZADD', 'dlq:index', '1795202406', 'job-1');
    await redis.cli('SET', CLEANUP, 'gateway-1', 'EX', '3000');
    expect(said(await rig.diagnose('dlq-cleanup-stalled'))).toContainEqual(expect.stringMatching(/^info: The cleanup is as it should be: a gateway holds the lock/));

    await redis.cli('PERSIST', CLEANUP);
    await redis.cli('PERSIST', 'dlq:entry:job-1');
    const stalled = await rig.run('dlq-cleanup-stalled');
    expect(said(stalled)).toContainEqual(expect.stringMatching(/^warning: The lock of the cleanup never expires \(held by gateway-1\)/));
    expect(said(stalled)).toContainEqual(expect.stringMatching(/^warning: 1 of 1 entries that were looked at never expire \(dlq:entry:job-1\)/));
    await rig.approve(stalled.id, 'delete_lock');
    expect(await redis.cli('EXISTS', CLEANUP)).toBe('0');
    expect(await redis.cli('EXISTS', 'dlq:entry:job-1')).toBe('1');

    for (let filled = 0; ; filled += 1) {
      try {
        await redis.cli('SET', `fill:${filled}`, 'x'.repeat(100_000));
      } catch {
        break;
      }
    }
    const full = await rig.diagnose('dlq-cleanup-stalled');
    expect(said(full)).toContainEqual(expect.stringMatching(/^critical: Redis (?:is full, or nearly so|takes no writes)/));
  });
});

describe('duplicate-dispatch on real parts', () => {
  it('names a retry, a message that was delivered again, a Redis that may evict and a scheduler that locks elsewhere, each by its evidence', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis({ args: ['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru'] });
    const nats = await startNats();
    const { kube, kubernetes } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, kubernetes });
    await registerInstances(redis, 'scheduler:a');
    const nc = await nats.client();
    await makeCordumStreams(nc);
    for (const [queue, subject] of CORDUM_CONSUMERS) nc.subscribe(await makeCordumConsumer(nc, queue, subject), { queue, callback: (_error, message) => message.respond('+ACK') });
    // A worker that takes a job and does not acknowledge it in time.
    await jetstreamApi(nc, 'CONSUMER.DURABLE.CREATE.CORDUM_JOBS.dur_bank__job_bank', { stream_name: 'CORDUM_JOBS', config: { durable_name: 'dur_bank__job_bank', deliver_policy: 'all', ack_policy: 'explicit', ack_wait: 200_000_000, max_deliver: 100, filter_subject: 'job.bank', deliver_subject: 'deliver.bank', deliver_group: 'bank' } });
    nc.subscribe('deliver.bank', { queue: 'bank', callback: () => undefined });
    nc.publish('job.bank', 'a job');
    await waitFor(async () => ((await jetstreamApi(nc, 'CONSUMER.INFO.CORDUM_JOBS.dur_bank__job_bank'))['num_redelivered'] === 1 ? true : undefined), { until: 'the job is delivered again' });
    const dead = addDeadJob(sandbox);
    sandbox.setOutcome('*', 'hang');
    const headers = { 'X-API-Key': CORDUM_KEY };
    for (const _ of [1, 2]) {
      sandbox.resurrect(dead.id);
      expect((await fetch(`${url}/api/v1/dlq/${dead.id}/retry`, { method: 'POST', headers })).status).toBe(200);
    }

    const run = await rig.run('duplicate-dispatch', { job: dead.id });
    const sentences = said(run);
    expect(sentences).toContainEqual(expect.stringMatching(/^warning: .* was retried from the dead-letter queue, 2 times/));
    expect(sentences).toContainEqual(expect.stringMatching(/^warning: NATS delivers messages again .*dur_bank__job_bank: 1/));
    expect(sentences).toContainEqual(expect.stringMatching(/^warning: Redis may evict any key once it is full .*allkeys-lru/));
    expect(sentences).toContainEqual(expect.stringMatching(/^critical: 2 schedulers are ready and 1 report to this Redis/));
    expect(sentences.some((sentence) => sentence.includes('Nothing is wrong'))).toBe(false);
    await rig.approve(run.id, 'restart_scheduler');
    expect(at(kube.get('deployments', 'cordum-scheduler'), 'spec', 'template', 'metadata', 'annotations', 'kubectl.kubernetes.io/restartedAt')).toBeDefined();
    const approval = await rig.approvalOf(run.id, 'cancel_retry');
    expect(approval.tier).toBe('R2');
    expect(JSON.stringify(approval.plan.changes)).toContain(`${dead.id}-retry-`);
  });

  it('finds nothing but that Redis was started just now, and takes a job id with signs of its own for nothing else', async () => {
    const { url } = await startCordum(0);
    const redis = await startRedis();
    const nats = await startNats();
    const { kubernetes } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, kubernetes });
    await registerInstances(redis, 'scheduler:a', 'scheduler:b');
    await makeCordumStreams(await nats.client());
    const run = await rig.diagnose('duplicate-dispatch', { job: '../../locks?x=${{ y }} *' });
    expect(said(run)).toEqual([expect.stringMatching(/^warning: Redis was started \d+ s ago/)]);
    expect(planned(run)).toEqual([]);
    expect(run.steps.find(({ id }) => id === 'lock')?.status).toBe('failed');
  });
});

describe('dlq-overflow with NATS and Redis to look at', () => {
  it('says that the scheduler takes nothing and that the list of workers is old, before anybody retries', async () => {
    const { url } = await startCordum(20);
    const redis = await startRedis();
    const nats = await startNats();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl } });
    await writeSnapshot(redis, 600_000, 3);
    const nc = await nats.client();
    await makeCordumStreams(nc);
    await makeCordumConsumer(nc, 'cordum-scheduler', 'sys.job.submit');
    nc.publish('sys.job.submit', 'a submit that nobody takes');
    await nc.flush();
    const run = await rig.diagnose('dlq-overflow');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The scheduler does not take its messages from NATS, .*sys\.job\.submit: Nobody listens/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: The list of workers is 60\d s old/));
    expect(said(run).some((sentence) => sentence.includes('the pools have workers now'))).toBe(false);
  });
});
