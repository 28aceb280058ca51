/** The bundles of one directory, each of which names the one before it. */
import { open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { sha256 } from '#kernel/digest.ts';
import { BUNDLE_MAX_BYTES, bundleFile, bundleShape, DRILL_ID, type Bundle } from './bundle.ts';

/** A drill every hour for a year. */
export const CHAIN_MAX = 10_000;
const LOCK = '.evidence.lock';
const LOCK_WITHIN_MS = 15_000;
/** Evidence is written in a second; whoever holds the lock for longer was killed. */
const LOCK_STALE_MS = 60_000;
const LOOK_EVERY_MS = 50;

export interface Link {
  readonly bundle: Bundle;
  /** Of the bytes of its file. */
  readonly sha256: string;
}

/** Ids of the bundles that lie in a directory, the oldest first. */
export async function listBundles(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory);
  const ids = names.map((name) => /^drill-(.+)\.json$/.exec(name)?.[1] ?? '');
  return ids.filter((id) => DRILL_ID.test(id)).toSorted().slice(-CHAIN_MAX);
}

/** Undefined when the file is none. */
export async function readLink(directory: string, id: string): Promise<Link | undefined> {
  try {
    const path = join(directory, bundleFile(id));
    if ((await stat(path)).size > BUNDLE_MAX_BYTES) return undefined;
    const text = await readFile(path, 'utf8');
    const read = bundleShape.safeParse(JSON.parse(text));
    return read.success && read.data.id === id ? { bundle: read.data, sha256: sha256(text) } : undefined;
  } catch {
    return undefined;
  }
}

export async function readLinks(directory: string): Promise<readonly Link[]> {
  const links: Link[] = [];
  for (const id of await listBundles(directory)) {
    const link = await readLink(directory, id);
    if (link !== undefined) links.push(link);
  }
  return links.toSorted((a, b) => a.bundle.sequence - b.bundle.sequence);
}

/** Two drills that end at once would name the same one as the one before them. */
export async function withLock<T>(directory: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  const path = join(directory, LOCK);
  const until = clock.now() + LOCK_WITHIN_MS;
  for (;;) {
    try {
      await (await open(path, 'wx', 0o600)).close();
      break;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      if (await isStale(path, clock.now())) await rm(path, { force: true });
      else if (clock.now() >= until) throw new Error(`another drill holds ${path}`, { cause: error });
      else await waitUntil(clock, clock.now() + LOOK_EVERY_MS);
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function isStale(path: string, nowMs: number): Promise<boolean> {
  try {
    return nowMs - (await stat(path)).mtimeMs > LOCK_STALE_MS;
  } catch {
    return false;
  }
}
