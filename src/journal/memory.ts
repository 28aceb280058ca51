import type { Clock } from '#kernel/clock.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Append, Appended, IndexEntry, IndexKind, IndexQuery, Journal, Recorded } from '#engine/ports.ts';
import { prepare, type Prepared, type PreparedEntry } from './stored.ts';

type Kept = Omit<Recorded, 'data'> & { readonly text: string };

/**
 * A journal that forgets at exit, for tests and dry tools. It keeps JSON text and answers with fresh copies, so that code
 * which changes what it read is found here and not first against the file.
 */
export function createMemoryJournal({ clock }: { readonly clock: Clock }): Journal {
  const all: Kept[] = [];
  const streams = new Map<string, Kept[]>();
  const index = new Map<IndexKind, Map<string, PreparedEntry>>();
  const listeners = new Set<(events: readonly Recorded[]) => void>();
  let closed = false;

  const entriesOf = (kind: IndexKind): Iterable<PreparedEntry> => index.get(kind)?.values() ?? [];

  const commit = (append: Prepared): Appended => {
    const stream = streams.get(append.stream) ?? [];
    if (stream.length !== append.expectedVersion) return { ok: false, conflict: true, actualVersion: stream.length };
    const at = append.at ?? Math.trunc(clock.now());
    const recorded = append.events.map((prepared): Recorded => {
      const head = { stream: append.stream, version: stream.length + 1, position: all.length + 1, at, actor: prepared.actor, type: prepared.type };
      const kept: Kept = { ...head, text: prepared.text };
      all.push(kept);
      stream.push(kept);
      return { ...head, data: prepared.event.data };
    });
    if (stream.length > 0) streams.set(append.stream, stream);
    for (const prepared of append.index) {
      const ofKind = index.get(prepared.entry.kind) ?? new Map<string, PreparedEntry>();
      ofKind.set(prepared.id, prepared);
      index.set(prepared.entry.kind, ofKind);
    }
    if (recorded.length > 0) for (const listener of [...listeners]) tell(listener, recorded);
    return { ok: true, events: recorded };
  };

  const assertOpen = (): void => {
    if (closed) throw new Error('the journal is closed');
  };

  return {
    async append(append: Append) {
      assertOpen();
      const prepared = prepare(append);
      // Listeners must not run inside the caller's own call, as they do not with the file.
      await Promise.resolve();
      return commit(prepared);
    },
    async read(stream, fromVersion = 1) {
      assertOpen();
      return (streams.get(stream.toWellFormed()) ?? []).slice(Math.max(0, fromVersion - 1)).map(toRecorded);
    },
    async readAll(afterPosition, limit) {
      assertOpen();
      return all.slice(Math.max(0, afterPosition), Math.max(0, afterPosition) + Math.max(0, limit)).map(toRecorded);
    },
    async positionBefore(at) {
      assertOpen();
      return all.findLast((event) => event.at < at)?.position ?? 0;
    },
    async find(kind, id) {
      assertOpen();
      const found = index.get(kind)?.get(id.toWellFormed());
      return found === undefined ? undefined : toEntry(found);
    },
    async query(query) {
      assertOpen();
      return [...entriesOf(query.kind)].filter((entry) => matches(entry, query)).toSorted(query.dueBefore === undefined ? newestFirst : dueFirst).slice(0, Math.max(0, query.limit)).map(toEntry);
    },
    async nextDueAt(kind) {
      assertOpen();
      let next: number | undefined;
      for (const { entry } of entriesOf(kind)) if (entry.open && entry.dueAt !== undefined && (next === undefined || entry.dueAt < next)) next = entry.dueAt;
      return next;
    },
    onAppended(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    probe: async () => (closed ? { writable: false, because: 'the journal is closed' } : { writable: true }),
    close: async () => {
      await Promise.resolve();
      closed = true;
    },
  };
}

/** What is stored stays stored: a listener that throws is a bug, and surfaces as an uncaught exception, not as a failed append. */
function tell(listener: (events: readonly Recorded[]) => void, events: readonly Recorded[]): void {
  try {
    listener(events);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function matches({ entry, id, key }: PreparedEntry, query: IndexQuery): boolean {
  if (query.open !== undefined && entry.open !== query.open) return false;
  if (query.key !== undefined && key !== query.key.toWellFormed()) return false;
  if (query.dueBefore !== undefined && (entry.dueAt === undefined || entry.dueAt > query.dueBefore)) return false;
  return query.before === undefined || id < query.before;
}

function newestFirst(a: PreparedEntry, b: PreparedEntry): number {
  return a.id < b.id ? 1 : -1;
}

function dueFirst(a: PreparedEntry, b: PreparedEntry): number {
  const byDue = (a.entry.dueAt ?? 0) - (b.entry.dueAt ?? 0);
  return byDue !== 0 ? byDue : -newestFirst(a, b);
}

function toRecorded({ text, ...head }: Kept): Recorded {
  return { ...head, data: JSON.parse(text) as JsonObject };
}

function toEntry({ entry, id, stream, key, text }: PreparedEntry): IndexEntry {
  return {
    kind: entry.kind,
    id,
    stream,
    open: entry.open,
    ...(key === null ? {} : { key }),
    ...(entry.dueAt === undefined ? {} : { dueAt: entry.dueAt }),
    summary: JSON.parse(text) as JsonObject,
  };
}
