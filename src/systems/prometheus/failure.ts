/** What a failed call to Prometheus means, by what its API really answers (https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview). */
import { fail, type Failure } from '#kernel/failure.ts';
import { connectionTrouble } from '#kernel/network.ts';
import { quoteForeign } from '#kernel/redact.ts';

type Failed = { readonly ok: false; readonly failure: Failure };

const LONGEST_QUOTE = 300;

export interface Asked {
  /** For messages: `Prometheus at prom:9090`. */
  readonly what: string;
  /** Completes "… did not": `answer the query`. */
  readonly doing: string;
}

export function failureOfError(error: unknown, asked: Asked, ended: { readonly timedOut: boolean; readonly cancelled: boolean; readonly afterMs: number }): Failed {
  if (ended.timedOut) return fail('timeout', `${asked.what} did not ${asked.doing} within ${ended.afterMs} ms: it is overloaded, the query is too heavy, or something on the way swallows packets.`);
  if (ended.cancelled) return fail('cancelled', `The call to ${asked.what} was cancelled.`);
  const trouble = connectionTrouble(error);
  return fail(trouble.cause === 'timeout' ? 'timeout' : 'unreachable', `${asked.what} cannot be reached: ${trouble.say}.`);
}

/** `errorType` and `error` stand in its error bodies; a proxy in front of it answers without. */
export function failureOfAnswer(status: number, said: { readonly errorType: string; readonly error: string }, asked: Asked): Failed {
  const detail = said.error === '' ? '' : `: ${quoteForeign(said.error, LONGEST_QUOTE)}`;
  switch (status) {
    case 400:
      return fail('invalid', `${asked.what} cannot read the query (400${detail}).`);
    case 422:
      return fail('invalid', `${asked.what} cannot execute the query (422${detail}): it takes too many samples, or its series do not match one to one.`);
    case 401:
      return fail('unauthorised', `${asked.what} refused the credentials (401): check prometheus.bearerToken or prometheus.basic.`);
    case 403:
      return fail('forbidden', `${asked.what} does not allow this (403${detail}).`);
    case 404:
      return fail('notFound', `${asked.what} does not know this path (404): is prometheus.url that of a Prometheus, with its prefix?`);
    case 429:
      return fail('rateLimited', `${asked.what} is asked too often (429).`);
    case 408:
    case 504:
      return fail('timeout', `A proxy in front of ${asked.what} gave up waiting (${status}).`);
    default:
      break;
  }
  if (status >= 300 && status < 400) return fail('unexpected', `${asked.what} answered with a redirect (${status}), which is not followed: put the final address into prometheus.url.`);
  // 503 with errorType timeout or canceled: it gave up on the query itself.
  if (status === 503 && (said.errorType === 'timeout' || said.errorType === 'canceled')) return fail('timeout', `${asked.what} gave up on the query (503${detail}): ask for less.`);
  if (status >= 500) return fail('unavailable', `${asked.what} cannot answer now (${status}${detail}): it starts, or is broken.`);
  return fail('unexpected', `${asked.what} did not ${asked.doing} (${status}${detail}).`);
}

export function unreadable(asked: Asked): Failed {
  return fail('unexpected', `${asked.what} answered something that cannot be read: is prometheus.url that of a Prometheus?`);
}
