/**
 * A live primary made to hold exactly what a backup holds for it, key by key over the wire: so no append-only file and no snapshot at
 * shutdown can win against it, and the cluster may have another shape than it had (reliability.md §C.4). Each part may be done twice.
 */
import type { RedisConnection } from '../redis/connection.ts';
import { areThere, groupsOf, holderOf, isSameValue, nameOf, owns, pagesOf, valuesOf, type LoadedSet, type Value } from './redis-values.ts';
import type { PrimaryServer } from './servers.ts';

/** The clocks of two machines differ: a key that ends so soon may be gone on one of them alone. */
const SOON_GONE_MS = 60_000;
/** Servers before 7 do not say when a key ends to the millisecond. */
const ENDS_WITHIN_MS = 5_000;
/** Of keys that differ, so many are told. */
const TOLD = 5;

/** Stops at the first that the server refuses, and names it. */
const RESTORE = `
for i = 1, #ARGV, 3 do
  local said = redis.pcall('RESTORE', ARGV[i], ARGV[i + 1], ARGV[i + 2], 'REPLACE', 'ABSTTL')
  if said.err then return { ARGV[i], said.err } end
end
return nil`;

export interface Differences {
  /** Keys that were compared. */
  readonly compared: number;
  readonly different: number;
  /** Up to five, as sentences' ends. */
  readonly told: readonly string[];
}

/** Keys of the live server whose values stand in none of these backups: they would be lost. Their names, up to five. */
export async function findUnsaved(live: PrimaryServer, sets: readonly LoadedSet[], signal: AbortSignal): Promise<readonly string[]> {
  const unsaved: string[] = [];
  for await (const page of pagesOf(live.connection, signal)) {
    for (const group of await groupsOf(live.connection, page)) {
      const values = await valuesOf(live.connection, group);
      let open = heldOf(group, values);
      for (const set of sets) open = await notIn(live.connection, set, open);
      for (const { key } of open) if (!(await isSoonGone(live.connection, key))) unsaved.push(nameOf(key));
      if (unsaved.length >= TOLD) return unsaved.slice(0, TOLD);
    }
  }
  return unsaved;
}

interface Held {
  readonly key: Buffer;
  readonly value: Value;
}

function heldOf(keys: readonly Buffer[], values: readonly (Value | undefined)[]): Held[] {
  return keys.flatMap((key, i): Held[] => {
    const value = values[i];
    return value === undefined ? [] : [{ key, value }];
  });
}

/** Those that the backup does not hold with the same value. */
async function notIn(live: RedisConnection, set: LoadedSet, held: readonly Held[]): Promise<Held[]> {
  const left: Held[] = [];
  for (const { holder, keys } of byHolder(set, held)) {
    const theirs = await valuesOf(holder, keys.map(({ key }) => key));
    for (const [i, one] of keys.entries()) {
      const other = theirs[i];
      if (other === undefined || !(await isSameValue(live, holder, one.key, { a: one.value.dump, b: other.dump }))) left.push(one);
    }
  }
  return left;
}

/** Each with the server of the backup that would hold it. */
function byHolder<T extends { readonly key: Buffer }>(set: LoadedSet, all: readonly T[]): readonly { readonly holder: RedisConnection; readonly keys: readonly T[] }[] {
  const found = new Map<RedisConnection, T[]>();
  for (const one of all) {
    const holder = holderOf(set, one.key);
    const keys = found.get(holder) ?? [];
    found.set(holder, keys);
    keys.push(one);
  }
  return [...found].map(([holder, keys]) => ({ holder, keys }));
}

async function isSoonGone(connection: RedisConnection, key: Buffer): Promise<boolean> {
  const left = Number(await connection.call('PTTL', key));
  return left === -2 || (left >= 0 && left < SOON_GONE_MS);
}

/** Of the keys of a page, those that the backup does not hold. */
async function strangersIn(page: readonly Buffer[], set: LoadedSet): Promise<readonly Buffer[]> {
  const strangers: Buffer[] = [];
  for (const { holder, keys } of byHolder(set, page.map((key) => ({ key })))) {
    const there = await areThere(holder, keys.map(({ key }) => key));
    strangers.push(...keys.flatMap(({ key }, i) => (there[i] === true ? [] : [key])));
  }
  return strangers;
}

/** Removes what the backup does not hold; how many. It comes first, since there may not be room for both. */
export async function removeOthers(live: PrimaryServer, set: LoadedSet, signal: AbortSignal): Promise<number> {
  let removed = 0;
  for await (const page of pagesOf(live.connection, signal)) {
    const strangers = await strangersIn(page, set);
    // One by one: keys of a cluster have different slots.
    await Promise.all(strangers.map((key) => live.connection.call('UNLINK', key)));
    removed += strangers.length;
  }
  return removed;
}

/** Copies the keys that this primary owns, over what stands there; how many. */
export async function copyKeys(live: PrimaryServer, set: LoadedSet, signal: AbortSignal): Promise<number> {
  let copied = 0;
  for (const { connection } of set.shards) {
    for await (const page of pagesOf(connection, signal)) {
      for (const group of await groupsOf(connection, page.filter((key) => owns(live.slots, key)))) {
        signal.throwIfAborted();
        const values = await valuesOf(connection, group);
        // What has ended since is not brought back.
        const held = heldOf(group, values);
        await restore(live.connection, held);
        copied += held.length;
      }
    }
  }
  return copied;
}

/** Many in one call, or a large one alone, which a script would hold a second time. A time that is over removes the key. */
async function restore(live: RedisConnection, held: readonly Held[]): Promise<void> {
  const [first] = held;
  if (first === undefined) return;
  const parts = held.flatMap(({ key, value: { dump, end } }) => [key, String(Math.max(0, end)), dump]);
  const refused = held.length === 1 ? await restoreAlone(live, parts) : ((await live.callBuffer('EVAL', RESTORE, 0, ...parts)) as readonly [Buffer, Buffer] | null);
  if (refused !== null) throw new Error(`the key ${nameOf(refused[0])} is refused: ${refused[1].toString('utf8')}`);
}

async function restoreAlone(live: RedisConnection, parts: readonly (Buffer | string)[]): Promise<readonly [Buffer, Buffer] | null> {
  try {
    await live.call('RESTORE', ...parts, 'REPLACE', 'ABSTTL');
    return null;
  } catch (error) {
    return [Buffer.from(parts[0] ?? ''), Buffer.from(error instanceof Error ? error.message : 'for no reason given')];
  }
}

/** Both ways: what one has and the other has not, other values, other ends. `most`: it stops after so many. */
export async function findDifferences(live: PrimaryServer, set: LoadedSet, signal: AbortSignal, most = Number.POSITIVE_INFINITY): Promise<Differences> {
  const told: string[] = [];
  let [compared, different] = [0, 0];
  const tell = (key: Buffer, what: string): void => {
    different += 1;
    if (told.length < TOLD) told.push(`${nameOf(key)} ${what}`);
  };
  for (const { connection } of set.shards) {
    for await (const page of pagesOf(connection, signal)) {
      for (const group of await groupsOf(connection, page.filter((key) => owns(live.slots, key)))) {
        await compareGroup({ live: live.connection, backup: connection }, group, tell);
        compared += group.length;
        if (different >= most) return { compared, different, told };
      }
    }
  }
  for await (const page of pagesOf(live.connection, signal)) {
    for (const key of await strangersIn(page, set)) if (!(await isSoonGone(live.connection, key))) tell(key, 'is not in the backup');
    if (different >= most) break;
  }
  return { compared, different, told };
}

async function compareGroup({ live, backup }: { readonly live: RedisConnection; readonly backup: RedisConnection }, group: readonly Buffer[], tell: (key: Buffer, what: string) => void): Promise<void> {
  const [ours, theirs] = [await valuesOf(live, group), await valuesOf(backup, group)];
  for (const [i, key] of group.entries()) {
    const [is, want] = [ours[i], theirs[i]];
    if (want === undefined) continue;
    if (is === undefined) {
      if (!(await isSoonGone(backup, key))) tell(key, 'is missing');
    } else if (!(await isSameValue(live, backup, key, { a: is.dump, b: want.dump }))) tell(key, 'has another value');
    else if ((is.end < 0) !== (want.end < 0) || Math.abs(is.end - want.end) > ENDS_WITHIN_MS) tell(key, 'ends at another time');
  }
}
