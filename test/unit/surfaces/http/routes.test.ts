import { afterEach, describe, expect, it } from 'vitest';
import type { Principal } from '#policy/model.ts';
import { ALICE, createTestHttp } from '../../../kit/http.ts';
import type { TestHttp } from '../../../kit/http.ts';
import { APPROVAL_ID, approvalView, auditEntry, DIGEST, EFFECT_KEY, INCIDENT_ID, incidentView, RUN_ID, runView } from '../../../kit/views.ts';

let http: TestHttp;
afterEach(() => http?.close());

const alice: Principal = { id: 'alice', kind: 'human', roles: ['oncall'], via: 'api' };
const get = (url: string) => http.app.inject({ url: `/api/v1${url}`, headers: ALICE });
const send = (method: 'POST' | 'PUT', url: string, payload?: object, headers: Record<string, string> = {}) =>
  http.app.inject({ method, url: `/api/v1${url}`, headers: { ...ALICE, ...headers }, ...(payload === undefined ? {} : { payload }) });

describe('reads', () => {
  it('answer the views as they are', async () => {
    http = await createTestHttp();
    const { state } = http.operations;
    expect((await get(`/incidents/${INCIDENT_ID}`)).json()).toEqual(state.incidents[0]);
    expect((await get(`/runs/${RUN_ID}`)).json()).toEqual(state.runs[0]);
    expect((await get(`/approvals/${APPROVAL_ID}`)).json()).toEqual(state.approvals[0]);
    expect((await get('/incidents')).json()).toEqual({ items: state.incidents, nextCursor: null });
    expect((await get('/approvals?status=pending')).json()).toEqual({ items: state.approvals, nextCursor: null });
    expect((await get('/approvals?status=denied')).json()).toEqual({ items: [], nextCursor: null });
    expect((await get('/runbooks')).json()).toEqual({ items: state.runbooks, nextCursor: null });
    expect((await get('/steps')).json()).toEqual({ items: state.steps, nextCursor: null });
    expect((await get('/kill-switch')).json()).toEqual(state.killSwitch);
  });

  it('pass filters and pages on, and say where the next page begins', async () => {
    http = await createTestHttp();
    http.operations.state.incidents = [1, 2, 3].map((n) => incidentView({ id: `inc_${String(n).padStart(26, '0')}` }));
    const first = (await get('/incidents?limit=2&status=open')).json<{ items: { id: string }[]; nextCursor: string }>();
    const second = (await get(`/incidents?limit=2&status=open&cursor=${first.nextCursor}`)).json<{ items: { id: string }[]; nextCursor: null }>();
    expect([...first.items, ...second.items].map((one) => one.id.at(-1))).toEqual(['3', '2', '1']);
    expect(second.nextCursor).toBeNull();
    await get(`/runs?status=waiting&incidentId=${INCIDENT_ID}&limit=200`);
    expect(http.operations.callsOf('runs')).toEqual([[{ status: 'waiting', incidentId: INCIDENT_ID, limit: 200 }]]);
  });

  it('send the whole answer of a step as it was kept, and say when there is none any more', async () => {
    http = await createTestHttp();
    const id = `art_${'0a'.repeat(32)}`;
    http.operations.state.artifacts.set(id, '{"items":[1,2]}');
    const answer = await get(`/artifacts/${id}`);
    expect([answer.statusCode, answer.headers['content-type'], answer.body]).toEqual([200, 'application/json; charset=utf-8', '{"items":[1,2]}']);
    expect((await get(`/artifacts/art_${'0b'.repeat(32)}`)).json()).toMatchObject({ status: 404, code: 'not-found' });
    expect((await http.app.inject({ url: `/api/v1/artifacts/${id}` })).statusCode).toBe(401);
    // What is no id of an artifact never becomes the name of a file.
    for (const bad of ['art_1', `art_${'0A'.repeat(32)}`, `${id}.json`, '..%2f..%2fetc%2fpasswd', RUN_ID]) expect((await get(`/artifacts/${bad}`)).statusCode, bad).toBe(404);
    expect(http.operations.callsOf('artifact')).toHaveLength(2);
  });

  it('page the audit by position', async () => {
    http = await createTestHttp();
    http.operations.state.audit = [1, 2, 3].map((position) => auditEntry({ position }));
    expect((await get('/audit?limit=2')).json()).toMatchObject({ items: [{ position: 1 }, { position: 2 }], nextCursor: '2' });
    expect((await get('/audit?limit=2&cursor=2')).json()).toMatchObject({ items: [{ position: 3 }], nextCursor: null });
  });

  it('refuse a bad cursor, limit, filter or unknown parameter, and name it', async () => {
    http = await createTestHttp();
    const bad: [string, string][] = [
      ['/incidents?cursor=banana', 'cursor'],
      [`/incidents?cursor=${RUN_ID}`, 'cursor'],
      ['/runs?cursor=../../etc', 'cursor'],
      ['/incidents?limit=0', 'limit'],
      ['/incidents?limit=201', 'limit'],
      ['/incidents?limit=-1', 'limit'],
      ['/incidents?limit=1e2', 'limit'],
      ['/incidents?limit=', 'limit'],
      ['/incidents?limit=1&limit=2', 'limit'],
      ['/incidents?status=ajar', 'status'],
      ['/runs?status=', 'status'],
      ['/approvals?status[$ne]=pending', 'status[$ne]'],
      ['/audit?cursor=-1', 'cursor'],
      ['/audit?cursor=99999999999999999999', 'cursor'],
      ['/runs?sort=asc', 'sort'],
      ['/runbooks?limit=1', 'limit'],
      ['/runs?incidentId=x', 'incidentId'],
      [`/runs/${RUN_ID}?__proto__=1`, '__proto__'],
    ];
    for (const [url, field] of bad) {
      const answer = await get(url);
      expect([answer.statusCode, answer.json<{ field: string }>().field], url).toEqual([400, field]);
    }
  });

  it('answer 404 for what is not there and for ids that cannot be', async () => {
    http = await createTestHttp();
    for (const url of ['/incidents/inc_00000000000000000000000009', '/runs/run_00000000000000000000000009', '/approvals/x', `/runs/${INCIDENT_ID}`, '/runs/__proto__', '/runs/..%2f..%2fetc%2fpasswd', `/runs/${'x'.repeat(5_000)}`, '/runs/run_00000000000000000000000009/events']) {
      const answer = await get(url);
      expect([answer.statusCode, answer.json<{ code: string }>().code], url).toEqual([404, 'not-found']);
    }
    // What cannot be an id is not even looked up.
    expect(http.operations.calls.map(({ args }) => args[0])).toEqual(['inc_00000000000000000000000009', 'run_00000000000000000000000009', 'run_00000000000000000000000009']);
  });
});

describe('starting a run', () => {
  it('hands all that was asked to the door, with the idempotency key, and says where the run is', async () => {
    http = await createTestHttp();
    const body = { runbook: 'dlq-overflow', target: 'production', inputs: { limit: 5 }, dryRun: true };
    const answer = await send('POST', '/runs', body, { 'idempotency-key': 'k-1' });
    expect([answer.statusCode, answer.headers['location']]).toEqual([201, `/api/v1/runs/${RUN_ID}`]);
    expect(http.operations.callsOf('startRun')).toEqual([[alice, { ...body, idempotencyKey: 'k-1' }]]);
  });

  it('refuses fields it does not know and values that cannot be, and names them', async () => {
    http = await createTestHttp();
    const bad: [object, string | undefined, Record<string, string>?][] = [
      [{}, 'runbook'],
      [{ runbook: 5 }, 'runbook'],
      [{ runbook: '../etc/passwd' }, 'runbook'],
      [{ runbook: 'dlq-overflow', dry_run: true }, 'dry_run'],
      [{ runbook: 'dlq-overflow', dryRun: 'yes' }, 'dryRun'],
      [{ runbook: 'dlq-overflow', inputs: [] }, 'inputs'],
      [{ runbook: 'dlq-overflow', inputs: null }, 'inputs'],
      [{ runbook: 'dlq-overflow', target: '' }, 'target'],
      [{ runbook: 'dlq-overflow' }, 'idempotency-key', { 'idempotency-key': 'x'.repeat(300) }],
      [{ runbook: 'dlq-overflow' }, 'idempotency-key', { 'idempotency-key': '' }],
    ];
    for (const [body, field, headers] of bad) {
      const answer = await send('POST', '/runs', body, headers);
      expect([answer.statusCode, answer.json<{ field: string }>().field], JSON.stringify(body)).toEqual([400, field]);
    }
    expect(http.operations.callsOf('startRun')).toEqual([]);
  });
});

describe('changing things', () => {
  it('closes, cancels, plans again, decides and switches, each as the principal who asked', async () => {
    http = await createTestHttp();
    expect((await send('POST', `/incidents/${INCIDENT_ID}/close`, { reason: ' seen to ' })).json()).toMatchObject({ status: 'closed' });
    expect((await send('POST', `/runs/${RUN_ID}/offers/retry/plan`, { inputs: { max: 3 } })).json()).toMatchObject({ id: 'retry' });
    expect((await send('POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'approve', digest: DIGEST, reason: 'looks right', confirm: 'production' })).json()).toMatchObject({ status: 'approved' });
    expect((await send('PUT', '/kill-switch', { on: true, reason: 'stop' })).json()).toMatchObject({ on: true, by: 'alice' });
    expect((await send('POST', `/runs/${RUN_ID}/cancel`)).json()).toMatchObject({ status: 'cancelled' });
    expect((await send('POST', `/runs/${RUN_ID}/cancel`, { reason: 'enough' })).statusCode).toBe(200);
    expect(http.operations.calls).toEqual([
      { operation: 'closeIncident', args: [alice, INCIDENT_ID, 'seen to'] },
      { operation: 'planOffer', args: [alice, RUN_ID, 'retry', { max: 3 }] },
      { operation: 'decide', args: [alice, APPROVAL_ID, { decision: 'approve', digest: DIGEST, reason: 'looks right', confirm: 'production' }] },
      { operation: 'setKillSwitch', args: [alice, true, 'stop'] },
      { operation: 'cancelRun', args: [alice, RUN_ID, undefined] },
      { operation: 'cancelRun', args: [alice, RUN_ID, 'enough'] },
    ]);
  });

  it('settles an effect by its key, decoded once', async () => {
    http = await createTestHttp();
    for (const key of [EFFECT_KEY, 'a/b', 'a%2Fb', 'a b?c#d', 'ключ']) {
      const answer = await send('POST', `/runs/${RUN_ID}/effects/${encodeURIComponent(key)}/settlement`, { outcome: 'notApplied', reason: 'looked' });
      expect(answer.statusCode, key).toBe(200);
      expect(http.operations.callsOf('settleEffect').at(-1)).toEqual([alice, RUN_ID, key, 'notApplied', 'looked']);
    }
  });

  it('takes any string as a digest: the door says whether it is the current one', async () => {
    http = await createTestHttp();
    http.operations.refuse('decide', { code: 'stale-digest', message: 'The plan has moved.' });
    for (const digest of ['', 'x', '<script>', '0'.repeat(5_000)]) expect((await send('POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'deny', digest })).statusCode).toBe(409);
  });

  it('refuses what is missing, too long or of the wrong type, before the door', async () => {
    http = await createTestHttp();
    const bad: ['POST' | 'PUT', string, object | undefined, string][] = [
      ['POST', `/incidents/${INCIDENT_ID}/close`, undefined, 'reason'],
      ['POST', `/incidents/${INCIDENT_ID}/close`, { reason: '  ' }, 'reason'],
      ['POST', `/incidents/${INCIDENT_ID}/close`, { reason: 'x'.repeat(2_001) }, 'reason'],
      ['POST', `/incidents/${INCIDENT_ID}/close`, { reason: 'over', status: 'closed' }, 'status'],
      ['POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'approve' }, 'digest'],
      ['POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'maybe', digest: DIGEST }, 'decision'],
      ['POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'approve', digest: 7 }, 'digest'],
      ['POST', `/approvals/${APPROVAL_ID}/decisions`, { decision: 'approve', digest: DIGEST, principal: 'bob' }, 'principal'],
      ['POST', `/runs/${RUN_ID}/effects/k/settlement`, { outcome: 'applied' }, 'reason'],
      ['POST', `/runs/${RUN_ID}/effects/k/settlement`, { outcome: 'not-applied', reason: 'r' }, 'outcome'],
      ['POST', `/runs/${RUN_ID}/offers/retry/plan`, { input: {} }, 'input'],
      ['PUT', '/kill-switch', { on: 'true', reason: 'r' }, 'on'],
      ['PUT', '/kill-switch', { on: true }, 'reason'],
    ];
    for (const [method, url, body, field] of bad) {
      const answer = await send(method, url, body);
      expect([answer.statusCode, answer.json<{ field: string }>().field], `${url} ${JSON.stringify(body)}`).toEqual([400, field]);
    }
    expect(http.operations.calls).toEqual([]);
  });

  it('hostile text in views stays text', async () => {
    http = await createTestHttp();
    http.operations.state.approvals = [approvalView({ title: '</script><script>alert(1)</script>' })];
    http.operations.state.runs = [runView({ title: '\u0000<!channel>' })];
    const answer = await get('/approvals');
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.json()).toMatchObject({ items: [{ title: '</script><script>alert(1)</script>' }] });
  });
});
