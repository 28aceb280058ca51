import type { Clock } from '#kernel/clock.ts';
import { silentLog, type Log } from '#kernel/log.ts';
import type { Append, Appended, Journal, Recorded } from '#engine/ports.ts';
import { openAlone } from './sqlite/open.ts';
import { createReader } from './sqlite/reader.ts';
import { describeSqlite } from './sqlite/unusable.ts';
import { createWriter } from './sqlite/writer.ts';
import { prepare, type Prepared } from './stored.ts';

/** More than this at once, and storing is not keeping up: the senders are told, and try again later. */
const MOST_QUEUED_APPENDS = 20_000;
/** Bounds how long one commit holds the process. */
const MOST_APPENDS_PER_COMMIT = 1_000;
/** `/readyz` is open to everyone, and each probe is a disk write: at most one in this time. */
const PROBE_HOLDS_MS = 1_000;

interface Queued {
  readonly append: Prepared;
  resolve(answer: Appended): void;
  reject(error: Error): void;
}

export interface SqliteJournalOptions {
  /** The file. Its directory must exist; the file is created, for this user alone. */
  readonly path: string;
  readonly clock: Clock;
  readonly log?: Log;
}

/**
 * The journal in one SQLite file. Appends of one turn of the event loop share one durable commit (WAL, synchronous=FULL).
 * Throws JournalUnusable when the file cannot be used, or another process is using it.
 */
export function openSqliteJournal({ path, clock, log = silentLog }: SqliteJournalOptions): Journal {
  const { db, release } = openAlone(path);
  const writer = createWriter(db, clock);
  const reader = createReader(db);
  const listeners = new Set<(events: readonly Recorded[]) => void>();
  let queue: Queued[] = [];
  let scheduled = false;
  let closed = false;
  let probed: { readonly at: number; readonly answer: { readonly writable: boolean; readonly because?: string } } | undefined;

  const flush = (): void => {
    const batch = queue.slice(0, MOST_APPENDS_PER_COMMIT);
    queue = queue.slice(MOST_APPENDS_PER_COMMIT);
    let answers: readonly Appended[];
    try {
      answers = writer.commit(batch.map(({ append }) => append));
    } catch (cause) {
      probed = undefined;
      const error = new Error(`the journal could not store: ${describeSqlite(cause)}`, { cause });
      log.error({ err: error, appends: batch.length }, 'the journal could not store');
      for (const { reject } of batch) reject(error);
      return;
    }
    const events = answers.flatMap((answer) => (answer.ok ? answer.events : []));
    if (events.length > 0) for (const listener of [...listeners]) tell(listener, events);
    batch.forEach(({ resolve }, i) => {
      const answer = answers[i];
      if (answer !== undefined) resolve(answer);
    });
  };

  const tell = (listener: (events: readonly Recorded[]) => void, events: readonly Recorded[]): void => {
    try {
      listener(events);
    } catch (err) {
      log.error({ err }, 'a listener of the journal threw; what it listens to is stored all the same');
    }
  };

  const onTurnEnd = (): void => {
    scheduled = false;
    if (queue.length > 0) flush();
    if (queue.length > 0) schedule();
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(onTurnEnd);
  };

  const assertOpen = (): void => {
    if (closed) throw new Error('the journal is closed');
  };

  return {
    async append(append: Append) {
      assertOpen();
      if (queue.length >= MOST_QUEUED_APPENDS) throw new Error(`the journal could not store: ${MOST_QUEUED_APPENDS} appends are waiting already`);
      const prepared = prepare(append);
      return new Promise<Appended>((resolve, reject) => {
        queue.push({ append: prepared, resolve, reject });
        schedule();
      });
    },
    async read(stream, fromVersion = 1) {
      assertOpen();
      return reader.read(stream, fromVersion);
    },
    async readAll(afterPosition, limit) {
      assertOpen();
      return reader.readAll(afterPosition, limit);
    },
    async positionBefore(at) {
      assertOpen();
      return reader.positionBefore(at);
    },
    async find(kind, id) {
      assertOpen();
      return reader.find(kind, id);
    },
    async query(query) {
      assertOpen();
      return reader.query(query);
    },
    async nextDueAt(kind) {
      assertOpen();
      return reader.nextDueAt(kind);
    },
    onAppended(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async probe() {
      if (closed) return { writable: false, because: 'the journal is closed' };
      const now = clock.now();
      if (probed !== undefined && Math.abs(now - probed.at) < PROBE_HOLDS_MS) return probed.answer;
      try {
        writer.touch();
        probed = { at: now, answer: { writable: true } };
      } catch (error) {
        probed = { at: now, answer: { writable: false, because: describeSqlite(error) } };
      }
      return probed.answer;
    },
    async close() {
      if (closed) return;
      closed = true;
      while (queue.length > 0) flush();
      db.close();
      release();
    },
  };
}
