/**
 * `POST /webhooks/alertmanager`. What Alertmanager does with an answer decides which may be given (measured with 0.25 and 0.28):
 * 2xx is delivered and forgotten; 5xx is tried again at once; 4xx, 429 included, waits for the next group interval; a redirect may be followed as an empty GET
 * and count as delivered. So 200 comes only after the journal has it, 503 when it cannot be stored, 4xx when repeating is useless, and never 429 or 3xx.
 */
import type { Operations } from '#operations/operations.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { challengesOf, createGate, type AlertmanagerAuth } from './credential.ts';
import { readNotification } from './payload.ts';

const BODY_MAX_BYTES = 5 * 1024 * 1024;
/** Of one kind of refusal, ms. */
const COMPLAIN_EVERY_MS = 10_000;

interface ProblemDocument {
  readonly title: string;
  readonly status: number;
  /** Stable. */
  readonly code: 'invalid' | 'unauthenticated' | 'too-large' | 'unsupported-media-type' | 'unavailable';
  readonly detail: string;
  readonly field?: string;
}

export interface AlertmanagerRoutes {
  readonly operations: Pick<Operations, 'receiveAlerts'>;
  readonly auth: AlertmanagerAuth;
  readonly clock: Clock;
  readonly log: Log;
}

/** A plugin for the one listener, in a scope of its own: its parser and its error handler must not become anybody else's. */
export function alertmanagerRoutes({ operations, auth, clock, log }: AlertmanagerRoutes): (app: FastifyInstance) => Promise<void> {
  const refuse = createGate(auth);
  const challenges = challengesOf(auth);
  const complain = createComplaint(log, clock);
  const answer = (reply: FastifyReply, problem: ProblemDocument): FastifyReply => {
    complain(problem);
    return send(reply, problem);
  };
  return async (app) => {
    // The server's own parser refuses `__proto__` as a name; here it is a label like any other, and the schema keeps it inert.
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'string', bodyLimit: BODY_MAX_BYTES }, (_request, text, done) => {
      try {
        done(null, JSON.parse(text as string));
      } catch {
        done(Object.assign(new Error('The body is not JSON.'), { statusCode: 400 }));
      }
    });
    app.setErrorHandler((error: FastifyError, _request, reply) => answer(reply, problemOf(error)));
    app.post('/webhooks/alertmanager', {
      bodyLimit: BODY_MAX_BYTES,
      // Before the body is read: a stranger must not make us parse five megabytes.
      onRequest: (request, reply, done) => {
        const because = refuse(request);
        if (because === undefined) return done();
        void answer(reply.header('www-authenticate', challenges), { title: 'Not authenticated', status: 401, code: 'unauthenticated', detail: because });
      },
      handler: async (request, reply) => {
        const read = readNotification(request.body);
        if (!read.ok) return answer(reply, { title: 'Not a notification of Alertmanager', status: 400, code: 'invalid', detail: `${read.field}: ${read.message}`, field: read.field });
        try {
          return reply.code(200).send(await operations.receiveAlerts(read.notification));
        } catch (error) {
          log.error({ error }, 'alerts could not be stored');
          return send(reply, NOT_STORED);
        }
      },
    });
  };
}

/** Whatever went wrong inside, the sender hears only this: it must keep the alerts and come again. */
const NOT_STORED: ProblemDocument = { title: 'Not stored', status: 503, code: 'unavailable', detail: 'The alerts could not be stored; send them again.' };

/** Of what happens before the handler: the body could not be read. */
function problemOf(error: FastifyError): ProblemDocument {
  switch (error.statusCode) {
    case 400:
      return { title: 'Not a notification of Alertmanager', status: 400, code: 'invalid', detail: error.message, field: 'body' };
    case 413:
      return { title: 'Too large', status: 413, code: 'too-large', detail: `A body may have ${BODY_MAX_BYTES} bytes; set max_alerts in the receiver's webhook_configs.` };
    case 415:
      return { title: 'Not JSON', status: 415, code: 'unsupported-media-type', detail: 'The Content-Type must be application/json.' };
    default:
      return NOT_STORED;
  }
}

/** An alert that is refused is an alert that nobody hears of, so the operator's log says it; not once for each try of a stranger. */
function createComplaint(log: Log, clock: Clock): (problem: ProblemDocument) => void {
  const saidAt = new Map<number, number>();
  return ({ status, detail }) => {
    const now = clock.now();
    if (now - (saidAt.get(status) ?? Number.NEGATIVE_INFINITY) < COMPLAIN_EVERY_MS) return;
    saidAt.set(status, now);
    log.warn({ status, because: detail }, 'a notification was refused: its alerts are not known here');
  };
}

function send(reply: FastifyReply, problem: ProblemDocument): FastifyReply {
  const type = `urn:cordum-runbook-bot:problem:${problem.code}`;
  return reply.code(problem.status).type('application/problem+json').send({ type, ...problem });
}
