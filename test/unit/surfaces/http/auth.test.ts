import { afterEach, describe, expect, it } from 'vitest';
import type { IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Secret } from '#kernel/secret.ts';
import type { Principal } from '#policy/model.ts';
import { createAuthentication } from '#surfaces/http/auth.ts';
import type { Authenticator } from '#surfaces/http/auth.ts';
import { ALICE, ALICE_KEY, createTestHttp, ROBOT_KEY } from '../../../kit/http.ts';
import type { TestHttp } from '../../../kit/http.ts';
import { APPROVAL_ID, DIGEST } from '../../../kit/views.ts';

let http: TestHttp | undefined;
afterEach(() => http?.close());

const DECISION = { decision: 'approve', digest: DIGEST };
const OPERATOR: Principal = { id: 'local:root', kind: 'human', roles: [], via: 'console' };
const session: Authenticator = async (request: IncomingMessage) => {
  const cookie = request.headers.cookie ?? '';
  if (cookie.includes('session=good')) return OPERATOR;
  return cookie.includes('session=') ? 'refused' : undefined;
};

async function statusOf(headers: Record<string, string>, url = '/api/v1/runs'): Promise<number> {
  http ??= await createTestHttp();
  return (await http.app.inject({ url, headers })).statusCode;
}

/** Sends headers as they are, repeated ones too. */
async function statusOfRaw(headers: readonly string[]): Promise<number> {
  http = await createTestHttp();
  const url = await http.listen();
  return new Promise((resolve, reject) => {
    const request = httpRequest(`${url}/api/v1/runs`, { headers: ['Host', new URL(url).host, ...headers] }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', reject);
    request.end();
  });
}

describe('an API key', () => {
  afterEach(() => void (http = undefined));

  it('opens the API as a bearer, as X-API-Key, and in both when they are the same', async () => {
    expect(await statusOf(ALICE)).toBe(200);
    expect(await statusOf({ authorization: `bearer  ${ALICE_KEY}` })).toBe(200);
    expect(await statusOf({ 'x-api-key': ALICE_KEY })).toBe(200);
    expect(await statusOf({ ...ALICE, 'x-api-key': ALICE_KEY })).toBe(200);
  });

  it('is refused when it is missing, wrong, empty, malformed, of another scheme, or two different ones', async () => {
    const refused: Record<string, string>[] = [
      {},
      { authorization: 'Bearer wrong' },
      { authorization: 'Bearer' },
      { authorization: 'Bearer ' },
      { authorization: '' },
      { authorization: ALICE_KEY },
      { authorization: `Basic ${Buffer.from(`alice:${ALICE_KEY}`).toString('base64')}` },
      { authorization: `Bearer ${ALICE_KEY} extra` },
      { authorization: `Bearer ${ALICE_KEY}, Bearer ${ALICE_KEY}` },
      { authorization: `Bearer ${'x'.repeat(4_000)}` },
      { 'x-api-key': '' },
      { 'x-api-key': 'wrong' },
      { 'x-api-key': ` ${ALICE_KEY} ${ALICE_KEY}` },
      { ...ALICE, 'x-api-key': ROBOT_KEY },
      { ...ALICE, 'x-api-key': '' },
      { authorization: '', 'x-api-key': ALICE_KEY },
    ];
    for (const headers of refused) expect(await statusOf(headers), JSON.stringify(headers)).toBe(401);
  });

  it('is refused in repeated headers, even when they are equal', async () => {
    expect(await statusOfRaw(['Authorization', `Bearer ${ALICE_KEY}`])).toBe(200);
    await http?.close();
    expect(await statusOfRaw(['Authorization', `Bearer ${ALICE_KEY}`, 'authorization', `Bearer ${ALICE_KEY}`])).toBe(401);
    await http?.close();
    expect(await statusOfRaw(['X-API-Key', ALICE_KEY, 'x-api-key', ALICE_KEY])).toBe(401);
    await http?.close();
    expect(await statusOfRaw(['Authorization', 'Bearer wrong', 'Authorization', `Bearer ${ALICE_KEY}`])).toBe(401);
  });

  it('counts for nothing in the query or in a cookie', async () => {
    for (const name of ['key', 'token', 'api_key', 'access_token', 'authorization', 'x-api-key']) expect(await statusOf({}, `/api/v1/runs?${name}=${ALICE_KEY}`), name).toBe(401);
    expect(await statusOf({ cookie: `authorization=Bearer ${ALICE_KEY}; x-api-key=${ALICE_KEY}` })).toBe(401);
  });

  it('does not fall back to the session when it is wrong', async () => {
    http = await createTestHttp({ authenticators: [session] });
    expect(await statusOf({ cookie: 'session=good' })).toBe(200);
    expect(await statusOf({ cookie: 'session=good', 'x-api-key': 'wrong' })).toBe(401);
  });

  it('says in the refusal how to authenticate, and nothing about the keys there are', async () => {
    http = await createTestHttp();
    const answer = await http.app.inject({ url: '/api/v1/runs', headers: { authorization: 'Bearer guess' } });
    expect(answer.headers['www-authenticate']).toContain('Bearer');
    expect(answer.json()).toMatchObject({ code: 'unauthenticated', status: 401 });
    expect(answer.body).not.toContain('guess');
  });

  it('hands the principal with its roles to the operation, and how it came', async () => {
    http = await createTestHttp();
    const decide = (headers: Record<string, string>) => http?.app.inject({ method: 'POST', url: `/api/v1/approvals/${APPROVAL_ID}/decisions`, headers, payload: DECISION });
    await decide(ALICE);
    await decide({ 'x-api-key': ROBOT_KEY, 'user-agent': 'runbook-bot-cli/1' });
    expect(http.operations.callsOf('decide').map(([principal]) => principal)).toEqual([
      { id: 'alice', kind: 'human', roles: ['oncall'], via: 'api' },
      { id: 'robot', kind: 'human', roles: [], via: 'cli' },
    ]);
  });

  it('that two principals share is a mistake that is found at the start', () => {
    const key = new Secret('same');
    expect(() => createAuthentication({ apiKeys: [{ key, principal: 'a', roles: [] }, { key, principal: 'b', roles: [] }] })).toThrow('a and b');
  });
});

describe('every path under /api/v1', () => {
  afterEach(() => void (http = undefined));

  it('needs a principal, reads and paths that do not exist too, and calls no operation without one', async () => {
    const paths: { method: string; url: string }[] = [];
    http = await createTestHttp();
    const document = (await http.app.inject({ url: '/api/v1/openapi.json', headers: ALICE })).json<{ paths: Record<string, Record<string, unknown>> }>();
    for (const [path, methods] of Object.entries(document.paths)) for (const method of Object.keys(methods)) if (path.startsWith('/api/')) paths.push({ method: method.toUpperCase(), url: path.replaceAll(/\{\w+\}/g, 'x') });
    expect(paths.length).toBeGreaterThan(15);
    paths.push({ method: 'GET', url: '/api/v1/nothing' }, { method: 'DELETE', url: '/api/v1/runs' }, { method: 'GET', url: '/api/v1' }, { method: 'GET', url: '/api/v1/' });
    for (const { method, url } of paths) {
      const answer = await http.app.inject({ method: method as 'GET', url });
      expect(answer.statusCode, `${method} ${url}`).toBe(401);
    }
    expect(http.operations.calls).toEqual([]);
  });

  it('cannot be reached round the check by another spelling of the path', async () => {
    http = await createTestHttp();
    const spellings = ['/healthz/../api/v1/runs', '/api//v1/runs', '//api/v1/runs', '/API/v1/runs', '/api/v1%2Fruns', '/api/%76%31/runs', '/api/v1/./runs', '/api/v1/runs/', '/api/v1/runs;x', '/%2e%2e/api/v1/runs', '/api/v1/runs%00'];
    for (const url of spellings) {
      const { statusCode } = await http.app.inject({ url });
      expect([401, 404], `${url} → ${statusCode}`).toContain(statusCode);
    }
    expect(http.operations.calls).toEqual([]);
  });

  it('refuses a stranger before it reads the body', async () => {
    http = await createTestHttp();
    const answer = await http.app.inject({ method: 'POST', url: '/api/v1/runs', headers: { 'content-type': 'application/json' }, payload: '{"broken' });
    expect(answer.statusCode).toBe(401);
  });
});

describe('a session that the browser sends by itself', () => {
  afterEach(() => void (http = undefined));
  const cookie = { cookie: 'session=good', host: 'bot.example:8080' };
  const decideWith = async (headers: Record<string, string>) => {
    http ??= await createTestHttp({ authenticators: [session] });
    return (await http.app.inject({ method: 'POST', url: `/api/v1/approvals/${APPROVAL_ID}/decisions`, headers: { ...cookie, ...headers }, payload: DECISION })).statusCode;
  };

  it('reads, and changes things from the pages of the console', async () => {
    http = await createTestHttp({ authenticators: [session] });
    expect(await statusOf(cookie)).toBe(200);
    expect(await decideWith({ 'x-runbook-bot': 'console', 'sec-fetch-site': 'same-origin', origin: 'http://bot.example:8080' })).toBe(200);
    expect(await decideWith({ 'x-runbook-bot': 'console', origin: 'https://bot.example:8080' })).toBe(200);
    expect(await decideWith({ 'x-runbook-bot': 'console', 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(http.operations.callsOf('decide').map(([principal]) => principal)).toEqual([OPERATOR, OPERATOR, OPERATOR]);
  });

  it('changes nothing without our header, from another site, or when the browser does not say from where', async () => {
    const refused: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'same-origin', origin: 'http://bot.example:8080' },
      { 'x-runbook-bot': 'console' },
      { 'x-runbook-bot': 'console', 'sec-fetch-site': 'cross-site' },
      { 'x-runbook-bot': 'console', 'sec-fetch-site': 'same-site' },
      { 'x-runbook-bot': 'console', 'sec-fetch-site': 'none' },
      { 'x-runbook-bot': 'console', origin: 'http://evil.example' },
      { 'x-runbook-bot': 'console', origin: 'http://bot.example' },
      { 'x-runbook-bot': 'console', origin: 'null' },
      { 'x-runbook-bot': 'console', 'sec-fetch-site': 'same-origin', origin: 'http://evil.example' },
    ];
    for (const headers of refused) expect(await decideWith(headers), JSON.stringify(headers)).toBe(403);
    expect(http?.operations.callsOf('decide')).toEqual([]);
  });

  it('is refused when it has ended', async () => {
    http = await createTestHttp({ authenticators: [session] });
    expect(await statusOf({ cookie: 'session=old' })).toBe(401);
  });
});
