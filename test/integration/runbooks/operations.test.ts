/** The procedures that people start: upgrade, rollback, boundary hardening and its way back, each carried out by the whole bot. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum, type TestCordum } from '../../kit/e2e/cordum.ts';
import type { FakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { at } from '../../kit/kubernetes/objects.ts';
import { type RunbookRig, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startServices } from '../../kit/runbooks/services.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus } from '../../kit/servers/prometheus.ts';

const SERVICES = ['api-gateway', 'scheduler', 'safety-kernel', 'workflow-engine', 'context-engine'];
const open = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned' || status === 'pending').map(({ id }) => id);
const statusOf = (view: RunView, offer: string): unknown => view.offers.find(({ id }) => id === offer)?.status;
const containerOf = (kube: FakeKubernetes, name: string): unknown => at(kube.get('deployments', `cordum-${name}`), 'spec', 'template', 'spec', 'containers', 0);
const imageOf = (kube: FakeKubernetes, name: string): unknown => at(containerOf(kube, name), 'image');
const envOf = (kube: FakeKubernetes, name: string): unknown => at(containerOf(kube, name), 'env');

interface Staging {
  readonly url: string;
  readonly host: string;
  ready: boolean;
  /** What its containers run. */
  tag: string;
}

/** Its gateway asks for a key, as a real one does; `/metrics` stands for kube-state-metrics. */
async function startStaging(tag: string): Promise<Staging> {
  const staging = { url: '', host: '', ready: true, tag };
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      const lines = SERVICES.flatMap((name) => [
        `kube_pod_container_info{namespace="cordum-staging",pod="${name}-1",container="${name}",image="ghcr.io/cordum/${name}:${staging.tag}"} 1`,
        `kube_pod_status_ready{namespace="cordum-staging",pod="${name}-1",condition="true"} 1`,
        `kube_deployment_status_replicas_unavailable{namespace="cordum-staging",deployment="cordum-${name}"} 0`,
      ]);
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(`${lines.toSorted().join('\n')}\n`);
    } else if (request.url === '/readyz') response.writeHead(staging.ready ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ status: staging.ready ? 'ok' : 'degraded', checks: {} }));
    else response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"unauthorized","status":401}');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  staging.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  staging.url = `http://${staging.host}`;
  return staging;
}

describe('rolling-upgrade', () => {
  it('upgrades once staging is proven by its containers, stops at a service that does not come up, and offers nothing while staging runs something else', async () => {
    const { url } = await startCordum(0);
    const staging = await startStaging('v0.9.8');
    const prometheus = await startPrometheus({ config: `global: { scrape_interval: 2s }\nscrape_configs:\n  - job_name: kube-state-metrics\n    honor_labels: true\n    static_configs: [{ targets: ['${staging.host}'] }]\n` });
    const { kube, target } = await startServices();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, prometheus: { url: prometheus.url }, kubernetes: target, http: { allow: [staging.host] } });
    // Behind the start of the bot, which keeps this process from answering a scrape for a while: a scrape that fails ends the series.
    await waitFor(async () => ((await prometheus.query('kube_pod_container_info offset 2s')).length > 0 ? true : undefined), { until: 'Prometheus has scraped staging' });
    const inputs = { tag: 'v0.9.8', staging: staging.url };

    const whole = await rig.diagnose('rolling-upgrade', inputs);
    expect(said(whole)).toContainEqual(expect.stringMatching(/^info: Staging is ready and runs v0\.9\.8/));
    expect(said(whole)).toContainEqual(expect.stringMatching(/^info: There is no cordum-dashboard/));
    expect(whole.offers.find(({ id }) => id === 'upgrade')?.plan?.changes.map(({ title }) => title)).toEqual(SERVICES.map((name) => `Set cordum-${name} from v0.9.7 to v0.9.8`));

    expect(said(await rig.diagnose('rolling-upgrade', { ...inputs, tag: 'v0.9.9' }))).toContainEqual(expect.stringMatching(/^critical: Staging \(cordum-staging\) does not run v0\.9\.9 everywhere/));
    expect(open(await rig.diagnose('rolling-upgrade', { ...inputs, tag: 'v0.9.9' }))).toEqual([]);
    staging.ready = false;
    expect(open(await rig.diagnose('rolling-upgrade', inputs))).toEqual([]);
    staging.ready = true;

    kube.fate('ghcr.io/cordum/safety-kernel:v0.9.8', 'imagePull');
    const first = await rig.run('rolling-upgrade', { ...inputs, services: ['scheduler'] });
    expect(statusOf(await rig.approve(first.id, 'upgrade'), 'upgrade')).toBe('done');
    expect(imageOf(kube, 'scheduler')).toBe('ghcr.io/cordum/scheduler:v0.9.8');
    const second = await rig.run('rolling-upgrade', { ...inputs, services: ['safety-kernel', 'context-engine'] });
    await rig.approve(second.id, 'upgrade');
    expect([imageOf(kube, 'safety-kernel'), imageOf(kube, 'context-engine')]).toEqual(['ghcr.io/cordum/safety-kernel:v0.9.8', 'ghcr.io/cordum/context-engine:v0.9.7']);

    const back = await rig.run('rollback', { services: ['safety-kernel', 'context-engine'] });
    expect(said(back)).toContainEqual(expect.stringMatching(/^critical: Not well: cordum-safety-kernel v0\.9\.8/));
    expect(said(back)).toContainEqual(expect.stringMatching(/^warning: Nothing is kept to go back to for ghcr\.io\/cordum\/context-engine:v0\.9\.7/));
    expect(statusOf(await rig.approve(back.id, 'undo'), 'undo')).toBe('done');
    expect(imageOf(kube, 'safety-kernel')).toBe('ghcr.io/cordum/safety-kernel:v0.9.7');
  });

  it('asks no host of staging that the target does not allow', async () => {
    const { kube, target } = await startServices();
    const staging = await startStaging('v0.9.8');
    const rig = await startRunbookRig({ kubernetes: target, http: { allow: ['elsewhere:8081'] } });
    const run = await rig.diagnose('rolling-upgrade', { tag: 'v0.9.8', staging: staging.url });
    expect(JSON.stringify(run.steps)).toContain("is not in the target's http.allow");
    expect(open(run)).toEqual([]);
    expect(kube.requests.filter(({ method }) => method === 'PATCH')).toEqual([]);
  });
});

const HANDSHAKE = 'INFO handshake received component_id=bank-1 role=COMPONENT_ROLE_WORKER sdk_version=2.4.0 supported_versions=[1] ready_topics=[job.demo-mock-bank.transfer]\n';

/** One worker with a credential, one topic with a schema, and nothing to complain of. */
function converge({ sandbox }: TestCordum): void {
  const { installation } = sandbox.world;
  for (const id of [...sandbox.world.workers.keys()]) sandbox.removeWorker(id);
  sandbox.addWorker({ id: 'bank-1', pool: 'demo-mock-bank' });
  installation.credentials.set('bank-1', { worker_id: 'bank-1', allowed_pools: ['demo-mock-bank'], created_by: 'alice', created_at: '2026-08-01T08:00:00Z' });
  installation.schemas.add('transfer-input');
  installation.inputSchemas.set('job.demo-mock-bank.transfer', 'transfer-input');
}

function logOfSchedulers(kube: FakeKubernetes, text: string): void {
  for (const { metadata } of kube.podsOf('cordum-scheduler')) kube.log(metadata.name, 'scheduler', { current: text });
}

describe('boundary hardening', () => {
  const inputs = { topics: ['job.demo-mock-bank.transfer'], smoke: true };

  it('goes from observe to hardened one step a run, and back in the documented order', async () => {
    const cordum = await startCordum(0);
    converge(cordum);
    const { kube, target } = await startServices({ 'api-gateway': { env: { SCHEMA_ENFORCEMENT: 'enforce' } } });
    const start = (): Promise<RunbookRig> => startRunbookRig({ cordum: { url: cordum.url, apiKey: CORDUM_KEY }, kubernetes: target });
    let rig = await start();
    const step = async (runbook: string, offer: string, phase: RegExp): Promise<void> => {
      const run = await rig.run(runbook, runbook.endsWith('rollout') ? inputs : {});
      expect(said(run)).toContainEqual(expect.stringMatching(phase));
      expect(open(run)).toEqual([offer]);
      const view = await rig.approve(run.id, offer);
      expect(view.offers.find(({ id }) => id === offer)).toMatchObject({ status: 'done' });
      kube.settle();
      // New pods have logs of their own.
      logOfSchedulers(kube, HANDSHAKE);
    };
    await step('boundary-hardening-rollout', 'watch_workers', /^warning: Schemas are enforced in one of gateway and scheduler and not in the other: cordum-api-gateway enforce, cordum-scheduler unset \(warn\)/);
    await step('boundary-hardening-rollout', 'enforce_schemas', /^info: Gate open: all 1 workers have a credential/);
    await step('boundary-hardening-rollout', 'enforce_attestation', /^info: Phase: enforce, one of three/);
    // A bot that remembers nothing: the loop breaker lets one step be applied three times an hour on a target.
    rig = await start();
    await step('boundary-hardening-rollout', 'require_readiness', /^info: Phase: enforce, two of three/);
    expect(said(await rig.diagnose('boundary-hardening-rollout', inputs))).toContainEqual(expect.stringMatching(/^info: Phase: hardened/));
    expect(envOf(kube, 'scheduler')).toEqual([{ name: 'WORKER_ATTESTATION', value: 'enforce' }, { name: 'SCHEMA_ENFORCEMENT', value: 'enforce' }, { name: 'WORKER_READINESS_REQUIRED', value: 'true' }]);

    await step('boundary-hardening-rollback', 'relax_readiness', /^info: Besides readiness stay enforced: attestation and schemas/);
    await step('boundary-hardening-rollback', 'relax_attestation', /^warning: Workers without a valid credential are refused/);
    expect(open(await rig.diagnose('boundary-hardening-rollback'))).toEqual(['relax_schemas']);
    expect(envOf(kube, 'scheduler')).toEqual([{ name: 'WORKER_ATTESTATION', value: 'warn' }, { name: 'SCHEMA_ENFORCEMENT', value: 'enforce' }, { name: 'WORKER_READINESS_REQUIRED', value: 'false' }]);
  });

  it('keeps its gates closed by what the logs, the registry, the credentials and the people say', async () => {
    const cordum = await startCordum(0);
    converge(cordum);
    const { kube, target } = await startServices({ scheduler: { env: { WORKER_ATTESTATION: 'warn' } } });
    const rig = await startRunbookRig({ cordum: { url: cordum.url, apiKey: CORDUM_KEY }, kubernetes: target });
    logOfSchedulers(kube, 'WARN job request violated topic input schema job_id=job-7 topic=job.demo-mock-bank.transfer schema_id=transfer-input\n');
    const violated = await rig.diagnose('boundary-hardening-rollout', inputs);
    expect(said(violated)).toContainEqual(expect.stringMatching(/^warning: Gate closed: the scheduler logs jobs that would be, or are, refused: 2 times "schema".*job_id=job-7/));
    expect(open(violated)).toEqual([]);

    logOfSchedulers(kube, HANDSHAKE);
    expect(open(await rig.diagnose('boundary-hardening-rollout', { ...inputs, smoke: false }))).toEqual([]);
    expect(said(await rig.diagnose('boundary-hardening-rollout', { ...inputs, topics: ['job.nobody'] }))).toContainEqual('warning: Gate closed: not registered are job.nobody. Jobs of unregistered topics are refused whatever SCHEMA_ENFORCEMENT says, as soon as one topic is registered.');
    cordum.sandbox.world.installation.schemas.clear();
    expect(said(await rig.diagnose('boundary-hardening-rollout', inputs))).toContainEqual(expect.stringMatching(/^warning: Gate closed: these topics name a schema that is not registered.*job\.demo-mock-bank\.transfer \(transfer-input\)/));
    cordum.sandbox.world.installation.schemas.add('transfer-input');
    expect(open(await rig.diagnose('boundary-hardening-rollout', inputs))).toEqual(['enforce_schemas']);
    kube.killNode(String(at(kube.podsOf('cordum-scheduler')[0], 'spec', 'nodeName')));
    const blind = await rig.diagnose('boundary-hardening-rollout', inputs);
    expect(said(blind)).toContainEqual(expect.stringMatching(/^warning: Gate closed: not all logs can be read/));
    expect(open(blind)).toEqual([]);
  });
});
