import { hash as hashOf } from 'node:crypto';
import { openForReading } from './open.ts';
import { describeSqlite, JournalUnusable } from './unusable.ts';

/** What stands before the first event. */
export const CHAIN_START = '';

export interface ChainedRow {
  readonly position: number;
  readonly stream: string;
  readonly version: number;
  readonly at: number;
  readonly actor: string;
  readonly type: string;
  /** The JSON text as it is stored. */
  readonly data: string;
}

/** SHA-256, in hex, over the hash of the row before and everything that this row says: no row can be changed, taken out or slipped in unseen. */
export function chainHash(previous: string, row: ChainedRow): string {
  const head = JSON.stringify([row.position, row.stream, row.version, row.at, row.actor, row.type]);
  return hashOf('sha256', `${previous}\n${head}\n${row.data}`, 'hex');
}

export type ChainVerdict =
  /** `head` is the last hash: compare it with one that was noted earlier or elsewhere, since a cut-off end shows only there. */
  | { readonly ok: true; readonly events: number; readonly head: string }
  /** `position` is the first event that does not fit; 0 when the file cannot be read at all. */
  | { readonly ok: false; readonly position: number; readonly because: string };

/** Verifies the audit chain of a journal's file, which may be in use. Reads row by row, so its memory does not grow with the file. */
export function verifyChain(path: string): ChainVerdict {
  let position = 0;
  try {
    using db = openForReading(path);
    let head = CHAIN_START;
    let events = 0;
    const rows = db.prepare('SELECT position, stream, version, at, actor, type, data, hash FROM events ORDER BY position').iterate();
    for (const row of rows) {
      position = Number(row['position']);
      const expected = chainHash(head, {
        position,
        stream: String(row['stream']),
        version: Number(row['version']),
        at: Number(row['at']),
        actor: String(row['actor']),
        type: String(row['type']),
        data: String(row['data']),
      });
      if (expected !== row['hash']) return { ok: false, position, because: `event ${position} does not fit the one before it: it was changed, or an event before it was taken out or put in` };
      head = expected;
      events += 1;
    }
    return { ok: true, events, head };
  } catch (error) {
    const because = error instanceof JournalUnusable ? error.message : `journal ${path}: ${describeSqlite(error)}`;
    return { ok: false, position, because };
  }
}
