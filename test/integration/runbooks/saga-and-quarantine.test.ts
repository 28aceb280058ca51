import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { RunView } from '#engine/model/views.ts';
import { addJob, setState } from '#systems/cordum/sandbox/model.ts';
import { addDeadJob } from '#systems/cordum/sandbox/seed.ts';
import { CORDUM_KEY } from '../../kit/e2e/bot.ts';
import { startCordum } from '../../kit/e2e/cordum.ts';
import { type FakeKubernetes, startFakeKubernetes } from '../../kit/kubernetes/fake.ts';
import { ANN, said, startRunbookRig } from '../../kit/runbooks/rig.ts';
import { startNats } from '../../kit/servers/nats.ts';
import { startRedis } from '../../kit/servers/redis.ts';

const REPORT = 'job.demo-mock-bank.transfer';

async function startKubernetes(): Promise<{ kube: FakeKubernetes; target: Record<string, unknown> }> {
  const kube = await startFakeKubernetes({ live: true });
  onTestFinished(() => kube.close());
  const folder = await mkdtemp(join(tmpdir(), 'saga-and-quarantine-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return { kube, target: { namespace: 'cordum', kubeconfig: await kube.kubeconfig(join(folder, 'kubeconfig')), profile: 'kustomize' } };
}

const planned = (run: RunView): string[] => run.offers.filter(({ status }) => status === 'planned' || status === 'pending').map(({ id }) => id);
const offerOf = (run: RunView, id: string): RunView['offers'][number] | undefined => run.offers.find((offer) => offer.id === id);

describe('saga-compensation-failing', () => {
  it('tells what was denied, what failed, what is left on a stack, and retries what never reached a worker', async () => {
    const { sandbox, url } = await startCordum(0);
    const redis = await startRedis();
    const nats = await startNats();
    const { kube, target } = await startKubernetes();
    kube.addDeployment({ name: 'cordum-scheduler', container: 'scheduler', replicas: 1 });
    kube.addStatefulSet({ name: 'cordum-nats', container: 'nats', labels: { app: 'nats' }, replicas: 1 });
    const [scheduler] = kube.podsOf('cordum-scheduler');
    kube.log(scheduler?.metadata.name ?? '', 'scheduler', { current: 'level=WARN msg="compensation denied by safety, skipping" workflow_id=wf-b reason="${{ x }} <!channel>"\n' });
    await redis.cli('RPUSH', 'saga:wf-transfer:stack', 'a', 'b');
    const late = addDeadJob(sandbox, { id: 'comp-1', labels: { saga_compensation: 'true', saga_workflow_id: 'wf-transfer' } });
    setState(sandbox.world, addJob(sandbox.world, { id: 'comp-2', topic: REPORT, submittedAtMs: Date.now() - 60_000, policy: undefined, labels: { saga_compensation: 'true', saga_workflow_id: 'wf-refund' }, capability: '', context: {} }), 'TIMEOUT');
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, redis: { url: redis.url }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] }, kubernetes: target });
    const run = await rig.run('saga-compensation-failing');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The safety policy denied 1 compensations within the hour\..*wf-b reason="\$\{\{ x \}\} <!channel>"/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: 1 compensations were handed over and ended badly: comp-2 on job\.demo-mock-bank\.transfer TIMEOUT.* of wf-refund/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: Compensations stand on the stacks of wf-transfer:stack \(2\)/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^warning: 1 compensations were handed over and never reached a worker: job\.demo-mock-bank\.transfer \(2 workers\)/));
    const done = await rig.approve(run.id, 'retry');
    expect(done.effects.map(({ status }) => status)).toEqual(['succeeded']);
    expect(sandbox.calls.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([`/api/v1/dlq/${late.id}/retry`]);
  });

  it('says that compensations are lost while Cordum has no NATS, and offers nothing', async () => {
    const { sandbox, url } = await startCordum(0);
    const nats = await startNats();
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, nats: { url: `nats://${nats.address}`, monitorUrl: [nats.monitorUrl] } });
    await nats.stop('SIGKILL');
    await sandbox.down('nats');
    const run = await rig.diagnose('saga-compensation-failing');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: Cordum has lost its NATS \(.+\), so no compensation can be handed over/));
    expect(planned(run)).toEqual([]);
  });
});

describe('output-quarantine-spike', () => {
  const quarantine = { topic: REPORT, reasonCode: 'output_quarantined', status: 'JOB_STATUS_DENIED', state: 'OUTPUT_QUARANTINED', reason: 'card number "<!channel>" in the answer', attempts: 1, workerId: 'bank-1' } as const;

  it('finds the one worker and its pool, then the change of the policy, which two people may roll back', async () => {
    const { sandbox, url } = await startCordum(0);
    const { installation } = sandbox.world;
    installation.outputStats = { avg_latency_ms: 3, last_check_at: new Date().toISOString(), quarantined_24h: 90, total_checks_24h: 400 };
    for (const ageMs of [3_000, 2_000, 1_000]) addDeadJob(sandbox, { ...quarantine, ageMs });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY } });
    const worker = await rig.diagnose('output-quarantine-spike');
    expect(said(worker)).toContainEqual(expect.stringMatching(/^info: 90 of 400 results were quarantined in 24 hours/));
    expect(said(worker)).toContainEqual('warning: One rule does it: 3 of 3 for the reason "card number "<!channel>" in the answer".');
    expect(said(worker)).toContainEqual(expect.stringMatching(/^warning: All are of one topic: job\.demo-mock-bank\.transfer\. The newest were all done by the worker bank-1/));
    expect(planned(worker)).toEqual(['drain']);

    installation.bundles = { 'secops/outputs': { content: 'rules: []', enabled: false } };
    const published = await fetch(`${url}/api/v1/policy/publish`, { method: 'POST', headers: { 'X-API-Key': CORDUM_KEY, 'X-Tenant-ID': 'default', 'X-Principal-Id': 'alice', 'Content-Type': 'application/json' }, body: JSON.stringify({ bundle_ids: ['secops/outputs'], message: 'block card numbers' }) });
    expect(published.status).toBe(200);
    sandbox.world.dlq.clear();
    for (const [at, topic] of [REPORT, 'job.notification-service.process', REPORT].entries()) addDeadJob(sandbox, { ...quarantine, topic, ageMs: -2_000 - at * 100 });
    const rule = await rig.run('output-quarantine-spike');
    expect(said(rule)).toContainEqual(expect.stringMatching(/^warning: The policy was changed shortly before: publish at .* by alice \(block card numbers\)/));
    expect(planned(rule)).not.toContain('drain');
    expect(await rig.approvalOf(rule.id, 'rollback')).toMatchObject({ tier: 'R3' });
    await expect(rig.approve(rule.id, 'rollback', ANN)).rejects.toThrow('somebody else must approve it');
  });

  it('knows results that were quarantined because their check failed, and those that are out', async () => {
    const { sandbox, url } = await startCordum(0);
    for (const ageMs of [3_000, 2_000, 1_000]) addDeadJob(sandbox, { ...quarantine, reasonCode: 'output_quarantined_async', reason: 'async output check error — fail-closed: context deadline exceeded', ageMs });
    const open = addDeadJob(sandbox, { ...quarantine, reasonCode: 'quarantine_failed', status: 'JOB_STATUS_FAILED', reason: 'quarantine_state_failed: i/o timeout' });
    const rig = await startRunbookRig({ cordum: { url, apiKey: CORDUM_KEY }, grpc: [{ name: 'safety-kernel', address: '127.0.0.1:9' }] });
    const run = await rig.diagnose('output-quarantine-spike');
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: 3 of 3 were quarantined because the check failed, and not because a rule matched/));
    expect(said(run)).toContainEqual(expect.stringMatching(/^critical: The safety kernel, which checks the results, cannot be reached from here/));
    expect(said(run)).toContainEqual(expect.stringContaining(`First of them: ${open.id}`));
    expect(planned(run)).toEqual([]);
    expect(offerOf(run, 'restart_kernel')?.status).toBe('skipped');
  });
});
