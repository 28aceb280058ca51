/**
 * Whether a backup of Redis and one of JetStream go together. They are taken apart from each other and have no common cut
 * (reliability.md §C.4), so restored together each knows jobs that the other does not. That is measured and told, and is no failure.
 */
import { formatDuration } from '#kernel/duration.ts';
import { passed, skipped, someOf, warning, type Check } from './check.ts';
import { jobOfMessage, type BusMessage } from './job-of-message.ts';

/** Jobs that are under way: finished ones have left their messages behind, and messages expire. */
export const OPEN_STATES = ['pending', 'approval_required', 'scheduled', 'dispatched', 'running'] as const;
/** Times of two hourly backups: further apart, one of them is another hour's. */
const SKEW_WARN_MS = 10 * 60_000;
/** Of each side so many ids are kept. */
const JOBS_MAX = 200_000;

export interface RedisSide {
  readonly takenMs: number;
  /** Ids under `job:index:<state>` of the open states. */
  readonly open: Iterable<string>;
  /** Whether Redis knows the job in any state (`job:meta:<id>`). */
  knows(id: string): Promise<boolean>;
}

export interface NatsSide {
  readonly takenMs: number;
  /** Of CORDUM_SYS and CORDUM_JOBS. */
  readonly messages: AsyncIterable<BusMessage>;
}

export interface Consistency {
  readonly skewSeconds: number;
  readonly openInRedis: number;
  readonly inNats: number;
  /** Under way by Redis, without any message. */
  readonly withoutMessage: readonly string[];
  /** With a message, unknown to Redis. */
  readonly withoutRecord: readonly string[];
  /** Messages about jobs whose job could not be read. */
  readonly unreadable: number;
  /** One side has more jobs than are compared. */
  readonly truncated: boolean;
}

export async function compareStores(redis: RedisSide, nats: NatsSide): Promise<Consistency> {
  const inNats = new Set<string>();
  let unreadable = 0;
  let truncated = false;
  for await (const message of nats.messages) {
    const job = jobOfMessage(message);
    if (job === 'unreadable') unreadable += 1;
    else if (job !== undefined && inNats.size < JOBS_MAX) inNats.add(job);
    else if (job !== undefined && !inNats.has(job)) truncated = true;
  }
  const open = new Set<string>();
  for (const id of redis.open) {
    if (open.size < JOBS_MAX) open.add(id);
    else truncated = true;
  }
  const withoutRecord: string[] = [];
  for (const id of inNats) if (!open.has(id) && !(await redis.knows(id))) withoutRecord.push(id);
  return { skewSeconds: Math.abs(redis.takenMs - nats.takenMs) / 1_000, openInRedis: open.size, inNats: inNats.size, withoutMessage: [...open].filter((id) => !inNats.has(id)), withoutRecord, unreadable, truncated };
}

/** Never failed: no backup of a running Cordum is without such jobs. */
export function checkConsistency(seen: Consistency): readonly Check[] {
  const skew = `The backups of Redis and NATS are ${formatDuration(seen.skewSeconds * 1_000)} apart.`;
  const checks = [seen.skewSeconds * 1_000 > SKEW_WARN_MS ? warning('stores.backup.skew', skew) : passed('stores.backup.skew', skew)];
  if (seen.openInRedis === 0 && seen.inNats === 0) return [...checks, skipped('stores.jobs.both', 'Neither side knows a job.')];
  const partly = seen.truncated ? ` Only ${JOBS_MAX} jobs of each side were compared.` : '';
  const parts = [
    ...(seen.withoutMessage.length === 0 ? [] : [`${seen.withoutMessage.length} of ${seen.openInRedis} open job(s) in Redis have no message: ${someOf(seen.withoutMessage)}`]),
    ...(seen.withoutRecord.length === 0 ? [] : [`${seen.withoutRecord.length} of ${seen.inNats} job(s) with messages are unknown to Redis: ${someOf(seen.withoutRecord)}`]),
    ...(seen.unreadable === 0 ? [] : [`${seen.unreadable} message(s) about jobs could not be read`]),
  ];
  const good = `${seen.openInRedis} open job(s) in Redis and ${seen.inNats} job(s) with messages know each other.${partly}`;
  return [...checks, parts.length === 0 && !seen.truncated ? passed('stores.jobs.both', good) : warning('stores.jobs.both', parts.length === 0 ? good : `${parts.join('; ')}.${partly}`)];
}
