/**
 * Documents of Cordum's configuration in a backup against those that live. They carry a revision and the time of their last change
 * (cordum.md §6.6), which tell one that was changed since from one that is not what was backed up.
 */
import { createHash } from 'node:crypto';
import { isoTime } from '#kernel/clock.ts';
import { failed, passed, skipped, someOf, warning, type Check } from './check.ts';

/** The clock of Cordum and that of whoever takes backups. */
const CLOCKS_APART_MS = 5 * 60_000;

export interface Document {
  readonly key: string;
  /** Of what it says apart from its revision, which a restore raises. */
  readonly sha256: string;
  readonly revision: number | null;
  readonly updatedMs: number | null;
}

/** What a live system says of its documents. */
export interface LiveDocuments {
  readonly documents: readonly Document[];
  /** The keys that no server let be read: whether there is a document is not known. */
  readonly unread: readonly string[];
}

/** Line ends and spaces, which a shell may have changed, do not count. */
export function readDocument(key: string, text: string): Document {
  const digest = (content: string): string => createHash('sha256').update(content).digest('hex');
  try {
    const raw: unknown = JSON.parse(text);
    const field = (name: string): unknown => (typeof raw === 'object' && raw !== null ? (raw as Readonly<Record<string, unknown>>)[name] : undefined);
    const revision = field('revision');
    const updatedMs = Date.parse(String(field('updated_at')));
    const content = typeof raw === 'object' && raw !== null ? { ...raw, revision: undefined } : raw;
    return { key, sha256: digest(JSON.stringify(content)), revision: Number.isSafeInteger(revision) ? Number(revision) : null, updatedMs: Number.isNaN(updatedMs) ? null : updatedMs };
  } catch {
    return { key, sha256: digest(text), revision: null, updatedMs: null };
  }
}

/** `takenMs`: when the backup was taken. `ofLive`: its manifest names the live system, so what differs has changed there. */
export function checkDocuments(store: string, restored: readonly Document[], live: LiveDocuments | undefined, { takenMs, ofLive }: { readonly takenMs: number; readonly ofLive: boolean }): Check {
  const name = `${store}.documents.live`;
  if (live === undefined) return skipped(name, 'No live system was given to compare with.');
  const wrong: string[] = [];
  const moved: string[] = [];
  let same = 0;
  for (const is of restored) {
    const lives = live.documents.find(({ key }) => key === is.key);
    const contradiction = lives === undefined || ofLive ? undefined : contradictionOf(is, lives, takenMs);
    if (lives?.sha256 === is.sha256) same += 1;
    else if (contradiction !== undefined) wrong.push(contradiction);
    else moved.push(`${is.key} ${sinceThen(lives, live.unread.includes(is.key))}`);
  }
  if (wrong.length > 0) return failed(name, `${someOf(wrong)}.`);
  if (moved.length > 0) return warning(name, `${someOf(moved)}.`);
  return same === 0 ? skipped(name, 'There is no document to compare.') : passed(name, `${same} document(s) are what lives.`);
}

function sinceThen(lives: Document | undefined, unread: boolean): string {
  if (lives !== undefined) return 'was changed since';
  return unread ? 'could not be read from the live system' : 'does not live any more';
}

/** Why the live one cannot be a later one. Cordum gives both a revision and the time with each change; a `SET` by hand gives neither. */
function contradictionOf(is: Document, lives: Document, takenMs: number): string | undefined {
  if (lives.updatedMs !== null && lives.updatedMs >= takenMs - CLOCKS_APART_MS) return undefined;
  if (is.revision !== null && lives.revision === is.revision) return `${is.key} has the revision ${is.revision} of the live one, and another content`;
  return lives.updatedMs === null ? undefined : `${is.key} was last changed at ${isoTime(lives.updatedMs)}, before the backup, and is another one there`;
}
