/** What a restore of Redis would do to the live servers, and what speaks against it: seen in a copy that has been loaded. Nothing here writes. */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { RedisSurvey } from '#systems/restore/client.ts';
import type { Manifest } from '../manifest.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { lookAtRecords } from '../redis/cordum-records.ts';
import type { PrefixCount } from '../redis/dataset.ts';
import { dumpVersion } from '../redis/dump.ts';
import { versionOf } from '../redis/topology.ts';
import { withSet, type RedisPlace } from './redis.ts';
import { countLive, infoOf, withServers } from './redis-live.ts';
import { nameOf, owns, pagesOf, sizesOf, type LoadedSet } from './redis-values.ts';
import type { PrimaryServer, Servers } from './servers.ts';

/** Redis takes no larger command (`proto-max-bulk-len` is 512 MB), and this process holds the value whole. */
const KEY_MAX_BYTES = 256 * 1024 * 1024;
/** Tries to find a small key whose dump says the version of a server. */
const DUMP_TRIES = 20;
const SMALL_BYTES = 64 * 1024;

export async function surveyRedis(place: RedisPlace, stamp: string, signal: AbortSignal): Promise<Result<RedisSurvey>> {
  return withSet(place, stamp, signal, (set, manifest) => withServers(place, (servers) => survey(servers, { set, manifest }, signal)));
}

async function survey(servers: Servers, { set, manifest }: { readonly set: LoadedSet; readonly manifest: Manifest }, signal: AbortSignal): Promise<Result<RedisSurvey>> {
  const weighed = await weigh(servers, set, signal);
  if (!weighed.ok) return weighed;
  const refused = await whyNotTaken(servers, set);
  if (refused !== '') return fail('refused', refused, 'no');
  const counted = await countLive(servers, signal);
  const lines: RedisSurvey['servers'][number][] = [];
  const databases = new Set<string>();
  for (const [i, { host, port, connection }] of servers.primaries.entries()) {
    const info = await infoOf(connection);
    for (const database of await otherDatabases(connection)) databases.add(database);
    const { keys = 0, bytes = 0 } = weighed.value[i] ?? {};
    const line = { name: `${host}:${port}`, version: versionOf(info), keysNow: Number(await connection.call('DBSIZE')), keysNext: keys, bytesNext: bytes + (Number(info('used_memory_startup')) || 0), bytesMax: Number(info('maxmemory')) || 0, appendOnly: info('aof_enabled') === '1' };
    if (line.bytesMax > 0 && line.bytesNext > line.bytesMax) return fail('refused', `${line.name} has room for ${mib(line.bytesMax)} (maxmemory), and what it would hold needs about ${mib(line.bytesNext)}.`, 'no');
    lines.push(line);
  }
  const [first] = set.shards;
  const notes = await leftOut(set);
  if (databases.size > 0) notes.push(`Other databases than 0 are left as they are: ${[...databases].join(', ')}.`);
  return succeed({
    servers: lines,
    prefixes: comparePrefixes(counted.prefixes, manifest.redis?.keysByPrefix ?? []),
    newestNowMs: await newestOf(servers, counted.prefixes, signal),
    newestNextMs: Date.parse(manifest.redis?.newestRecordAt ?? '') || 0,
    wroteVersion: manifest.source.serverVersion,
    loadedVersion: first === undefined ? '' : versionOf(await infoOf(first.connection)),
    notes,
  });
}

interface Weight {
  keys: number;
  bytes: number;
}

/** What each live primary will hold. Sizes of keys say how the memory is shared out; the sum is what the sandbox uses. */
async function weigh({ primaries }: Servers, set: LoadedSet, signal: AbortSignal): Promise<Result<readonly Weight[]>> {
  const weights = primaries.map((): Weight => ({ keys: 0, bytes: 0 }));
  let [used, named] = [0, 0];
  for (const { connection, slots } of set.shards) {
    const info = await infoOf(connection);
    used += Number(info('used_memory')) - Number(info('used_memory_startup'));
    for await (const page of pagesOf(connection, signal)) {
      const sizes = await sizesOf(connection, page);
      for (const [i, key] of page.entries()) {
        const size = sizes[i] ?? 0;
        if (size > KEY_MAX_BYTES) return fail('tooLarge', `The key ${nameOf(key)} is ${mib(size)} large; at most ${mib(KEY_MAX_BYTES)} are restored in one piece.`, 'no');
        if (!owns(slots, key)) return fail('refused', `redis-${set.stamp} holds ${nameOf(key)} in a shard that did not own it: slots moved while it was taken.`, 'no');
        const weight = weights[primaries.findIndex((live) => owns(live.slots, key))];
        if (weight === undefined) return fail('refused', `No primary owns the slot of ${nameOf(key)}.`, 'no');
        weight.keys += 1;
        weight.bytes += size;
        named += size;
      }
    }
  }
  return succeed(weights.map(({ keys, bytes }) => ({ keys, bytes: named === 0 ? 0 : Math.round((bytes / named) * Math.max(used, named)) })));
}

/** A server refuses values that a newer one has dumped. Empty: it takes them. */
export async function whyNotTaken({ primaries }: Pick<Servers, 'primaries'>, { shards, stamp }: LoadedSet): Promise<string> {
  let next: { readonly version: number; readonly redis: string } | undefined;
  for (const { connection } of shards) {
    const version = await seenVersion(connection);
    if (version !== undefined) next = { version, redis: versionOf(await infoOf(connection)) };
  }
  if (next === undefined) return '';
  for (const { host, port, connection } of primaries) {
    const redis = versionOf(await infoOf(connection));
    const version = (await seenVersion(connection)) ?? knownVersion(redis);
    if (version < next.version) return `Redis ${redis} at ${host}:${port} does not take what Redis ${next.redis} of this machine, which has loaded redis-${stamp}, dumps (RDB version ${next.version}, it takes ${version} at most). Install a redis-server here that is as old as the live one.`;
  }
  return '';
}

/** By the dump of one of its keys; undefined where it has no small one. */
async function seenVersion(connection: RedisConnection): Promise<number | undefined> {
  for (let tries = 0; tries < DUMP_TRIES; tries += 1) {
    const key = (await connection.callBuffer('RANDOMKEY')) as Buffer | null;
    if (key === null) return undefined;
    if (Number(await connection.call('MEMORY', 'USAGE', key)) > SMALL_BYTES) continue;
    const payload = (await connection.callBuffer('DUMP', key)) as Buffer | null;
    if (payload !== null) return dumpVersion(payload);
  }
  return undefined;
}

/** As `RDB_VERSION` stands in the sources of each release (`rdb.h`); of an unknown old one nothing is taken for granted. */
function knownVersion(redis: string): number {
  const [major = 0, minor = 0] = redis.split('.').map(Number);
  if (major >= 8) return 12;
  if (major === 7) return minor >= 4 ? 12 : minor >= 2 ? 11 : 10;
  return major >= 5 ? 9 : 8;
}

async function leftOut({ shards }: LoadedSet): Promise<string[]> {
  const notes = ['Users (ACL) and settings are in no backup: they stay as they are. Replicas follow their primaries by themselves.'];
  for (const { connection } of shards) {
    const functions = await connection.call('FUNCTION', 'LIST').catch(() => []);
    if (Array.isArray(functions) && functions.length > 0) {
      notes.push('The backup holds functions (FUNCTION LOAD), which are not restored; Cordum uses none.');
      break;
    }
  }
  const databases = new Set<string>();
  for (const { connection } of shards) for (const database of await otherDatabases(connection)) databases.add(database);
  if (databases.size > 0) notes.push(`The backup holds keys of other databases than 0 (${[...databases].join(', ')}), which are not restored; Cordum uses none.`);
  return notes;
}

/** `db1:keys=3,expires=0,avg_ttl=0` */
async function otherDatabases(connection: RedisConnection): Promise<readonly string[]> {
  return [...String(await connection.call('INFO', 'keyspace')).matchAll(/^db([1-9]\d*):keys=/gm)].map(([, id = '']) => id);
}

function comparePrefixes(now: readonly PrefixCount[], next: readonly PrefixCount[]): RedisSurvey['prefixes'] {
  const names = new Set([...now, ...next].map(({ prefix }) => prefix));
  const count = (all: readonly PrefixCount[], name: string): number => all.find(({ prefix }) => prefix === name)?.count ?? 0;
  return [...names].toSorted((a, b) => (a < b ? -1 : 1)).map((prefix) => ({ prefix, now: count(now, prefix), next: count(next, prefix) }));
}

async function newestOf({ primaries }: { readonly primaries: readonly PrimaryServer[] }, prefixes: readonly PrefixCount[], signal: AbortSignal): Promise<number> {
  const names = new Set(prefixes.map(({ prefix }) => prefix));
  let newest = 0;
  for (const { connection } of primaries) newest = Math.max(newest, (await lookAtRecords(connection, names, signal)).newestMs ?? 0);
  return newest;
}

export function mib(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
