import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createApp, type App } from '#app/app.ts';
import { loadConfig } from '#config/load.ts';
import { readFileOfDisk } from '#config/files.ts';
import type { ApprovalView } from '#engine/model/views.ts';
import { silentLog } from '#kernel/log.ts';
import type { Principal } from '#policy/model.ts';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { seedDlq } from '#systems/cordum/sandbox/seed.ts';
import { createSandbox, type Sandbox } from '#systems/cordum/sandbox/server.ts';
import { createVirtualClock, type VirtualClock } from '../../kit/clock.ts';
import { metric, postAlert } from '../../kit/e2e/api.ts';
import { CORDUM_KEY, writeBotFiles } from '../../kit/e2e/bot.ts';
import { click, form, signed, submission } from '../../kit/slack/requests.ts';
import { buttonValue, until } from '../../kit/slack/surface.ts';
import { startWorkspace, type SlackMessage, type Workspace } from '../../kit/slack/workspace.ts';

/** The whole bot in this process, in virtual time, on the sandbox and the emulator. */
interface World {
  readonly app: App;
  readonly clock: VirtualClock;
  readonly sandbox: Sandbox;
  readonly workspace: Workspace;
  readonly safe: readonly string[];
  /** The one card, once it says all of this. */
  cardSaying(...texts: readonly string[]): Promise<SlackMessage>;
  press(card: SlackMessage, actionId: string, more?: { readonly who?: string; readonly triggerId?: string }): Promise<void>;
  send(payload: Readonly<Record<string, unknown>>): Promise<void>;
  pending(): Promise<ApprovalView>;
  resolve(): Promise<void>;
}

/** Calls over real sockets take some turns; this much virtual time goes by with each. */
const STEP_MS = 20;
const LOCAL: Principal = { id: 'ann', kind: 'human', roles: [], via: 'console' };
const STARTED = { startsAt: '2025-12-31T23:50:00.000Z' };

async function startWorld(deadJobs = 24): Promise<World> {
  const fine = createVirtualClock();
  // As the system's clock: only whole milliseconds, which the pace of Cordum's reads does not know.
  const clock: VirtualClock = { ...fine, schedule: (atMs, fire) => fine.schedule(Math.ceil(atMs), fire) };
  const sandbox = createSandbox({ clock, apiKey: CORDUM_KEY, tenant: 'default' });
  const { url } = await sandbox.start();
  onTestFinished(() => sandbox.stop());
  const seeded = seedDlq(sandbox, deadJobs);
  sandbox.setOutcome('*', 'succeed', 100);
  const workspace = await startWorkspace();
  onTestFinished(() => workspace.close());
  const dir = await writeBotFiles({ cordumUrl: url, slack: { ...workspace, channel: 'ops' } });
  const loaded = loadConfig({ configPath: join(dir, 'runbook-bot.yaml'), env: {}, cwd: dir, readFile: readFileOfDisk });
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const app = await createApp({ config: loaded.config, log: silentLog, clock });
  onTestFinished(async () => {
    const stopping = app.stop();
    let stopped = false;
    void stopping.finally(() => (stopped = true));
    await until(() => stopped, clock);
  });
  await app.start();
  await postAlert(app.url, { status: 'firing', ...STARTED });

  const send = async (payload: Readonly<Record<string, unknown>>): Promise<void> => {
    // A signature is taken once: the next one is of another second.
    await clock.advance(1_000);
    const request = signed(form(payload), clock.now());
    expect((await fetch(`${app.url}${request.url}`, { method: 'POST', headers: request.headers, body: request.payload })).status).toBe(200);
  };
  return {
    app,
    clock,
    sandbox,
    workspace,
    safe: seeded.safe,
    async cardSaying(...texts) {
      let card: SlackMessage | undefined;
      try {
        await until(
          async () => {
            [card] = await workspace.cards();
            const said = JSON.stringify(card ?? '').replaceAll('\u2060', '');
            return texts.every((text) => said.includes(text));
          },
          clock,
          STEP_MS,
        );
      } catch {
        throw new Error(`the card does not say ${texts.join(' and ')}, but ${JSON.stringify(card, undefined, 1)}`);
      }
      if (card === undefined) throw new Error('there is no card');
      return card;
    },
    press: (card, actionId, more = {}) => {
      const value = buttonValue(card, actionId);
      if (value === undefined) throw new Error(`the card has no button ${actionId}: ${JSON.stringify(card, undefined, 1)}`);
      const at = { teamId: workspace.teamId, channel: workspace.channel, messageTs: card.ts, responseUrl: workspace.responseUrl };
      return send(click({ ...at, userId: workspace.users[more.who ?? 'alice'] ?? '', actionId, value, ...(more.triggerId === undefined ? {} : { triggerId: more.triggerId }) }));
    },
    send,
    async pending() {
      const [approval] = (await app.operations.approvals({ status: 'pending' })).items;
      if (approval === undefined) throw new Error('nothing is pending');
      return approval;
    },
    resolve: async () => void (await postAlert(app.url, { status: 'resolved', ...STARTED })),
  };
}

const short = (approval: ApprovalView): string => approval.plan.digest.slice(0, 8);
const timesIn = (card: SlackMessage, text: string): number => JSON.stringify(card.blocks).split(text).length - 1;
const slackTime = (iso: string | undefined): string => `<!date^${Math.floor(Date.parse(iso ?? '') / 1_000)}^`;

describe('a card of the real bot', () => {
  it('is posted to the channel of the configured name, and shows who decided, when and what within a second', async () => {
    const { app, clock, workspace, cardSaying, press, pending, safe, sandbox } = await startWorld();
    const card = await cardSaying('waits for approval', ACTIONS.approve);
    const approval = await pending();
    await press(card, ACTIONS.approve);
    const pressedAt = clock.now();
    const decided = await cardSaying(`Approved by <@${workspace.users['alice']}> (slack)`, `plan \`${short(approval)}\``);
    expect(clock.now() - pressedAt).toBeLessThanOrEqual(1_000);
    const [decision] = (await app.operations.approval(approval.id))?.decisions ?? [];
    expect(JSON.stringify(decided)).toContain(slackTime(decision?.at));
    expect(buttonValue(decided, ACTIONS.approve)).toBeUndefined();

    // The same button once more, on the card as it was.
    await press(card, ACTIONS.approve);
    await until(() => workspace.said.length === 1, clock, STEP_MS);
    expect(workspace.said[0]).toContain('You have approved this already, and it counts once.');
    expect(workspace.said[0]).toContain(`Approved by <@${workspace.users['alice']}>`);

    expect(timesIn(await cardSaying(`${safe.length} of ${safe.length} applied`, 'Verified: passed'), 'retried:')).toBe(1);
    expect(sandbox.calls.filter((call) => call.path.endsWith('/retry')).length).toBe(safe.length);
    expect(workspace.callsOf('conversations.list')).toHaveLength(1);
    expect(await workspace.cards()).toHaveLength(1);
    expect(await metric(app.url, 'runbook_bot_slack_calls_total', 'method="chat.update",result="ok"')).toBeGreaterThan(0);
    expect(await metric(app.url, 'runbook_bot_slack_calls_total', 'method="conversations.list",result="ok"')).toBe(1);
  });

  it('says who decided in the console to whom presses too late', async () => {
    const { app, clock, workspace, cardSaying, press, pending } = await startWorld();
    const card = await cardSaying('waits for approval', ACTIONS.deny);
    const approval = await pending();
    expect((await app.operations.decide(LOCAL, approval.id, { decision: 'deny', digest: approval.plan.digest, reason: 'not today' })).ok).toBe(true);
    await press(card, ACTIONS.approve);
    await until(() => workspace.said.length === 1, clock, STEP_MS);
    const told = (workspace.said[0] ?? '').replaceAll('\u2060', '');
    expect(told).toContain('already');
    expect(told).toContain('Denied by ann (console)');
    expect(told).toContain('not today');
    expect(timesIn(await cardSaying('denied', 'Denied by ann (console)', 'not today', short(approval)), 'not today')).toBe(1);
  });

  it('offers to plan again what has expired, and the new plan can be approved', async () => {
    const { clock, workspace, cardSaying, press, pending, safe } = await startWorld();
    const card = await cardSaying('waits for approval', ACTIONS.approve);
    const old = await pending();
    await clock.advance(15 * 60_000);
    const expired = await cardSaying('expired before it was decided', 'Plan again');
    expect(buttonValue(expired, ACTIONS.approve)).toBeUndefined();
    expect(timesIn(expired, 'nobody decided in time')).toBe(1);
    await press(card, ACTIONS.approve);
    await until(() => workspace.said.length === 1, clock, STEP_MS);
    expect(workspace.said[0]).toContain('The approval has expired; plan it again.');

    await press(expired, ACTIONS.plan);
    const again = await cardSaying('waits for approval', ACTIONS.approve);
    const fresh = await pending();
    expect(fresh.id).not.toBe(old.id);
    await press(again, ACTIONS.approve);
    await cardSaying(`${safe.length} of ${safe.length} applied`);
  });

  it('says why an offer was withdrawn, on the card and to whom presses too late', async () => {
    const { clock, workspace, cardSaying, press, resolve } = await startWorld();
    const card = await cardSaying('waits for approval', ACTIONS.approve);
    await resolve();
    const withdrawn = await cardSaying('withdrawn', 'the alert has resolved');
    expect(timesIn(withdrawn, 'the alert has resolved')).toBe(1);
    expect(buttonValue(withdrawn, ACTIONS.approve)).toBeUndefined();
    await press(card, ACTIONS.approve);
    await until(() => workspace.said.length === 1, clock, STEP_MS);
    expect(workspace.said[0]).toMatch(/withdrawn: .*resolved/);
  });

  it('asks for a reason when a person settles what nobody can tell, and goes on', async () => {
    const { app, clock, sandbox, workspace, cardSaying, press, send } = await startWorld();
    const card = await cardSaying('waits for approval', ACTIONS.approve);
    sandbox.loseAnswer(/^POST .*\/retry$/, 'beforeEffect', 1);
    await press(card, ACTIONS.approve);
    await until(() => sandbox.calls.some((call) => call.path.endsWith('/retry')), clock, STEP_MS);
    sandbox.loseAnswer(/^GET .*\/traces\//, 'beforeEffect', 10_000);
    // Until the lost call can no longer land, and three more looks have seen nothing.
    await clock.advance(300_000);
    const unknown = await cardSaying('Nobody can tell whether this was applied', ACTIONS.settleNotApplied, ACTIONS.settleApplied);
    await press(unknown, ACTIONS.settleNotApplied, { triggerId: await workspace.trigger(workspace.users['alice'] ?? '') });
    await until(() => workspace.callsOf('views.open').length === 1, clock, STEP_MS);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string; blocks: unknown };
    expect(JSON.stringify(view.blocks)).toContain('How do you know?');
    const alice = { userId: workspace.users['alice'] ?? '', teamId: workspace.teamId };
    await send(submission(alice, view, { reason: { reason: { type: 'plain_text_input', value: 'Seen in the log of Cordum.' } } }));
    const [run] = (await app.operations.runs({})).items;
    await until(async () => (await app.operations.run(run?.id ?? ''))?.effects.some((effect) => effect.settledBy === `slack:${alice.userId}`) === true, clock, STEP_MS);
    expect(JSON.stringify((await app.operations.runEvents(run?.id ?? '', 0)) ?? [])).toContain('Seen in the log of Cordum.');
    await until(async () => !JSON.stringify(await workspace.cards()).includes('Nobody can tell'), clock, STEP_MS);
  });
});
