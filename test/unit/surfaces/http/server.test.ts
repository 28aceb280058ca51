import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { PROBLEM_CODES } from '#operations/operations.ts';
import { PROBLEMS } from '#surfaces/http/problem.ts';
import type { Log } from '#kernel/log.ts';
import { ALICE, createTestHttp } from '../../../kit/http.ts';
import type { TestHttp } from '../../../kit/http.ts';
import { APPROVAL_ID, DIGEST, INCIDENT_ID } from '../../../kit/views.ts';

let http: TestHttp;
afterEach(() => http?.close());

const JSON_TYPE = { ...ALICE, 'content-type': 'application/json' };
const post = (url: string, payload: string | object, headers: Record<string, string> = JSON_TYPE) => http.app.inject({ method: 'POST', url, headers, payload });

describe('every error', () => {
  it('is a problem document with a stable code, the status of that code and the id of the request', async () => {
    http = await createTestHttp();
    for (const code of PROBLEM_CODES) {
      http.operations.refuse('closeIncident', { code, message: `because ${code}` });
      const answer = await post(`/api/v1/incidents/${INCIDENT_ID}/close`, { reason: 'over' });
      expect(answer.statusCode, code).toBe(PROBLEMS[code].status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
      expect(answer.json()).toEqual({
        type: `urn:cordum-runbook-bot:problem:${code}`,
        title: PROBLEMS[code].title,
        status: PROBLEMS[code].status,
        code,
        detail: `because ${code}`,
        requestId: answer.headers['x-request-id'],
      });
    }
  });

  it('has the statuses that the design promises', () => {
    const statuses = Object.fromEntries(PROBLEM_CODES.map((code) => [code, PROBLEMS[code].status]));
    expect(statuses).toEqual({
      'not-found': 404, forbidden: 403, 'stale-digest': 409, 'already-decided': 409, expired: 409, withdrawn: 409,
      invalid: 400, conflict: 409, 'kill-switch': 409, frozen: 409, 'not-open': 409, unavailable: 503,
    });
  });

  it('carries the rule that says no, the field that is wrong, and when to come again', async () => {
    http = await createTestHttp();
    http.operations.refuse('decide', { code: 'forbidden', message: 'The requester may not approve.', rule: 'is-requester' });
    expect((await post(`/api/v1/approvals/${APPROVAL_ID}/decisions`, { decision: 'approve', digest: DIGEST })).json()).toMatchObject({ code: 'forbidden', rule: 'is-requester' });
    http.operations.refuse('startRun', { code: 'invalid', message: 'There is no such input.', field: 'inputs.depth' });
    expect((await post('/api/v1/runs', { runbook: 'dlq-overflow' })).json()).toMatchObject({ code: 'invalid', field: 'inputs.depth' });
    http.operations.refuse('startRun', { code: 'unavailable', message: 'The disk is full.' });
    expect((await post('/api/v1/runs', { runbook: 'dlq-overflow' })).headers['retry-after']).toBe('5');
  });

  it('of ours says nothing of the inside, and the log has it under the id of the request', async () => {
    const logged: { fields: object; message: string }[] = [];
    const log: Log = { debug() {}, info() {}, warn() {}, error: (fields, message) => logged.push({ fields, message }) };
    http = await createTestHttp({ log });
    http.operations.breakDown('incident', new Error('SQLITE_IOERR at /var/lib/bot/journal.db'));
    const answer = await http.app.inject({ url: `/api/v1/incidents/${INCIDENT_ID}`, headers: ALICE });
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toMatch(/SQLITE|journal\.db|server\.ts|at .*:\d+/);
    expect(logged).toHaveLength(1);
    expect(logged[0]?.fields).toMatchObject({ requestId: answer.json<{ requestId: string }>().requestId });
  });

  it('of an unknown path or method is 404, with and without a key, inside the API and outside', async () => {
    http = await createTestHttp();
    for (const [method, url] of [['GET', '/api/v1/nothing'], ['DELETE', '/api/v1/runs'], ['GET', '/nothing'], ['GET', '/..%2f..%2fetc/passwd'], ['POST', '/healthz']] as const) {
      const answer = await http.app.inject({ method, url, headers: ALICE });
      expect(answer.statusCode, url).toBe(404);
      expect(answer.json()).toMatchObject({ code: 'not-found', status: 404 });
    }
  });
});

describe('a body', () => {
  it('of the wrong type, broken, empty or larger than 1 MiB is refused', async () => {
    http = await createTestHttp();
    const sent: [string | object, Record<string, string>, number, string][] = [
      ['runbook=dlq-overflow', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'unsupported-media-type'],
      ['{"runbook":"dlq-overflow"}', { 'content-type': 'text/plain' }, 415, 'unsupported-media-type'],
      ['<xml/>', { 'content-type': 'application/xml' }, 415, 'unsupported-media-type'],
      ['{"runbook":', JSON_TYPE, 400, 'invalid'],
      ['', JSON_TYPE, 400, 'invalid'],
      [JSON.stringify({ runbook: 'x'.repeat(1 << 20) }), JSON_TYPE, 413, 'too-large'],
      ['[]', JSON_TYPE, 400, 'invalid'],
      ['null', JSON_TYPE, 400, 'invalid'],
      ['"text"', JSON_TYPE, 400, 'invalid'],
    ];
    for (const [payload, headers, status, code] of sent) {
      const answer = await post('/api/v1/runs', payload, { ...ALICE, ...headers });
      expect([answer.statusCode, answer.json<{ code: string }>().code], JSON.stringify(payload).slice(0, 40)).toEqual([status, code]);
    }
    expect(http.operations.callsOf('startRun')).toEqual([]);
  });

  it('that is nested like a bomb, or that reaches for prototypes, is refused and does no harm', async () => {
    http = await createTestHttp();
    const depth = 400_000;
    const bombs = [
      `{"runbook":"dlq-overflow","inputs":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`,
      `{"runbook":"dlq-overflow","inputs":${'{"a":'.repeat(40)}1${'}'.repeat(40)}}`,
      '{"runbook":"dlq-overflow","__proto__":{"polluted":1}}',
      '{"runbook":"dlq-overflow","inputs":{"__proto__":{"polluted":1}}}',
      '{"runbook":"dlq-overflow","inputs":{"a":[{"constructor":{"prototype":{"polluted":1}}}]}}',
    ];
    for (const bomb of bombs) {
      const answer = await post('/api/v1/runs', bomb);
      expect([answer.statusCode, answer.json<{ code: string }>().code], bomb.slice(0, 60)).toEqual([400, 'invalid']);
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(http.operations.callsOf('startRun')).toEqual([]);
    expect((await post('/api/v1/runs', { runbook: 'dlq-overflow', inputs: { a: [[[[[1]]]]] } })).statusCode).toBe(201);
  });
});

describe('what stands before the routes', () => {
  it('sets headers against sniffing, framing and caching, and does not say what it is made of', async () => {
    http = await createTestHttp();
    for (const url of ['/healthz', '/api/v1/runs', '/nothing']) {
      const { headers } = await http.app.inject({ url });
      expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' });
      expect(headers['content-security-policy']).toContain("default-src 'none'");
      expect(headers['x-powered-by']).toBeUndefined();
      expect(headers['server']).toBeUndefined();
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('gives each request an id of its own, whatever the client sends', async () => {
    http = await createTestHttp();
    const { headers } = await http.app.inject({ url: '/healthz', headers: { 'request-id': 'evil', 'x-request-id': 'evil' } });
    expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('lets a plugin add paths of its own, with its own parser and its own policy', async () => {
    http = await createTestHttp({
      plugins: [
        (app) => {
          app.addContentTypeParser('text/x', { parseAs: 'string' }, (_request, body, done) => done(null, body));
          app.post('/webhooks/x', { bodyLimit: 5 }, async (request, reply) => reply.header('content-security-policy', "default-src 'self'").send({ got: request.body }));
        },
      ],
    });
    const text = { 'content-type': 'text/x' };
    const answer = await http.app.inject({ method: 'POST', url: '/webhooks/x', payload: 'hello', headers: text });
    expect([answer.json(), answer.headers['content-security-policy']]).toEqual([{ got: 'hello' }, "default-src 'self'"]);
    expect((await http.app.inject({ method: 'POST', url: '/webhooks/x', payload: 'longer', headers: text })).json()).toMatchObject({ code: 'too-large' });
    expect((await post('/api/v1/runs', 'hello', { ...ALICE, ...text })).statusCode).toBe(415);
  });

  it('answers what is not HTTP, and headers that are too large, with a problem too', async () => {
    http = await createTestHttp();
    const { port } = new URL(await http.listen());
    const say = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let heard = '';
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => (heard += data.toString())).on('close', () => resolve(heard)).on('error', () => resolve(heard));
      });
    for (const text of ['NONSENSE\r\n\r\n', `GET /healthz HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 'POST /api/v1/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']) {
      const heard = await say(text);
      expect(heard, text.slice(0, 40)).toContain('HTTP/1.1 400');
      expect(heard).toContain('"code":"invalid"');
    }
  });

  it('answers a path with a broken escape with 400', async () => {
    http = await createTestHttp();
    const answer = await http.app.inject({ url: '/api/v1/runs/%E0%A4%A', headers: ALICE });
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([400, 'invalid']);
  });
});

describe('health, readiness and metrics', () => {
  const metrics = { contentType: 'text/plain; version=0.0.4', text: async () => 'up 1\n', observeRequest: () => {} };

  it('says yes or no to anybody, and why only to the log', async () => {
    const warned: object[] = [];
    http = await createTestHttp({ log: { debug() {}, info() {}, error() {}, warn: (fields) => warned.push(fields) } });
    expect((await http.app.inject('/healthz')).json()).toEqual({ ok: true });
    expect((await http.app.inject('/readyz')).statusCode).toBe(200);
    http.operations.state.ready = { ready: false, because: 'the journal at /var/lib/bot is read-only' };
    const no = await http.app.inject('/readyz');
    expect([no.statusCode, no.json()]).toEqual([503, { ready: false }]);
    expect(warned).toEqual([{ because: 'the journal at /var/lib/bot is read-only' }]);
    http.operations.breakDown('ready', new Error('gone'));
    expect((await http.app.inject('/readyz')).statusCode).toBe(503);
  });

  it('gives metrics to this machine, and to others only with an API key', async () => {
    http = await createTestHttp({ metrics });
    const ask = async (remoteAddress: string, headers: Record<string, string> = {}) => (await http.app.inject({ url: '/metrics', remoteAddress, headers })).statusCode;
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) expect(await ask(address), address).toBe(200);
    for (const address of ['10.0.0.9', '::ffff:10.0.0.9', 'fe80::1', '1.127.0.0']) expect(await ask(address), address).toBe(401);
    expect(await ask('10.0.0.9', ALICE)).toBe(200);
    expect(await ask('10.0.0.9', { authorization: 'Bearer wrong' })).toBe(401);
  });

  it('does not believe that a request comes from this machine because a header says so', async () => {
    http = await createTestHttp({ metrics });
    for (const header of ['x-forwarded-for', 'x-real-ip', 'forwarded']) {
      expect((await http.app.inject({ url: '/metrics', remoteAddress: '10.0.0.9', headers: { [header]: '127.0.0.1' } })).statusCode, header).toBe(401);
      // A proxy on this machine speaks for somebody else.
      expect((await http.app.inject({ url: '/metrics', remoteAddress: '127.0.0.1', headers: { [header]: '127.0.0.1' } })).statusCode, header).toBe(401);
    }
  });

  it('counts requests by the pattern of their route, never by a path that a stranger chose', async () => {
    const seen: object[] = [];
    http = await createTestHttp({ metrics: { ...metrics, observeRequest: (request) => seen.push({ ...request, seconds: typeof request.seconds }) } });
    await http.app.inject({ url: `/api/v1/incidents/${INCIDENT_ID}`, headers: ALICE });
    await http.app.inject({ url: '/made/up/1' });
    await http.app.inject({ url: '/api/v1/made-up', headers: ALICE });
    expect(seen).toEqual([
      { method: 'GET', route: '/api/v1/incidents/:id', status: 200, seconds: 'number' },
      { method: 'GET', route: 'none', status: 404, seconds: 'number' },
      { method: 'GET', route: 'none', status: 404, seconds: 'number' },
    ]);
  });
});
