/** The dead-letter queue: an index scored in whole seconds, entries for 30 days, and a cap that drops the oldest. */
import { findJob, nanoTime, secondsTime, type DlqEntry, type Job, type World } from './model.ts';

const ENTRY_TTL_MS = 30 * 24 * 3_600_000;
const MOST_ENTRIES = 10_000;

/** Entries that this tenant may see, newest second first and, within a second, by id from z to a: the order of the index. */
export function pageOfDlq(world: World, limit: number, cursor: number | undefined): { items: DlqEntry[]; nextCursor: number | null } {
  const latestSecond = cursor === undefined ? Number.POSITIVE_INFINITY : secondOfCursor(cursor);
  const inRange = indexOrder(world).filter((entry) => secondOf(entry) <= latestSecond).slice(0, limit);
  // The filter comes after the limit, so one hidden entry makes the page short and the cursor null.
  const items = inRange.filter((entry) => findJob(world, entry.job_id)?.tenant === world.tenant);
  const last = items.at(-1);
  return { items, nextCursor: last === undefined || items.length < limit ? null : microsOf(last) - 1 };
}

export function entryOf(world: World, jobId: string): DlqEntry | undefined {
  const entry = world.dlq.get(jobId);
  if (entry === undefined || secondOf(entry) * 1_000 + ENTRY_TTL_MS > world.clock.now()) return entry;
  world.dlq.delete(jobId);
  return undefined;
}

export function putEntry(world: World, entry: DlqEntry): void {
  world.dlq.set(entry.job_id, entry);
  if (world.dlq.size <= MOST_ENTRIES) return;
  const oldest = indexOrder(world).at(-1);
  if (oldest !== undefined) world.dlq.delete(oldest.job_id);
}

export interface Death {
  readonly status: 'JOB_STATUS_FAILED' | 'JOB_STATUS_FAILED_FATAL' | 'JOB_STATUS_DENIED';
  readonly reason: string;
  readonly reasonCode: string;
  /** Attempts are in the entry only when the scheduler had counted some before it gave up. */
  readonly attempts?: number;
  /** The state in which the job ends, when it is not what the status says. */
  readonly state?: 'OUTPUT_QUARANTINED';
  /** When, ms since the epoch; now unless told. */
  readonly atMs?: number;
}

/**
 * Ends a job in the queue. The gateway overwrites whatever a worker had answered with an error of its own, signed by the
 * scheduler: `processed_by` therefore never names the worker of a dead-lettered job.
 */
export function deadLetter(world: World, job: Job, death: Death): void {
  const atMs = death.atMs ?? world.clock.now();
  const denied = death.status === 'JOB_STATUS_DENIED';
  job.state = death.state ?? (denied ? 'DENIED' : 'FAILED');
  job.updatedAtMs = atMs;
  job.result = {
    completed_at: secondsTime(atMs),
    error: { message: death.reason },
    job_id: job.id,
    processed_by: 'cordum-scheduler',
    status: death.status,
  };
  const entry: DlqEntry = {
    job_id: job.id,
    topic: job.topic,
    status: death.status,
    reason: death.reason,
    ...(death.reasonCode === '' ? {} : { reason_code: death.reasonCode }),
    last_state: denied ? 'DENIED' : 'FAILED',
    ...(death.attempts === undefined ? {} : { attempts: death.attempts }),
    created_at: nanoTime(world, atMs),
  };
  world.published.set(job.id, entry);
  putEntry(world, entry);
}

/** A late redelivery of `sys.job.dlq`: the entry is written again, created now, whatever was done with it meanwhile. */
export function resurrect(world: World, jobId: string): boolean {
  const entry = world.published.get(jobId);
  if (entry === undefined) return false;
  putEntry(world, { ...entry, created_at: nanoTime(world, world.clock.now()) });
  return true;
}

/** A cursor may be in s, ms, µs or ns; what it means is told from its size. */
function secondOfCursor(cursor: number): number {
  if (cursor >= 1e17) return Math.floor(cursor / 1e9);
  if (cursor >= 1e14) return Math.floor(cursor / 1e6);
  if (cursor >= 1e11) return Math.floor(cursor / 1e3);
  return cursor;
}

function indexOrder(world: World): DlqEntry[] {
  const known = [...world.dlq.keys()].map((id) => entryOf(world, id)).filter((entry) => entry !== undefined);
  return known.toSorted((a, b) => secondOf(b) - secondOf(a) || (a.job_id < b.job_id ? 1 : -1));
}

function secondOf(entry: DlqEntry): number {
  return Math.floor(Date.parse(entry.created_at) / 1_000);
}

/** Floored to the microsecond; the digits below the millisecond are read from the text, which a Date would drop. */
function microsOf(entry: DlqEntry): number {
  const fraction = /\.(\d+)/.exec(entry.created_at)?.[1] ?? '';
  return secondOf(entry) * 1_000_000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}
