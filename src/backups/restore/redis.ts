/**
 * Redis from a backup back into its live primaries. The files are loaded into servers of their own on this machine, and from there
 * the keys are copied: only while every value that is there stands in a backup, so that nothing is lost, also when it is done twice.
 */
import { join } from 'node:path';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { RedisOutline, RedisPrimary, RedisPut } from '#systems/restore/client.ts';
import { readInventory, type BackupSet } from '../inventory.ts';
import type { Manifest } from '../manifest.ts';
import type { CheckedRdb } from '../redis/check-rdb.ts';
import { readSlots } from '../redis/cluster.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { verifySet } from '../verify.ts';
import { whyNotRestorable } from './config.ts';
import { copyKeys, findDifferences, findUnsaved, removeOthers, type Differences } from './redis-copy.ts';
import { filesDigest, someOf, textOf, withServers, slotsText, type Place } from './redis-live.ts';
import type { LoadedSet } from './redis-values.ts';
import type { PrimaryServer, Servers } from './servers.ts';

export interface RedisPlace extends Place {
  readonly checkRdb: ((file: string) => Promise<CheckedRdb>) | undefined;
  /** Loads RDB files into servers of their own, one each; connections in the same order. */
  load(files: readonly string[], signal: AbortSignal): Promise<Result<{ readonly connections: readonly RedisConnection[]; close(): Promise<void> }>>;
}

/** Backups in which a lost value is looked for, the newest first: each is loaded. */
const SETS_LOADED = 3;

/** What a restore would change, at little cost: no file is read but the manifest. */
export async function outlineRedis(place: RedisPlace, stamp: string): Promise<Result<RedisOutline>> {
  const set = await namedSet(place.directory, stamp);
  if (!set.ok) return set;
  const { manifest } = set.value;
  return withServers(place, ({ primaries }) =>
    Promise.resolve(
      succeed({
        takenAtMs: Date.parse(manifest.takenAt),
        sha256: filesDigest(manifest),
        keys: (manifest.redis?.shards ?? []).reduce((sum, { keys }) => sum + keys, 0),
        primaries: primaries.map(primaryOf),
      }),
    ),
  );
}

export function primaryOf({ host, port, id, ...server }: PrimaryServer): RedisPrimary {
  return { name: `${host}:${port}`, id, slots: slotsText(server) };
}

/** Makes one primary hold what the backup holds for it. */
export async function putRedis(place: RedisPlace, stamp: string, wanted: RedisPrimary, signal: AbortSignal): Promise<Result<RedisPut | 'changed'>> {
  let writes = false;
  const done = await withSet(place, stamp, signal, (set) =>
    onPrimary(place, wanted, async (live) => {
      const saved = await whereSaved(place, live, set, signal);
      if (!saved.ok) return saved;
      writes = true;
      const removed = await removeOthers(live, set, signal);
      const copied = await copyKeys(live, set, signal);
      const { different, told, compared } = await findDifferences(live, set, signal);
      if (different > 0) return fail('conflict', `${wanted.name} does not hold what the backup holds: ${different} keys differ (${told.join(', ')}). Somebody writes, or the server evicts keys.${saved.value === '' ? '' : ` redis-${saved.value} holds what was there.`}`, 'maybe');
      return succeed({ removed, copied, keys: compared });
    }),
  );
  if (done.ok) return done;
  return { ok: false, failure: { ...done.failure, landed: writes ? 'maybe' : 'no' } };
}

/** How far the primary is from what the backup holds for it; it stops after `most`. */
export async function compareRedis(place: RedisPlace, stamp: string, wanted: RedisPrimary, most: number, signal: AbortSignal): Promise<Result<Differences | 'changed'>> {
  return withSet(place, stamp, signal, (set) => onPrimary(place, wanted, async (live) => succeed(await findDifferences(live, set, signal, most))));
}

/** The backup that holds, together with the one that is restored, every value that is there now. */
async function whereSaved(place: RedisPlace, live: PrimaryServer, set: LoadedSet, signal: AbortSignal): Promise<Result<string>> {
  let unsaved = await findUnsaved(live, [set], signal);
  if (unsaved.length === 0) return succeed('');
  const inventory = await readInventory(place.directory);
  if (!inventory.ok) return inventory;
  const others = inventory.value.sets.filter((one) => one.store === 'redis' && one.stamp !== set.stamp && whyNotRestorable(one) === '').slice(0, SETS_LOADED);
  let unread = '';
  for (const other of others) {
    const found = await withSet(place, other.stamp, signal, async (saved) => succeed(await findUnsaved(live, [set, saved], signal)));
    if (!found.ok && signal.aborted) return found;
    if (found.ok && found.value.length === 0) return succeed(other.stamp);
    if (found.ok) unsaved = found.value;
    else unread = ` Whether it is in redis-${other.stamp} is not known: ${found.failure.message}`;
  }
  return fail('refused', `What stands at ${live.host}:${live.port} under ${someOf(unsaved)} is in no backup in ${place.directory}: it would be lost. Back it up first.${unread}`, 'no');
}

/** Loaded, and gone afterwards. Every byte of it is as its manifest says. */
export async function withSet<T>(place: RedisPlace, stamp: string, signal: AbortSignal, use: (set: LoadedSet, manifest: Manifest) => Promise<Result<T>>): Promise<Result<T>> {
  const { directory, checkRdb } = place;
  const named = await namedSet(directory, stamp);
  if (!named.ok) return named;
  const { set, manifest } = named.value;
  const { problems } = await verifySet(directory, set, { checkRdb });
  const [first] = problems;
  if (first !== undefined) return fail('refused', `redis-${stamp} ${first.unread === true ? 'cannot be looked at' : 'is damaged'}: ${first.file === '' ? '' : `${first.file}: `}${first.problem}`, 'no');
  const shards = manifest.redis?.shards ?? [];
  const loaded = await place.load(shards.map(({ file }) => join(directory, file)), signal);
  if (!loaded.ok) return loaded;
  const { connections, close } = loaded.value;
  try {
    const ready: LoadedSet = { stamp, close, shards: connections.map((connection, i) => ({ connection, slots: (shards[i]?.slots ?? []).flatMap((text) => readSlots(text) ?? []) })) };
    return await use(ready, manifest);
  } catch (error) {
    if (signal.aborted) return fail('cancelled', 'The restore was cancelled.');
    return fail('unavailable', `The restore broke off: ${textOf(error)}.`);
  } finally {
    await close();
  }
}

async function onPrimary<T>(place: RedisPlace, wanted: RedisPrimary, use: (live: PrimaryServer, servers: Servers) => Promise<Result<T>>): Promise<Result<T | 'changed'>> {
  return withServers<T | 'changed'>(place, async (servers) => {
    const live = servers.primaries.find(({ id }) => id === wanted.id);
    if (live === undefined || slotsText(live) !== wanted.slots) return succeed('changed');
    return use(live, servers);
  });
}

export async function namedSet(directory: string, stamp: string): Promise<Result<{ readonly set: BackupSet; readonly manifest: Manifest }>> {
  const inventory = await readInventory(directory);
  if (!inventory.ok) return inventory;
  const set = inventory.value.sets.find((one) => one.store === 'redis' && one.stamp === stamp);
  if (set === undefined) return fail('notFound', `There is no backup redis-${stamp} in ${directory}.`, 'no');
  const because = whyNotRestorable(set);
  if (because !== '') return fail('refused', because, 'no');
  return succeed({ set, manifest: set.manifest as Manifest });
}
