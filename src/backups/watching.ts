/** What is watched of a directory of backups, at little cost: the names of all, and sizes and manifests of the newest few of each store. */
import { statfs } from 'node:fs/promises';
import { succeed, type Result } from '#kernel/failure.ts';
import { readInventory } from './inventory.ts';
import type { SetFacts } from '#systems/backup/client.ts';
import { COMPARED, listBackups } from './listing.ts';
import { readName, STORES, timeOfStamp, type Store } from './names.ts';
import { UNFINISHED } from './taking.ts';

/** A name that is further ahead is that of no backup which has been taken. */
export const AHEAD_MS = 5 * 60_000;

export interface WatchedStore {
  readonly store: Store;
  /** Those that have files by their names. */
  readonly sets: number;
  /** By their names, ms since the epoch; undefined without any. */
  readonly newestMs: number | undefined;
  readonly oldestMs: number | undefined;
  readonly newest: SetFacts | undefined;
}

export interface Watched {
  readonly stores: readonly WatchedStore[];
  /** Between the newest sets of Redis and NATS; undefined without both. */
  readonly skewMs: number | undefined;
  /** Entries that end in `.part`. */
  readonly unfinished: number;
  /** Entries that are no backups by their name, those aside. */
  readonly strangers: number;
  readonly room: Room | undefined;
}

export interface Room {
  /** For this user. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export async function watchDirectory(directory: string, nowMs: number): Promise<Result<Watched>> {
  let named: ReadonlyMap<Store, Named> = new Map();
  const inventory = await readInventory(directory, (names) => {
    named = readNames(names, nowMs);
    return names.filter((name) => isWanted(name, named));
  });
  if (!inventory.ok) return inventory;
  const { sets, strangers } = inventory.value;
  const listed = listBackups(inventory.value, nowMs, 1).sets;
  const stores = STORES.map((store): WatchedStore => {
    const times = [...(named.get(store)?.withFiles ?? [])];
    const newest = listed.find((set) => set.store === store);
    // The seeds' files of configuration have no time in their names.
    const seed = times.length === 0 ? sets.find((set) => set.store === store && set.files.length > 0)?.namedMs : undefined;
    return { store, sets: seed === undefined ? times.length : 1, newestMs: newestOf(times) ?? seed, oldestMs: oldestOf(times) ?? seed, newest };
  });
  const [redis, nats] = stores.map(({ newestMs }) => newestMs);
  const unfinished = strangers.filter((name) => name.endsWith(UNFINISHED)).length;
  return succeed({
    stores,
    skewMs: redis === undefined || nats === undefined ? undefined : Math.abs(redis - nats),
    unfinished,
    strangers: strangers.length - unfinished,
    room: await roomOf(directory),
  });
}

/** Undefined where the file system does not tell. */
export async function roomOf(directory: string): Promise<Room | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return blocks > 0 ? { freeBytes: bavail * bsize, totalBytes: blocks * bsize } : undefined;
  } catch {
    return undefined;
  }
}

interface Named {
  /** The times of sets of which there is more than a manifest. */
  readonly withFiles: ReadonlySet<number>;
  /** The stamps of which everything is looked at. */
  readonly wanted: ReadonlySet<string>;
}

/** One that is newest is wanted although it is a manifest alone: its files are gone. */
function readNames(names: readonly string[], nowMs: number): ReadonlyMap<Store, Named> {
  const found = new Map(STORES.map((store) => [store, { withFiles: new Set<number>(), stamps: new Set<string>() }]));
  for (const name of names) {
    const read = readName(name);
    const atMs = timeOfStamp(read?.stamp ?? '');
    if (read === undefined || atMs === undefined || atMs > nowMs + AHEAD_MS) continue;
    const of = found.get(read.kind === 'manifest' ? read.store : read.kind);
    of?.stamps.add(read.stamp);
    if (read.kind !== 'manifest') of?.withFiles.add(atMs);
  }
  return new Map([...found].map(([store, { withFiles, stamps }]) => [store, { withFiles, wanted: new Set([...stamps].toSorted().slice(-COMPARED - 1)) }]));
}

function isWanted(name: string, named: ReadonlyMap<Store, Named>): boolean {
  const read = readName(name);
  return read === undefined || named.get(read.kind === 'manifest' ? read.store : read.kind)?.wanted.has(read.stamp) === true;
}

function newestOf(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.max(a, b));
}

function oldestOf(times: readonly number[]): number | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => Math.min(a, b));
}
