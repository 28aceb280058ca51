import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '#policy/model.ts';
import { createVirtualClock, settle } from '../../kit/clock.ts';
import { createTestCli, runCli } from '../../kit/cli.ts';
import type { TestCli } from '../../kit/cli.ts';
import { ALICE_KEY } from '../../kit/http.ts';
import { APPROVAL_ID, approvalView, DIGEST, EFFECT_KEY, effectView, INCIDENT_ID, incidentView, offerView, planView, RUN_ID, runView, timelineEntry } from '../../kit/views.ts';

const alice: Principal = { id: 'alice', kind: 'human', roles: ['oncall'], via: 'cli' };
const ENDED = runView({ status: 'succeeded', because: 'the plan is shown', endedAt: '2026-03-01T10:10:00.000Z' });

let cli: TestCli;
beforeEach(async () => {
  cli = await createTestCli();
  await cli.http.clock.advanceTo(Date.parse('2026-03-01T10:05:00.000Z'));
});
afterEach(() => cli.close());

const callsOf = (operation: Parameters<TestCli['http']['operations']['callsOf']>[0]) => cli.http.operations.callsOf(operation);

describe('plan', () => {
  it('starts a dry run, tells its progress on stderr, and prints the whole plan with its digest', async () => {
    cli.http.operations.state.runs = [{ ...ENDED, offers: [offerView({ status: 'planned', approvalId: null })] }];
    const { code, out, note } = await cli.run('plan', 'dlq-overflow', '--target', 'production', '--input', 'limit=5', '--input', 'name=a=b');
    expect(code).toBe(0);
    expect(callsOf('startRun')).toEqual([[alice, { runbook: 'dlq-overflow', dryRun: true, target: 'production', inputs: { limit: 5, name: 'a=b' } }]]);
    expect(note).toContain('The run started.');
    expect(out).toContain(`digest ${DIGEST}`);
    expect(out).toMatch(/ITEM +CURRENT +NEXT\n\s*job-1 on job\.default +\{"status":"DLQ"\} +\{"status":"PENDING"\}/);
    expect(out).toContain('job-2 on job.default');
    expect(out).toContain('note: 3 entries were left out');
    expect(out).toContain('[warning] 2 entries never reached a worker.');
  });

  it('fails when the run failed, and says why', async () => {
    cli.http.operations.state.runs = [{ ...ENDED, status: 'failed', because: 'Cordum is unreachable', offers: [] }];
    const { code, out } = await cli.run('plan', 'dlq-overflow');
    expect(code).toBe(1);
    expect(out).toContain('failed: Cordum is unreachable');
    expect(out).toContain('The runbook offers nothing.');
  });

  it('prints the run as JSON for scripts, and nothing else on stdout', async () => {
    cli.http.operations.state.runs = [ENDED];
    const { out } = await cli.run('plan', 'dlq-overflow', '--json');
    expect(JSON.parse(out)).toEqual(ENDED);
  });
});

describe('run', () => {
  it('starts and says where to look', async () => {
    const { code, out } = await cli.run('run', 'dlq-overflow');
    expect([code, out]).toEqual([0, `${RUN_ID} waiting\nrunbook-bot show ${RUN_ID}`]);
  });

  it('with --wait follows what happens until the end, over a lost stream', async () => {
    const { operations, clock } = cli.http;
    const going = cli.run('run', 'dlq-overflow', '--wait');
    await turnUntil(() => operations.listenerCount() === 1);
    operations.addTimeline(RUN_ID, { type: 'ApprovalRequested', say: 'An approval is open.' });
    await settle(20);
    cli.http.app.server.closeAllConnections();
    await turnUntil(() => operations.listenerCount() === 0);
    operations.addTimeline(RUN_ID, { say: 'It was approved.' });
    operations.state.runs = [ENDED];
    operations.addTimeline(RUN_ID, { say: 'The run ended.' });
    let done = false;
    void going.finally(() => (done = true));
    await turnUntil(() => done, () => clock.advance(1_000));
    const { code, note } = await going;
    expect(code).toBe(0);
    expect(note.split('\n').map((line) => line.replace(/^\S+ /, ''))).toEqual(['started', 'The run started.', 'An approval is open.', `plan, and the digest to approve: runbook-bot show ${RUN_ID}`, 'It was approved.', 'The run ended.']);
  });

  it('refuses an input that is no k=v', async () => {
    const { code, note } = await cli.run('run', 'dlq-overflow', '--input', 'limit');
    expect(code).toBe(2);
    expect(note).toContain('expected k=v');
    expect(callsOf('startRun')).toEqual([]);
  });
});

describe('deciding', () => {
  it('approves exactly the digest that was given', async () => {
    const { code, out } = await cli.run('approve', APPROVAL_ID, '--digest', DIGEST, '--reason', 'looks right', '--confirm', 'production');
    expect(code).toBe(0);
    expect(callsOf('decide')).toEqual([[alice, APPROVAL_ID, { decision: 'approve', digest: DIGEST, reason: 'looks right', confirm: 'production' }]]);
    expect(out).toContain('approved');
    expect(out).toContain('alice (cli): approve, looks right');
  });

  it('does not approve without a digest', async () => {
    const { code, note } = await cli.run('approve', APPROVAL_ID);
    expect(code).toBe(2);
    expect(note).toContain('--digest');
    expect(callsOf('decide')).toEqual([]);
  });

  it('denies the plan as it is now, or the one of the digest that was given', async () => {
    cli.http.operations.state.approvals = [approvalView({ plan: planView({ digest: 'now' }) })];
    expect((await cli.run('deny', APPROVAL_ID)).code).toBe(0);
    expect((await cli.run('deny', APPROVAL_ID, '--digest', 'then', '--reason', 'no')).code).toBe(0);
    expect(callsOf('decide').map(([, , decision]) => decision)).toEqual([{ decision: 'deny', digest: 'now' }, { decision: 'deny', digest: 'then', reason: 'no' }]);
  });

  it('says what to do when the plan has moved, and which rule says no', async () => {
    cli.http.operations.refuse('decide', { code: 'stale-digest', message: 'The plan has moved since.' });
    const stale = await cli.run('approve', APPROVAL_ID, '--digest', 'x');
    expect([stale.code, stale.out]).toEqual([1, '']);
    expect(stale.note).toContain('The plan has moved since. (stale-digest)\nLook at the plan again');
    cli.http.operations.refuse('decide', { code: 'forbidden', message: 'Who asked may not approve.', rule: 'is-requester' });
    expect((await cli.run('approve', APPROVAL_ID, '--digest', 'x')).note).toContain('Who asked may not approve. (rule is-requester, forbidden)');
    expect(JSON.parse((await cli.run('approve', APPROVAL_ID, '--digest', 'x', '--json')).note)).toMatchObject({ code: 'forbidden', rule: 'is-requester', status: 403 });
  });

  it('settles, cancels and closes', async () => {
    expect((await cli.run('settle', RUN_ID, EFFECT_KEY, 'not-applied', '--reason', 'still there')).out).toContain('not applied');
    expect((await cli.run('cancel', RUN_ID, '--reason', 'enough')).out).toBe(`${RUN_ID} cancelled`);
    expect((await cli.run('close', INCIDENT_ID, '--reason', 'by hand')).out).toBe(`${INCIDENT_ID} closed`);
    expect(cli.http.operations.calls.map(({ operation, args }) => [operation, ...args.slice(1)])).toEqual([
      ['settleEffect', RUN_ID, EFFECT_KEY, 'notApplied', 'still there'],
      ['cancelRun', RUN_ID, 'enough'],
      ['closeIncident', INCIDENT_ID, 'by hand'],
    ]);
  });

  it('switches everything off without asking for words, and says how it stands', async () => {
    expect((await cli.run('kill-switch', 'status')).out).toBe('off: writes are allowed');
    expect((await cli.run('kill-switch', 'on')).out).toContain('on: every write is stopped, by alice');
    expect((await cli.run('kill-switch', 'off', '--reason', 'seen to')).out).toContain('off: writes are allowed, switched by alice at 2026-03-01T10:05:00.000Z: seen to');
    expect(callsOf('setKillSwitch').map(([, on]) => on)).toEqual([true, false]);
  });
});

describe('looking', () => {
  it('lists runs, incidents and approvals as tables', async () => {
    const { state } = cli.http.operations;
    state.incidents = [incidentView(), incidentView({ id: 'inc_00000000000000000000000002', status: 'closed' })];
    expect((await cli.run('runs')).out).toMatch(/^RUN +RUNBOOK +TARGET +STATUS +STARTED +TOOK\nrun_\S+ +dlq-overflow +production +waiting +5m ago +5m$/);
    expect((await cli.run('incidents')).out.split('\n')).toHaveLength(2);
    expect((await cli.run('incidents', '--status', 'any')).out.split('\n')).toHaveLength(3);
    expect((await cli.run('approvals')).out).toMatch(/apr_\S+ +R2 +production +pending +in 10m2s +run_\S+ +Retry the 2 safe entries/);
    expect((await cli.run('approvals', '--status', 'denied')).out).toBe('No such approvals.');
    expect(JSON.parse((await cli.run('approvals', '--json')).out)).toEqual({ items: state.approvals, nextCursor: null });
  });

  it('says that a list goes on', async () => {
    cli.http.operations.state.runs = [1, 2, 3].map((n) => runView({ id: `run_${String(n).padStart(26, '0')}` }));
    const { out, note } = await cli.run('runs', '--limit', '2');
    expect(out.split('\n')).toHaveLength(3);
    expect(note).toContain('There are more');
  });

  it('shows a run with its plan, and the commands that it waits for', async () => {
    cli.http.operations.state.runs = [runView({ effects: [effectView()], unknowns: ['Workers could not be read.'] })];
    const { out } = await cli.run('show', RUN_ID);
    for (const part of ['DLQ overflow', 'waiting: an approval is open', 'by alertmanager (alert)', '[warning] 2 entries never reached a worker. Recommends retry.', 'Workers could not be read.', 'entries', 'cordum.dlq.list', '1s', `runbook-bot approve ${APPROVAL_ID} --digest ${DIGEST}`, 'The trace dlq-retry-job-7 is empty', `runbook-bot settle ${RUN_ID} '${EFFECT_KEY}' applied|not-applied --reason R`]) {
      expect(out).toContain(part);
    }
  });

  it('says of a step what was left out of its output, and where the whole is', async () => {
    const [step] = runView().steps;
    const id = `art_${'0a'.repeat(32)}`;
    cli.http.operations.state.runs = [runView({ steps: [{ ...step!, artifact: { id, bytes: 5_000_000, note: 'left out: log: 10 of 20 characters, from its middle' } }] })];
    const { out } = await cli.run('show', RUN_ID);
    expect(out).toContain('step entries: left out: log: 10 of 20 characters, from its middle');
    expect(out).toContain(`the whole answer, 5000000 bytes: GET /api/v1/artifacts/${id}`);
  });

  it('shows what came from outside without letting it move the cursor, hide or reorder text', async () => {
    const hostile = '\u001b[2J\u001b]0;owned\u0007\u202etxt.exe\u200b\rnext';
    cli.http.operations.state.runs = [runView({ title: hostile, findings: [{ severity: 'info', say: hostile }], offers: [offerView({ title: hostile, plan: planView({ summary: hostile, notes: [hostile], changes: [{ item: 'a', title: hostile, current: hostile, next: { a: hostile } }] }) })], effects: [effectView({ key: hostile, item: hostile, evidence: hostile })], unknowns: [hostile] })];
    cli.http.operations.state.approvals = [approvalView({ title: hostile })];
    cli.http.operations.state.timelines.set(RUN_ID, [timelineEntry({ say: hostile })]);
    for (const args of [['show', RUN_ID], ['runs'], ['approvals'], ['approve', APPROVAL_ID, '--digest', DIGEST]]) {
      const { out, note } = await cli.run(...args);
      expect(out + note, args.join(' ')).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e]/);
    }
  });
});

describe('when the bot cannot be asked', () => {
  const clock = createVirtualClock();

  it('asks whether it runs there', async () => {
    const { code, note } = await runCli(['runs', '--url', 'http://127.0.0.1:9'], { clock });
    expect(code).toBe(1);
    expect(note).toContain('Cannot reach http://127.0.0.1:9 (');
    expect(note).toContain('Is the bot running there?');
  });

  it('says which variable holds the key, and never shows the key', async () => {
    const url = cli.http.app.server.address();
    const { code, note } = await runCli(['runs'], { clock, env: { RUNBOOK_BOT_URL: `http://127.0.0.1:${(url as AddressInfo).port}`, RUNBOOK_BOT_API_KEY: 'not-the-key' } });
    expect(code).toBe(1);
    expect(note).toContain('RUNBOOK_BOT_API_KEY');
    expect(note).not.toContain('not-the-key');
  });

  it('does not follow a redirect with the key, nor take another server for the bot', async () => {
    const seen: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      seen.push(request.url);
      if (request.url === '/api/v1/runs') response.writeHead(302, { location: '/elsewhere' }).end();
      else if (request.url === '/api/v1/kill-switch') response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
      else response.writeHead(200).end('{"hello":"world"}');
    });
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const env = { RUNBOOK_BOT_URL: `http://127.0.0.1:${(other.address() as AddressInfo).port}`, RUNBOOK_BOT_API_KEY: ALICE_KEY };
    try {
      expect((await runCli(['runs'], { clock, env })).code).toBe(1);
      expect((await runCli(['kill-switch', 'status'], { clock, env })).note).toContain('does not answer like the bot');
      expect((await runCli(['show', 'run_x'], { clock, env })).note).toContain('does not answer like the bot');
      expect(seen).not.toContain('/elsewhere');
    } finally {
      other.close();
      other.closeAllConnections();
    }
  });

  it('says that a URL is none', async () => {
    const { code, note } = await runCli(['runs', '--url', 'localhost:8080'], { clock });
    expect(code).toBe(2);
    expect(note).toContain('--url');
  });
});

/** Lets the event loop turn until something holds. */
async function turnUntil(holds: () => boolean, each: () => Promise<unknown> = () => settle(1)): Promise<void> {
  for (let turn = 0; turn < 10_000 && !holds(); turn += 1) await each();
  expect(holds()).toBe(true);
}
