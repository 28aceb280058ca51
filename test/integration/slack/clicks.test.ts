import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ACTIONS } from '#surfaces/slack/cards/actions.ts';
import { click, slash, signed, submission, type Press } from '../../kit/slack/requests.ts';
import { buttonValue, startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { startWorkspace, type SlackMessage, type Workspace } from '../../kit/slack/workspace.ts';
import { APPROVAL_ID, approvalView, DIGEST, EFFECT_KEY, effectView, INCIDENT_ID, incidentView, offerView, RUN_ID, runView } from '../../kit/views.ts';

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

const press = (actionId: string, more: Partial<Press> = {}): Record<string, unknown> => {
  const value = buttonValue(card, actionId);
  return click({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId, channel: workspace.channel, messageTs: card?.ts ?? '', actionId, ...(value === undefined ? {} : { value }), ...more });
};
const ephemerals = (): readonly string[] => workspace.callsOf('chat.postEphemeral').map((call) => call.args['text'] ?? '');
const alice = (): { userId: string; teamId: string } => ({ userId: workspace.users['alice'] ?? '', teamId: workspace.teamId });

/** Changes what the bot shows, and waits until Slack has it. */
const show = async (change: () => void, text: string): Promise<void> => {
  change();
  bot.operations.emit({ kind: 'run', id: RUN_ID, incidentId: INCIDENT_ID, types: ['ApprovalRequested'] });
  await until(async () => JSON.stringify(await workspace.cards()).includes(text), bot.clock);
  card = (await workspace.cards())[0];
};

describe('buttons', () => {
  it('approves exactly the approval and digest that the card shows, as the person who pressed', async () => {
    expect(await bot.send(press(ACTIONS.approve))).toBe(200);
    await until(() => bot.operations.callsOf('decide').length === 1);
    const principal = { id: `slack:${workspace.users['alice']}`, kind: 'human', roles: [], slackUser: workspace.users['alice'], via: 'slack' };
    expect(bot.operations.callsOf('decide')).toEqual([[principal, APPROVAL_ID, { decision: 'approve', digest: DIGEST }]]);
    expect(ephemerals()).toEqual([]);
  });

  it('denies with the other button', async () => {
    await bot.send(press(ACTIONS.deny));
    await until(() => bot.operations.callsOf('decide').length === 1);
    expect(bot.operations.callsOf('decide')[0]?.[2]).toEqual({ decision: 'deny', digest: DIGEST });
  });

  it('tells the reason of a refusal to that person only, and shows the card anew', async () => {
    bot.operations.refuse('decide', { code: 'expired', message: 'This approval has expired at 10:15. <!channel>' });
    await bot.send(press(ACTIONS.approve, { responseUrl: workspace.responseUrl }));
    await until(() => workspace.said.length === 1);
    expect(JSON.parse(workspace.said[0] ?? '')).toMatchObject({ response_type: 'ephemeral', replace_original: false });
    expect(workspace.said[0]).toContain('This approval has expired at 10:15.');
    expect(workspace.said[0]).not.toContain('<!channel');
    await until(() => workspace.callsOf('chat.update').length > 0, bot.clock);
  });

  it('answers by chat.postEphemeral when the request has no response URL, or one that is not Slack’s', async () => {
    bot.operations.refuse('decide', { code: 'already-decided', message: 'Decided by bob.' });
    await bot.send(press(ACTIONS.approve));
    await until(() => ephemerals().length === 1);
    await bot.send(press(ACTIONS.approve, { responseUrl: 'http://127.0.0.1:1/elsewhere' }));
    await until(() => ephemerals().length === 2);
    expect(workspace.said).toEqual([]);
  });

  it('hands both clicks of a double click to the operation, which knows the second from the first', async () => {
    await bot.send(press(ACTIONS.approve));
    await bot.send(press(ACTIONS.approve));
    await until(() => bot.operations.callsOf('decide').length === 2);
    expect(bot.operations.callsOf('decide')[0]).toEqual(bot.operations.callsOf('decide')[1]);
  });

  it('never decides on a card of another incident, or with a value that no card has shown', async () => {
    const other = `apr_${'0'.repeat(25)}9`;
    bot.operations.state.approvals.push(approvalView({ id: other, incidentId: 'inc_00000000000000000000000009' }));
    await bot.send(press(ACTIONS.approve, { value: `${other}.${DIGEST}` }));
    await until(() => ephemerals().length === 1);
    await bot.send(press(ACTIONS.approve, { messageTs: '1.1' }));
    await until(() => ephemerals().length === 2);
    for (const value of [APPROVAL_ID, `${APPROVAL_ID}.`, `${APPROVAL_ID}.${DIGEST} `, `${APPROVAL_ID}.${DIGEST.slice(1)}`, '', '{"approval":1}']) await bot.send(press(ACTIONS.approve, { value }));
    await until(() => ephemerals().length === 8);
    expect(bot.operations.callsOf('decide')).toEqual([]);
  });

  it('hands a wrong digest on to the operation, whose answer the person reads', async () => {
    bot.operations.refuse('decide', { code: 'stale-digest', message: 'The plan has moved.' });
    await bot.send(press(ACTIONS.approve, { value: `${APPROVAL_ID}.${'0'.repeat(64)}` }));
    await until(() => ephemerals().length === 1);
    expect(bot.operations.callsOf('decide')[0]?.[2]).toEqual({ decision: 'approve', digest: '0'.repeat(64) });
    expect(ephemerals()[0]).toContain('The plan has moved.');
  });

  it.each([
    ['a bot', { is_bot: true }, {}],
    ['a workflow', { is_workflow_bot: true }, {}],
    ['a deactivated account', { deleted: true }, {}],
    ['a stranger in a shared channel', { team_id: 'T0ELSEWHERE' }, {}],
    ['a stranger by flag', { is_stranger: true }, {}],
    ['somebody whose request names another workspace', {}, { teamId: 'T0ELSEWHERE' }],
    ['somebody of another workspace', {}, { userTeamId: 'T0ELSEWHERE' }],
    ['a member whose request names another workspace of the same organisation', { enterprise_user: { teams: ['T000000001'] } }, { teamId: 'T0ELSEWHERE' }],
    ['slackbot', {}, { userId: 'USLACKBOT' }],
    ['the bot itself', {}, { userId: 'U0RUNBOOK' }],
  ])('does nothing for %s', async (_who, described, more) => {
    workspace.describe(workspace.users['alice'] ?? '', described);
    await bot.send(press(ACTIONS.approve, { ...more, responseUrl: workspace.responseUrl }));
    await until(() => workspace.said.length === 1);
    expect(bot.operations.callsOf('decide')).toEqual([]);
  });

  it('does nothing while Slack cannot say who pressed', async () => {
    workspace.fail('users.info', { kind: 'answer', status: 503, body: {} });
    await bot.send(press(ACTIONS.approve, { responseUrl: workspace.responseUrl }));
    await until(() => workspace.said.length === 1);
    expect(workspace.said[0]).toContain('Slack does not say who you are right now');
    expect(bot.operations.callsOf('decide')).toEqual([]);
  });

  it('asks for R3 in a form, and hands over what was typed', async () => {
    const approval = approvalView({ tier: 'R3', confirm: 'production' });
    await show(() => void bot.operations.state.approvals.splice(0, 1, approval), 'Tier *R3*');
    expect(buttonValue(card, ACTIONS.approve)).toBeUndefined();
    await bot.send(press(ACTIONS.approveForm, { triggerId: await workspace.trigger(workspace.users['alice'] ?? '') }));
    await until(() => workspace.callsOf('views.open').length === 1);
    expect(bot.operations.callsOf('decide')).toEqual([]);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    await bot.send(submission(alice(), view, { confirm: { confirm: { type: 'plain_text_input', value: 'production' } }, reason: { reason: { type: 'plain_text_input', value: 'Checked with bob.' } } }));
    await until(() => bot.operations.callsOf('decide').length === 1);
    expect(bot.operations.callsOf('decide')[0]?.slice(1)).toEqual([APPROVAL_ID, { decision: 'approve', digest: DIGEST, reason: 'Checked with bob.', confirm: 'production' }]);
    expect(ephemerals()).toEqual([]);
  });

  it('opens no form for an approval that is no longer open', async () => {
    await show(() => void bot.operations.state.approvals.splice(0, 1, approvalView({ tier: 'R3' })), 'Tier *R3*');
    const late = press(ACTIONS.approveForm);
    bot.operations.state.approvals.splice(0, 1, approvalView({ tier: 'R3', status: 'expired' }));
    await bot.send(late);
    await until(() => ephemerals().length === 1);
    expect(ephemerals()[0]).toContain('This approval is expired');
    expect(workspace.callsOf('views.open')).toEqual([]);
  });

  it('plans an expired offer again', async () => {
    await show(() => void bot.operations.state.runs.splice(0, 1, runView({ offers: [offerView({ status: 'expired' })] })), 'Plan again');
    await bot.send(press(ACTIONS.plan));
    await until(() => bot.operations.callsOf('planOffer').length === 1);
    expect(bot.operations.callsOf('planOffer')[0]?.slice(1)).toEqual([RUN_ID, 'retry', {}]);
  });

  it('asks for the inputs of an offer in a form and plans with them', async () => {
    const inputs = [
      { name: 'entries', type: 'list', title: 'Entries', required: true, default: null, options: ['job-1', `job-${'x'.repeat(300)}`] },
      { name: 'note', type: 'string', title: 'Note', required: false, default: null, options: null },
      { name: 'force', type: 'bool', title: 'Force', required: false, default: false, options: null },
    ] as const;
    await show(() => void bot.operations.state.runs.splice(0, 1, runView({ offers: [offerView({ status: 'form', approvalId: null, inputs })] })), 'Choose and plan');
    await bot.send(press(ACTIONS.planForm, { triggerId: await workspace.trigger(workspace.users['alice'] ?? '') }));
    await until(() => workspace.callsOf('views.open').length === 1);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    await bot.send(submission(alice(), view, { 'field-0': { 'field-0': { selected_options: [{ value: '1' }] } }, 'field-1': { 'field-1': { value: null } }, 'field-2': { 'field-2': { selected_option: { value: '0' } } } }));
    await until(() => bot.operations.callsOf('planOffer').length === 1);
    expect(bot.operations.callsOf('planOffer')[0]?.slice(1)).toEqual([RUN_ID, 'retry', { entries: [`job-${'x'.repeat(300)}`], force: true }]);
  });

  it.each([
    [ACTIONS.settleApplied, 'applied'],
    [ACTIONS.settleNotApplied, 'notApplied'],
  ])('settles an unknown effect with a reason: %s', async (action, outcome) => {
    await show(() => void bot.operations.state.runs.splice(0, 1, runView({ status: 'unknown', effects: [effectView()] })), 'Nobody can tell');
    await bot.send(press(action, { triggerId: await workspace.trigger(workspace.users['alice'] ?? '') }));
    await until(() => workspace.callsOf('views.open').length === 1);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    await bot.send(submission(alice(), view, { reason: { reason: { value: 'Seen in the log.' } } }));
    await until(() => bot.operations.callsOf('settleEffect').length === 1);
    expect(bot.operations.callsOf('settleEffect')[0]?.slice(1)).toEqual([RUN_ID, EFFECT_KEY, outcome, 'Seen in the log.']);
  });

  it('closes an incident with a reason and stops a run', async () => {
    await bot.send(press(ACTIONS.close, { triggerId: await workspace.trigger(workspace.users['alice'] ?? '') }));
    await until(() => workspace.callsOf('views.open').length === 1);
    const view = JSON.parse(workspace.callsOf('views.open')[0]?.args['view'] ?? '{}') as { callback_id: string; private_metadata: string };
    await bot.send(submission(alice(), view, { reason: { reason: { value: 'Done by hand.' } } }));
    await bot.send(press(ACTIONS.cancel));
    await until(() => bot.operations.callsOf('closeIncident').length === 1 && bot.operations.callsOf('cancelRun').length === 1);
    expect(bot.operations.callsOf('closeIncident')[0]?.slice(1)).toEqual([INCIDENT_ID, 'Done by hand.']);
    expect(bot.operations.callsOf('cancelRun')[0]?.[1]).toBe(RUN_ID);
  });

  it('says so when the journal cannot be reached, and acknowledges all the same', async () => {
    bot.operations.breakDown('decide', new Error('disk full'));
    expect(await bot.send(press(ACTIONS.approve))).toBe(200);
    await until(() => ephemerals().length === 1);
    expect(ephemerals()[0]).toContain('could not carry this out');
  });
});

describe('/runbook', () => {
  const say = async (text: string): Promise<string> => {
    const before = workspace.said.length;
    await bot.clock.advance(1_000);
    const body = slash({ ...alice(), channel: workspace.channel, responseUrl: workspace.responseUrl }, text);
    expect((await bot.http.inject(signed(body, bot.clock.now()))).statusCode).toBe(200);
    await until(() => workspace.said.length > before);
    return workspace.said[before] ?? '';
  };

  it('starts a run once per command, with its inputs', async () => {
    expect(await say('run dlq-overflow limit=5 note="two words" --target production')).toContain(RUN_ID);
    expect(bot.operations.callsOf('startRun')[0]?.[1]).toEqual({ runbook: 'dlq-overflow', inputs: { limit: '5', note: 'two words' }, dryRun: false, target: 'production', idempotencyKey: 'slack:9.9.9' });
  });

  it('switches the kill switch and tells the answer', async () => {
    expect(await say('kill on too many retries')).toContain('kill switch is ON');
    expect(bot.operations.callsOf('setKillSwitch')[0]?.slice(1)).toEqual([true, 'too many retries']);
    bot.operations.refuse('setKillSwitch', { code: 'forbidden', message: 'Only R3 roles re-arm.', rule: 'not-in-role' });
    expect(await say('kill off all clear')).toContain('Only R3 roles re-arm.');
  });

  it('lists what there is', async () => {
    bot.operations.state.incidents.splice(0, 1, incidentView({ title: 'DLQ <!here> overflow' }));
    expect(await say('list')).toContain('dlq-overflow: DLQ overflow');
    expect(await say('status')).toContain('Open incidents: 1');
    expect(await say('incidents')).not.toContain('<!here');
    expect(await say('approvals')).toContain(APPROVAL_ID);
    expect(await say('')).toContain('/runbook run NAME');
    expect(await say('explode')).toContain('There is no');
  });
});
