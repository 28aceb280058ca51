import fastify, { type FastifyInstance, type InjectOptions } from 'fastify';
import { describe, expect, it } from 'vitest';
import type { Clock } from '#kernel/clock.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import type { Notification } from '#operations/operations.ts';
import type { AlertmanagerAuth } from '#surfaces/alertmanager/credential.ts';
import { alertmanagerRoutes } from '#surfaces/alertmanager/routes.ts';
import { recordedWebhook } from '../../../kit/alertmanager.ts';
import { createVirtualClock } from '../../../kit/clock.ts';

const SENT = recordedWebhook('am0.28-lifecycle-002-group_growing').body;

async function server(auth: AlertmanagerAuth = {}, receive?: () => Promise<never>, log: Log = silentLog, clock: Clock = createVirtualClock()): Promise<{ app: FastifyInstance; received: Notification[] }> {
  const received: Notification[] = [];
  const receiveAlerts = async (notification: Notification) => {
    if (receive !== undefined) return receive();
    received.push(notification);
    return { accepted: notification.alerts.length, duplicates: 1, incidents: ['inc_1'] };
  };
  const app = fastify({ onProtoPoisoning: 'error' });
  await app.register(alertmanagerRoutes({ operations: { receiveAlerts }, auth, clock, log }));
  return { app, received };
}

function post(app: FastifyInstance, more: InjectOptions = {}) {
  return app.inject({ method: 'POST', url: '/webhooks/alertmanager', payload: SENT, ...more, headers: { 'content-type': 'application/json', ...more.headers } });
}

const BEARER: AlertmanagerAuth = { bearerToken: new Secret('example-bearer-credential') };
const BASIC: AlertmanagerAuth = { basic: { username: 'alertmanager', password: new Secret('example:pass word') } };

describe('POST /webhooks/alertmanager', () => {
  it('answers 200 with the receipt', async () => {
    const { app, received } = await server();
    const answer = await post(app);
    expect([answer.statusCode, answer.json()]).toEqual([200, { accepted: 3, duplicates: 1, incidents: ['inc_1'] }]);
    expect(received[0]).toMatchObject({ source: 'alertmanager', groupLabels: { alertname: 'CordumDLQDepthHigh' }, truncatedAlerts: 0 });
  });

  it('takes a label that is called __proto__, although the server would not', async () => {
    const { app, received } = await server();
    const answer = await post(app, { payload: recordedWebhook('am0.25-hostile-003-label_names_via_api').body });
    expect(answer.statusCode).toBe(200);
    expect(received[0]?.alerts.some(({ labels }) => Object.hasOwn(labels, '__proto__'))).toBe(true);
  });

  it('leaves a trace of refused notifications in the log, and not one for each', async () => {
    const clock = createVirtualClock();
    const said: string[] = [];
    const { app } = await server(BEARER, undefined, { ...silentLog, warn: (fields) => said.push(JSON.stringify(fields)) }, clock);
    for (let tries = 0; tries < 5; tries += 1) await post(app, { headers: { authorization: 'Bearer wrong' } });
    expect(said).toEqual(['{"status":401,"because":"The Authorization header is missing or wrong."}']);
    await clock.advance(10_000);
    await post(app);
    expect(said).toHaveLength(2);
  });

  it('answers 400 with the field that is wrong', async () => {
    const { app } = await server();
    const answer = await post(app, { payload: SENT.replace('"version":"4"', '"version":"1"') });
    expect(answer.statusCode).toBe(400);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json()).toMatchObject({ type: 'urn:cordum-runbook-bot:problem:invalid', status: 400, code: 'invalid', field: 'version', detail: expect.stringContaining('expected "4"') as string });
  });

  it.each(['', '{', 'null', '[]', '"x"', '\u0000'])('answers 400 to the body %j', async (payload) => {
    const { app } = await server();
    const answer = await post(app, { payload });
    expect([answer.statusCode, (answer.json() as { code: string }).code]).toEqual([400, 'invalid']);
  });

  it('answers 413 to a body over 5 MiB and reads one just below', async () => {
    const { app } = await server();
    const padded = (bytes: number): string => SENT.trimEnd().replace(/\}$/, `,"pad":"${'x'.repeat(bytes - SENT.trimEnd().length - 9)}"}`);
    expect(Buffer.byteLength(padded(5 * 1024 * 1024))).toBe(5 * 1024 * 1024);
    expect((await post(app, { payload: padded(5 * 1024 * 1024) })).statusCode).toBe(200);
    const answer = await post(app, { payload: padded(5 * 1024 * 1024 + 1) });
    expect([answer.statusCode, (answer.json() as { code: string }).code]).toEqual([413, 'too-large']);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense'])('answers 415 to %s', async (type) => {
    const { app } = await server();
    const answer = await post(app, { headers: { 'content-type': type } });
    expect([answer.statusCode, (answer.json() as { code: string }).code]).toEqual([415, 'unsupported-media-type']);
  });

  it('answers 503 when it cannot be stored, without saying why to the sender', async () => {
    const { app } = await server({}, async () => Promise.reject(new Error('SQLITE_FULL at /secret/path')));
    const answer = await post(app);
    expect([answer.statusCode, (answer.json() as { code: string }).code]).toEqual([503, 'unavailable']);
    expect(answer.body).not.toContain('secret');
  });

  it.each([429, 301, 307, 413, 400])('answers 503 even when the failure carries the status %i', async (statusCode) => {
    const { app } = await server({}, async () => Promise.reject(Object.assign(new Error('no'), { statusCode })));
    expect((await post(app)).statusCode).toBe(503);
  });

  it('never redirects: a path with a slash at its end is another path', async () => {
    const { app } = await server();
    for (const url of ['/webhooks/alertmanager/', '/webhooks//alertmanager', '/webhooks/grafana']) expect((await post(app, { url })).statusCode).toBe(404);
  });
});

describe('who may post alerts', () => {
  it('shows the credential that is configured, as Alertmanager really sends it', async () => {
    for (const [auth, name] of [[BEARER, 'am0.25-auth-bearer-001-bearer'], [BASIC, 'am0.28-auth-basic-001-basic']] as const) {
      const recorded = recordedWebhook(name);
      const authorization = recorded.headers.find(([header]) => header === 'Authorization')?.[1] ?? '';
      const { app } = await server(auth);
      expect((await post(app, { payload: recorded.body, headers: { authorization } })).statusCode).toBe(200);
    }
  });

  it.each([
    ['nothing', BEARER, undefined],
    ['a wrong token', BEARER, 'Bearer example-bearer-credentiaL'],
    ['a prefix of the token', BEARER, 'Bearer example'],
    ['no token', BEARER, 'Bearer '],
    ['the token by another scheme', BEARER, `Basic ${Buffer.from('example-bearer-credential').toString('base64')}`],
    ['a wrong password', BASIC, `Basic ${Buffer.from('alertmanager:nope').toString('base64')}`],
    ['another user', BASIC, `Basic ${Buffer.from('root:example:pass word').toString('base64')}`],
    ['broken base64', BASIC, 'Basic %%%'],
    ['the pair as a bearer', BASIC, 'Bearer alertmanager:example:pass'],
  ])('is told 401 with %s', async (_, auth, authorization) => {
    const { app, received } = await server(auth);
    const answer = await post(app, authorization === undefined ? {} : { headers: { authorization } });
    expect([answer.statusCode, (answer.json() as { code: string }).code, received]).toEqual([401, 'unauthenticated', []]);
    expect(answer.headers['www-authenticate']).toBeDefined();
  });

  it('is asked before the body is read', async () => {
    const { app } = await server(BEARER);
    expect((await post(app, { payload: '{' })).statusCode).toBe(401);
    expect((await post(app, { headers: { 'x-api-key': 'example-bearer-credential' } })).statusCode).toBe(401);
  });

  it.each([
    ['127.0.0.1', {}, 200],
    ['127.8.8.8', {}, 200],
    ['::1', {}, 200],
    ['::ffff:127.0.0.1', {}, 200],
    ['10.0.0.7', {}, 401],
    ['127.0.0.1.evil.example', {}, 401],
    ['127.0.0.1', { 'x-forwarded-for': '127.0.0.1' }, 401],
    ['127.0.0.1', { forwarded: 'for=127.0.0.1' }, 401],
    ['127.0.0.1', { 'x-real-ip': '127.0.0.1' }, 401],
    ['127.0.0.1', { host: 'rebound.example:8080' }, 401],
  ])('without any credential configured is only this machine, directly: %s %j is answered %i', async (remoteAddress, headers, status) => {
    const { app } = await server();
    expect((await post(app, { remoteAddress, headers })).statusCode).toBe(status);
  });
});
