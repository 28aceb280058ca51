/** One HTTP call to Cordum: with the key, bounded in time and size, and with every way to fail as a value. */
import type * as UndiciModule from 'undici';
import type { Dispatcher } from 'undici';
import { readBounded } from '#kernel/body.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Secret } from '#kernel/secret.ts';
import { type CallFacts, failureOfError, notSent, tooLarge } from './failure.ts';

/** A page of 500 DLQ entries is about 150 KiB; a job's input may be 2 MiB. */
export const MOST_ANSWER_BYTES = 8 * 1024 * 1024;

export interface HttpCall extends CallFacts {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** From the root, with query, already encoded. */
  readonly path: string;
  readonly body?: JsonObject;
  /** Who is behind a write, for Cordum's audit trail. */
  readonly principal?: string;
  readonly signal?: AbortSignal;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

export interface Transport {
  send(call: HttpCall): Promise<Result<HttpAnswer>>;
}

export interface TransportOptions {
  readonly origin: string;
  readonly apiKey: Secret;
  readonly tenant: string;
  /** Made when the first call needs it: a bot without a Cordum loads no HTTP client. */
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

type Undici = Pick<typeof UndiciModule, 'request'>;

export function createTransport(options: TransportOptions): Transport {
  // Kept, because asking the module loader again costs about as much as a call.
  let loaded: Promise<Undici> | undefined;
  return { send: (call) => send(call, options, () => (loaded ??= import('undici'))) };
}

async function send(call: HttpCall, options: TransportOptions, undici: () => Promise<Undici>): Promise<Result<HttpAnswer>> {
  if (call.signal?.aborted === true) return { ok: false, failure: notSent(call, 'cancelled', 'the run was cancelled before') };
  const deadline = deadlineOf(options.clock, options.timeoutMs, call.signal);
  try {
    const { request } = await undici();
    // undici follows no redirect unless an interceptor is added, so the key never goes to another host.
    const answer = await request(new URL(call.path, options.origin), {
      method: call.method,
      headers: headersOf(call, options),
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      dispatcher: await options.dispatcher(),
      signal: deadline.signal,
    });
    const body = await readBounded(answer.body, MOST_ANSWER_BYTES);
    if (body === undefined) return { ok: false, failure: tooLarge(call, MOST_ANSWER_BYTES) };
    return succeed({ status: answer.statusCode, body });
  } catch (error) {
    return { ok: false, failure: failureOfError(error, call, { timedOut: deadline.timedOut(), cancelled: deadline.cancelled(), afterMs: options.timeoutMs }) };
  } finally {
    deadline.stop();
  }
}

function headersOf(call: HttpCall, options: TransportOptions): Record<string, string> {
  const headers: Record<string, string> = {
    accept: 'application/json',
    'x-api-key': options.apiKey.reveal(),
    'x-tenant-id': options.tenant,
  };
  if (call.body !== undefined) headers['content-type'] = 'application/json';
  if (call.principal !== undefined) headers['x-principal-id'] = headerSafe(call.principal);
  return headers;
}

/** A principal's id as Cordum's audit trail will show it: letters, digits and a few signs; all else becomes `_`. */
function headerSafe(principal: string): string {
  return principal.replace(/[^A-Za-z0-9._:@/+-]/g, '_').slice(0, 128);
}

