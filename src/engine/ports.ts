/** What the engine needs of the world. Each port belongs to the engine; journals and systems implement it. */
import type { JsonObject } from '#kernel/json.ts';
import type { Runbook } from '#language/runbook.ts';
import type { SystemToken, Tier } from '#step-kit/index.ts';

/** An event as the journal keeps it. */
export interface Recorded {
  readonly stream: string;
  /** 1 for the first event of its stream, without gaps. */
  readonly version: number;
  /** Grows over the whole journal; gaps are possible, order is not. */
  readonly position: number;
  /** ms since the epoch, by the writer's clock. */
  readonly at: number;
  /** Who caused it: a principal's id, or `bot`. */
  readonly actor: string;
  readonly type: string;
  readonly data: JsonObject;
}

export interface NewEvent {
  readonly type: string;
  readonly actor: string;
  readonly data: JsonObject;
}

/**
 * A row of the index: the newest summary of a run, an incident or an approval, written in the same commit as the events it
 * summarises. It is a projection: it can be rebuilt from the events and holds nothing of its own.
 */
export interface IndexEntry {
  readonly kind: IndexKind;
  readonly id: string;
  /** The stream whose events it summarises. */
  readonly stream: string;
  /** Still has a future. Lists, timers and look-ups by key use open entries. */
  readonly open: boolean;
  /** For look-ups: an incident's identity, a run's idempotency key. */
  readonly key?: string;
  /** When the engine must look at it again, ms since the epoch. */
  readonly dueAt?: number;
  readonly summary: JsonObject;
}

export type IndexKind = 'run' | 'incident' | 'approval' | 'alert' | 'command';

export interface Append {
  readonly stream: string;
  /** The version that the writer has seen; 0 for a new stream. The append wins only if the stream still stands there. */
  readonly expectedVersion: number;
  readonly events: readonly NewEvent[];
  readonly index?: readonly IndexEntry[];
  /** When it happened by the writer's clock, ms since the epoch; default: now. */
  readonly at?: number;
}

export type Appended =
  | { readonly ok: true; readonly events: readonly Recorded[] }
  /** Somebody else has written: the writer's view is stale and it must not act on it. Nothing was stored. */
  | { readonly ok: false; readonly conflict: true; readonly actualVersion: number };

export interface IndexQuery {
  readonly kind: IndexKind;
  readonly open?: boolean;
  readonly key?: string;
  /** Entries with `dueAt` at or before this. Sorted by dueAt. */
  readonly dueBefore?: number;
  /** Newest id first by default; only ids that sort before this one (the cursor of a list). */
  readonly before?: string;
  readonly limit: number;
}

/**
 * The truth. `append` resolves only when the events and their index entries are durable, and either all of them or none
 * are; it rejects when they cannot be stored (then nothing is). Concurrent appends may share one commit.
 */
export interface Journal {
  append(append: Append): Promise<Appended>;
  /** Events of one stream in order, from `fromVersion` (1-based, default 1). Empty for a stream that does not exist. */
  read(stream: string, fromVersion?: number): Promise<readonly Recorded[]>;
  /** Events of all streams in order of position, after `position`, at most `limit`. */
  readAll(afterPosition: number, limit: number): Promise<readonly Recorded[]>;
  /** The position of the last event that is older than `at` (ms); 0 when there is none. To read only the last hour. */
  positionBefore(at: number): Promise<number>;
  find(kind: IndexKind, id: string): Promise<IndexEntry | undefined>;
  query(query: IndexQuery): Promise<readonly IndexEntry[]>;
  /** The earliest `dueAt` among open entries of this kind. */
  nextDueAt(kind: IndexKind): Promise<number | undefined>;
  /** Called after each commit, with its events in order. A listener must not throw. Returns the unsubscriber. */
  onAppended(listener: (events: readonly Recorded[]) => void): () => void;
  /** Whether it can write, now. */
  probe(): Promise<{ readonly writable: boolean; readonly because?: string }>;
  close(): Promise<void>;
}

/**
 * Whole outputs of steps whose events hold a part only. Evidence for people and not part of the truth: nothing decides by it, and
 * it is kept for a while and up to a size, not for ever.
 */
export interface Artifacts {
  /** Stores a JSON text that holds no secret, and answers its id, which is made of its digest. Rejects when it cannot be stored. */
  keep(text: string): Promise<string>;
  /** Undefined when there is none of this id, or none any more. */
  read(id: string): Promise<string | undefined>;
}

/** The clients of the outside systems of each target. Built by `app`. */
export interface Systems {
  /** Undefined when the target has no such system configured. */
  client<Client>(target: string, system: SystemToken<Client>): Client | undefined;
}

export interface AheadAsk {
  readonly runId: string;
  readonly approval: string;
  readonly target: string;
  /** The step, and what it calls the thing that is planned. */
  readonly uses: string;
  readonly subject: string;
  /** Of the configuration that is planned: `aheadDigest`. */
  readonly digest: string;
  readonly tier: Tier;
  readonly needs: { readonly approvers: number; readonly roles: readonly string[]; readonly excluded: readonly string[] };
}

export interface AheadDecision {
  readonly principal: string;
  readonly via: string;
  readonly reason: string | null;
  readonly ahead: { readonly id: string; readonly at: string; readonly from: string; readonly to: string };
}

/** Either the decisions that were given ahead and are now used up, or why there are none; null: nobody has given any. */
export type AheadAnswer = { readonly decisions: readonly AheadDecision[] } | { readonly because: string | null };

export interface AheadDesk {
  /** Uses what was approved ahead. The same approval is answered the same however often it asks, and no other gets it. Rejects when the journal cannot be read or written. */
  take(ask: AheadAsk): Promise<AheadAnswer>;
}

/** The runbooks that are loaded now. In-flight runs ask by revision, through `compile`. */
export interface Runbooks {
  list(): readonly Runbook[];
  get(name: string): Runbook | undefined;
  /** Makes a runbook of a stored text again; undefined when today's steps no longer accept it. */
  compile(source: string, file: string): Runbook | undefined;
}
