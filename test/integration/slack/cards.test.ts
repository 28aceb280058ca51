import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMemoryJournal } from '#journal/memory.ts';
import { createVirtualClock, settle } from '../../kit/clock.ts';
import { createFakeOperations } from '../../kit/operations.ts';
import { startSlack, until, type TestSlack } from '../../kit/slack/surface.ts';
import { startWorkspace, type Workspace } from '../../kit/slack/workspace.ts';
import { incidentView, INCIDENT_ID, runView, timelineEntry } from '../../kit/views.ts';

let workspace: Workspace;
let running: TestSlack[] = [];

const start = async (given: Parameters<typeof startSlack>[1] = {}): Promise<TestSlack> => {
  const started = await startSlack(workspace, given);
  running.push(started);
  return started;
};
const opened = { kind: 'incident', id: INCIDENT_ID, incidentId: INCIDENT_ID, types: ['IncidentOpened'] } as const;

beforeEach(async () => {
  workspace = await startWorkspace();
});
afterEach(async () => {
  for (const one of running) await one.stop();
  running = [];
  await workspace.close();
});

describe('cards in Slack', () => {
  it('posts one card for a new incident at once, updates it in place and puts the details into its thread', async () => {
    const operations = createFakeOperations({ incidents: [], runs: [] });
    const { clock } = await start({ operations });
    operations.state.incidents.push(incidentView());
    operations.state.runs.push(runView({ offers: [], findings: [] }));
    operations.emit(opened);
    await until(async () => (await workspace.cards()).length === 1);

    operations.state.runs.splice(0, 1, runView());
    operations.addTimeline(runView().id, { type: 'ApprovalRequested', say: 'Approval is asked for.' });
    await until(() => workspace.callsOf('chat.update').length > 0, clock);
    const [card] = await workspace.cards();
    expect(JSON.stringify(card)).toContain('Retry 2 entries that never reached a worker.');
    expect(card?.text).toBe('DLQ overflow: waits for approval');
    await until(async () => (await workspace.thread(card?.ts ?? '')).length >= 2, clock);
    const said = JSON.stringify(await workspace.thread(card?.ts ?? ''));
    expect(said).toContain('alertname: CordumDLQDepthHigh');
    expect(said).toContain('Approval is asked for.');
    expect(await workspace.cards()).toHaveLength(1);
  });

  it('says each detail once, and nothing again after a restart', async () => {
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    const first = await start({ clock, journal });
    await until(async () => (await workspace.cards()).length === 1);
    const ts = (await workspace.cards())[0]?.ts ?? '';
    await until(async () => (await workspace.thread(ts)).length === 2, clock);
    await first.stop();
    running = [];

    const second = await start({ clock, journal });
    second.operations.addTimeline(runView().id, { say: 'A second line.' });
    await until(async () => JSON.stringify(await workspace.thread(ts)).includes('A second line.'), clock);
    const thread = await workspace.thread(ts);
    expect(thread).toHaveLength(3);
    expect(JSON.stringify(thread).match(/The run started/g)).toHaveLength(1);
    expect(await workspace.cards()).toHaveLength(1);
  });

  it('finds the card whose answer was lost instead of posting a second one', async () => {
    workspace.fail('chat.postMessage', { kind: 'lose-answer' });
    const { clock } = await start();
    await until(() => workspace.callsOf('chat.update').length > 0, clock);
    expect(workspace.callsOf('conversations.history')).not.toHaveLength(0);
    expect(await workspace.cards()).toHaveLength(1);
  });

  it('posts again when the lost post is not there after it could have landed, and not before', async () => {
    workspace.fail('chat.postMessage', { kind: 'lose-request' });
    const { clock } = await start();
    await until(() => workspace.callsOf('conversations.history').length === 1, clock);
    for (let turn = 0; turn < 36; turn += 1) {
      await clock.advance(500);
      await settle(50);
    }
    expect(workspace.callsOf('chat.postMessage')).toHaveLength(1);
    await until(async () => (await workspace.cards()).length === 1, clock, 1_000);
    expect(workspace.callsOf('chat.postMessage').filter((call) => call.args['thread_ts'] === undefined)).toHaveLength(2);
  });

  it('finds the card after a crash between the post and its record', async () => {
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    let puts = 0;
    const crashing = { ...journal, append: async (append: Parameters<typeof journal.append>[0]) => ((puts += 1) === 2 ? Promise.reject(new Error('crashed')) : puts > 2 ? new Promise<never>(() => {}) : journal.append(append)) };
    const first = await start({ clock, journal: crashing });
    await until(async () => (await workspace.cards()).length === 1);
    const stopping = first.stop();
    await clock.advance(20_000);
    await stopping;
    running = [];
    await start({ clock, journal });
    await until(() => workspace.callsOf('chat.update').length > 0, clock);
    expect(await workspace.cards()).toHaveLength(1);
  });

  it('says a lost detail once, although its answer never came', async () => {
    const { clock, operations } = await start();
    await until(async () => (await workspace.cards()).length === 1);
    const ts = (await workspace.cards())[0]?.ts ?? '';
    await until(async () => (await workspace.thread(ts)).length === 2, clock);
    workspace.fail('chat.postMessage', { kind: 'lose-answer' });
    operations.addTimeline(runView().id, { say: 'Only once.' });
    await until(() => workspace.callsOf('conversations.replies').length > 0, clock);
    operations.addTimeline(runView().id, { say: 'And on.' });
    await until(async () => JSON.stringify(await workspace.thread(ts)).includes('And on.'), clock);
    expect(JSON.stringify(await workspace.thread(ts)).match(/Only once/g)).toHaveLength(1);
  });

  it('brings all open incidents up to date when a dead Slack is back', async () => {
    workspace.failAll({ kind: 'answer', status: 503, body: {} });
    const ids = [1, 2, 3].map((at) => `inc_0000000000000000000000000${at}`);
    const operations = createFakeOperations({ incidents: ids.map((id, at) => incidentView({ id, title: `Trouble ${at}`, runs: [] })), runs: [] });
    const { clock } = await start({ operations });
    await until(() => workspace.callsOf('chat.postMessage').length >= 2, clock, 1_000);
    expect(await workspace.cards()).toHaveLength(0);
    workspace.failAll(undefined);
    await until(async () => (await workspace.cards()).length === 3, clock, 1_000);
    await clock.advance(120_000);
    expect((await workspace.cards()).map((card) => card.text).toSorted()).toEqual(['Trouble 0: open', 'Trouble 1: open', 'Trouble 2: open']);
  });

  it('leaves Slack alone for as long as a 429 says', async () => {
    workspace.fail('chat.postMessage', { kind: 'answer', status: 429, body: { ok: false, error: 'ratelimited' }, headers: { 'retry-after': '30' } });
    const { clock } = await start();
    await until(() => workspace.callsOf('chat.postMessage').length === 1);
    await clock.advance(29_000);
    expect(workspace.callsOf('chat.postMessage')).toHaveLength(1);
    await until(async () => (await workspace.cards()).length === 1, clock, 1_000);
  });

  it('posts a card anew when somebody deleted it', async () => {
    const { clock, operations } = await start();
    await until(async () => (await workspace.cards()).length === 1);
    workspace.fail('chat.update', { kind: 'answer', status: 200, body: { ok: false, error: 'message_not_found' } });
    operations.state.incidents.splice(0, 1, incidentView({ title: 'Another title' }));
    operations.emit(opened);
    await until(async () => (await workspace.cards()).length === 2, clock);
  });

  it('sends a minimal card when Slack refuses the full one', async () => {
    workspace.fail('chat.postMessage', { kind: 'answer', status: 200, body: { ok: false, error: 'msg_blocks_too_long' } });
    await start({ baseUrl: 'https://bot.example' });
    await until(async () => (await workspace.cards()).length === 1);
    expect(JSON.stringify(await workspace.cards())).toContain('Slack refused the full card');
  });

  it('sends the newest state once when much has happened while it waited', async () => {
    const { clock, operations } = await start();
    await until(async () => (await workspace.cards()).length === 1);
    const ts = (await workspace.cards())[0]?.ts ?? '';
    await until(async () => (await workspace.thread(ts)).length === 2, clock);
    await clock.advance(60_000);
    const before = workspace.callsOf('chat.update').length;
    for (let at = 1; at <= 100; at += 1) {
      operations.state.incidents.splice(0, 1, incidentView({ title: `Title ${at}` }));
      operations.emit(opened);
    }
    await until(async () => (await workspace.cards())[0]?.text.startsWith('Title 100:') === true, clock);
    expect(workspace.callsOf('chat.update').length - before).toBeLessThanOrEqual(2);
  });

  it('shows on a stale card that the incident closed while the bot was away', async () => {
    const clock = createVirtualClock();
    const journal = createMemoryJournal({ clock });
    const first = await start({ clock, journal });
    await until(async () => (await workspace.cards()).length === 1);
    await first.stop();
    running = [];
    const closed = incidentView({ status: 'closed', closedAt: '2026-03-01T11:00:00.000Z', closedBy: 'alertmanager', closedBecause: 'The alerts have resolved.' });
    await start({ clock, journal, operations: createFakeOperations({ incidents: [closed] }) });
    await until(async () => (await workspace.cards())[0]?.text === 'DLQ overflow: closed', clock);
  });

  it('asks for the rest of the long plan in the thread', async () => {
    const items = Array.from({ length: 240 }, (_, at) => ({ key: `job-${at}`, title: `job-${at} on job.default`, current: { status: 'DLQ' }, next: { status: 'PENDING' } }));
    const operations = createFakeOperations();
    operations.state.timelines.set(runView().id, [timelineEntry({ type: 'ApprovalRequested', say: 'Approval is asked for.', data: { plan: { items, notes: [] } } })]);
    const { clock } = await start({ operations });
    await until(async () => (await workspace.cards()).length === 1);
    const ts = (await workspace.cards())[0]?.ts ?? '';
    await until(async () => JSON.stringify(await workspace.thread(ts)).includes('job-239'), clock);
    const said = JSON.stringify(await workspace.thread(ts));
    for (const at of [0, 57, 133, 239]) expect(said.match(new RegExp(`job-${at} on`, 'g'))).toHaveLength(1);
  });
});
