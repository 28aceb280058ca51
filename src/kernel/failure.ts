/**
 * An expected failure, as a value. The folder of a system classifies what went wrong; the engine decides what to do
 * about it. The reasons are closed: the same word stands in events, logs, metric labels and on the Slack card.
 */
export const FAILURE_REASONS = [
  'unreachable', // no connection, name not found, TLS refused
  'timeout', // no answer within the limit
  'rateLimited', // the other side, or our own limit, says: slower
  'unauthorised', // credentials missing or wrong
  'forbidden', // credentials fine, the answer is no
  'notFound',
  'conflict', // it moved under us
  'invalid', // our request, or the input, is wrong; repeating it will not help
  'unavailable', // the other side is up and says that it cannot
  'refused', // our own policy, cap, kill switch or guard says no
  'tooLarge',
  'cancelled',
  'unexpected', // an answer that no schema of ours reads
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

export interface Failure {
  readonly reason: FailureReason;
  /** One sentence for a person. Never holds a secret: it is shown in Slack and stored in the journal. */
  readonly message: string;
  /**
   * For a call that writes: can it have taken effect although it failed? `no` only when that is certain (refused
   * connection, a 4xx that the server decided before acting). Absent on reads.
   */
  readonly landed?: 'no' | 'maybe';
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export function succeed<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function fail(reason: FailureReason, message: string, landed?: 'no' | 'maybe'): { ok: false; failure: Failure } {
  return { ok: false, failure: landed === undefined ? { reason, message } : { reason, message, landed } };
}

/** Reasons after which the same read may well succeed a moment later. */
const TRANSIENT: ReadonlySet<FailureReason> = new Set(['unreachable', 'timeout', 'rateLimited', 'unavailable']);

export function isTransient(failure: Failure): boolean {
  return TRANSIENT.has(failure.reason);
}
