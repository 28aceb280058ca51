import type { DatabaseSync } from 'node:sqlite';
import { JournalUnusable } from './unusable.ts';

/** Marks the file as ours ("RBOT"), so that a path that names another program's database is refused and not written to. */
const APPLICATION_ID = 0x52424f54;

/** Number n of this list brings a file from user_version n to n + 1. A migration that has been released is never changed. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    stream   TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    data     TEXT    NOT NULL,
    hash     TEXT    NOT NULL,
    UNIQUE (stream, version)
  ) STRICT;
  CREATE TABLE entries (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    stream  TEXT    NOT NULL,
    open    INTEGER NOT NULL,
    key     TEXT,
    due_at  INTEGER,
    summary TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
  ) STRICT;
  CREATE INDEX entries_by_open ON entries (kind, open, id);
  CREATE INDEX entries_by_key ON entries (kind, key, id) WHERE key IS NOT NULL;
  CREATE INDEX entries_by_due ON entries (kind, open, due_at, id) WHERE due_at IS NOT NULL;
  CREATE TABLE probes (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
  `,
];

const SCHEMA_VERSION = MIGRATIONS.length;

export function pragma(db: DatabaseSync, name: string): unknown {
  return Object.values(db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
}

/** Refuses a file that is not ours or is newer than this program. A file without any table passes when `emptyIsFine`. */
export function checkOwnership(db: DatabaseSync, path: string, emptyIsFine: boolean): void {
  const tables = Number(Object.values(db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() ?? {})[0]);
  if (tables === 0 && emptyIsFine) return;
  if (pragma(db, 'application_id') !== APPLICATION_ID) {
    throw new JournalUnusable(`journal ${path}: the file is not a journal of this program: correct \`journal\` in the configuration`);
  }
  const version = Number(pragma(db, 'user_version'));
  if (version > SCHEMA_VERSION) {
    throw new JournalUnusable(`journal ${path}: it was written by a newer version (schema ${version}, this program knows ${SCHEMA_VERSION}): start that version, or restore the backup from before the update`);
  }
}

/** Brings the file to this program's schema in one transaction. Takes the write lock even when there is nothing to do, so a read-only file fails here. */
export function migrate(db: DatabaseSync): void {
  db.exec('BEGIN IMMEDIATE');
  try {
    const from = Number(pragma(db, 'user_version'));
    for (const sql of MIGRATIONS.slice(from)) db.exec(sql);
    if (from < SCHEMA_VERSION) db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
