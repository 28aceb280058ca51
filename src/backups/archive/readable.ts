/** Whether a server reads what another one has written: a later one reads all, an earlier one not. */
import type { StreamArchive } from './archive.ts';

/** The first server that reads `NATSARC1`. */
const V2_SINCE = [2, 15] as const;
/**
 * The first server that knows marks of deletions, and an index of all blocks (`msgs/index.db`). 2.9.10 takes each mark for a message
 * far in the future, after which it may answer nobody any more; what only the index left out comes back (measured on an archive of 2.10.27).
 */
const MARKS_SINCE = [2, 10] as const;

export interface Written {
  readonly format: StreamArchive['format'];
  /** By the manifest; empty where nothing says. */
  readonly by: string;
  /** Whether marks of deletions stand in it, or messages that only its index tells from those that are left. */
  readonly deleted: boolean;
}

/** Empty: it does, as far as is known. */
export function whyNotReadable({ format, by, deleted }: Written, server: string): string {
  if (format === 'v2' && !isAtLeast(server, V2_SINCE)) return `It is a v2 archive (NATSARC1), which nats-server ${server} does not read: ${V2_SINCE.join('.')} or later is needed.`;
  if (format === 'v1' && deleted && !knowsMarks(server)) return `Messages were deleted from it, which nats-server ${by === '' ? MARKS_SINCE.join('.') : by} notes in a way that ${server} does not read: ${MARKS_SINCE.join('.')} or later is needed.`;
  return '';
}

export function knowsMarks(version: string): boolean {
  return isAtLeast(version, MARKS_SINCE);
}

/** By release, not by patch. */
export function isNewer(version: string, than: string): boolean {
  const release = /^(\d+)\.(\d+)/.exec(version);
  return release !== null && !isAtLeast(than, [Number(release[1]), Number(release[2])]);
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, is = '0', and = '0'] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(is) > major || (Number(is) === major && Number(and) >= minor);
}
