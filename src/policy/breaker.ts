import { formatDuration } from '#kernel/duration.ts';
import type { Limits, Verdict } from './model.ts';
import { allow, deny } from './verdict.ts';

/** A change that was carried out. */
export interface AppliedRecord {
  readonly target: string;
  /** The step's name. */
  readonly uses: string;
  /** ms since the epoch: for the breaker when it was verified, for the loop when it was applied. */
  readonly at: number;
  /** Absent while its verification has not ended. */
  readonly verified?: 'passed' | 'failed' | 'unknown' | undefined;
}

/** After several failed verifies on a target nothing is applied there until they are older. Unknown is never healthy: it counts. */
export function breakerVerdict(history: readonly AppliedRecord[], limits: Limits, target: string, nowMs: number): Verdict {
  const { failures, withinMs } = limits.breaker;
  const failed = history.filter((record) => record.target === target && record.at > nowMs - withinMs && (record.verified === 'failed' || record.verified === 'unknown'));
  if (failed.length < failures) return allow(`${failed.length} failed verifications on ${target} in ${formatDuration(withinMs)}`);
  return deny('breaker-open', `${failed.length} changes on ${target} did not do their job in the last ${formatDuration(withinMs)}; nothing more is applied there until ${reopening(failed, failures, withinMs)}`);
}

/** The same remedy on the same target again and again does not remedy: a person must look. */
export function loopVerdict(history: readonly AppliedRecord[], limits: Limits, of: { readonly target: string; readonly uses: string }, nowMs: number): Verdict {
  const { applies, withinMs } = limits.loop;
  const same = history.filter((record) => record.target === of.target && record.uses === of.uses && record.at > nowMs - withinMs);
  if (same.length < applies) return allow(`${of.uses} was applied on ${of.target} ${same.length} times in ${formatDuration(withinMs)}`);
  return deny('loop', `${of.uses} was applied on ${of.target} ${same.length} times in the last ${formatDuration(withinMs)}; not again until ${reopening(same, applies, withinMs)}`);
}

/** When so many records have grown old that fewer than `limit` are left. */
function reopening(records: readonly AppliedRecord[], limit: number, withinMs: number): string {
  const newestFirst = records.map(({ at }) => at).toSorted((a, b) => b - a);
  const decisive = newestFirst[limit - 1];
  return decisive === undefined ? 'the policy allows it' : new Date(decisive + withinMs).toISOString();
}
