/**
 * Whether the records of Cordum in a Redis are what they should be: JSON that parses, with the fields that Cordum reads, indexes
 * whose members exist. The kinds and their fields are those of cordum.md §6.
 */
import { z } from 'zod';
import type { RedisConnection } from './connection.ts';

/** Of each kind at most so many are read; more are said. */
export const RECORDS_EACH_MAX = 2_000;
const UNREADABLE_MAX = 200;
const SCAN_COUNT = 1_000;
/** Records that are asked for at a time. */
const AT_A_TIME = 50;

const configDocument = z.looseObject({ scope: z.string(), scope_id: z.string(), data: z.unknown() });
const anyObject = z.looseObject({});

interface Kind {
  readonly name: string;
  readonly prefix: string;
  readonly pattern: string;
  readonly shape: z.ZodType;
}

const JOB_STATES = ['pending', 'approval_required', 'scheduled', 'dispatched', 'running', 'succeeded', 'failed', 'cancelled', 'timeout', 'denied', 'output_quarantined'] as const;

const KINDS: readonly Kind[] = [
  { name: 'config documents', prefix: 'cfg', pattern: 'cfg:*', shape: configDocument },
  { name: 'dead letters', prefix: 'dlq:entry', pattern: 'dlq:entry:*', shape: anyObject },
  { name: 'workflow definitions', prefix: 'wf:def', pattern: 'wf:def:*', shape: anyObject },
  { name: 'job requests', prefix: 'job:req', pattern: 'job:req:*', shape: anyObject },
];

/** How the keys of these records begin. */
export const RECORD_BEGINNINGS: readonly string[] = KINDS.map(({ prefix }) => `${prefix}:`);

/** Keys with such a beginning, as somebody has found them already. */
export interface FoundKeys {
  readonly beginning: string;
  readonly keys: readonly string[];
  readonly truncated: boolean;
}

export interface RecordsLook {
  readonly read: number;
  readonly unreadable: readonly { readonly key: string; readonly why: string }[];
  /** The newest time that any record carries, ms since the epoch; undefined when none does. */
  readonly newestMs: number | undefined;
  /** Not every record was read. */
  readonly truncated: boolean;
}

/** Looks at one server; for a cluster at each of its primaries. `prefixes`: those that it holds, so that nobody looks for what is not there. */
export async function lookAtRecords(connection: RedisConnection, prefixes: ReadonlySet<string>, signal?: AbortSignal, known?: readonly FoundKeys[]): Promise<RecordsLook> {
  const unreadable: { key: string; why: string }[] = [];
  let read = 0;
  let truncated = false;
  let newest = 0;
  for (const kind of KINDS) {
    if (![...prefixes].some((prefix) => prefix === kind.prefix || prefix.startsWith(`${kind.prefix}:`))) continue;
    const { keys, truncated: more } = known?.find(({ beginning }) => beginning === `${kind.prefix}:`) ?? (await keysOf(connection, kind.pattern, signal));
    truncated ||= more;
    for (let at = 0; at < keys.length; at += AT_A_TIME) {
      signal?.throwIfAborted();
      const some = keys.slice(at, at + AT_A_TIME);
      const looks = await Promise.all(some.map((key) => lookAt(connection, key, kind)));
      for (const [i, looked] of looks.entries()) {
        if (looked === undefined) continue;
        read += 1;
        if (looked.why !== '' && unreadable.length < UNREADABLE_MAX) unreadable.push({ key: some[i] ?? '', why: looked.why });
        newest = Math.max(newest, looked.atMs);
      }
    }
  }
  newest = Math.max(newest, await newestOfIndexes(connection));
  // Without an index the jobs themselves say when they were last written; some of them, where they are many.
  if (newest === 0 && [...prefixes].some((prefix) => prefix.startsWith('job:meta'))) newest = await newestOfJobs(connection, signal);
  return { read, unreadable, truncated, newestMs: newest || undefined };
}

async function keysOf(connection: RedisConnection, pattern: string, signal?: AbortSignal): Promise<Omit<FoundKeys, 'beginning'>> {
  const found: string[] = [];
  let cursor = '0';
  do {
    signal?.throwIfAborted();
    const [next, keys] = (await connection.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)) as [string, string[]];
    cursor = next;
    found.push(...keys);
  } while (cursor !== '0' && found.length <= RECORDS_EACH_MAX);
  return { keys: found.slice(0, RECORDS_EACH_MAX), truncated: cursor !== '0' || found.length > RECORDS_EACH_MAX };
}

async function lookAt(connection: RedisConnection, key: string, kind: Kind): Promise<{ readonly why: string; readonly atMs: number } | undefined> {
  const type = await connection.call('TYPE', key);
  if (type === 'none') return undefined;
  if (type !== 'string') return { why: `it is a ${String(type)}, not a string`, atMs: 0 };
  const value = await connection.call('GET', key);
  if (typeof value !== 'string') return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return { why: 'it is not JSON', atMs: 0 };
  }
  const shaped = kind.shape.safeParse(parsed);
  if (!shaped.success) return { why: `it is not one of the ${kind.name}: ${shaped.error.issues[0]?.path.join('.') || 'its top'} is wrong`, atMs: 0 };
  const at = typeof parsed === 'object' && parsed !== null ? timeOf(parsed as Readonly<Record<string, unknown>>) : 0;
  return { why: '', atMs: at };
}

function timeOf(record: Readonly<Record<string, unknown>>): number {
  for (const name of ['updated_at', 'created_at']) {
    const value = record[name];
    const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(ms)) return ms;
  }
  return 0;
}

async function newestOfJobs(connection: RedisConnection, signal?: AbortSignal): Promise<number> {
  const { keys: found } = await keysOf(connection, 'job:meta:*', signal);
  const micros = await Promise.all(found.map(async (key) => Number(await quiet(connection.call('HGET', key, 'updated_at')))));
  return Math.trunc(micros.reduce((newest, at) => (Number.isFinite(at) ? Math.max(newest, at) : newest), 0) / 1_000);
}

/** `job:recent` and the jobs by state are scored in microseconds, `dlq:index` in seconds; the snapshot of the workers says when it was captured. */
async function newestOfIndexes(connection: RedisConnection): Promise<number> {
  const byState = JOB_STATES.map((state) => score(connection, `job:index:${state}`, 1_000));
  const scores = await Promise.all([score(connection, 'job:recent', 1_000), ...byState, score(connection, 'dlq:index', 0.001)]);
  const snapshot = await text(connection, 'sys:workers:snapshot');
  const captured = /"captured_at"\s*:\s*"([^"]{10,40})"/.exec(snapshot)?.[1];
  const capturedMs = captured === undefined ? Number.NaN : Date.parse(captured);
  return Math.max(...scores, Number.isNaN(capturedMs) ? 0 : capturedMs);
}

async function score(connection: RedisConnection, key: string, divisor: number): Promise<number> {
  const top = await quiet(connection.call('ZREVRANGE', key, 0, 0, 'WITHSCORES'));
  const value = Array.isArray(top) ? Number(top[1]) : Number.NaN;
  return Number.isFinite(value) ? Math.trunc(value / divisor) : 0;
}

async function text(connection: RedisConnection, key: string): Promise<string> {
  const value = await quiet(connection.call('GET', key));
  return typeof value === 'string' ? value : '';
}

/** A key of another type, or in a slot of another node, says nothing about times. */
async function quiet(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch {
    return undefined;
  }
}
