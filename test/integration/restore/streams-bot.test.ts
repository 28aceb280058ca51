/** A restore of streams on the whole bot: planned while Cordum runs, approved by two, halted, gone on with, taken back. */
import { expect, it } from 'vitest';
import { testFolder } from '../../kit/drills/backups.ts';
import { startCordumInKubernetes } from '../../kit/kubernetes/cordum.ts';
import { restoreOn } from '../../kit/runbooks/restore.ts';
import { startRunbookRig } from '../../kit/runbooks/rig.ts';
import { type NatsServer, startNats } from '../../kit/servers/nats.ts';
import { runToEnd } from '../../kit/e2e/bot.ts';

const SERVICES = { 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 1 } as const;

async function publish(nats: NatsServer, messages: number, options: { readonly keep?: boolean } = {}): Promise<{ close(): Promise<void> }> {
  const nc = await nats.client({ name: 'cordum-bus' });
  for (let i = 0; i < messages; i += 1) await nc.jetstream().publish('job.test', JSON.stringify({ i }));
  if (options.keep !== true) await nc.close();
  return nc;
}

/** Nobody stays connected: that would be somebody whom the restore does not stop. */
async function make(nats: NatsServer, messages: number): Promise<void> {
  const nc = await nats.client();
  for (const [name, subject] of [['CORDUM_SYS', 'sys'], ['CORDUM_JOBS', 'job']] as const) {
    await (await nc.jetstreamManager()).streams.add({ name, subjects: [`${subject}.>`] });
    for (let i = 0; i < messages; i += 1) await nc.jetstream().publish(`${subject}.test`, JSON.stringify({ i }));
  }
  await nc.close();
}

async function lastOf(nats: NatsServer, stream: string): Promise<number> {
  const nc = await nats.client();
  try {
    return (await (await nc.jetstreamManager()).streams.info(stream)).state.last_seq;
  } finally {
    await nc.close();
  }
}

const rollbackIn = (say: string | undefined): string => /nats-(\d{8}T\d{6}Z), the rollback point/.exec(say ?? '')?.[1] ?? '';

it('nats-restore stops a Cordum that writes, restores, starts it, halts where somebody stays, and goes back', async () => {
  const nats = await startNats();
  const folder = await testFolder('restore-bot');
  const kube = await startCordumInKubernetes(SERVICES);
  const { namespace, kubeconfig } = kube.target;
  await make(nats, 5);
  const taken = await runToEnd('src/cli/main.ts', ['backup', 'take', 'nats', '--url', `nats://${nats.address}`, '--out', folder, '--json']);
  const backup = /nats-(\d{8}T\d{6}Z)/.exec(taken.stdout)?.[1] ?? '';
  const rig = await startRunbookRig({ nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, backups: folder, kubernetes: { namespace, kubeconfig } });
  const offerOf = (run: Awaited<ReturnType<typeof restoreOn>>['run']) => run.offers.find(({ id }) => id === 'restore');

  // A service that goes on writing between plan and approval voids nothing; here it also stays when its pods are gone.
  const stays = await publish(nats, 3, { keep: true });
  // Started with the name of the backup, a dry run shows the whole plan and changes nothing.
  const dry = await rig.diagnose('nats-restore', { from: backup });
  const shown = dry.offers.find(({ id }) => id === 'restore_named')?.plan?.changes.map(({ item }) => item);
  expect(kube.scaled()).toEqual([]);
  const halted = await restoreOn(rig, 'nats-restore', { backup }, async () => void (await publish(nats, 2)));
  expect(halted.approval.plan.changes.map(({ item }) => item)).toEqual(['stop/api-gateway', 'stop/scheduler', 'stop/workflow-engine', 'safety-backup', 'CORDUM_SYS', 'CORDUM_JOBS', 'start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
  expect(shown).toEqual(halted.approval.plan.changes.map(({ item }) => item));
  expect(halted.approval.plan.notes).toContainEqual('CORDUM_JOBS holds 8 messages up to 8 now, 0 consumers; in the backup 5 up to 5, 0 consumers.');
  expect(offerOf(halted.run)).toMatchObject({ progress: { applied: 3, failed: 1 }, verified: { outcome: 'failed', say: expect.stringMatching(/Still stopped: api-gateway \(it had 3\), scheduler \(it had 2\), workflow-engine \(it had 1\). To go on/) } });
  expect(halted.run.effects.find(({ status }) => status === 'failed')).toMatchObject({ item: 'safety-backup' });
  expect(await lastOf(nats, 'CORDUM_JOBS')).toBe(10);
  expect(kube.replicas()).toEqual({ 'cordum-api-gateway': 0, 'cordum-scheduler': 0, 'cordum-workflow-engine': 0 });

  await stays.close();
  const { run, approval } = await restoreOn(rig, 'nats-restore', { backup });
  expect(approval.plan.changes.map(({ item }) => item)).toEqual(['safety-backup', 'CORDUM_SYS', 'CORDUM_JOBS', 'start/workflow-engine', 'start/scheduler', 'start/api-gateway']);
  expect(offerOf(run)).toMatchObject({ status: 'done', progress: { total: 6, applied: 6 }, verified: { outcome: 'passed' } });
  expect(await lastOf(nats, 'CORDUM_JOBS')).toBe(5);
  expect(kube.replicas()).toEqual(SERVICES);

  const back = await restoreOn(rig, 'nats-restore', { backup: rollbackIn(offerOf(run)?.verified?.say) });
  expect(offerOf(back.run)).toMatchObject({ status: 'done', progress: { total: 9, applied: 9 }, verified: { outcome: 'passed' } });
  expect(await lastOf(nats, 'CORDUM_JOBS')).toBe(10);
  expect(kube.replicas()).toEqual(SERVICES);
}, 120_000);
