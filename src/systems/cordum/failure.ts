/**
 * Says what went wrong with a call to Cordum, by body and status as Cordum v0.9 really answers, and what to do about it.
 * One status has several meanings there: 403 has six, 404 may be a Redis error, and 429 may mean that Redis is down.
 */
import type { Failure, FailureReason } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import { quoteForeign } from '#kernel/redact.ts';
import { errorAnswer } from './schema.ts';

/** What was being done, for messages and for whether it can have landed. */
export interface CallFacts {
  /** Completes "Cordum did not …": `list the DLQ`. */
  readonly doing: string;
  readonly writes: boolean;
  /** Takes secrets out of text that comes from outside. */
  readonly redact: (text: string) => string;
}

/** Text from Cordum that may stand in a message, in characters. */
const LONGEST_QUOTE = 200;

/** Errors from before the first byte of the request was sent: the call cannot have landed. */
const NOT_SENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there: check cordum.url and that the gateway runs',
  ENOTFOUND: 'its name is not known: check cordum.url and DNS',
  EAI_AGAIN: 'its name could not be looked up: check DNS',
  EHOSTUNREACH: 'there is no way to the host: check the network',
  ENETUNREACH: 'there is no way to its network: check the network',
  UND_ERR_CONNECT_TIMEOUT: 'no connection came about in time: check the network and firewalls',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: give it, or its CA, in cordum.tls.caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate comes from an unknown CA: give that CA in cordum.tls.caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate comes from an unknown CA: give that CA in cordum.tls.caFile',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate comes from an unknown CA: give that CA in cordum.tls.caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate comes from an unknown CA: give that CA in cordum.tls.caFile',
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check both clocks',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name: check cordum.url, or set cordum.tls.serverName',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on that port: check http or https in cordum.url',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS on that port: check http or https in cordum.url',
};

interface Meaning {
  readonly reason: FailureReason;
  readonly say: string;
}

/** Refusals that name themselves by `code` (reference/cordum.md §1.6). */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  approval_retryable_lock: { reason: 'conflict', say: 'another decision on it is under way at this moment, so nothing happened: try again in a few seconds (409 approval_retryable_lock).' },
  approval_already_resolved: { reason: 'conflict', say: 'somebody has decided it already: read it again (409 approval_already_resolved).' },
  approval_terminal_run: { reason: 'conflict', say: 'the workflow run that it belongs to has ended (409 approval_terminal_run).' },
  approval_stale_snapshot: { reason: 'conflict', say: 'the policy has changed since the approval was asked for: submit the job again (409 approval_stale_snapshot).' },
  approval_stale_request: { reason: 'conflict', say: 'the job has changed since the approval was asked for: submit it again (409 approval_stale_request).' },
  approval_not_actionable: { reason: 'conflict', say: 'the job is not waiting for an approval (409 approval_not_actionable).' },
  not_repairable: { reason: 'conflict', say: 'there is nothing to repair (409 not_repairable).' },
  self_approval_denied: {
    reason: 'forbidden',
    say: 'nobody may decide on what they submitted themselves, and this job was submitted with the API key that the bot uses: decide with another key (403 self_approval_denied).',
  },
};

/** A failure before any answer: the connection, a timeout, a cancelled run. `timedOut` and `cancelled` say who ended it. */
export function failureOfError(error: unknown, call: CallFacts, ended: { readonly timedOut: boolean; readonly cancelled: boolean; readonly afterMs: number }): Failure {
  if (ended.timedOut) {
    return failure('timeout', `Cordum did not ${call.doing} within ${ended.afterMs} ms: it is overloaded, or something on the way swallows packets.`, call, 'maybe');
  }
  if (ended.cancelled) return failure('cancelled', `The call to Cordum (${call.doing}) was cancelled.`, call, 'maybe');
  const code = codeOf(error);
  const known = NOT_SENT[code];
  if (known !== undefined) return failure('unreachable', `Cordum cannot be reached to ${call.doing}: ${known} (${code}).`, call, 'no');
  const name = code === '' ? 'no error code' : code;
  return failure('unreachable', `The connection to Cordum broke while it was to ${call.doing} (${name}): a restart of the gateway, or a proxy on the way.`, call, 'maybe');
}

/** A failure that Cordum, or something in front of it, answered. */
export function failureOfAnswer(answer: { readonly status: number; readonly body: string }, call: CallFacts): Failure {
  const { reason, say } = meaningOf(answer.status, answer.body, call);
  // A 4xx was decided before anything was done; a server error, a redirect or a gateway's timeout may have come after.
  const decidedBefore = answer.status >= 400 && answer.status < 500 && answer.status !== 408;
  return failure(reason, `Cordum did not ${call.doing}: ${say}`, call, decidedBefore ? 'no' : 'maybe');
}

/** A 2xx whose body is not what this call answers. */
export function unreadable(call: CallFacts, because: string): Failure {
  return failure('unexpected', `Cordum answered, but not as expected when asked to ${call.doing} (${quoteForeign(because, LONGEST_QUOTE, call.redact)}): is cordum.url really a Cordum v0.9 gateway?`, call, 'maybe');
}

export function tooLarge(call: CallFacts, mostBytes: number): Failure {
  return failure('tooLarge', `Cordum's answer when asked to ${call.doing} was over ${mostBytes} bytes and was dropped: ask for less.`, call, 'maybe');
}

/** Our own guard said no: nothing was sent. */
export function notSent(call: CallFacts, reason: FailureReason, because: string): Failure {
  return failure(reason, `Cordum was not asked to ${call.doing}: ${quoteForeign(because, LONGEST_QUOTE, call.redact)}.`, call, 'no');
}

function failure(reason: FailureReason, message: string, call: CallFacts, landed: 'no' | 'maybe'): Failure {
  const said = call.redact(message);
  return call.writes ? { reason, message: said, landed } : { reason, message: said };
}

function meaningOf(status: number, body: string, call: CallFacts): Meaning {
  const read = readEnvelope(body);
  const said = read === undefined ? '' : quoteForeign(read.message ?? read.error, LONGEST_QUOTE, call.redact);
  const named = read?.code !== undefined && Object.hasOwn(BY_CODE, read.code) ? BY_CODE[read.code] : undefined;
  if (named !== undefined && status >= 400 && status < 500) return named;
  if (status >= 300 && status < 400) {
    return { reason: 'unexpected', say: `it answered with a redirect (${status}), which is not followed because the API key would go along: put the final address into cordum.url.` };
  }
  // Go's own answer to plain text on a TLS port.
  if (status === 400 && body.startsWith('Client sent an HTTP request to an HTTPS server')) return { reason: 'invalid', say: 'it speaks TLS alone there: write https:// into cordum.url (400).' };
  switch (status) {
    case 401:
      return { reason: 'unauthorised', say: 'the API key was refused (401): check cordum.apiKeyFile. Where Cordum demands JWT, API keys do not work at all.' };
    case 403:
      return forbidden(read, said);
    case 404:
      return missing(read, said);
    case 405:
      return { reason: 'unexpected', say: 'this path does not take that method (405): is it a Cordum v0.9 gateway?' };
    case 409:
      return { reason: 'conflict', say: `it moved in the meantime (409: ${said}).` };
    case 413:
      return { reason: 'tooLarge', say: 'the request is too large for a proxy in front of Cordum (413).' };
    case 408:
    case 504:
      return { reason: 'timeout', say: `a gateway on the way gave up waiting (${status}).` };
    case 429:
      return {
        reason: 'rateLimited',
        say: 'it is rate limiting this address, or its Redis is down (its limiter then denies everything, /health as well): look at /readyz (429).',
      };
    default:
      return status >= 500 ? serverError(status, said) : { reason: 'invalid', say: `it does not accept the request (${status}${said === '' ? '' : `: ${said}`}).` };
  }
}

type Envelope = ReturnType<typeof readEnvelope>;

function forbidden(read: Envelope, said: string): Meaning {
  const error = read?.error ?? '';
  if (read?.code === 'tier_limit_exceeded' || error === 'tier_limit_exceeded') {
    const limit = read?.limit ?? '';
    return limit === 'max_body_bytes' || limit === 'max_prompt_chars'
      ? { reason: 'tooLarge', say: `the request is over Cordum's size limit ${limit} (403: ${said}).` }
      : { reason: 'forbidden', say: `a limit of its licence is reached (403: ${said}): finish or cancel jobs, or raise the plan.` };
  }
  switch (error) {
    case 'access denied':
      return { reason: 'forbidden', say: 'the role of the API key is not enough (403 access denied): the DLQ, workers and pools need a key with role admin.' };
    case 'tenant access denied':
      return {
        reason: 'forbidden',
        say: 'the API key may not see this tenant (403 tenant access denied): check cordum.tenant. For a single job it also means that its metadata has expired (after 7 days).',
      };
    case 'tenant id required':
      return { reason: 'forbidden', say: 'it does not know the tenant (403 tenant id required): set cordum.tenant.' };
    case 'policy check unavailable':
      return { reason: 'unavailable', say: 'its safety kernel cannot be reached, so it refuses everything that needs a policy decision (403 policy check unavailable): look at the safety kernel.' };
    case '':
      return { reason: 'forbidden', say: 'something in front of Cordum says no (403 without Cordum\'s error body): check proxy and ingress rules.' };
    default:
      return { reason: 'forbidden', say: `its policy, or a check of its gateway, says no (403: ${said}).` };
  }
}

function missing(read: Envelope, said: string): Meaning {
  if (read === undefined) return { reason: 'unexpected', say: 'this path does not exist there (404 without Cordum\'s error body): is cordum.url really a Cordum v0.9 gateway, without a path of its own?' };
  if (read.error === 'dlq entry not found') {
    return { reason: 'notFound', say: 'there is no such DLQ entry (404): it was already retried or deleted, or Cordum\'s Redis failed at that moment (Cordum answers the same to both).' };
  }
  return { reason: 'notFound', say: `it is not there (404: ${said}).` };
}

function serverError(status: number, said: string): Meaning {
  const detail = said === '' ? `${status}` : `${status}: ${said}`;
  if (said === 'failed to enqueue job') return { reason: 'unavailable', say: `it cannot publish to NATS (${detail}): look at NATS.` };
  if (status === 502) return { reason: 'unavailable', say: `one of the services behind its gateway does not answer (${detail}): look at safety kernel, scheduler and workflow engine.` };
  if (status === 503) return { reason: 'unavailable', say: `one of its stores is not available (${detail}): look at /readyz, Redis and NATS.` };
  return { reason: 'unavailable', say: `it failed inside (${detail}): look at the gateway's log.` };
}

function readEnvelope(body: string): { error: string; code?: string | undefined; limit?: string | undefined; message?: string | undefined } | undefined {
  const read = errorAnswer.safeParse(parseJson(body));
  return read.success ? read.data : undefined;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
