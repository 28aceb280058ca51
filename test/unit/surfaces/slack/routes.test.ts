import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { silentLog } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import { slackRoutes } from '#surfaces/slack/routes.ts';
import { createSignatureCheck } from '#surfaces/slack/signature.ts';
import { createVirtualClock } from '../../../kit/clock.ts';
import { form, signatureOf, signed, SIGNING_SECRET, type SignedRequest } from '../../../kit/slack/requests.ts';

const clock = createVirtualClock();
const JSON_TYPE = 'application/json';

async function listener() {
  const received: Readonly<Record<string, unknown>>[] = [];
  const inbound = {
    async receive({ body, ack }: { readonly body: Readonly<Record<string, unknown>>; readonly ack: () => Promise<void> }) {
      received.push(body);
      if (body['type'] !== 'unheard-of') await ack();
    },
    idle: async () => {},
  };
  const http = Fastify();
  // The application's own parser must not see these bodies before their signature has been checked.
  await http.register(slackRoutes({ signatures: createSignatureCheck(new Secret(SIGNING_SECRET), clock), inbound, clock, log: silentLog }));
  return { http, received };
}

const PAYLOAD = form({ type: 'block_actions', actions: [] });
const fresh = (): SignedRequest => signed(PAYLOAD, clock.now());
const withHeaders = (request: SignedRequest, headers: Record<string, string>): SignedRequest => ({ ...request, headers: { ...request.headers, ...headers } });
const without = (request: SignedRequest, name: string): SignedRequest => ({ ...request, headers: Object.fromEntries(Object.entries(request.headers).filter(([key]) => key !== name)) });
const now = (): string => String(Math.floor(clock.now() / 1_000));

describe('POST /slack/events', () => {
  it.each<[string, () => SignedRequest]>([
    ['another secret', () => signed(PAYLOAD, clock.now(), undefined, '0'.repeat(32))],
    ['an empty secret', () => signed(PAYLOAD, clock.now(), undefined, '')],
    ['a timestamp 301 s old', () => signed(PAYLOAD, clock.now() - 301_000)],
    ['a timestamp 301 s ahead', () => signed(PAYLOAD, clock.now() + 301_000)],
    ['a timestamp of milliseconds', () => withHeaders(fresh(), { 'x-slack-request-timestamp': String(clock.now()) })],
    ['a timestamp that is no number', () => withHeaders(fresh(), { 'x-slack-request-timestamp': 'NaN', 'x-slack-signature': signatureOf(PAYLOAD, 'NaN') })],
    ['a negative timestamp', () => withHeaders(fresh(), { 'x-slack-request-timestamp': '-1', 'x-slack-signature': signatureOf(PAYLOAD, '-1') })],
    ['no timestamp', () => without(fresh(), 'x-slack-request-timestamp')],
    ['no signature', () => without(fresh(), 'x-slack-signature')],
    ['an empty signature', () => withHeaders(fresh(), { 'x-slack-signature': '' })],
    ['a signature cut short', () => withHeaders(fresh(), { 'x-slack-signature': signatureOf(PAYLOAD, now()).slice(0, -1) })],
    ['another version', () => withHeaders(fresh(), { 'x-slack-signature': signatureOf(PAYLOAD, now()).replace('v0', 'v1') })],
    ['one byte changed', () => ({ ...fresh(), payload: PAYLOAD.replace('block_actions', 'block_actionz') })],
    ['one byte more', () => ({ ...fresh(), payload: `${PAYLOAD}&` })],
    ['ssl_check without a signature', () => ({ ...without(fresh(), 'x-slack-signature'), payload: 'ssl_check=1&token=x' })],
    ['ssl_check beside a payload that was not signed', () => ({ ...fresh(), payload: `${PAYLOAD}&ssl_check=1` })],
  ])('refuses %s and carries nothing out', async (_what, request) => {
    const { http, received } = await listener();
    const answer = await http.inject(request());
    expect(answer.statusCode).toBe(401);
    expect(answer.json()).toMatchObject({ status: 401, code: 'bad-signature' });
    expect(received).toEqual([]);
  });

  it('takes clocks that are five minutes apart, either way', async () => {
    const { http } = await listener();
    expect((await http.inject(signed(PAYLOAD, clock.now() - 300_000))).statusCode).toBe(200);
    expect((await http.inject(signed(PAYLOAD, clock.now() + 300_000))).statusCode).toBe(200);
  });

  it('takes a signed request once, as long as its signature would be good', async () => {
    const { http, received } = await listener();
    const ahead = signed(PAYLOAD, clock.now() + 300_000);
    expect((await http.inject(ahead)).statusCode).toBe(200);
    expect((await http.inject(ahead)).json()).toMatchObject({ status: 401, code: 'replayed' });
    await clock.advance(599_000);
    expect((await http.inject(ahead)).json()).toMatchObject({ code: 'replayed' });
    await clock.advance(2_000);
    expect((await http.inject(ahead)).json()).toMatchObject({ code: 'bad-signature' });
    expect(received).toHaveLength(1);
  });

  it('answers the challenge of a new URL, when it is signed', async () => {
    const { http } = await listener();
    const body = JSON.stringify({ type: 'url_verification', challenge: 'abc', token: 'x' });
    const answer = await http.inject(signed(body, clock.now(), JSON_TYPE));
    expect([answer.statusCode, answer.body]).toEqual([200, 'abc']);
    expect((await http.inject({ method: 'POST', url: '/slack/events', headers: { 'content-type': JSON_TYPE }, payload: body })).statusCode).toBe(401);
  });

  it('reads forms with a payload, plain forms and JSON', async () => {
    const { http, received } = await listener();
    await http.inject(signed(form({ type: 'a' }), clock.now()));
    await http.inject(signed('command=%2Frunbook&text=list', clock.now()));
    await http.inject(signed(JSON.stringify({ type: 'b' }), clock.now(), `${JSON_TYPE}; charset=utf-8`));
    expect(received).toEqual([{ type: 'a' }, { command: '/runbook', text: 'list' }, { type: 'b' }]);
  });

  it.each([
    ['', 'application/x-www-form-urlencoded'],
    ['payload=%7B', 'application/x-www-form-urlencoded'],
    ['payload=%5B%5D', 'application/x-www-form-urlencoded'],
    ['[]', JSON_TYPE],
    ['{', JSON_TYPE],
    ['null', JSON_TYPE],
  ])('refuses the signed body %j as %s', async (body, type) => {
    const { http, received } = await listener();
    const answer = await http.inject(signed(body, clock.now(), type));
    expect([400, 401]).toContain(answer.statusCode);
    expect(received).toEqual([]);
    await clock.advance(1_000);
  });

  it('refuses other content types and bodies over its limit', async () => {
    const { http, received } = await listener();
    expect((await http.inject(signed(PAYLOAD, clock.now(), 'text/plain'))).statusCode).toBe(415);
    expect((await http.inject(signed(`payload=${'x'.repeat(600_000)}`, clock.now()))).statusCode).toBe(413);
    expect(received).toEqual([]);
  });

  it('says that it does not handle what nothing acknowledges', async () => {
    const { http } = await listener();
    expect((await http.inject(signed(form({ type: 'unheard-of' }), clock.now()))).statusCode).toBe(404);
  });
});

describe('the signing secret', () => {
  it.each(['', 'abc', 'x'.repeat(64), '0'.repeat(31), ' '.repeat(32)])('is refused at boot when it is %j', (secret) => {
    expect(() => createSignatureCheck(new Secret(secret), clock)).toThrow('slack.signingSecretFile');
  });
});
