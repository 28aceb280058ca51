import type { Append, IndexEntry, NewEvent } from '#engine/ports.ts';

/** One event, as JSON text. Larger evidence belongs cut down by the step; a journal row is no place for a file. */
const LARGEST_EVENT_CHARS = 8 * 1024 * 1024;
const MOST_EVENTS_PER_APPEND = 10_000;

/** An append whose JSON has been written out and checked, once: what both journals keep. */
export interface Prepared {
  readonly stream: string;
  readonly expectedVersion: number;
  /** ms since the epoch; undefined: the moment of the commit. */
  readonly at: number | undefined;
  readonly events: readonly PreparedEvent[];
  readonly index: readonly PreparedEntry[];
}

export interface PreparedEvent {
  readonly actor: string;
  readonly type: string;
  readonly event: NewEvent;
  readonly text: string;
}

export interface PreparedEntry {
  readonly entry: IndexEntry;
  readonly id: string;
  readonly stream: string;
  readonly key: string | null;
  readonly text: string;
}

/**
 * Writes the JSON of an append out, before it is queued: what cannot be stored fails alone, not its whole batch.
 * Names become well-formed Unicode, since a database's text cannot hold half a surrogate pair; JSON escapes those itself.
 * Throws a TypeError when something has no JSON form or is too large.
 */
export function prepare(append: Append): Prepared {
  if (append.events.length > MOST_EVENTS_PER_APPEND) throw new TypeError(`an append of ${append.events.length} events is over the limit of ${MOST_EVENTS_PER_APPEND}`);
  if (!Number.isSafeInteger(append.expectedVersion) || append.expectedVersion < 0) throw new TypeError(`an expected version is a whole number from 0, got ${append.expectedVersion}`);
  if (append.at !== undefined && !Number.isSafeInteger(append.at)) throw new TypeError(`the time of an append is a whole number of milliseconds, got ${append.at}`);
  return {
    stream: append.stream.toWellFormed(),
    expectedVersion: append.expectedVersion,
    at: append.at,
    events: append.events.map((event) => ({ actor: event.actor.toWellFormed(), type: event.type.toWellFormed(), event, text: jsonText(event.data, event.type) })),
    index: (append.index ?? []).map((entry) => prepareEntry(entry)),
  };
}

function prepareEntry(entry: IndexEntry): PreparedEntry {
  if (entry.dueAt !== undefined && !Number.isSafeInteger(entry.dueAt)) throw new TypeError(`dueAt of ${entry.kind} ${entry.id} is no whole number of milliseconds: ${entry.dueAt}`);
  return { entry, id: entry.id.toWellFormed(), stream: entry.stream.toWellFormed(), key: entry.key?.toWellFormed() ?? null, text: jsonText(entry.summary, entry.kind) };
}

function jsonText(data: unknown, what: string): string {
  const text = JSON.stringify(data);
  if (text === undefined) throw new TypeError(`${what} has no JSON form`);
  if (text.length > LARGEST_EVENT_CHARS) throw new TypeError(`${what} is ${text.length} characters of JSON, over the limit of ${LARGEST_EVENT_CHARS}`);
  return text;
}
