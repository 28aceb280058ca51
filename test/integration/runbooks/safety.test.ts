import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import type { Sandbox } from '#systems/cordum/sandbox/server.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import type { DeploymentFacts } from '../../kit/kubernetes/builders.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { type RunbookRig, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { makeCertificates } from '../../kit/servers/certificates.ts';
import { startGrpc, startSilent } from '../../kit/servers/grpc.ts';
import { freePort } from '../../kit/servers/port.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const UNREACHABLE = 'safety-kernel-unreachable';
const REFUSED = expect.stringMatching(/^critical: The gateway gets no decision .*new submits are refused with 403 `policy check unavailable`.*deferred by 5 s/);

/** Its sidecar is well. */
const CRASHES = { state: 'crashLoop', restarts: 5, readyContainers: ['otel-collector'] } as const;

interface Options {
  readonly kernel?: Partial<DeploymentFacts>;
  readonly env?: Readonly<Record<string, string>>;
  readonly port: number;
  /** What the bot trusts; with it the bot speaks TLS. */
  readonly caFile?: string;
  readonly addresses?: readonly boolean[];
  readonly more?: Readonly<Record<string, unknown>>;
}

interface World {
  readonly sandbox: Sandbox;
  readonly kube: FakeKubernetes;
  readonly rig: RunbookRig;
}

async function startWorld({ kernel, env = { SAFETY_KERNEL_ADDR: 'cordum-safety-kernel:50051' }, port, caFile, addresses = [true, true], more }: Options): Promise<World> {
  const { sandbox, url } = await startCordum(0);
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  kube.addDeployment({ name: 'cordum-safety-kernel', container: 'safety', sidecars: ['otel-collector'], ...kernel });
  kube.addDeployment({ name: 'cordum-api-gateway', container: 'gateway', env });
  kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', env });
  kube.put('services', { metadata: { name: 'cordum-safety-kernel' }, spec: { type: 'ClusterIP', clusterIP: '10.96.0.7', selector: { app: 'cordum-safety-kernel' }, ports: [{ name: 'grpc', port: 50_051, targetPort: 50_051 }] } });
  kube.put('endpointslices', {
    metadata: { name: 'cordum-safety-kernel-x', labels: { 'kubernetes.io/service-name': 'cordum-safety-kernel' } },
    addressType: 'IPv4', endpoints: addresses.map((ready, index) => ({ addresses: [`10.0.0.${index}`], conditions: { ready } })), ports: [{ port: 50_051 }],
  });
  const folder = await mkdtemp(join(tmpdir(), 'safety-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const kubeconfig = await kube.kubeconfig(join(folder, 'kubeconfig'));
  const rig = await startRunbookRig({
    cordum: { url, apiKey: CORDUM_KEY },
    kubernetes: { namespace: 'cordum', kubeconfig, profile: 'kustomize' },
    grpc: [{ name: 'safety-kernel', address: `127.0.0.1:${port}`, ...(caFile === undefined ? {} : { tls: { caFile } }) }],
    ...more,
  });
  return { sandbox, kube, rig };
}

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned').map(({ id }) => id);
const replicasOf = (kube: FakeKubernetes): unknown => at(kube.get('deployments', 'cordum-safety-kernel'), 'spec', 'replicas');

/** Serves these lines as metrics, anew at each scrape. */
async function startMetrics(lines: (scrape: number) => string): Promise<number> {
  let scrape = 0;
  const server = createServer((_request, response) => void response.setHeader('content-type', 'text/plain; version=0.0.4').end(lines((scrape += 1))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function scraping(port: number, until: string): Promise<string> {
  const prometheus = await startPrometheus({ config: `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: scheduler\n    static_configs: [{ targets: ["127.0.0.1:${port}"], labels: { namespace: cordum } }]\n` });
  await waitFor(async () => ((await prometheus.query(until)).length > 0 ? true : undefined), { until: `${until} is there`, withinMs: 20_000 });
  return prometheus.url;
}

describe('safety-kernel-unreachable', () => {
  it('finds all well, and then a kernel scaled to 0, which an approved offer starts', async () => {
    const { sandbox, kube, rig } = await startWorld({ port: await startGrpc() });
    const well = await rig.diagnose(UNREACHABLE);
    expect(said(well)).toEqual([expect.stringMatching(/^info: The kernel decides now: .*2 of 2 pods of safety-kernel ready\.$/)]);
    expect(planned(well)).toEqual([]);
    await sandbox.down('kernel');
    kube.touch('deployments', 'cordum-safety-kernel', { spec: { ...(kube.get('deployments', 'cordum-safety-kernel')['spec'] as object), replicas: 0 } });
    kube.settle();
    const run = await rig.run(UNREACHABLE);
    expect(said(run)).toEqual(expect.arrayContaining([REFUSED, expect.stringMatching(/^critical: The safety kernel is scaled to 0 \(cordum-safety-kernel\)/)]));
    const approval = await rig.approvalOf(run.id, 'start');
    expect(approval.tier).toBe('R1');
    const view = await rig.approve(run.id, 'start');
    expect(view.offers.find(({ id }) => id === 'start')).toMatchObject({ status: 'done' });
    expect(replicasOf(kube)).toBe(2);
  });

  it('quotes the policy error that a kernel crashes from, and restarts nothing', async () => {
    const { sandbox, kube, rig } = await startWorld({ port: await freePort(), kernel: { pods: [CRASHES, CRASHES] }, addresses: [false, false] });
    await sandbox.down('kernel');
    const error = 'ERROR safety-kernel error error="load safety policy: parse safety policy /etc/cordum/safety.yaml: yaml: line 14: did not find expected key"';
    for (const { metadata } of kube.podsOf('cordum-safety-kernel')) kube.log(metadata.name, 'safety', { current: 'INFO cordum safety kernel starting...\n', previous: `INFO cordum safety kernel starting...\n${error}\n` });
    const run = await rig.diagnose(UNREACHABLE);
    expect(said(run)).toEqual([REFUSED, expect.stringContaining(`cannot read its policy (2 of 2 pods, 10 restarts): \`${error}\`. A restart does not help. It is the policy file`)]);
    expect(planned(run)).toEqual([]);
  });

  it('names the image that cannot be pulled, and plans the way back to the former release', async () => {
    const { sandbox, kube, rig } = await startWorld({ port: await freePort(), kernel: { image: 'ghcr.io/cordum/safety-kernel:v0.9.99', history: [{ image: 'ghcr.io/cordum/safety-kernel:v0.9.7' }], pods: ['imagePull', 'imagePull'] }, addresses: [] });
    await sandbox.down('kernel');
    kube.touch('deployments', 'cordum-safety-kernel', { status: { conditions: [{ type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: 'ReplicaSet has timed out progressing.' }] } });
    const run = await rig.diagnose(UNREACHABLE);
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The image of 2 of 2 kernel pods cannot be pulled \(0 ready\): .*v0\.9\.99: not found/));
    expect(planned(run)).toEqual(['rollback']);
  });

  it('tells a network policy from a kernel that hangs: the same silence, another cause and another remedy', async () => {
    const port = await startSilent();
    const [blocked, hanging] = await Promise.all([true, false].map(async (denied) => {
      const { sandbox, kube, rig } = await startWorld({ port });
      await sandbox.down('kernel');
      if (denied) kube.put('networkpolicies', { metadata: { name: 'cordum-default-deny' }, spec: { podSelector: {}, policyTypes: ['Ingress'] } });
      return rig.diagnose(UNREACHABLE);
    }));
    if (blocked === undefined || hanging === undefined) throw new Error('two were started');
    expect(said(blocked)).toEqual([REFUSED, expect.stringMatching(/^critical: A network policy blocks the way: 2 kernel pods are ready and the Service has addresses, but no rule lets gateway and scheduler reach port 50051, and connections time out\. .*cordum-default-deny/)]);
    expect(planned(blocked)).toEqual([]);
    expect(said(hanging)).toEqual([REFUSED, expect.stringMatching(/^critical: The kernel does not answer in time, though 2 pods are ready\./)]);
    expect(planned(hanging)).toEqual(['restart']);
  });

  it.each([
    ['another authority', { names: ['127.0.0.1'], own: true }, /^critical: The certificate of the kernel is not trusted: .*issued by CN=Test authority/],
    ['another name', { names: ['safety-kernel'], own: false }, /^critical: The certificate of the kernel is for other names than the one that it is asked by: safety-kernel, asked as 127\.0\.0\.1/],
    ['a time that is over', { names: ['127.0.0.1'], own: false, expiresInDays: -1 }, /^critical: The certificate of the kernel is out of date: valid from /],
  ])('names a certificate for %s', async (_what, { own, ...of }, finding) => {
    const served = await makeCertificates(of);
    const trusted = own ? await makeCertificates({ names: ['127.0.0.1'] }) : served;
    const { sandbox, rig } = await startWorld({ port: await startGrpc({ tls: served }), caFile: trusted.caFile });
    await sandbox.down('kernel');
    const run = await rig.diagnose(UNREACHABLE);
    expect(said(run)).toEqual([REFUSED, expect.stringMatching(finding)]);
    expect(planned(run)).toEqual([]);
  });

  it('names a Service without addresses, and a wrong address in the callers', async () => {
    const { sandbox, rig } = await startWorld({ port: await startGrpc(), addresses: [], env: { SAFETY_KERNEL_ADDR: 'cordum-safety-kernel:50052' } });
    await sandbox.down('kernel');
    expect(said(await rig.diagnose(UNREACHABLE))).toEqual([
      REFUSED,
      expect.stringMatching(/^critical: 2 kernel pods are ready, and the Service has no address\./),
      expect.stringMatching(/^critical: cordum-api-gateway asks cordum-safety-kernel:50052, cordum-scheduler asks cordum-safety-kernel:50052 \(SAFETY_KERNEL_ADDR\), which is not the kernel's Service: cordum-safety-kernel:50051\./),
    ]);
  });

  it('says that a slow kernel is alive, and plans one more', async () => {
    const { rig } = await startWorld({ port: await startGrpc({ slowMs: 1_200 }) });
    const run = await rig.diagnose(UNREACHABLE);
    expect(said(run)).toEqual([expect.stringMatching(/^warning: The kernel is alive and slow: a health check took \d+ and then \d+ ms\./)]);
    expect(planned(run)).toEqual(['more']);
  });

  it('says what it means and why it cannot say more, where Cordum alone can be seen', async () => {
    const { sandbox, url } = await startCordum(0);
    await sandbox.down('kernel');
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    const run = await rig.diagnose(UNREACHABLE);
    expect(said(run)).toEqual([REFUSED, expect.stringMatching(/^warning: Why the kernel is silent cannot be told here\./)]);
  });
});

describe('circuit-breaker-stuck-open', () => {
  it('deletes a count that never expires, once approved, and never while the kernel fails', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    await redis.set('cordum:cb:safety:failures', '5');
    const { sandbox, rig } = await startWorld({ port: await startGrpc(), more: { redis: { url: server.url } } });
    await sandbox.down('kernel');
    const failing = await rig.diagnose('circuit-breaker-stuck-open');
    expect(said(failing)).toContainEqual(expect.stringMatching(/^critical: The breaker is not stuck: the gateway gets no decision/));
    expect(planned(failing)).toEqual([]);
    await sandbox.up('kernel');
    const run = await rig.run('circuit-breaker-stuck-open');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: cordum:cb:safety:failures holds 5 and never expires, while the kernel answers: this breaker is really stuck\./));
    expect((await rig.approvalOf(run.id, 'reset_input')).tier).toBe('R2');
    await rig.approve(run.id, 'reset_input');
    expect(await redis.exists('cordum:cb:safety:failures')).toBe(0);
  });

  it('leaves a count alone that expires by itself', async () => {
    const server = await startRedis();
    const redis = new Redis(server.url);
    onTestFinished(() => redis.disconnect());
    await redis.set('cordum:cb:safety:failures', '4', 'EX', 25);
    const { rig } = await startWorld({ port: await startGrpc(), more: { redis: { url: server.url } } });
    const run = await rig.diagnose('circuit-breaker-stuck-open');
    expect(said(run)).toContainEqual(expect.stringMatching(/^info: The kernel answers now, and cordum:cb:safety:failures \(4\) expires in 2\d s: the breaker closes by itself\./));
    expect(planned(run)).toEqual([]);
  });
});

describe('with a real Prometheus', () => {
  it('safety-kernel-unreachable says that jobs run unchecked and offers to close the fail mode; safety-kernel-slow says how slow it is, for which topic', async () => {
    const bucket = (le: string, count: number): string => `cordum_scheduler_output_eval_duration_seconds_bucket{topic="job.bank",le="${le}"} ${count}\n`;
    const metrics = await startMetrics((scrape) => `cordum_scheduler_input_fail_open_total{topic="job.bank"} 7\ncordum_scheduler_safety_unavailable_total{topic="job.bank"} 7\n${bucket('0.005', 0)}${bucket('0.025', 100 * scrape)}${bucket('+Inf', 100 * scrape)}cordum_scheduler_output_eval_duration_seconds_count{topic="job.bank"} ${100 * scrape}\n`);
    const prometheus = { url: await scraping(metrics, 'rate(cordum_scheduler_output_eval_duration_seconds_count[5m]) > 0') };
    const { sandbox, rig } = await startWorld({ port: await startGrpc(), env: { SAFETY_KERNEL_ADDR: 'cordum-safety-kernel:50051', POLICY_CHECK_FAIL_MODE: 'open' }, more: { prometheus } });
    const slow = await rig.diagnose('safety-kernel-slow');
    expect(said(slow).slice(0, 2)).toEqual([expect.stringMatching(/^warning: Policy evaluation takes 24 ms at the 99th percentile, the goal is 5 ms, with \d+ evaluations a second/), expect.stringMatching(/^info: Slow are: job\.bank 24 ms\./)]);
    expect(planned(slow)).toEqual(['more']);
    await sandbox.down('kernel');
    const run = await rig.run(UNREACHABLE);
    expect(said(run).slice(0, 2)).toEqual([
      expect.stringMatching(/^critical: Jobs run unchecked: in the last 15 minutes about 7 were let through/),
      expect.stringMatching(/^critical: The fail mode is open \(POLICY_CHECK_FAIL_MODE of cordum-api-gateway, cordum-scheduler\): while the kernel cannot be reached, jobs run without a check\./),
    ]);
    expect(said(run)).not.toContainEqual(REFUSED);
    expect(await rig.approvalOf(run.id, 'close')).toMatchObject({ tier: 'R2', plan: { changes: [{}, {}] } });
  });
});

describe('safety-cache-staleness', () => {
  it('says that a bundle is switched off, and asks which one to switch on', async () => {
    const { sandbox, rig } = await startWorld({ port: await startGrpc() });
    sandbox.world.installation.bundles = { 'secops/demo': { content: 'rules: []', enabled: false, author: 'ann', updated_at: '2026-11-20T19:00:00Z' } };
    const run = await rig.run('safety-cache-staleness', { topic: 'job.demo-mock-bank.transfer' });
    expect(said(run)).toEqual([expect.stringMatching(/^info: Now: A job on job\.demo-mock-bank\.transfer is allowed/), expect.stringMatching(/^warning: Switched off, so their rules do not count: secops\/demo/)]);
    expect(run.offers.find(({ id }) => id === 'publish')).toMatchObject({ status: expect.stringMatching(/input|form/i) });
  });

  it('quotes a kernel that leaves out a bundle by its licence', async () => {
    const { kube, rig } = await startWorld({ port: await startGrpc() });
    const [first] = kube.podsOf('cordum-safety-kernel');
    kube.log(first?.metadata.name ?? '', 'safety', { current: 'WARN safety-kernel: custom policy bundle skipped by tier limit bundle_id=secops/demo allowed=0 plan=community\n' });
    expect(said(await rig.diagnose('safety-cache-staleness'))).toContainEqual(expect.stringMatching(/^critical: The licence allows no further policy bundle of one's own, so one is left out: `WARN safety-kernel: custom policy bundle skipped by tier limit bundle_id=secops\/demo/));
  });
});
