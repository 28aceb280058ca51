/** The consistency of a Redis and a NATS that one drill has restored: measured, and told as checks that warn and never fail. */
import type { BackupSet } from '#backups/inventory.ts';
import { isoTime } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import { passed, skipped, warning, type Check } from '../check.ts';
import { COMPARED_MS, compareJobs, type BothSides, type JobsApart, type JobsBy } from './compare.ts';

/** Further apart, two backups of every hour are hardly of one run of the CronJobs. */
export const SKEW_WARN_MS = 15 * 60_000;

export interface TakenSet {
  readonly set: string;
  readonly takenAt: string;
}

export interface Consistency {
  readonly redis: TakenSet;
  readonly nats: TakenSet;
  /** Positive: the backup of NATS is the later one. */
  readonly skewSeconds: number;
  /** Null: the jobs could not be read, and a check says why. */
  readonly jobs: JobsApart | null;
}

export interface Measured {
  readonly consistency: Consistency;
  readonly checks: readonly Check[];
}

/** When a backup was begun: by its manifest, else by its name. */
export function takenMs({ manifest, namedMs }: BackupSet): number {
  return typeof manifest === 'object' && 'takenAt' in manifest ? Date.parse(manifest.takenAt) : namedMs;
}

export async function measureConsistency(sets: { readonly redis: BackupSet; readonly nats: BackupSet }, sides: BothSides): Promise<Measured> {
  const skewMs = takenMs(sets.nats) - takenMs(sets.redis);
  const seen = await jobsApart(sides);
  const consistency: Consistency = {
    redis: takenSet(sets.redis),
    nats: takenSet(sets.nats),
    skewSeconds: Math.round(skewMs / 1_000),
    jobs: typeof seen === 'string' ? null : seen,
  };
  const checks = [checkSkew(skewMs), ...(typeof seen === 'string' ? [warning('system.consistency.jobs', `The jobs of both sides could not be compared: ${seen}`)] : checkJobs(seen))];
  return { consistency, checks };
}

/** A text says why not. */
async function jobsApart(sides: BothSides): Promise<JobsApart | string> {
  try {
    return await compareJobs(sides);
  } catch (error) {
    return error instanceof Error ? error.message : 'for no reason given';
  }
}

function takenSet(set: BackupSet): TakenSet {
  return { set: `${set.store}-${set.stamp}`, takenAt: isoTime(takenMs(set)) };
}

function checkSkew(skewMs: number): Check {
  const name = 'system.consistency.skew';
  const apart = Math.abs(skewMs);
  const later = skewMs === 0 ? '' : ` That of ${skewMs > 0 ? 'NATS' : 'Redis'} is the later one.`;
  const detail = `The backups of Redis and NATS were begun ${formatDuration(apart)} apart; more than ${formatDuration(SKEW_WARN_MS)} is told.${later}`;
  return apart > SKEW_WARN_MS ? warning(name, detail) : passed(name, detail);
}

function checkJobs(seen: JobsApart): readonly Check[] {
  const partly = seen.truncated ? ' There are more jobs than are compared: what is beyond was left out.' : '';
  const days = COMPARED_MS / 86_400_000;
  return [redisCheck(seen, partly, days), natsCheck(seen, partly, days)];
}

/** Jobs that are under way in Redis would wait for ever for a message that is not there. */
function redisCheck({ inRedis, open, withoutMessage, withoutMessageIds, tooOld }: JobsApart, partly: string, days: number): Check {
  const name = 'system.consistency.redis';
  const openJobs = sumOf(open);
  const lonely = sumOf(withoutMessage);
  const old = tooOld.jobs === 0 ? '' : ` ${tooOld.jobs} that moved more than ${days} days ago were not compared.`;
  if (inRedis === 0) return skipped(name, 'Redis knows no job.');
  if (openJobs === 0) return passed(name, `None of ${inRedis} job(s) in Redis is under way.${partly}`);
  if (lonely > 0) return warning(name, `${lonely} of ${openJobs} job(s) under way in Redis have no message that carries them (${listOf(withoutMessage)}): ${idsOf(withoutMessageIds, lonely)}. After a restore they stand still until Cordum times them out.${old}${partly}`);
  return partly === '' ? passed(name, `Each of ${openJobs} job(s) under way in Redis (${listOf(open)}) has its message.${old}`) : warning(name, `${openJobs} job(s) under way in Redis have their messages.${partly}`);
}

/** A message whose job has no record is handed to a worker again, or to nobody: its job has no input, no owner and no state. */
function natsCheck({ messages, inNats, withoutRecord, withoutRecordIds, unreadable, tooOld }: JobsApart, partly: string, days: number): Check {
  const name = 'system.consistency.nats';
  const unknown = sumOf(withoutRecord);
  const old = tooOld.messages === 0 ? '' : ` ${tooOld.messages} message(s) older than ${days} days were not compared.`;
  const unread = unreadable === 0 ? '' : ` From ${unreadable} message(s) about jobs the job cannot be read.`;
  if (messages === 0) return skipped(name, 'NATS holds no message about a job.');
  if (unknown > 0) return warning(name, `${unknown} of ${inNats} job(s) with messages in NATS are not known to Redis (${listOf(withoutRecord)}): ${idsOf(withoutRecordIds, unknown)}.${unread}${old}${partly}`);
  const detail = `Redis knows each of ${inNats} job(s) that ${messages} message(s) in NATS are about.${unread}${old}${partly}`;
  return unread === '' && partly === '' ? passed(name, detail) : warning(name, detail);
}

export function sumOf(counts: readonly JobsBy<string>[]): number {
  return counts.reduce((sum, { jobs }) => sum + jobs, 0);
}

export function listOf(counts: readonly JobsBy<string>[]): string {
  return counts.map(({ name, jobs }) => `${jobs} ${name}`).join(', ');
}

function idsOf(ids: readonly string[], of: number): string {
  return of > ids.length ? `${ids.join(', ')} and ${of - ids.length} more` : ids.join(', ');
}
