/** What a person wants to know of a directory of backups: how old, how large, what is missing, and what is unlike the others. */
import { isoTime } from '#kernel/clock.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { SetFacts } from '#systems/backup/client.ts';
import type { BackupSet, Inventory } from './inventory.ts';
import { STORES, type Store } from './names.ts';
import { REQUIRED_STREAMS } from './take-nats.ts';
import { UNFINISHED } from './taking.ts';

/** A set is compared with so many before it. */
export const COMPARED = 5;
/** Fewer tell nothing of what is usual. */
const COMPARED_LEAST = 2;
const SMALL = 0.5;
const LARGE = 2;
const NAMED_MAX = 20;

export interface ListedStore {
  readonly store: Store;
  readonly sets: number;
  /** Of these, shown in `sets` of the listing. */
  readonly shown: number;
  readonly bytes: number;
  readonly newestAt: string | null;
  readonly newestAgeSeconds: number | null;
  readonly oldestAt: string | null;
  readonly medianBytes: number | null;
}

export interface Listing {
  readonly directory: string;
  readonly stores: readonly ListedStore[];
  /** The newest first, by store. */
  readonly sets: readonly SetFacts[];
  /** Between the newest sets of Redis and NATS, which belong together; null without both. */
  readonly skewSeconds: number | null;
  /** What backups that broke off have left; they may be removed. */
  readonly unfinished: readonly string[];
  /** Entries that are no backups by their name. */
  readonly strangers: readonly string[];
  /** Sentences. */
  readonly warnings: readonly string[];
}

export function listBackups({ directory, sets, strangers }: Inventory, nowMs: number, limit: number): Listing {
  const byStore = STORES.map((store) => sets.filter((set) => set.store === store));
  const listed = byStore.map((ofStore) => ofStore.slice(0, limit).map((set, i) => listSet(set, ofStore.slice(i + 1, i + 1 + COMPARED), nowMs)));
  const stores = byStore.map((ofStore, i) => listStore(STORES[i] ?? 'redis', ofStore, listed[i]?.length ?? 0, nowMs));
  const [redis, nats] = byStore.map(([newest]) => newest?.namedMs);
  const skewSeconds = redis === undefined || nats === undefined ? null : Math.abs(redis - nats) / 1_000;
  const unfinished = strangers.filter((name) => name.endsWith(UNFINISHED));
  const others = strangers.filter((name) => !name.endsWith(UNFINISHED));
  const warnings = [
    ...stores.filter(({ sets: count }) => count === 0).map(({ store }) => `There is no backup of ${store}.`),
    ...(skewSeconds !== null && skewSeconds > 3_600 ? [`The newest backups of redis and nats are ${formatDuration(skewSeconds * 1_000)} apart: restored together, each would know jobs that the other does not.`] : []),
    ...listed.flatMap(([newest]) => (newest === undefined ? [] : newest.notes.map((note) => `The newest backup of ${newest.store}: ${note}`))),
  ];
  return { directory, stores, sets: listed.flat(), skewSeconds, unfinished: unfinished.slice(0, NAMED_MAX), strangers: others.slice(0, NAMED_MAX), warnings };
}

function listStore(store: Store, sets: readonly BackupSet[], shown: number, nowMs: number): ListedStore {
  const [newest] = sets;
  const oldest = sets.at(-1);
  return {
    store,
    sets: sets.length,
    shown,
    bytes: sets.reduce((sum, { bytes }) => sum + bytes, 0),
    newestAt: newest === undefined ? null : isoTime(newest.namedMs),
    newestAgeSeconds: newest === undefined ? null : ageSeconds(newest, nowMs),
    oldestAt: oldest === undefined ? null : isoTime(oldest.namedMs),
    medianBytes: sets.length === 0 ? null : median(sets.map(({ bytes }) => bytes)),
  };
}

/** Not below zero: a clock that is a little behind makes no backup of the future. One that is far ahead is noted. */
function ageSeconds({ namedMs }: BackupSet, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - namedMs) / 1_000));
}

function listSet(set: BackupSet, before: readonly BackupSet[], nowMs: number): SetFacts {
  const shards = shardsOf(set);
  const usual = before.length < COMPARED_LEAST ? undefined : median(before.map(({ bytes }) => bytes));
  const size = usual === undefined ? 'unknown' : set.bytes < usual * SMALL ? 'small' : set.bytes > usual * LARGE ? 'large' : 'usual';
  const faults = faultsOf(set, before);
  const whole = typeof set.manifest === 'object' && 'version' in set.manifest;
  const notes = [
    ...faults,
    ...(set.manifest === 'none' || whole ? [] : [`Its manifest cannot be read: ${'unreadable' in set.manifest ? set.manifest.unreadable : ''}.`]),
    ...(size === 'small' ? [`It has less than half of the bytes that were usual (${set.bytes}, usual ${usual}).`] : []),
    ...(size === 'large' ? [`It has more than twice the bytes that were usual (${set.bytes}, usual ${usual}).`] : []),
    ...(set.namedMs > nowMs + 5 * 60_000 ? ['Its name says that it was taken in the future.'] : []),
  ];
  return {
    set: `${set.store}-${set.stamp}`,
    store: set.store,
    takenAt: isoTime(set.namedMs),
    ageSeconds: ageSeconds(set, nowMs),
    bytes: set.bytes,
    files: set.files.length,
    shards,
    manifest: set.manifest === 'none' ? 'none' : whole ? 'there' : 'unreadable',
    complete: faults.length > 0 ? 'no' : whole ? 'yes' : 'unknown',
    size,
    sizeRatio: usual === undefined || usual === 0 ? null : Math.round((set.bytes / usual) * 1_000) / 1_000,
    notes,
  };
}

function shardsOf({ store, files }: BackupSet): number {
  if (store === 'nats') return new Set(files.map(({ stream }) => stream)).size;
  return store === 'redis' ? files.length : Math.min(1, files.length);
}

/** What a set lacks, as far as names and its manifest tell. */
function faultsOf(set: BackupSet, before: readonly BackupSet[]): readonly string[] {
  const faults: string[] = [];
  if (set.files.length === 0) faults.push('It has no files.');
  const empty = set.files.filter(({ bytes }) => bytes === 0).map(({ path }) => path);
  if (empty.length > 0) faults.push(`Empty: ${some(empty)}.`);
  if (typeof set.manifest === 'object' && 'version' in set.manifest) {
    const { complete, missing, files, store } = set.manifest;
    if (store !== set.store) faults.push(`Its manifest is that of a backup of ${store}.`);
    if (!complete) faults.push(`Its manifest says that it is not complete: ${some(missing)}.`);
    const gone = files.filter(({ path }) => !set.files.some((file) => file.path === path)).map(({ path }) => path);
    if (gone.length > 0) faults.push(`The manifest names files that are not there: ${some(gone)}.`);
    const resized = files.filter((noted) => set.files.some((file) => file.path === noted.path && file.bytes !== noted.bytes)).map(({ path }) => path);
    if (resized.length > 0) faults.push(`Of another size than the manifest says: ${some(resized)}.`);
    return faults;
  }
  if (set.store === 'redis') faults.push(...missingNodes(set, before));
  if (set.store === 'nats') faults.push(...missingStreams(set));
  return faults;
}

/** CronJobs number the primaries of a cluster from 0 (`prod/backup.yaml`); how many there are, only the sets before it tell. */
function missingNodes({ files }: BackupSet, before: readonly BackupSet[]): readonly string[] {
  const nodes = new Set(files.map(({ node }) => node));
  if (files.some(({ node }) => node === undefined) && files.length > 1) return ['It is a backup of a single server and of a cluster at once.'];
  const most = Math.max(files.length, ...files.map(({ node }) => (node ?? 0) + 1), ...before.map((set) => set.files.length));
  const gone = files.some(({ node }) => node !== undefined) || most > 1 ? Array.from({ length: most }, (_, node) => node).filter((node) => !nodes.has(node)) : [];
  return gone.length === 0 ? [] : [`Shards are missing that there should be, or were before: ${some(gone.map((node) => `node${node}`))}.`];
}

function missingStreams({ files }: BackupSet): readonly string[] {
  const streams = new Set(files.map(({ stream }) => stream));
  const gone = REQUIRED_STREAMS.filter((name) => !streams.has(name));
  const halves = [...streams].filter((stream) => {
    const parts = files.filter((file) => file.stream === stream).map(({ path }) => path);
    return parts.some((path) => path.includes('.snapshot/')) && parts.length !== 2;
  });
  return [...(gone.length === 0 ? [] : [`Streams of Cordum are missing: ${gone.join(', ')}.`]), ...(halves.length === 0 ? [] : [`Snapshots with one of their two files: ${some(halves.map((name) => name ?? ''))}.`])];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : Math.round(((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2);
}

function some(names: readonly string[]): string {
  return names.length <= NAMED_MAX ? names.join(', ') : `${names.slice(0, NAMED_MAX).join(', ')} and ${names.length - NAMED_MAX} more`;
}
