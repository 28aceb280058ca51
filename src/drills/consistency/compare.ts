/**
 * Whether a backup of Redis and one of JetStream go together. They are taken apart from each other and have no common cut
 * (reliability.md §C.4), so restored together each knows jobs that the other does not. That is counted here, over streams of
 * jobs and messages, with a few bits for each job.
 */
import { createJobTable, type JobTable } from './job-table.ts';
import { jobOfMessage, MESSAGE_KINDS, type BusMessage, type MessageKind } from './job-of-message.ts';
import { OPEN_STATES, type OpenState, type RedisJob } from './redis-jobs.ts';

/** By default Cordum keeps the record of a job and the messages on its bus for seven days (cordum.md §5.1, §6.1): of older ones one side may be gone. */
export const COMPARED_MS = 7 * 24 * 3_600_000;
/** Ids that are named. */
const IDS_SHOWN = 5;
/** Ids come from outside, and stand in reports. */
const ID_SHOWN_MAX = 120;

export interface JobsBy<Name extends string> {
  readonly name: Name;
  readonly jobs: number;
}

export interface JobsApart {
  /** Jobs that Redis knows. */
  readonly inRedis: number;
  /** Of them those that are under way, by state. */
  readonly open: readonly JobsBy<OpenState>[];
  /** Under way, and the message that carries them is not there: the request, or once dispatched the dispatch. By state. */
  readonly withoutMessage: readonly JobsBy<OpenState>[];
  readonly withoutMessageIds: readonly string[];
  /** Messages that are about jobs. */
  readonly messages: number;
  /** Jobs that they are about. */
  readonly inNats: number;
  /** Of them those that Redis does not know, by the furthest that a message says of them. */
  readonly withoutRecord: readonly JobsBy<MessageKind>[];
  readonly withoutRecordIds: readonly string[];
  /** Messages about jobs from which the job cannot be read. */
  readonly unreadable: number;
  /** Jobs under way without their message, and messages, that are older than what is compared. */
  readonly tooOld: { readonly jobs: number; readonly messages: number };
  /** There are more jobs than are compared. */
  readonly truncated: boolean;
}

export interface BothSides {
  /** Read again where ids are to be named. */
  jobs(): AsyncIterable<RedisJob>;
  messages(): AsyncIterable<BusMessage>;
  readonly nowMs: number;
}

/** Four bits of messages, in the order of `MESSAGE_KINDS`; whether Redis knows the job; its state (0: none that is open); from what the state is. */
const KNOWN = 1 << 4;
const STATE_SHIFT = 5;
const STATE_MASK = 0b111 << STATE_SHIFT;
const BY_RECORD = 1 << 8;
const OLD = 1 << 9;
const REQUEST = bitOf('request');
const DISPATCH = bitOf('dispatch');
/**
 * A job that was handed to a worker wants the message that handed it over; before, its request. One that waits for an approval wants
 * none: the gateway parks it in Redis alone, and sends its request once it is approved (seen on v0.9.9; Cordum's source, handlers_jobs.go).
 */
const WANTED: Readonly<Record<OpenState, number>> = { pending: REQUEST | DISPATCH, approval_required: 0, scheduled: REQUEST | DISPATCH, dispatched: DISPATCH, running: DISPATCH };

export async function compareJobs(sides: BothSides, table: JobTable = createJobTable()): Promise<JobsApart> {
  const sinceMs = sides.nowMs - COMPARED_MS;
  let truncated = false;
  for await (const job of sides.jobs()) truncated = !table.set(job.id, (bits) => withJob(bits, job, sinceMs)) || truncated;
  const told = await readMessages(sides.messages(), table, sinceMs);
  const { tooOldJobs, ...counts } = countJobs(table);
  return {
    ...counts,
    withoutMessageIds: counts.withoutMessage.length === 0 ? [] : await lonelyIds(sides.jobs(), table),
    messages: told.messages,
    withoutRecordIds: told.unknownIds,
    unreadable: told.unreadable,
    tooOld: { jobs: tooOldJobs, messages: told.tooOld },
    truncated: truncated || told.truncated,
  };
}

function withJob(bits: number, { state, updatedMs, from }: RedisJob, sinceMs: number): number {
  const known = bits | KNOWN;
  const code = OPEN_STATES.findIndex((one) => one === state) + 1;
  const old = updatedMs !== undefined && updatedMs < sinceMs ? OLD : 0;
  if (from === 'record' && state !== '') return (known & ~(STATE_MASK | OLD)) | (code << STATE_SHIFT) | BY_RECORD | old;
  // An index may still list what the record says is over; the copy of the state is older than both.
  if ((bits & BY_RECORD) !== 0 || state === '') return known;
  return (known & ~(STATE_MASK | OLD)) | (code << STATE_SHIFT) | old;
}

async function readMessages(messages: AsyncIterable<BusMessage>, table: JobTable, sinceMs: number) {
  const unknownIds = new Set<string>();
  const told = { messages: 0, unreadable: 0, tooOld: 0, truncated: false };
  for await (const message of messages) {
    const about = jobOfMessage(message);
    if (about === undefined) continue;
    told.messages += 1;
    if (about.job === null) told.unreadable += 1;
    else if (message.storedMs < sinceMs) {
      told.tooOld += 1;
      // It carries its job all the same, when Redis still has it.
      if (table.get(about.job) !== 0) table.set(about.job, (bits) => bits | bitOf(about.kind));
    } else {
      if ((table.get(about.job) & KNOWN) === 0 && unknownIds.size < IDS_SHOWN) unknownIds.add(about.job.slice(0, ID_SHOWN_MAX));
      if (!table.set(about.job, (bits) => bits | bitOf(about.kind))) told.truncated = true;
    }
  }
  return { ...told, unknownIds: [...unknownIds] };
}

function countJobs(table: JobTable) {
  const open = new Map<OpenState, number>();
  const lonely = new Map<OpenState, number>();
  const unknown = new Map<MessageKind, number>();
  const add = <Name>(counts: Map<Name, number>, name: Name): unknown => counts.set(name, (counts.get(name) ?? 0) + 1);
  let inRedis = 0;
  let inNats = 0;
  let tooOldJobs = 0;
  for (const bits of table.all()) {
    if ((bits & KNOWN) !== 0) inRedis += 1;
    if ((bits & 0b1111) !== 0) inNats += 1;
    const state = stateOf(bits);
    if (state !== undefined) {
      add(open, state);
      if (isLonely(bits, state)) add(lonely, state);
      else if (lacks(bits, state)) tooOldJobs += 1;
    }
    if ((bits & KNOWN) === 0) add(unknown, furthest(bits));
  }
  const listed = <Name extends string>(names: readonly Name[], counts: ReadonlyMap<Name, number>): JobsBy<Name>[] => names.flatMap((name) => (counts.has(name) ? [{ name, jobs: counts.get(name) ?? 0 }] : []));
  return { inRedis, inNats, tooOldJobs, open: listed(OPEN_STATES, open), withoutMessage: listed(OPEN_STATES, lonely), withoutRecord: listed(MESSAGE_KINDS, unknown) };
}

async function lonelyIds(jobs: AsyncIterable<RedisJob>, table: JobTable): Promise<readonly string[]> {
  const ids = new Set<string>();
  for await (const { id } of jobs) {
    const bits = table.get(id);
    const state = stateOf(bits);
    if (state !== undefined && isLonely(bits, state)) ids.add(id.slice(0, ID_SHOWN_MAX));
    if (ids.size >= IDS_SHOWN) break;
  }
  return [...ids];
}

function isLonely(bits: number, state: OpenState): boolean {
  return lacks(bits, state) && (bits & OLD) === 0;
}

function lacks(bits: number, state: OpenState): boolean {
  return WANTED[state] !== 0 && (bits & WANTED[state]) === 0;
}

function stateOf(bits: number): OpenState | undefined {
  return OPEN_STATES[((bits & STATE_MASK) >> STATE_SHIFT) - 1];
}

function furthest(bits: number): MessageKind {
  return (['end', 'dispatch', 'request', 'other'] as const).find((kind) => (bits & bitOf(kind)) !== 0) ?? 'other';
}

function bitOf(kind: MessageKind): number {
  return 1 << MESSAGE_KINDS.indexOf(kind);
}
