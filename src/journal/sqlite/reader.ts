import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { JsonObject } from '#kernel/json.ts';
import type { IndexEntry, IndexKind, IndexQuery, Recorded } from '#engine/ports.ts';

type Row = Record<string, SQLOutputValue>;

export interface Reader {
  read(stream: string, fromVersion: number): readonly Recorded[];
  readAll(afterPosition: number, limit: number): readonly Recorded[];
  positionBefore(at: number): number;
  find(kind: IndexKind, id: string): IndexEntry | undefined;
  query(query: IndexQuery): readonly IndexEntry[];
  nextDueAt(kind: IndexKind): number | undefined;
}

const EVENT_COLUMNS = 'stream, version, position, at, actor, type, data';
const ENTRY_COLUMNS = 'kind, id, stream, open, key, due_at, summary';

export function createReader(db: DatabaseSync): Reader {
  const ofStream = db.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE stream = ? AND version >= ? ORDER BY version`);
  const ofAll = db.prepare(`SELECT ${EVENT_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?`);
  // From the end backwards: callers ask for the recent past, and read what was passed over next anyway.
  const lastBefore = db.prepare('SELECT position FROM events WHERE at < ? ORDER BY position DESC LIMIT 1');
  const oneEntry = db.prepare(`SELECT ${ENTRY_COLUMNS} FROM entries WHERE kind = ? AND id = ?`);
  const nextDue = db.prepare('SELECT min(due_at) AS due_at FROM entries WHERE kind = ? AND open = 1 AND due_at IS NOT NULL');
  // One statement for each combination of conditions; there are sixteen at most.
  const queries = new Map<string, StatementSync>();

  return {
    read: (stream, fromVersion) => ofStream.all(stream.toWellFormed(), fromVersion).map(toRecorded),
    readAll: (afterPosition, limit) => ofAll.all(afterPosition, Math.max(0, limit)).map(toRecorded),
    positionBefore: (at) => Number(lastBefore.get(at)?.['position'] ?? 0),
    find(kind, id) {
      const row = oneEntry.get(kind, id.toWellFormed());
      return row === undefined ? undefined : toEntry(row);
    },
    query(query) {
      const { sql, values } = toSql(query);
      const statement = queries.get(sql) ?? db.prepare(sql);
      queries.set(sql, statement);
      return statement.all(...values).map(toEntry);
    },
    nextDueAt(kind) {
      const dueAt = nextDue.get(kind)?.['due_at'];
      return typeof dueAt === 'number' ? dueAt : undefined;
    },
  };
}

function toSql(query: IndexQuery): { readonly sql: string; readonly values: readonly SQLInputValue[] } {
  const conditions = ['kind = ?'];
  const values: SQLInputValue[] = [query.kind];
  const add = (condition: string, value: SQLInputValue): void => {
    conditions.push(condition);
    values.push(value);
  };
  // With a key the index by key finds a handful of rows; the plus keeps the planner from walking all open ones instead.
  if (query.open !== undefined) add(query.key === undefined ? 'open = ?' : '+open = ?', query.open ? 1 : 0);
  if (query.key !== undefined) add('key = ?', query.key.toWellFormed());
  if (query.dueBefore !== undefined) add('due_at IS NOT NULL AND due_at <= ?', query.dueBefore);
  if (query.before !== undefined) add('id < ?', query.before.toWellFormed());
  values.push(Math.max(0, query.limit));
  const order = query.dueBefore === undefined ? 'id DESC' : 'due_at, id';
  return { sql: `SELECT ${ENTRY_COLUMNS} FROM entries WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`, values };
}

function toRecorded(row: Row): Recorded {
  return {
    stream: String(row['stream']),
    version: Number(row['version']),
    position: Number(row['position']),
    at: Number(row['at']),
    actor: String(row['actor']),
    type: String(row['type']),
    data: JSON.parse(String(row['data'])) as JsonObject,
  };
}

function toEntry(row: Row): IndexEntry {
  return {
    kind: String(row['kind']) as IndexKind,
    id: String(row['id']),
    stream: String(row['stream']),
    open: row['open'] === 1,
    ...(row['key'] === null ? {} : { key: String(row['key']) }),
    ...(row['due_at'] === null ? {} : { dueAt: Number(row['due_at']) }),
    summary: JSON.parse(String(row['summary'])) as JsonObject,
  };
}
