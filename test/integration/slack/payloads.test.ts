import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { click, form, signed, submission, type Press, type SignedRequest } from '../../kit/slack/requests.ts';
import { buttonValue, startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { startWorkspace, type SlackMessage, type Workspace } from '../../kit/slack/workspace.ts';
import { APPROVAL_ID, approvalView, DIGEST, RUN_ID, INCIDENT_ID } from '../../kit/views.ts';

type Payload = Record<string, unknown>;

let workspace: Workspace;
let bot: TestSlack;
let card: SlackMessage | undefined;

beforeEach(async () => {
  workspace = await startWorkspace();
  bot = await startSlack(workspace);
  await until(async () => (await workspace.cards()).length === 1);
  card = (await workspace.cards())[0];
});
afterEach(async () => {
  await bot.stop();
  await workspace.close();
});

const press = (more: Partial<Press> = {}): Payload =>
  click({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId, channel: workspace.channel, messageTs: card?.ts ?? '', actionId: ACTIONS.approve, value: buttonValue(card, ACTIONS.approve) ?? '', responseUrl: workspace.responseUrl, ...more });
const without = (payload: Payload, ...names: readonly string[]): Payload => Object.fromEntries(Object.entries(payload).filter(([name]) => !names.includes(name)));
const deliver = async (request: (nowMs: number) => SignedRequest): Promise<number> => {
  await bot.clock.advance(1_000);
  return (await bot.http.inject(request(bot.clock.now()))).statusCode;
};
const decided = (): number => bot.operations.callsOf('decide').length;

describe('a click', () => {
  it.each<[string, (payload: Payload) => readonly [string, string]]>([
    ['as a form', (payload) => [form(payload), 'application/x-www-form-urlencoded']],
    ['as a form with a charset', (payload) => [form(payload), 'application/x-www-form-urlencoded; charset=utf-8']],
    ['as a form whose type is written in capitals', (payload) => [form(payload), 'Application/X-WWW-Form-Urlencoded;CHARSET=UTF-8']],
    ['as a form with blanks as %20', (payload) => [form(payload).replaceAll('+', '%20'), 'application/x-www-form-urlencoded']],
    ['as a form with more fields', (payload) => [`ssl_check=0&${form(payload)}&x=1`, 'application/x-www-form-urlencoded']],
    ['as JSON', (payload) => [JSON.stringify(payload), 'application/json']],
    ['as JSON with a charset', (payload) => [JSON.stringify(payload), 'application/json; charset=utf-8']],
    ['as JSON whose type is written in capitals', (payload) => [JSON.stringify(payload), 'Application/JSON;charset=UTF-8']],
  ])('is read %s', async (_how, encode) => {
    const [text, type] = encode(press());
    expect(await deliver((now) => signed(text, now, type))).toBe(200);
    await until(() => decided() === 1);
    expect(bot.operations.callsOf('decide')[0]?.slice(1)).toEqual([APPROVAL_ID, { decision: 'approve', digest: DIGEST }]);
  });

  it.each<[string, (payload: Payload) => Payload]>([
    ['container', (payload) => without(payload, 'container')],
    ['message', (payload) => without(payload, 'message')],
    ['team', (payload) => without(payload, 'team')],
    ['container, message and channel', (payload) => without(payload, 'container', 'message', 'channel')],
    ['state, trigger and enterprise', (payload) => without(payload, 'state', 'trigger_id', 'enterprise', 'is_enterprise_install', 'token')],
    ['all but who pressed what', (payload) => ({ type: payload['type'], user: { id: (payload['user'] as { id: string }).id }, actions: (payload['actions'] as Payload[]).map(({ action_id, value }) => ({ action_id, value })) })],
    ['nothing, but null in its place', (payload) => ({ ...payload, container: null, message: null, channel: null, team: null, enterprise: null, state: null })],
    ['the message of the container', (payload) => ({ ...payload, container: { type: 'message', channel_id: workspace.channel } })],
  ])('decides although it lacks %s', async (_what, change) => {
    expect(await bot.send(change(press()))).toBe(200);
    await until(() => decided() === 1 || workspace.said.length > 0);
    expect(workspace.said).toEqual([]);
    expect(bot.operations.callsOf('decide')[0]?.slice(1)).toEqual([APPROVAL_ID, { decision: 'approve', digest: DIGEST }]);
  });

  it.each<[string, (payload: Payload) => Payload]>([
    ['another message, by its container', (payload) => ({ ...payload, container: { message_ts: '1.1', channel_id: workspace.channel } })],
    ['another message, by its message alone', (payload) => ({ ...without(payload, 'container'), message: { ts: '1.1' } })],
    ['two messages', (payload) => ({ ...payload, message: { ts: '1.1' } })],
    ['another channel, by its container', (payload) => ({ ...payload, container: { message_ts: card?.ts, channel_id: 'C0ELSEWHERE' } })],
    ['another channel, by its channel alone', (payload) => ({ ...without(payload, 'container', 'message'), channel: { id: 'C0ELSEWHERE' } })],
    ['another workspace', (payload) => ({ ...payload, team: { id: 'T0ELSEWHERE' } })],
    ['a user of another workspace and no workspace itself', (payload) => ({ ...without(payload, 'team'), user: { id: workspace.users['alice'], team_id: 'T0ELSEWHERE' } })],
  ])('decides nothing when it names %s', async (_what, change) => {
    expect(await bot.send(change(press()))).toBe(200);
    await until(() => workspace.said.length === 1);
    expect(decided()).toBe(0);
  });

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['a guest', { is_restricted: true }],
    ['a guest of one channel', { is_restricted: true, is_ultra_restricted: true }],
  ])('of %s goes to the policy', async (_who, described) => {
    workspace.describe(workspace.users['alice'] ?? '', described);
    await bot.send(press());
    await until(() => decided() === 1);
  });

  it('of a user whom users.info does not know goes to the policy with the id alone', async () => {
    await bot.send(press({ userId: 'U0NOBODY' }));
    await until(() => decided() === 1);
    expect(bot.operations.callsOf('decide')[0]?.[0]).toEqual({ id: 'slack:U0NOBODY', kind: 'human', roles: [], slackUser: 'U0NOBODY', via: 'slack' });
  });

  it('that comes twice is answered with the decision as it was recorded', async () => {
    await bot.send(press());
    await until(() => decided() === 1);
    expect(workspace.said).toEqual([]);
    await bot.send(press());
    await until(() => workspace.said.length === 1);
    expect(JSON.parse(workspace.said[0] ?? '')).toMatchObject({ response_type: 'ephemeral', replace_original: false });
    expect(workspace.said[0]).toContain('You have approved this already, and it counts once. The approval is approved.');
    expect(workspace.said[0]).toContain(`Approved by <@${workspace.users['alice']}>`);
    expect(workspace.said[0]).toContain(DIGEST.slice(0, 8));
  });

  it('that comes twice at once is recorded, and answered once', async () => {
    const requests = [1, 2].map((seconds) => signed(form(press()), bot.clock.now() + seconds * 1_000));
    await Promise.all(requests.map((request) => bot.http.inject(request)));
    await until(() => decided() === 2 && workspace.said.length === 1);
    expect(workspace.said[0]).toContain('You have approved this already');
  });

  it('that comes too late is told who has decided, where, when and what', async () => {
    bot.operations.state.approvals.splice(0, 1, approvalView({ status: 'denied', because: 'denied by local:ann: not now', decisions: [{ principal: 'local:ann', decision: 'deny', reason: 'not now', via: 'console', at: '2026-03-01T10:03:00.000Z' }] }));
    bot.operations.refuse('decide', { code: 'already-decided', message: 'it is denied already: local:ann said deny' });
    await bot.send(press());
    await until(() => workspace.said.length === 1);
    const told = (workspace.said[0] ?? '').replaceAll('\u2060', '');
    expect(told).toContain('It is denied already: local:ann said deny.');
    expect(told).toContain('Denied by local:ann (console) <!date^1772359380^');
    expect(told).toContain('“not now”');
    expect(told).toContain(DIGEST.slice(0, 8));
  });
});

describe('a form', () => {
  it('that was opened by a click without a channel is answered where its card is', async () => {
    bot.operations.state.approvals.splice(0, 1, approvalView({ tier: 'R3' }));
    bot.operations.emit({ kind: 'run', id: RUN_ID, incidentId: INCIDENT_ID, types: ['ApprovalRequested'] });
    await until(async () => JSON.stringify(await workspace.cards()).includes(ACTIONS.approveForm), bot.clock);
    const triggerId = await workspace.trigger(workspace.users['alice'] ?? '');
    await bot.send(without(press({ actionId: ACTIONS.approveForm, triggerId }), 'container', 'message', 'channel'));
    await until(() => workspace.callsOf('views.open').length === 1);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    bot.operations.refuse('decide', { code: 'forbidden', message: 'Type the name of the target.' });
    await bot.send(submission({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId }, view, {}));
    await until(() => workspace.callsOf('chat.postEphemeral').length === 1);
    expect(workspace.callsOf('chat.postEphemeral')[0]?.args).toMatchObject({ channel: workspace.channel, user: workspace.users['alice'], text: 'Type the name of the target.' });
  });
});
