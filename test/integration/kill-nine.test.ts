/** `kill -9` on the real process, with its journal on disk, again and again in one run of eight jobs. */
import { expect, test } from 'vitest';
import type { ApprovalView } from '#engine/model/views.ts';
import { createApi, postAlert, type Api } from '../kit/e2e/api.ts';
import { KEYS, startBot, writeBotFiles, type BotProcess } from '../kit/e2e/bot.ts';
import { expectDrainedOnce, startCordum, writesOf } from '../kit/e2e/cordum.ts';
import { waitFor } from '../kit/servers/process.ts';

const JOBS = 8;
const STARTED = '2026-11-20T10:00:00.000Z';
/** Cordum takes this long to carry a call out, so that a bot that is killed at once leaves it under way. */
const CORDUM_TAKES_MS = 20;

async function killNine(bot: BotProcess): Promise<void> {
  process.kill(bot.pid, 'SIGKILL');
  await waitFor(() => (bot.running() ? undefined : true), { until: 'the bot is gone', everyMs: 5 });
}

async function pendingApproval(api: Api): Promise<ApprovalView> {
  return waitFor(async () => (await api.approvals()).find((approval) => approval.status === 'pending'), { until: 'an approval is asked for', withinMs: 60_000 });
}

async function approve(url: string, { id, plan }: ApprovalView): Promise<number> {
  const headers = { authorization: `Bearer ${KEYS.ann}`, 'content-type': 'application/json' };
  const answer = await fetch(`${url}/api/v1/approvals/${id}/decisions`, { method: 'POST', headers, body: JSON.stringify({ decision: 'approve', digest: plan.digest }) });
  return answer.status;
}

test('a bot that is killed at ten moments of one run forgets nothing and retries no job twice', { timeout: 400_000 }, async () => {
  const cordum = await startCordum(JOBS);
  expect(cordum.seeded.safe).toHaveLength(JOBS);
  const folder = await writeBotFiles({ cordumUrl: cordum.url, pause: '100ms' });

  // Once the webhook has its answer the alert is the bot's, whatever happens to it.
  let bot = await startBot(folder);
  await postAlert(bot.url, { status: 'firing', startsAt: STARTED });
  await killNine(bot);

  // Before anybody has decided.
  bot = await startBot(folder);
  const asked = await pendingApproval(createApi(bot.url));
  await killNine(bot);

  // Right after a yes that was answered.
  bot = await startBot(folder);
  expect(await pendingApproval(createApi(bot.url))).toMatchObject({ id: asked.id, plan: { digest: asked.plan.digest } });
  expect(await approve(bot.url, asked)).toBe(200);
  await killNine(bot);

  // After each of its calls but the last: every other time while Cordum is still at it.
  for (let nth = 1; nth < JOBS; nth += 1) {
    cordum.sandbox.delay(nth % 2 === 0 ? CORDUM_TAKES_MS : 0);
    bot = await startBot(folder);
    await waitFor(() => (writesOf(cordum.sandbox).length >= nth ? true : undefined), { until: `call ${nth} has arrived`, withinMs: 240_000, everyMs: 1 });
    await killNine(bot);
  }

  cordum.sandbox.delay(0);
  bot = await startBot(folder);
  const api = createApi(bot.url);
  await waitFor(async () => ((await api.run(asked.runId)).offers.find((offer) => offer.id === 'retry')?.status === 'done' ? true : undefined), { until: 'the retry is done', withinMs: 240_000, everyMs: 100 });
  await postAlert(bot.url, { status: 'resolved', startsAt: STARTED });
  await waitFor(async () => ((await api.incidents())[0]?.status === 'closed' ? true : undefined), { until: 'the incident closes', withinMs: 60_000 });

  expectDrainedOnce(cordum, 'ann');
  expect(await api.runs()).toMatchObject([{ id: asked.runId, status: 'succeeded' }]);
  const approvals = await api.approvals();
  expect(approvals.filter((approval) => approval.offerId === 'retry')).toMatchObject([{ id: asked.id, status: 'redeemed', decisions: [{ principal: 'ann', decision: 'approve' }] }]);
  expect((await api.run(asked.runId)).effects.map((effect) => effect.status)).toEqual(new Array(JOBS).fill('succeeded'));
  expect(await api.incidents()).toHaveLength(1);
});
