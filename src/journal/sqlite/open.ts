import { closeSync, existsSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkOwnership, migrate, pragma } from './schema.ts';
import { describeSqlite, isBusy, JournalUnusable } from './unusable.ts';

/** A wait for a lock blocks the whole process, so it is short: nobody else should be writing. */
const BUSY_TIMEOUT_MS = 250;
const WAL_KEPT_BYTES = 64 * 1024 * 1024;
/** 32 MB. A storm touches the same pages of the index again and again: copied into the file this seldom, they are copied once and not many times. */
const WAL_PAGES_BEFORE_CHECKPOINT = 8_000;
/** A bound, not a reservation: SQLite's default of 2 MB reads the index of a storm from the disk over and over. */
const PAGE_CACHE_KB = 16_384;

export interface OpenedFile {
  readonly db: DatabaseSync;
  /** Gives the file back to other processes. */
  release(): void;
}

/** Opens the journal's file for writing, alone. Throws JournalUnusable. */
export function openAlone(path: string): OpenedFile {
  const file = realFile(path);
  const lock = takeLock(path, `${file}.lock`);
  try {
    return { db: openDatabase(path, file), release: () => lock.close() };
  } catch (error) {
    lock.close();
    throw explained(path, error);
  }
}

/** Opens the file beside a running writer, to read. Throws JournalUnusable. */
export function openForReading(path: string): DatabaseSync {
  if (!existsSync(path)) throw new JournalUnusable(`journal ${path}: the file does not exist`);
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    checkOwnership(db, path, false);
    return db;
  } catch (error) {
    db?.close();
    throw explained(path, error);
  }
}

function openDatabase(path: string, file: string): DatabaseSync {
  createPrivate(file);
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    checkOwnership(db, path, true);
    if (pragma(db, 'journal_mode = WAL') !== 'wal') throw new JournalUnusable(`journal ${path}: its file system does not carry SQLite's write-ahead log: put the journal on a local disk`);
    db.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}; PRAGMA wal_autocheckpoint = ${WAL_PAGES_BEFORE_CHECKPOINT}; PRAGMA cache_size = -${PAGE_CACHE_KB}`);
    migrate(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * A lock of its own beside the journal, because a lock on the journal would shut out readers (`audit verify`, backups).
 * It is SQLite's own exclusive lock on an empty database: the kernel gives it back when the process ends, however it ends.
 */
function takeLock(path: string, lockFile: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    createPrivate(lockFile);
    lock = new DatabaseSync(lockFile, { timeout: 0 });
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    if (isBusy(error)) throw new JournalUnusable(`journal ${path}: another runbook-bot process is using it: stop that one first, or give this one a journal of its own`);
    throw explained(lockFile, error);
  }
}

/** The path behind symbolic links, so that two names of one file take one lock. */
function realFile(path: string): string {
  const directory = dirname(path);
  try {
    if (existsSync(path)) {
      if (statSync(path).isDirectory()) throw new JournalUnusable(`journal ${path}: this is a directory: name a file in it, such as ${join(path, 'journal.db')}`);
      return realpathSync(path);
    }
    return join(realpathSync(directory), basename(path));
  } catch (error) {
    if (error instanceof JournalUnusable) throw error;
    throw new JournalUnusable(`journal ${path}: the directory ${directory} does not exist or may not be entered: create it, or correct \`journal\` in the configuration`, { cause: error });
  }
}

/**
 * Creates the file for this user alone; SQLite gives its side files the same mode. An existing file is not touched:
 * opening and closing it here would drop the locks that this process may hold on it.
 */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
}

function explained(path: string, error: unknown): Error {
  if (error instanceof JournalUnusable) return error;
  return new JournalUnusable(`journal ${path}: ${describeSqlite(error)}`, { cause: error });
}
