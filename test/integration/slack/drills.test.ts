/** Reminders of drills in the channel, and approving one ahead: the button with its form, and the command, as signed requests. */
import { afterEach, describe, expect, it } from 'vitest';
import { createMemoryJournal } from '#journal/memory.ts';
import type { NoticeView } from '#operations/operations.ts';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { createFakeOperations } from '../../kit/operations.ts';
import { click, form, signed, slash, submission } from '../../kit/slack/requests.ts';
import { buttonValue, startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { startWorkspace, type SlackMessage, type Workspace } from '../../kit/slack/workspace.ts';
import { drillApproval, noticeView } from '../../kit/views.ts';

let workspace: Workspace;
let bot: TestSlack;
afterEach(async () => {
  await bot.stop();
  await workspace.close();
});

async function begin(notices: NoticeView[]): Promise<void> {
  workspace = await startWorkspace();
  bot = await startSlack(workspace, { operations: createFakeOperations({ incidents: [], runs: [], approvals: [], notices }) });
}

const cards = async (count: number): Promise<readonly SlackMessage[]> => {
  await until(async () => (await workspace.cards()).length === count, bot.clock);
  return workspace.cards();
};
const textOf = (card: SlackMessage | undefined): string => JSON.stringify(card);
const alice = (): { userId: string; teamId: string } => ({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId });
const press = async (card: SlackMessage | undefined, value = buttonValue(card, ACTIONS.approveAhead)): Promise<void> => {
  await bot.send(click({ ...alice(), channel: workspace.channel, messageTs: card?.ts ?? '', actionId: ACTIONS.approveAhead, triggerId: await workspace.trigger(alice().userId), ...(value === undefined ? {} : { value }) }));
};
/** Without the characters that keep Slack from reading emoji and mentions into it. */
const said = (): readonly string[] => workspace.callsOf('chat.postEphemeral').map((call) => (call.args['text'] ?? '').replaceAll('\u2060', ''));
const command = async (text: string): Promise<number> => {
  await bot.clock.advance(1_000);
  return (await bot.http.inject(signed(slash({ ...alice(), channel: workspace.channel }, text), bot.clock.now()))).statusCode;
};

describe('a reminder in the channel', () => {
  it('says what is due, when, how the last one ended, and that nobody has approved it; once, also over a restart', async () => {
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    workspace = await startWorkspace();
    const operations = createFakeOperations({ incidents: [], runs: [], approvals: [], notices: [noticeView()] });
    bot = await startSlack(workspace, { operations, clock, journal });
    const [card] = await cards(1);
    for (const part of ['Restore drill redis-quarterly is due within a week', '2026-01-06T09:00:00Z', 'redis: the last drill passed on 2026-11-20', 'from /backups', 'Nobody has approved it ahead', 'Approve ahead…']) expect(textOf(card)).toContain(part);
    await bot.stop();
    bot = await startSlack(workspace, { operations, clock, journal });
    operations.emit({ kind: 'notice', id: 'redis-each-quarter', incidentId: null, types: ['DrillReminded'] });
    await clock.advance(60_000);
    expect(await workspace.cards()).toHaveLength(1);
  });

  it('is shown anew once it was approved, with who did', async () => {
    await begin([noticeView()]);
    await cards(1);
    bot.operations.state.notices = [noticeView({ approvals: [drillApproval({ by: 'slack:U012AB3CD' })] })];
    bot.operations.emit({ kind: 'notice', id: 'drill.store.run/redis-quarterly', incidentId: null, types: ['ApprovedAhead'] });
    await until(async () => textOf((await workspace.cards())[0]).includes('Approved ahead by'), bot.clock);
    expect(textOf((await workspace.cards())[0])).toContain('agreed with the team');
  });

  it('tells that a slot was missed, with the reason, and offers nothing; what is over is not posted', async () => {
    await begin([noticeView({ kind: 'missed', because: 'there is no runbook <!channel>' }), noticeView({ id: 'ntc_ffffffffffffffffffffffffff', live: false })]);
    const [card] = await cards(1);
    await bot.clock.advance(60_000);
    expect([textOf(card), buttonValue(card, ACTIONS.approveAhead), (await workspace.cards()).length]).toEqual([expect.stringContaining('Schedule redis-each-quarter started nothing'), undefined, 1]);
    expect(textOf(card)).toContain('there is no runbook');
    expect(textOf(card)).not.toContain('<!channel');
  });

  it('approves with its button the slot that it shows, as the person who pressed, for a reason that is asked', async () => {
    await begin([noticeView()]);
    const [card] = await cards(1);
    await press(card);
    await until(() => workspace.callsOf('views.open').length === 1);
    expect(bot.operations.callsOf('approveDrill')).toEqual([]);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    await bot.send(submission(alice(), view, { reason: { reason: { type: 'plain_text_input', value: 'The team agreed.' } } }));
    await until(() => said().length === 1);
    expect(bot.operations.callsOf('approveDrill')).toEqual([
      [expect.objectContaining({ id: `slack:${alice().userId}`, via: 'slack' }), 'redis-quarterly', { from: '2026-01-06T08:00:00.000Z', to: '2026-01-06T10:00:00.000Z', reason: 'The team agreed.', idempotencyKey: 'slack:V0123456789' }],
    ]);
    expect(said()[0]).toContain('redis-quarterly is approved ahead for 2026-01-06T08:00Z to 2026-01-06T10:00Z');
  });

  it('does nothing for a button of another message, a notice that there is not, or a drill that is over', async () => {
    await begin([noticeView()]);
    const [card] = await cards(1);
    await press(card, `ntc_${'e'.repeat(26)}`);
    await press({ ...card!, ts: '1.000001' }, noticeView().id);
    bot.operations.state.notices = [noticeView({ live: false })];
    await press(card, noticeView().id);
    await until(() => said().length === 3);
    expect([workspace.callsOf('views.open').length, bot.operations.callsOf('approveDrill').length]).toEqual([0, 0]);
  });

  it('carries a replayed or forged request out no second time', async () => {
    await begin([noticeView()]);
    const [card] = await cards(1);
    const body = form(click({ ...alice(), channel: workspace.channel, messageTs: card?.ts ?? '', actionId: ACTIONS.approveAhead, value: noticeView().id, triggerId: await workspace.trigger(alice().userId) }));
    const request = signed(body, bot.clock.now());
    expect((await bot.http.inject(request)).statusCode).toBe(200);
    expect((await bot.http.inject(request)).statusCode).not.toBe(200);
    expect((await bot.http.inject(signed(body, bot.clock.now(), undefined, 'f'.repeat(32)))).statusCode).not.toBe(200);
    await until(() => workspace.callsOf('views.open').length === 1);
    await bot.clock.advance(1_000);
    expect(workspace.callsOf('views.open')).toHaveLength(1);
  });
});

describe('/runbook drill', () => {
  it('approves ahead and revokes, as the person who typed, and lists what stands', async () => {
    await begin([]);
    bot.operations.state.drills = bot.operations.state.drills.map((drill) => ({ ...drill, nextAt: '2026-12-01T09:00:00.000Z', approvals: [drillApproval()] }));
    expect(await command('drill approve redis-quarterly from 2026-12-01T08:00Z to 2026-12-01T10:00Z the team agreed')).toBe(200);
    await command('drill approve redis-quarterly');
    await command(`drill revoke redis-quarterly ${drillApproval().id} the disk is full`);
    await command('drill');
    await until(() => said().length === 4);
    const me = expect.objectContaining({ id: `slack:${alice().userId}`, kind: 'human' }) as unknown;
    expect(bot.operations.callsOf('approveDrill')).toEqual([
      [me, 'redis-quarterly', expect.objectContaining({ from: '2026-12-01T08:00Z', to: '2026-12-01T10:00Z', reason: 'the team agreed' })],
      [me, 'redis-quarterly', expect.not.objectContaining({ from: expect.anything() as unknown })],
    ]);
    expect(bot.operations.callsOf('revokeDrillApproval')).toEqual([[me, 'redis-quarterly', drillApproval().id, 'the disk is full']]);
    expect(said().join('\n')).toContain('approved ahead by alice for 2026-12-01T08:00Z to 2026-12-01T10:00Z');
  });

  it('says why it was refused', async () => {
    await begin([]);
    bot.operations.refuse('approveDrill', { code: 'forbidden', message: 'slack:U1 is not in oncall', rule: 'not-in-role' });
    await command('drill approve redis-quarterly because');
    await until(() => said().length === 1);
    expect(said()[0]).toContain('is not in oncall');
  });
});
