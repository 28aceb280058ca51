import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '#kernel/clock.ts';
import type { Appended, Recorded } from '#engine/ports.ts';
import type { Prepared } from '../stored.ts';
import { CHAIN_START, chainHash } from './chain.ts';

interface Head {
  readonly position: number;
  readonly hash: string;
}

export interface Writer {
  /** Stores a batch in one commit: the answers in the order of the batch, or an exception and nothing stored. */
  commit(batch: readonly Prepared[]): readonly Appended[];
  /** Writes and commits a row that nobody reads; throws when that fails. */
  touch(): void;
}

export function createWriter(db: DatabaseSync, clock: Clock): Writer {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  const undo = db.prepare('ROLLBACK');
  const lastRow = db.prepare('SELECT position, hash FROM events ORDER BY position DESC LIMIT 1');
  const versionOf = db.prepare('SELECT max(version) AS version FROM events WHERE stream = ?');
  const insertEvent = db.prepare('INSERT INTO events (position, stream, version, at, actor, type, data, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const upsertEntry = db.prepare(`
    INSERT INTO entries (kind, id, stream, open, key, due_at, summary) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (kind, id) DO UPDATE SET stream = excluded.stream, open = excluded.open, key = excluded.key, due_at = excluded.due_at, summary = excluded.summary`);
  // Most entries that are written again keep what the indexes hold: then only the row is written, and not three places besides.
  const resummarise = db.prepare('UPDATE entries SET stream = ?, summary = ? WHERE kind = ? AND id = ? AND open = ? AND key IS ? AND due_at IS ?');
  const touchRow = db.prepare('INSERT INTO probes (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at');
  let head: Head | undefined;

  const readHead = (): Head => {
    const row = lastRow.get();
    return row === undefined ? { position: 0, hash: CHAIN_START } : { position: Number(row['position']), hash: String(row['hash']) };
  };

  const store = (append: Prepared, now: number, from: Head): { readonly answer: Appended; readonly head: Head } => {
    const version = Number(versionOf.get(append.stream)?.['version'] ?? 0);
    if (version !== append.expectedVersion) return { answer: { ok: false, conflict: true, actualVersion: version }, head: from };
    const at = append.at ?? now;
    let { position, hash } = from;
    const events: Recorded[] = [];
    for (const { actor, type, event, text } of append.events) {
      position += 1;
      const row = { position, stream: append.stream, version: version + events.length + 1, at, actor, type };
      hash = chainHash(hash, { ...row, data: text });
      insertEvent.run(position, row.stream, row.version, at, actor, type, text, hash);
      events.push({ ...row, data: event.data });
    }
    for (const { entry, id, stream, key, text } of append.index) {
      const open = entry.open ? 1 : 0;
      const dueAt = entry.dueAt ?? null;
      const kept = version > 0 && resummarise.run(stream, text, entry.kind, id, open, key, dueAt).changes === 1;
      if (!kept) upsertEntry.run(entry.kind, id, stream, open, key, dueAt, text);
    }
    return { answer: { ok: true, events }, head: { position, hash } };
  };

  /** A rollback that failed as well leaves its transaction behind; the next commit must not become part of it. */
  const inTransaction = <T>(work: () => T): T => {
    if (db.isTransaction) undo.run();
    begin.run();
    try {
      const result = work();
      end.run();
      return result;
    } catch (error) {
      head = undefined;
      if (db.isTransaction) undo.run();
      throw error;
    }
  };

  return {
    commit(batch) {
      return inTransaction(() => {
        const now = Math.trunc(clock.now());
        const answers: Appended[] = [];
        for (const append of batch) {
          const stored = store(append, now, (head ??= readHead()));
          head = stored.head;
          answers.push(stored.answer);
        }
        return answers;
      });
    },
    touch: () => inTransaction(() => void touchRow.run(Math.trunc(clock.now()))),
  };
}
