/**
 * How old a backup is. Its name, its manifest, its header and the time of its file each claim something; the oldest claim
 * counts, since a copy makes a file young again, and a contradiction is told.
 */
import { isoTime } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import { failed, passed, warning, type Check } from './check.ts';

/** Claims that differ by more than this contradict each other: taking and copying a large backup takes a while. */
const AGREE_WITHIN_MS = 30 * 60_000;
/** A clock may be a little ahead of ours. */
const AHEAD_MS = 5 * 60_000;

export interface Claim {
  readonly of: 'manifest' | 'name' | 'header' | 'mtime';
  readonly atMs: number;
}

export interface Age {
  /** The oldest claim, ms since the epoch. */
  readonly takenMs: number;
  readonly ageSeconds: number;
}

export function ageOf(claims: readonly Claim[], nowMs: number): Age {
  const takenMs = Math.min(...claims.map(({ atMs }) => atMs));
  return { takenMs, ageSeconds: Math.max(0, Math.round((nowMs - takenMs) / 1_000)) };
}

export function checkAge(store: string, claims: readonly Claim[], limits: { readonly nowMs: number; readonly maxAgeMs: number }): readonly Check[] {
  const { nowMs, maxAgeMs } = limits;
  const { takenMs, ageSeconds } = ageOf(claims, nowMs);
  const oldest = claims.find(({ atMs }) => atMs === takenMs);
  const detail = `It is ${formatDuration(ageSeconds * 1_000)} old (${isoTime(takenMs)}, by its ${oldest?.of ?? 'name'}); at most ${formatDuration(maxAgeMs)} is allowed.`;
  const checks: Check[] = [ageSeconds * 1_000 > maxAgeMs ? failed(`${store}.backup.age`, detail) : passed(`${store}.backup.age`, detail)];
  const ahead = claims.filter(({ atMs }) => atMs > nowMs + AHEAD_MS);
  if (ahead.length > 0) checks.push(failed(`${store}.backup.future`, `Its ${ahead.map(({ of }) => of).join(' and ')} says that it will be taken at ${isoTime(Math.max(...ahead.map(({ atMs }) => atMs)))}: a clock is wrong, or somebody has changed it.`));
  // A file that was copied later is younger than its backup: only what says that it is older than the others is a contradiction with them.
  const others = claims.filter(({ of }) => of !== 'mtime');
  const spread = Math.max(...others.map(({ atMs }) => atMs)) - Math.min(...claims.map(({ atMs }) => atMs));
  if (spread > AGREE_WITHIN_MS) checks.push(warning(`${store}.backup.claims`, `Its times contradict each other: ${claims.map(({ of, atMs }) => `${of} ${isoTime(atMs)}`).join(', ')}.`));
  return checks;
}
