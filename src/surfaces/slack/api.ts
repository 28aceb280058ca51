/** Slack's Web API as the rest of this folder sees it: one call, one answer, never a repetition behind our back. */
import type { Failure } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { Secret } from '#kernel/secret.ts';

/** A failed call. `landed` says whether Slack may have done it all the same. */
export interface SlackFailure extends Failure {
  /** Slack's own word (`channel_not_found`), when it answered with one. */
  readonly error?: string;
  /** With `rateLimited`: how long Slack wants to be left alone. */
  readonly retryAfterMs?: number;
}

export type SlackAnswer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly failure: SlackFailure };

export interface SlackApi {
  /** The answer is `unknown`: who asked reads it with a schema. */
  call(method: string, args: Readonly<Record<string, unknown>>): Promise<SlackAnswer>;
}

/** `result`: `ok`, Slack's word for the error, or the reason why there was no answer. */
export type ObserveCall = (method: string, result: string) => void;

export interface SlackApiOptions {
  readonly token: Secret;
  /** Default `https://slack.com/api/`. */
  readonly apiUrl?: string;
  readonly timeoutMs?: number;
  readonly observe?: ObserveCall;
  readonly log: Log;
}

export const CALL_TIMEOUT_MS = 10_000;
const DEFAULT_RETRY_AFTER_MS = 30_000;

/**
 * @slack/web-api 8 would repeat a failed call ten times over half an hour, without a timeout; `chat.postMessage` is not idempotent, so that
 * makes duplicate cards. Here a call is made once, and who called decides.
 */
export async function createSlackApi(options: SlackApiOptions): Promise<SlackApi> {
  const slack = await import('@slack/web-api');
  const client = new slack.WebClient(options.token.reveal(), {
    ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }),
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: options.timeoutMs ?? CALL_TIMEOUT_MS,
    allowAbsoluteUrls: false,
    logger: await quietLogger(options.log),
  });

  const failureOf = (method: string, error: unknown): SlackFailure => {
    if (error instanceof slack.WebAPIRateLimitedError) {
      return { reason: 'rateLimited', message: `Slack wants ${method} slower`, landed: 'no', retryAfterMs: error.retryAfter * 1_000 };
    }
    if (error instanceof slack.WebAPIPlatformError) return platformFailure(method, error.data.error);
    if (error instanceof slack.WebAPIHTTPError) {
      return { reason: 'unavailable', message: `Slack answered ${method} with HTTP ${error.statusCode}`, landed: error.statusCode < 500 ? 'no' : 'maybe' };
    }
    const never = neverSent(error);
    return { reason: 'unreachable', message: `no answer from Slack to ${method}`, landed: never ? 'no' : 'maybe' };
  };

  return {
    async call(method, args) {
      try {
        const value = await client.apiCall(method, { ...args });
        options.observe?.(method, 'ok');
        return { ok: true, value };
      } catch (error) {
        const failure = failureOf(method, error);
        options.observe?.(method, failure.error ?? failure.reason);
        return { ok: false, failure };
      }
    },
  };
}

/** Words that Slack uses for trouble of its own; the call may have been carried out before it. */
const SLACKS_TROUBLE = new Set(['internal_error', 'fatal_error', 'service_unavailable', 'request_timeout', 'team_added_to_org']);
const CREDENTIALS = new Set(['invalid_auth', 'not_authed', 'account_inactive', 'token_revoked', 'token_expired', 'not_allowed_token_type']);

function platformFailure(method: string, error: string): SlackFailure {
  const word = /^[a-z_]{1,60}$/.test(error) ? error : 'unreadable_answer';
  const message = `Slack refused ${method}: ${word}`;
  if (word === 'ratelimited') return { reason: 'rateLimited', message, error: word, landed: 'no', retryAfterMs: DEFAULT_RETRY_AFTER_MS };
  if (word === 'unreadable_answer') return { reason: 'unexpected', message, error: word, landed: 'maybe' };
  if (SLACKS_TROUBLE.has(word)) return { reason: 'unavailable', message, error: word, landed: 'maybe' };
  if (CREDENTIALS.has(word)) return { reason: 'unauthorised', message, error: word, landed: 'no' };
  if (word === 'missing_scope' || word === 'not_in_channel' || word === 'restricted_action') return { reason: 'forbidden', message, error: word, landed: 'no' };
  return { reason: word.endsWith('not_found') ? 'notFound' : 'invalid', message, error: word, landed: 'no' };
}

/** The connection was never made, so nothing can have arrived. */
function neverSent(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; depth += 1) {
    const code = 'code' in at ? at.code : undefined;
    if (code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' || code === 'UND_ERR_CONNECT_TIMEOUT') return true;
    at = 'original' in at && at.original instanceof Error ? at.original : at.cause;
  }
  return false;
}

/** What Slack's packages want to say goes to our log, at most as a warning: who made the call reports its failure. */
export async function quietLogger(log: Log): Promise<import('@slack/web-api').Logger> {
  const { LogLevel } = await import('@slack/web-api');
  const say = (words: readonly unknown[]): string => words.map((word) => (word instanceof Error ? word.message : typeof word === 'string' ? word : '')).join(' ').slice(0, 500);
  return {
    debug() {},
    info() {},
    warn: (...words) => log.debug({ from: 'slack' }, say(words)),
    error: (...words) => log.debug({ from: 'slack' }, say(words)),
    setLevel() {},
    getLevel: () => LogLevel.WARN,
    setName() {},
  };
}
