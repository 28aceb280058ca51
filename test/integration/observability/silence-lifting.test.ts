/** A silence of a run is lifted when the run is over: by the real bot, on a real Alertmanager, also when it was killed in between. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createAlertmanagerClient, type AlertmanagerClient } from '#systems/alertmanager/client.ts';
import { liftSilence } from '#systems/alertmanager/lifting.ts';
import { CREATOR, equalities, isActive, markOf } from '#systems/alertmanager/silences.ts';
import { createApi, type Api } from '../../kit/e2e/api.ts';
import { startBot, writeBotFiles, type BotProcess } from '../../kit/e2e/bot.ts';
import { startAlertmanager, type Alertmanager } from '../../kit/servers/alertmanager.ts';
import { freeze } from '../../kit/servers/freeze.ts';
import { waitFor } from '../../kit/servers/process.ts';

const CONFIG = 'route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n';
const offer = (id: string): string => `  - id: ${id}
    title: Silence ${id}
    if: \${{ true }}
    uses: alertmanager.silence.create
    with: { alertnames: [Depth], labels: [{ name: pool, value: ${id} }], duration: 30m, reason: a test, ahead: true }
`;
const RUNBOOK = `runbook: quiet
title: Quiet
owner: test
steps:
  - { id: status, uses: alertmanager.status.get }
offers:
${offer('one')}${offer('two')}done: { within: 1h }
`;

async function startServer(): Promise<{ readonly alertmanager: Alertmanager; readonly client: AlertmanagerClient }> {
  const alertmanager = await startAlertmanager({ config: CONFIG });
  const client = createAlertmanagerClient({ url: alertmanager.url, clock: systemClock });
  onTestFinished(() => client.close());
  return { alertmanager, client };
}

async function activeOnes(client: AlertmanagerClient): Promise<readonly string[]> {
  const silences = await client.silences({});
  if (!silences.ok) throw new Error(silences.failure.message);
  return silences.value.value.filter(isActive).map(({ id }) => id);
}

/** A run of the bot that has made one of its two silences, and waits for somebody to approve the other. */
async function silenceOne(bot: BotProcess): Promise<{ readonly api: Api; readonly runId: string }> {
  const api = createApi(bot.url);
  const started = await api.post('/runs', { runbook: 'quiet' });
  const runId = String(started.body['id']);
  const asked = await waitFor(async () => {
    const approvals = (await api.approvals()).filter((approval) => approval.runId === runId && approval.status === 'pending');
    return approvals.length === 2 ? approvals.find(({ offerId }) => offerId === 'one') : undefined;
  }, { until: 'both silences are planned' });
  expect(await api.post(`/approvals/${asked.id}/decisions`, { decision: 'approve', digest: asked.plan.digest })).toMatchObject({ status: 200 });
  await waitFor(async () => ((await api.run(runId)).offers.find(({ id }) => id === 'one')?.status === 'done' ? true : undefined), { until: 'one is silenced' });
  return { api, runId };
}

describe('a silence of a run', { timeout: 60_000 }, () => {
  it('is lifted when the run has ended, also by a bot that was killed before it could', async () => {
    const { alertmanager, client } = await startServer();
    const folder = await writeBotFiles({ cordumUrl: 'http://127.0.0.1:9' });
    const config = join(folder, 'runbook-bot.yaml');
    await writeFile(config, (await readFile(config, 'utf8')).replace('match: {},', `match: {}, alertmanager: { url: "${alertmanager.url}" },`));
    await writeFile(join(folder, 'runbooks', 'quiet.yaml'), RUNBOOK);
    const first = await startBot(folder);
    const { api, runId } = await silenceOne(first);
    expect(await activeOnes(client)).toHaveLength(1);

    // It hangs, so the run ends and nothing can be lifted; then the bot dies.
    freeze(alertmanager.pid);
    onTestFinished(() => void process.kill(alertmanager.pid, 'SIGCONT'));
    expect((await api.post(`/runs/${runId}/cancel`, { reason: 'enough' })).status).toBeLessThan(300);
    await waitFor(async () => ((await api.run(runId)).status === 'cancelled' ? true : undefined), { until: 'the run has ended' });
    process.kill(first.pid, 'SIGKILL');
    await waitFor(() => (first.running() ? undefined : true), { until: 'the bot is gone' });
    process.kill(alertmanager.pid, 'SIGCONT');
    expect(await activeOnes(client)).toHaveLength(1);

    const second = await startBot(folder);
    await waitFor(async () => ((await activeOnes(client)).length === 0 ? true : undefined), { until: 'it is lifted' });
    const entries = await createApi(second.url).follow(runId, { enough: (all) => all.some(({ type }) => type === 'EffectReleased') });
    expect(entries.filter(({ type }) => type === 'EffectReleased')).toMatchObject([{ actor: 'bot', say: expect.stringContaining('is lifted: the run is over') as string }]);
  });

  it('is left alone once a person has changed it, and what has ended is not ended again', async () => {
    const { client } = await startServer();
    const startsAt = new Date(Date.now()).toISOString();
    const endsAt = new Date(Date.now() + 1_800_000).toISOString();
    const silence = (pool: string, key: string) => ({ matchers: equalities('Depth', [{ name: 'pool', value: pool }]), startsAt, endsAt, createdBy: `${CREATOR} (ann)`, comment: `Run 1: a test ${markOf(key)}` });
    const make = async (pool: string, key: string): Promise<string> => {
      const made = await client.createSilence(silence(pool, key), {});
      if (!made.ok) throw new Error(made.failure.message);
      return made.value.id;
    };
    const { signal } = new AbortController();
    const lift = (key: string, silenceId: string) => liftSilence(client, { key, silenceId, endsAt }, signal);

    // Extended under its own id, as an edit of its end alone does.
    const extended = await make('a', 'ka');
    const later = new Date(Date.now() + 7_200_000).toISOString();
    const edited = await client.createSilence({ ...silence('a', 'ka'), id: extended, endsAt: later } as never, {});
    expect(edited).toMatchObject({ ok: true, value: { id: extended } });
    expect(await lift('ka', extended)).toMatchObject({ ok: true, value: { outcome: 'changed', say: expect.stringContaining('lift it by hand') as string } });
    expect(await activeOnes(client)).toEqual([extended]);

    // Made wider by a person, which gives it another id.
    const narrow = await make('b', 'kb');
    const wide = await client.createSilence({ ...silence('c', 'kb'), id: narrow, createdBy: 'mia' } as never, {});
    expect(wide.ok && wide.value.id !== narrow).toBe(true);
    expect(await lift('kb', narrow)).toMatchObject({ ok: true, value: { outcome: 'gone', say: expect.stringContaining('before its time') as string } });

    // Its answer was lost: the mark finds it. Somebody else's with the same matchers stays.
    await make('d', 'kd');
    const theirs = await client.createSilence({ ...silence('d', 'x'), createdBy: 'mia', comment: 'mine' }, {});
    expect(await liftSilence(client, { key: 'kd', silenceId: '', endsAt: '' }, signal)).toMatchObject({ ok: true, value: { outcome: 'released' } });
    expect(await liftSilence(client, { key: 'kd', silenceId: '', endsAt: '' }, signal)).toMatchObject({ ok: true, value: { outcome: 'gone' } });
    expect(await activeOnes(client)).toEqual(expect.arrayContaining([extended, wide.ok ? wide.value.id : '', theirs.ok ? theirs.value.id : '']));
    expect(await activeOnes(client)).toHaveLength(3);
  });
});
