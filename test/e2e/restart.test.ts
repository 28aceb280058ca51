import { describe, expect, it, onTestFinished } from 'vitest';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { createApi, postAlert, type Api } from '../kit/e2e/api.ts';
import { startBot, writeBotFiles, type BotProcess } from '../kit/e2e/bot.ts';
import { expectDrainedOnce, mostInOneSecond, startCordum, writesOf, type TestCordum } from '../kit/e2e/cordum.ts';
import { cardSaying, cardsPosted, deliver, press } from '../kit/e2e/slack.ts';
import { waitFor } from '../kit/servers/process.ts';
import { startWorkspace, type Workspace } from '../kit/slack/workspace.ts';

const DEAD_JOBS = 72;
const STARTED = '2026-11-20T10:00:00.000Z';
/** Into the third wave of 1, 5, 25 and the rest. */
const WRITES_BEFORE = 12;

interface Story {
  readonly workspace: Workspace;
  readonly cordum: TestCordum;
  readonly folder: string;
  readonly bot: BotProcess;
  readonly api: Api;
  readonly runId: string;
  readonly cardTs: string;
}

/**
 * The alert has come, the on-call has approved, and in the third wave the bot meets this signal, within milliseconds of a
 * call that Cordum has carried out: the bot may or may not know its answer by then.
 */
async function strikeMidWave(signal: NodeJS.Signals): Promise<Story> {
  const workspace = await startWorkspace();
  onTestFinished(() => workspace.close());
  const cordum = await startCordum(DEAD_JOBS);
  const folder = await writeBotFiles({ cordumUrl: cordum.url, slack: workspace });
  const bot = await startBot(folder);
  const api = createApi(bot.url);
  expect(await postAlert(bot.url, { status: 'firing', startsAt: STARTED })).toMatchObject({ accepted: 1, duplicates: 0 });
  const card = await cardSaying(workspace, [ACTIONS.approve]);
  expect(await deliver(bot.url, press(workspace, 'alice', card, ACTIONS.approve))).toBe(200);
  const runId = (await api.runs())[0]?.id ?? '';
  await waitFor(() => (writesOf(cordum.sandbox).length >= WRITES_BEFORE ? true : undefined), { until: 'the third wave is under way', withinMs: 60_000, everyMs: 1 });
  process.kill(bot.pid, signal);
  return { workspace, cordum, folder, bot, api, runId, cardTs: card.ts };
}

async function finish({ workspace, cordum, folder, runId, cardTs }: Story): Promise<Api> {
  const bot = await startBot(folder);
  const api = createApi(bot.url);
  // Alertmanager knows nothing of the restart and repeats itself.
  expect(await postAlert(bot.url, { status: 'firing', startsAt: STARTED })).toMatchObject({ duplicates: 1 });
  await waitFor(async () => ((await api.run(runId)).offers.find((offer) => offer.id === 'retry')?.status === 'done' ? true : undefined), { until: 'the retry is done', withinMs: 150_000, everyMs: 250 });
  await postAlert(bot.url, { status: 'resolved', startsAt: STARTED });
  await waitFor(async () => ((await api.run(runId)).endedAt === null ? undefined : true), { until: 'the run ends' });
  expect(await api.run(runId)).toMatchObject({ status: 'succeeded', endedAt: expect.any(String) as string });
  expect(await api.runs()).toHaveLength(1);
  const [incident, ...others] = await api.incidents();
  expect(others).toEqual([]);
  expect(incident?.status).toBe('closed');
  expectDrainedOnce(cordum, `slack:${workspace.users['alice']}`);
  expect((await cardSaying(workspace, ['closed', `${cordum.seeded.safe.length} of ${cordum.seeded.safe.length} applied`])).ts).toBe(cardTs);
  expect(cardsPosted(workspace)).toBe(1);
  return api;
}

describe('a bot that is stopped in the middle of a wave', () => {
  it('lets the effect under way end, exits 0 within 15 s, and carries on after its restart under the same approval', async () => {
    const story = await strikeMidWave('SIGTERM');
    await waitFor(() => (story.bot.running() ? undefined : true), { until: 'the bot has stopped', withinMs: 15_000 });
    expect(story.bot.output()).toContain('Bot: ended with code 0');
    const writesThen = writesOf(story.cordum.sandbox).length;
    expect(writesThen).toBeLessThan(story.cordum.seeded.safe.length);

    const api = await finish(story);
    const timeline = await api.follow(story.runId);
    expect(timeline.map((entry) => entry.version)).toEqual(timeline.map((_entry, at) => at + 1));
    const types = timeline.map((entry) => entry.type);
    expect(types.filter((type) => type === 'ApprovalRequested' || type === 'ApprovalRedeemed')).toEqual(['ApprovalRequested', 'ApprovalRedeemed']);
    // No call was lost, so nothing had to be probed.
    expect(timeline.filter((entry) => entry.type === 'EffectSucceeded' && entry.data['learnt'] === 'probe')).toEqual([]);
    expect(types.filter((type) => type === 'EffectIntended')).toHaveLength(story.cordum.seeded.safe.length);
    expect(mostInOneSecond(timeline.filter((entry) => entry.type === 'EffectIntended').map((entry) => Date.parse(entry.at)))).toBeLessThanOrEqual(10);
  });

  it('killed outright, finds out what its last call did and retries no job twice', { timeout: 300_000 }, async () => {
    const story = await strikeMidWave('SIGKILL');
    await waitFor(() => (story.bot.running() ? undefined : true), { until: 'the bot is gone' });
    const api = await finish(story);
    expect((await api.run(story.runId)).effects.filter((effect) => effect.status !== 'succeeded')).toEqual([]);
  });
});
