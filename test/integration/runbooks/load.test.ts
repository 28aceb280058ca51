import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { makeCordumConsumer, makeCordumStreams } from '../../kit/nats.ts';
import { said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startServices } from '../../kit/runbooks/services.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const open = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned' || status === 'pending').map(({ id }) => id);
const replicasOf = (kube: { get(resource: string, name: string): unknown }, name: string): unknown => at(kube.get('deployments', name), 'spec', 'replicas');
const DISPATCH = 'cordum_scheduler_scheduler_dispatch_latency_seconds';

/** A scheduler and a gateway whose counters grow with each scrape; all dispatches and requests take `seconds`, 0.01 or 2.5. */
async function startMetrics(seconds: number): Promise<string> {
  let scrapes = 0;
  const pages = createServer((_request, response) => {
    scrapes += 1;
    const all = scrapes * 20;
    const quick = seconds < 1 ? all : 0;
    const histogram = (name: string, labels: string): string => [`${name}_bucket{${labels},le="0.01"} ${quick}`, `${name}_bucket{${labels},le="1"} ${quick}`, `${name}_bucket{${labels},le="2.5"} ${all}`, `${name}_bucket{${labels},le="+Inf"} ${all}`].join('\n');
    const counters = ['a', 'b'].map((topic) => `cordum_scheduler_jobs_received_total{topic="job.${topic}"} ${scrapes * (topic === 'a' ? 19 : 1)}\ncordum_scheduler_jobs_dispatched_total{topic="job.${topic}"} ${scrapes * 10}`).join('\n');
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(`${histogram(DISPATCH, 'topic="job.a"')}\n${counters}\n`);
  });
  await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void pages.close());
  const { port } = pages.address() as AddressInfo;
  const prometheus = await startPrometheus({ config: `global: { scrape_interval: 1s }\nscrape_configs:\n  - { job_name: cordum, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }\n` });
  await waitFor(async () => ((await prometheus.query(`rate(${DISPATCH}_bucket{le="+Inf"}[5m]) > 0`)).length > 0 ? true : undefined), { until: 'there is a rate' });
  return prometheus.url;
}

describe('high-latency on a real Prometheus, Redis and NATS', () => {
  it('finds too few schedulers and adds one; once Redis is what is slow, or Cordum has lost it, it adds none', async () => {
    const { sandbox, url } = await startCordum(0);
    const [redis, nats, prometheus] = await Promise.all([startRedis({ args: ['--enable-debug-command', 'yes'] }), startNats(), startMetrics(2.5)]);
    const { kube, target } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, prometheus: { url: prometheus }, kubernetes: target });
    const run = await rig.run('high-latency');
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Of a hundred jobs the slowest is dispatched 24\d\d ms after/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: .* there are too few schedulers \(2, the table allows 3\)/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^info: One topic makes 95 % of all jobs: job\.a/));
    expect(open(run)).toEqual(['more_schedulers']);
    const view = await rig.approve(run.id, 'more_schedulers');
    expect(view.offers.find(({ id }) => id === 'more_schedulers')?.status).toBe('done');
    expect(replicasOf(kube, 'cordum-scheduler')).toBe(3);

    const most = await rig.diagnose('high-latency');
    expect(said(most)).toContainEqual(expect.stringMatching(/^warning: .* as many schedulers as the table allows \(3\)/));
    expect(open(most)).toEqual([]);

    await redis.cli('DEBUG', 'SLEEP', '0.2');
    const slow = await rig.diagnose('high-latency');
    expect(said(slow)).toContainEqual(expect.stringMatching(/^warning: Slow commands hold Redis up, .*1 DEBUG/));
    expect(said(slow).some((sentence) => sentence.includes('schedulers as the table allows'))).toBe(false);

    await sandbox.down('redis');
    await redis.stop();
    const down = await rig.diagnose('high-latency');
    expect(said(down)).toContainEqual(expect.stringMatching(/^critical: Redis (?:is not fit for Cordum|cannot be reached from here), and every step of a job waits for it/));
    expect(open(down)).toEqual([]);
  });

  it('sees messages that nobody takes, and a safety kernel that is not there, and says when all is well', async () => {
    const { url } = await startCordum(0);
    const [redis, nats, prometheus] = await Promise.all([startRedis(), startNats(), startMetrics(0.01)]);
    const { target } = await startServices();
    const all = { cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, prometheus: { url: prometheus }, kubernetes: target };
    const well = await (await startRunbookRig(all)).diagnose('high-latency');
    expect(said(well)).toContainEqual(expect.stringMatching(/^info: Dispatching takes 9 ms .* all looks well now/));
    expect(open(well)).toEqual([]);
    const nc = await nats.client();
    await makeCordumStreams(nc);
    await makeCordumConsumer(nc, 'cordum-scheduler', 'sys.job.submit');
    for (let count = 0; count < 3; count += 1) nc.publish('sys.job.submit', 'a job');
    await nc.flush();
    const ill = await (await startRunbookRig({ ...all, grpc: [{ name: 'safety-kernel', address: '127.0.0.1:9' }] })).diagnose('high-latency');
    expect(said(ill)).toContainEqual(expect.stringMatching(/^critical: Messages wait that nobody takes: .*sys_job_submit/));
    expect(said(ill)).toContainEqual(expect.stringMatching(/^critical: The safety kernel cannot be reached from here \(refused\)/));
    expect(said(ill).some((sentence) => sentence.includes('all looks well'))).toBe(false);
  });
});

describe('scale-service on a cluster', () => {
  it('changes the least of the autoscaler that owns the number, and refuses what the table forbids', async () => {
    const { kube, target } = await startServices();
    kube.addHpa({ name: 'cordum-scheduler', min: 2, max: 4 });
    kube.utilization('cordum-scheduler', 40);
    kube.settle();
    const rig = await startRunbookRig({ kubernetes: target });
    const run = await rig.run('scale-service', { service: 'scheduler', replicas: 3 });
    expect(said(run)).toContainEqual(expect.stringMatching(/^info: The autoscaler cordum-scheduler owns the number \(2 to 4, now 2\): its least is raised to 3/));
    expect(open(run)).toEqual(['up']);
    const view = await rig.approve(run.id, 'up');
    expect(view.offers.find(({ id }) => id === 'up')?.status).toBe('done');
    expect(at(kube.get('horizontalpodautoscalers', 'cordum-scheduler'), 'spec', 'minReplicas')).toBe(3);
    const tooMany = await rig.diagnose('scale-service', { service: 'scheduler', replicas: 10 });
    expect(said(tooMany)).toContainEqual(expect.stringMatching(/^warning: 10 is outside the scaling table \(1 to 3\)/));
    expect(open(tooMany)).toEqual([]);
  });

  it('takes replicas away one at a time, and adds none to a service that crashes', async () => {
    const { kube, target } = await startServices({ 'api-gateway': { replicas: 3 }, 'safety-kernel': { replicas: 2, pods: ['crashLoop', 'crashLoop'] } });
    const rig = await startRunbookRig({ kubernetes: target });
    const crashing = await rig.diagnose('scale-service', { service: 'safety-kernel', replicas: 4 });
    expect(said(crashing)).toContainEqual(expect.stringMatching(/^critical: Pods of safety-kernel do not come up .*crashes again and again/));
    expect(open(crashing)).toEqual([]);
    const run = await rig.run('scale-service', { service: 'api-gateway', replicas: 2 });
    expect((await rig.approvalOf(run.id, 'down')).tier).toBe('R2');
    const view = await rig.approve(run.id, 'down');
    expect(view.offers.find(({ id }) => id === 'down')?.status).toBe('done');
    expect(replicasOf(kube, 'cordum-api-gateway')).toBe(2);
  });
});

describe('rate-limit-bypass', () => {
  it('switches the shared limit on where it is off, and then finds it shared', async () => {
    const { url } = await startCordum(0);
    const redis = await startRedis();
    const { kube, target } = await startServices({ 'api-gateway': { replicas: 2, env: { REDIS_RATE_LIMIT: 'False', API_RATE_LIMIT_BURST: '30' } } });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, kubernetes: target });
    const run = await rig.run('rate-limit-bypass');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The shared limit is switched off \(REDIS_RATE_LIMIT is False\): each of the 2 gateways/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^info: Each client address may send 30 requests/));
    expect(open(run)).toEqual(['share']);
    const view = await rig.approve(run.id, 'share');
    expect(view.offers.find(({ id }) => id === 'share')?.status).toBe('done');
    expect(at(kube.get('deployments', 'cordum-api-gateway'), 'spec', 'template', 'spec', 'containers', 0, 'env')).toContainEqual({ name: 'REDIS_RATE_LIMIT', value: 'true' });
    // The window of one second, kept long enough for the test to look.
    await redis.cli('SET', 'cordum:rl:ip:10.0.0.1:1795202678', '12', 'EX', '60');
    const fine = await rig.diagnose('rate-limit-bypass');
    expect(said(fine)).toContainEqual(expect.stringMatching(/^info: Redis holds 1 counters/));
    expect(said(fine)).toContainEqual(expect.stringMatching(/^info: The limit is shared by all gateways and holds/));
    expect(open(fine)).toEqual([]);
  });

  it('says of a Redis that is not seen that nobody may come through, not that the limit is bypassed', async () => {
    const redis = await startRedis();
    const { target } = await startServices();
    const rig = await startRunbookRig({ redis: { url: redis.url }, kubernetes: target });
    await redis.stop();
    const run = await rig.diagnose('rate-limit-bypass');
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Whether the gateways count in one Redis cannot be known, .* refuses every request with 429/));
    expect(open(run)).toEqual([]);
  });
});
