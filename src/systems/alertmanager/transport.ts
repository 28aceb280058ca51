/** One call of Alertmanager's API v2: bounded in time and size, no redirects, every way to fail as a value with its cause. */
import type { Agent, Dispatcher } from 'undici';
import type { z } from 'zod';
import { readBounded } from '#kernel/body.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import { type EndpointParts, endpointOf } from '#kernel/endpoint.ts';
import { fail, type Failure, type FailureReason, succeed, type Result } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import { connectionTrouble } from '#kernel/network.ts';
import { quoteForeign } from '#kernel/redact.ts';
import { nodeTls } from '#kernel/tls.ts';

const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const ANSWER_MAX_BYTES = 32 * 1024 * 1024;
const LONGEST_QUOTE = 300;

export interface Call {
  readonly signal?: AbortSignal;
}

export interface TransportParts extends EndpointParts {
  readonly clock: Clock;
  readonly dispatcher?: Dispatcher;
  readonly timeoutMs?: number;
}

export interface Request extends Call {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: object;
}

export interface Answer<T> {
  readonly value: T;
  /** When it answered, by its own clock where it says so, ms. */
  readonly atMs: number;
}

export interface Transport {
  send<T>(request: Request, schema: z.ZodType<T>): Promise<Result<Answer<T>>>;
  close(): Promise<void>;
}

export function createTransport(parts: TransportParts): Transport {
  const { root, host, authorization } = endpointOf(parts);
  const what = `Alertmanager at ${host}`;
  const timeoutMs = parts.timeoutMs ?? TIMEOUT_MS;
  let agent: Agent | undefined;

  return {
    async send(asked, schema) {
      const { method = 'GET', path, body } = asked;
      const failed = (reason: FailureReason, message: string, landed: 'no' | 'maybe'): { ok: false; failure: Failure } => (method === 'GET' ? fail(reason, message) : fail(reason, message, landed));
      if (asked.signal?.aborted === true) return failed('cancelled', `The call to ${what} was cancelled.`, 'no');
      const deadline = deadlineOf(parts.clock, timeoutMs, asked.signal);
      try {
        // Loaded by the first call: most bots ask no Alertmanager.
        const undici = await import('undici');
        agent ??= parts.dispatcher === undefined ? new undici.Agent({ connect: { timeout: CONNECT_TIMEOUT_MS, ...nodeTls(parts.tls) } }) : undefined;
        const dispatcher = parts.dispatcher ?? agent;
        const answer = await undici.request(`${root}${path}`, {
          method,
          headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(authorization === undefined ? {} : { authorization: authorization.reveal() }) },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: deadline.signal,
          ...(dispatcher === undefined ? {} : { dispatcher }),
        });
        const text = await readBounded(answer.body, ANSWER_MAX_BYTES);
        if (answer.statusCode !== 200) {
          // What it says no to itself has done nothing; of its errors, and of a proxy's, nobody knows.
          const decided = answer.statusCode >= 400 && answer.statusCode < 500 && answer.statusCode !== 408;
          return failed(reasonOf(answer.statusCode), `${what} answered ${answer.statusCode} to ${path}${saidOf(text)}.`, decided ? 'no' : 'maybe');
        }
        if (text === undefined) return failed('tooLarge', `${what} answered more than ${ANSWER_MAX_BYTES} bytes to ${path}.`, 'maybe');
        const read = schema.safeParse(parseJson(text));
        if (!read.success) return failed('unexpected', `${what} answered something to ${path} that cannot be read: is alertmanager.url that of an Alertmanager?`, 'maybe');
        const dated = Date.parse(String(answer.headers['date']));
        return succeed({ value: read.data, atMs: Number.isNaN(dated) ? parts.clock.now() : dated });
      } catch (error) {
        if (deadline.timedOut()) return failed('timeout', `${what} did not answer ${path} within ${timeoutMs} ms.`, 'maybe');
        if (deadline.cancelled()) return failed('cancelled', `The call to ${what} was cancelled.`, 'maybe');
        const trouble = connectionTrouble(error);
        return failed(trouble.cause === 'timeout' ? 'timeout' : 'unreachable', `${what} cannot be reached: ${trouble.say}.`, trouble.sent ? 'maybe' : 'no');
      } finally {
        deadline.stop();
      }
    },
    async close() {
      const open = agent;
      agent = undefined;
      await open?.destroy();
    },
  };
}

/** Its errors are a JSON text, or `{code, message}` of its validation (recordings silence_bad_regex, silence_get_not_uuid). */
function saidOf(text: string | undefined): string {
  const json = parseJson(text ?? '');
  const said = typeof json === 'string' ? json : typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string' ? json.message : '';
  return said === '' ? '' : `: ${quoteForeign(said, LONGEST_QUOTE)}`;
}

function reasonOf(status: number): FailureReason {
  if (status === 401) return 'unauthorised';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'notFound';
  if (status === 429) return 'rateLimited';
  if (status === 400 || status === 422) return 'invalid';
  return status >= 500 ? 'unavailable' : 'unexpected';
}
