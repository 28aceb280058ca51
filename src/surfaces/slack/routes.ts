/** `POST /slack/events`: events, clicks, forms and commands over signed HTTP. Nothing is parsed before its signature has been checked. */
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Inbound } from './inbound.ts';
import type { SignatureCheck } from './signature.ts';

/** A click carries the whole message that it was made on, twenty times less than this. */
const BODY_LIMIT_BYTES = 512 * 1_024;
/** Slack gives up after three seconds. */
const ACK_WITHIN_MS = 2_500;
const TYPES = ['application/x-www-form-urlencoded', 'application/json'];

const challengeSchema = z.object({ type: z.literal('url_verification'), challenge: z.string().max(1_000) });

export interface SlackRoutesOptions {
  readonly signatures: SignatureCheck;
  readonly inbound: Inbound;
  readonly clock: Clock;
  readonly log: Log;
}

export function slackRoutes({ signatures, inbound, clock, log }: SlackRoutesOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser(TYPES, { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES }, (_request, body, done) => done(null, body));
    scope.post('/slack/events', { bodyLimit: BODY_LIMIT_BYTES }, async (request, reply) => {
      const raw = request.body instanceof Uint8Array ? request.body : new Uint8Array();
      const checked = signatures.check({ timestamp: request.headers['x-slack-request-timestamp'], signature: request.headers['x-slack-signature'] }, raw);
      if (!checked.ok) {
        log.warn({ code: checked.code, because: checked.because, from: request.ip }, 'a request to /slack/events was refused');
        return problem(reply, checked.code === 'busy' ? 503 : 401, checked.code, checked.because);
      }
      const body = readBody(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('utf8'), request.headers['content-type'] ?? '');
      if (body === undefined) return problem(reply, 400, 'invalid', 'the body is no JSON object, and no form with one');
      const challenge = challengeSchema.safeParse(body);
      if (challenge.success) return reply.type('text/plain').send(challenge.data.challenge);
      return acknowledge(reply, inbound, clock, body, Number(request.headers['x-slack-retry-num'] ?? Number.NaN));
    });
  };
}

/** Answers when the work acknowledges, and leaves it to go on. */
async function acknowledge(reply: FastifyReply, inbound: Inbound, clock: Clock, body: Readonly<Record<string, unknown>>, retryNum: number): Promise<FastifyReply> {
  let acked = false;
  await new Promise<void>((resolve) => {
    const cancel = clock.schedule(clock.now() + ACK_WITHIN_MS, resolve);
    const finish = (): void => {
      cancel();
      resolve();
    };
    const ack = async (): Promise<void> => {
      acked = true;
      finish();
    };
    void inbound.receive({ body, ack, ...(Number.isInteger(retryNum) ? { retryNum } : {}) }).finally(finish);
  });
  return acked ? reply.code(200).send() : problem(reply, 404, 'not-found', 'the bot does not handle requests of this kind');
}

/** JSON for events; a form with the JSON in `payload` for clicks and modals; a plain form for commands. */
function readBody(text: string, contentType: string): Readonly<Record<string, unknown>> | undefined {
  if (contentType.toLowerCase().startsWith('application/json')) return readJson(text);
  const form = new URLSearchParams(text);
  const payload = form.get('payload');
  if (payload !== null) return readJson(payload);
  return form.size === 0 ? undefined : Object.fromEntries(form);
}

function readJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function problem(reply: FastifyReply, status: number, code: string, detail: string): FastifyReply {
  return reply.code(status).type('application/problem+json').send(JSON.stringify({ type: 'about:blank', title: status === 401 ? 'Unauthorized' : 'Refused', status, code, detail }));
}
