/** `kill -9` on the real process while it restores: after a service was stopped, after a stream was restored, after a service was started. */
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testFolder } from '../../kit/drills/backups.ts';
import { createApi, type Api } from '../../kit/e2e/api.ts';
import { runToEnd, startBot, type BotProcess } from '../../kit/e2e/bot.ts';
import { startCordumInKubernetes } from '../../kit/kubernetes/cordum.ts';
import { type NatsServer, startNats } from '../../kit/servers/nats.ts';
import { waitFor } from '../../kit/servers/process.ts';

const SERVICES = { 'cordum-api-gateway': 3, 'cordum-scheduler': 2, 'cordum-workflow-engine': 1 } as const;
const RUNBOOKS = join(import.meta.dirname, '..', '..', '..', 'runbooks');
const PEOPLE = ['ann', 'ben', 'cara'] as const;
const keyOf = (name: string): string => `restore-key-of-${name}-5c1d90`;

async function filesOf(target: object): Promise<string> {
  const folder = await testFolder('restore-killed');
  const config = {
    http: { listen: '127.0.0.1:0' },
    journal: 'sqlite:journal.db',
    runbooks: RUNBOOKS,
    policy: 'policy.yaml',
    console: { enabled: false },
    auth: { apiKeys: PEOPLE.map((name) => ({ key: keyOf(name), principal: name })) },
    targets: [{ name: 'prod', match: {}, ...target }],
  };
  await writeFile(join(folder, 'runbook-bot.yaml'), JSON.stringify(config, null, 1), { mode: 0o600 });
  await writeFile(join(folder, 'policy.yaml'), JSON.stringify({ roles: { oncall: { principals: PEOPLE } }, tiers: { R1: { approvers: 1, roles: ['oncall'] }, R2: { approvers: 1, roles: ['oncall'] }, R3: { approvers: 2, roles: ['oncall'], excludeRequester: true } } }));
  return folder;
}

/** Two streams with five messages each, of which three more come into the second after the backup. Nobody stays connected. */
async function fill(nats: NatsServer, folder: string): Promise<string> {
  const nc = await nats.client();
  for (const [name, subject] of [['CORDUM_SYS', 'sys'], ['CORDUM_JOBS', 'job']] as const) {
    await (await nc.jetstreamManager()).streams.add({ name, subjects: [`${subject}.>`] });
    for (let i = 0; i < 5; i += 1) await nc.jetstream().publish(`${subject}.test`, JSON.stringify({ i }));
  }
  const taken = await runToEnd('src/cli/main.ts', ['backup', 'take', 'nats', '--url', `nats://${nats.address}`, '--out', folder, '--json']);
  for (let i = 0; i < 3; i += 1) await nc.jetstream().publish('job.test', JSON.stringify({ i }));
  await nc.close();
  return /nats-(\d{8}T\d{6}Z)/.exec(taken.stdout)?.[1] ?? '';
}

/** By the monitor: a connection of the test's own would be a stranger who writes. */
async function lastOf(nats: NatsServer, stream: string): Promise<number | undefined> {
  const text = await (await fetch(new URL('/jsz?streams=1', nats.monitorUrl))).text();
  const last = new RegExp(`"name": "${stream}"[^]*?"last_seq": (\\d+)`).exec(text)?.[1];
  return last === undefined ? undefined : Number(last);
}

async function approveRestore(url: string, set: string): Promise<string> {
  const api = createApi(url, keyOf('cara'));
  const id = String((await api.post('/runs', { runbook: 'nats-restore' })).body['id']);
  await waitFor(async () => ((await api.run(id)).offers.some(({ status }) => status !== 'planning') && (await api.run(id)).status === 'waiting' ? true : undefined), { until: 'the restore is offered', withinMs: 30_000 });
  expect(await api.post(`/runs/${id}/offers/restore/plan`, { inputs: { backup: set } })).toMatchObject({ status: expect.toSatisfy((status: number) => status < 300) });
  const { id: approval, plan } = await waitFor(async () => (await api.approvals()).find(({ runId, status }) => runId === id && status === 'pending'), { until: 'it is planned', withinMs: 30_000 });
  for (const name of ['ann', 'ben']) expect(await createApi(url, keyOf(name)).post(`/approvals/${approval}/decisions`, { decision: 'approve', digest: plan.digest, reason: 'the data is gone', confirm: 'prod' })).toMatchObject({ status: 200 });
  return id;
}

async function killNine(bot: BotProcess): Promise<void> {
  process.kill(bot.pid, 'SIGKILL');
  await waitFor(() => (bot.running() ? undefined : true), { until: 'the bot is gone', everyMs: 5 });
}

it('a restore goes on where the bot was killed: each service is stopped and started once, what was there is kept once, and nothing is lost', async () => {
  const nats = await startNats();
  const kube = await startCordumInKubernetes(SERVICES);
  const backups = await testFolder('restore-backups');
  const backup = await fill(nats, backups);
  const { namespace, kubeconfig } = kube.target;
  const folder = await filesOf({ nats: { url: `nats://${nats.address}`, monitorUrl: nats.monitorUrl }, backups, kubernetes: { namespace, kubeconfig } });

  let bot = await startBot(folder);
  const id = await approveRestore(bot.url, backup);
  const moments: readonly (readonly [string, () => boolean | Promise<boolean>])[] = [
    ['a service has been told to stop', () => kube.scaled().length >= 1],
    ['the stream is as in the backup', async () => (await lastOf(nats, 'CORDUM_JOBS')) === 5],
    ['a service has been told to start', () => kube.scaled().length >= 4],
  ];
  for (const [until, come] of moments) {
    await waitFor(async () => ((await come()) ? true : undefined), { until, withinMs: 30_000, everyMs: 1 });
    await killNine(bot);
    bot = await startBot(folder);
  }
  const api: Api = createApi(bot.url, keyOf('cara'));
  const offer = await waitFor(async () => (await api.run(id)).offers.find(({ status }) => status === 'done' || status === 'failed' || status === 'halted'), { until: 'the restore has ended', withinMs: 40_000 });

  expect(offer).toMatchObject({ progress: { total: 9, applied: 9, failed: 0, unknown: 0 }, verified: { outcome: 'passed' } });
  expect(kube.scaled()).toEqual(['cordum-api-gateway 0', 'cordum-scheduler 0', 'cordum-workflow-engine 0', 'cordum-workflow-engine 1', 'cordum-scheduler 2', 'cordum-api-gateway 3']);
  expect(kube.replicas()).toEqual(SERVICES);
  expect(await lastOf(nats, 'CORDUM_JOBS')).toBe(5);
  const sets = (await readdir(backups)).filter((name) => name.endsWith('.manifest.json'));
  expect(sets).toHaveLength(2);
  const rollback = /nats-(\d{8}T\d{6}Z), the rollback point/.exec(offer.verified?.say ?? '')?.[1];
  expect(sets).toContain(`nats-${rollback ?? ''}.manifest.json`);
  expect(await runToEnd('src/cli/main.ts', ['backup', 'verify', backups])).toMatchObject({ code: 0 });
}, 120_000);
