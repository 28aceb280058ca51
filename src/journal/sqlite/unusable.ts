/** The journal's file cannot be used. The message names the file, what is wrong and what a person can do; print it without a stack. */
export class JournalUnusable extends Error {
  override readonly name = 'JournalUnusable';
}

/** SQLite's primary result codes (https://sqlite.org/rescode.html). */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const IOERR = 10;
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

/** The primary result code of an error that node:sqlite threw; undefined for any other error. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === BUSY || code === LOCKED;
}

/** Why a statement could not be carried out, for a person. */
export function describeSqlite(error: unknown): string {
  switch (sqliteCode(error)) {
    case BUSY:
    case LOCKED:
      return 'another process holds the file locked: end what writes to it (a backup tool, an sqlite3 shell)';
    case READONLY:
      return 'the file, its directory or the file system is read-only: make them writable for this user';
    case IOERR:
      return 'the disk failed to read or write: look at the system log, then restore a backup if need be';
    case CORRUPT:
      return 'the file is damaged: restore it from a backup, and keep the damaged one for the audit';
    case FULL:
      return 'the disk is full: free some space';
    case CANTOPEN:
      return 'the file cannot be opened or created: check its path, and that this user may write to its directory';
    case NOTADB:
      return 'the file is not an SQLite database: correct `journal` in the configuration, or move the file away';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
