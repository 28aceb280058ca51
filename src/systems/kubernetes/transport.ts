/** One HTTP exchange with the API server: authenticated, bounded in time and size, with every way to fail as a value. */
import { readBounded } from '#kernel/body.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import type { Access, AccessKeeper } from './access.ts';
import { type CallFacts, failureOfError, type HttpAnswer, notSent, tooLarge } from './failure.ts';

/** 500 pods with everything that the API says of them are about 5 MiB. */
export const MOST_ANSWER_BYTES = 32 * 1024 * 1024;

export interface HttpCall extends CallFacts {
  readonly method: 'GET' | 'POST' | 'PATCH';
  /** From the root, already encoded. */
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly body?: { readonly type: string; readonly text: string };
  readonly signal?: AbortSignal;
}

export interface Transport {
  send(call: HttpCall): Promise<Result<HttpAnswer>>;
}

export interface TransportParts {
  readonly access: AccessKeeper;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export function createTransport(parts: TransportParts): Transport {
  return {
    async send(call) {
      if (call.signal?.aborted === true) return { ok: false, failure: notSent(call, 'cancelled', 'the run was cancelled before') };
      const deadline = deadlineOf(parts.clock, parts.timeoutMs, call.signal);
      try {
        return await sendTwice(call, parts, deadline.signal);
      } catch (error) {
        return { ok: false, failure: failureOfError(error, call, { timedOut: deadline.timedOut(), cancelled: deadline.cancelled(), afterMs: parts.timeoutMs }) };
      } finally {
        deadline.stop();
      }
    },
  };
}

/**
 * A 401 was decided before anything was done, so the call may go out once more when the kubeconfig, read again, holds other
 * credentials: rotated tokens and renewed logins then need no restart of the bot.
 */
async function sendTwice(call: HttpCall, { access }: TransportParts, signal: AbortSignal): Promise<Result<HttpAnswer>> {
  const first = await entry(call, access, signal);
  if (!first.ok) return first;
  const answer = await exchange(call, first.value, signal);
  if (!answer.ok || answer.value.status !== 401) return answer;
  access.forget();
  const second = await entry(call, access, signal);
  const unchanged = second.ok && JSON.stringify(second.value.headers) === JSON.stringify(first.value.headers) && second.value.dispatcher === first.value.dispatcher;
  if (!second.ok || unchanged) return answer;
  return exchange(call, second.value, signal);
}

/** Credentials may come from a plugin that hangs; whoever waits for it stops waiting in time, and has sent nothing. */
async function entry(call: HttpCall, access: AccessKeeper, signal: AbortSignal): Promise<Result<Access>> {
  const got = await unlessAborted(access.get(), signal);
  if (got === undefined) return { ok: false, failure: notSent(call, call.signal?.aborted === true ? 'cancelled' : 'timeout', 'its credentials did not come in time; an exec plugin of the kubeconfig may be waiting for somebody to log in') };
  return got.ok ? got : { ok: false, failure: notSent(call, got.failure.reason, got.failure.message) };
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(undefined);
    if (signal.aborted) return stop();
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

async function exchange(call: HttpCall, { base, headers, dispatcher }: Access, signal: AbortSignal): Promise<Result<HttpAnswer>> {
  const { request } = await import('undici');
  const query = call.query === undefined || call.query.size === 0 ? '' : `?${call.query.toString()}`;
  // undici follows no redirect unless an interceptor is added, so the credentials never go to another host.
  const answer = await request(`${base}${call.path}${query}`, {
    method: call.method,
    headers: { accept: 'application/json, */*;q=0.8', 'user-agent': 'cordum-runbook-bot', ...headers, ...(call.body === undefined ? {} : { 'content-type': call.body.type }) },
    ...(call.body === undefined ? {} : { body: call.body.text }),
    dispatcher,
    signal,
  });
  const body = await readBounded(answer.body, MOST_ANSWER_BYTES);
  if (body === undefined) return { ok: false, failure: tooLarge(call, MOST_ANSWER_BYTES) };
  return succeed({ status: answer.statusCode, contentType: headerOf(answer.headers['content-type']), retryAfter: headerOf(answer.headers['retry-after']), body });
}

function headerOf(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

