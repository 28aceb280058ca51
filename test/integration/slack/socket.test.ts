import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { createSlackDirectory, type SlackDirectory } from '#surfaces/slack/directory.ts';
import { createVirtualClock } from '../../kit/clock.ts';
import { click } from '../../kit/slack/requests.ts';
import { buttonValue, startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { BOT_TOKEN, startWorkspace, type Workspace } from '../../kit/slack/workspace.ts';
import { APPROVAL_ID } from '../../kit/views.ts';

let workspace: Workspace;
let bot: TestSlack | undefined;

beforeEach(async () => {
  workspace = await startWorkspace();
});
afterEach(async () => {
  await bot?.stop();
  bot = undefined;
  await workspace.close();
});

const envelope = async (id: string): Promise<Record<string, unknown>> => {
  const card = (await workspace.cards())[0];
  const payload = click({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId, channel: workspace.channel, messageTs: card?.ts ?? '', actionId: ACTIONS.approve, value: buttonValue(card, ACTIONS.approve) ?? '' });
  return { type: 'interactive', envelope_id: id, payload, accepts_response_payload: true };
};

describe('Socket Mode', () => {
  it('holds two connections, acknowledges a click on its own and decides', async () => {
    bot = await startSlack(workspace, { mode: 'socket' });
    expect(bot.slack.routes).toBeUndefined();
    await until(async () => bot?.slack.connected() === 2 && (await workspace.cards()).length === 1);
    workspace.sockets.send(await envelope('e1'));
    await until(() => bot?.operations.callsOf('decide').length === 1);
    expect(bot.operations.callsOf('decide')[0]?.[1]).toBe(APPROVAL_ID);
    await until(() => workspace.sockets.acked.includes('e1'));
  });

  it('opens a new connection at once when Slack wants one replaced, and takes clicks on the other meanwhile', async () => {
    bot = await startSlack(workspace, { mode: 'socket' });
    await until(async () => bot?.slack.connected() === 2 && (await workspace.cards()).length === 1);
    const [first, second] = workspace.sockets.open;
    workspace.sockets.send({ type: 'disconnect', reason: 'refresh_requested' }, first);
    workspace.sockets.send(await envelope('e2'), second);
    // Virtual time stands still: a connection that waited before it dials again would never come.
    await until(() => workspace.sockets.dialled() === 3 && bot?.slack.connected() === 2);
    await until(() => bot?.operations.callsOf('decide').length === 1);
  });

  it('comes back after a connection breaks, and after Slack refuses new ones', async () => {
    bot = await startSlack(workspace, { mode: 'socket' });
    await until(() => bot?.slack.connected() === 2);
    workspace.fail('apps.connections.open', { kind: 'answer', status: 503, body: {} });
    workspace.fail('apps.connections.open', { kind: 'lose-request' });
    workspace.sockets.closeAll();
    await until(() => bot?.slack.connected() === 0);
    await until(() => bot?.slack.connected() === 2, bot.clock);
    expect(workspace.sockets.open).toHaveLength(2);
  });

  it('keeps trying when Slack cannot be reached at the start', async () => {
    workspace.failAll({ kind: 'answer', status: 503, body: {} });
    bot = await startSlack(workspace, { mode: 'socket' });
    await until(() => workspace.callsOf('apps.connections.open').length >= 4, bot.clock);
    workspace.failAll(undefined);
    await until(() => bot?.slack.connected() === 2, bot.clock);
  });

  it('says what is missing rather than start without a way in', async () => {
    await expect(startSlack(workspace, { mode: 'http', signingSecret: new Secret('short') })).rejects.toThrow('slack.signingSecretFile');
    await expect(startSlack(workspace, { mode: 'http', signingSecret: new Secret('') })).rejects.toThrow('slack.signingSecretFile');
    await expect(startSlack(workspace, { channel: 'Ops Room' })).rejects.toThrow('slack.channel');
  });
});

describe('user groups', () => {
  const clock = createVirtualClock();
  const directory = (groups: readonly string[]): SlackDirectory => createSlackDirectory({ botToken: new Secret(BOT_TOKEN), apiUrl: workspace.apiUrl, groups: () => groups, clock, log: silentLog });

  it('reads the members once a minute', async () => {
    workspace.groups.set('S1', ['U1', 'U2']);
    const slack = directory(['S1']);
    const [first, second] = await Promise.all([slack.slackGroupMembers(), slack.slackGroupMembers()]);
    expect(first).toEqual(new Map([['S1', new Set(['U1', 'U2'])]]));
    expect(second).toEqual(first);
    workspace.groups.set('S1', ['U2']);
    expect((await slack.slackGroupMembers()).get('S1')).toEqual(new Set(['U1', 'U2']));
    expect(workspace.callsOf('usergroups.users.list')).toHaveLength(1);
    await clock.advance(60_000);
    expect((await slack.slackGroupMembers()).get('S1')).toEqual(new Set(['U2']));
  });

  it('forgets what it knew when Slack says that a group changed', async () => {
    workspace.groups.set('S1', ['U1']);
    const slack = directory(['S1']);
    await slack.slackGroupMembers();
    workspace.groups.set('S1', []);
    bot = await startSlack(workspace, { mode: 'socket', directory: slack });
    await until(() => bot?.slack.connected() === 2);
    workspace.sockets.send({ type: 'events_api', envelope_id: 'e3', payload: { type: 'event_callback', team_id: workspace.teamId, event: { type: 'subteam_members_changed', subteam_id: 'S1' } }, accepts_response_payload: false });
    await until(async () => (await slack.slackGroupMembers()).get('S1') instanceof Set && ((await slack.slackGroupMembers()).get('S1') as ReadonlySet<string>).size === 0);
  });

  it.each([
    ['a group that does not exist', undefined],
    ['429', { kind: 'answer', status: 429, body: { ok: false } }],
    ['an error', { kind: 'answer', status: 500, body: {} }],
    ['a missing scope', { kind: 'answer', status: 200, body: { ok: false, error: 'missing_scope' } }],
    ['an answer without users', { kind: 'answer', status: 200, body: { ok: true } }],
  ] as const)('gives nobody a role on %s, although it knew the members before', async (_what, fault) => {
    workspace.groups.set('S1', ['U1']);
    workspace.groups.set('S2', ['U2']);
    const slack = directory(['S1', 'S2']);
    await slack.slackGroupMembers();
    await clock.advance(61_000);
    if (fault === undefined) workspace.groups.delete('S1');
    else workspace.groups.set('S1', fault);
    expect(await slack.slackGroupMembers()).toEqual(new Map<string, unknown>([['S1', 'unreachable'], ['S2', new Set(['U2'])]]));
  });
});
