/** Keys and values of two Redis servers side by side, read in bounded parts. Nothing here writes. */
import type { SlotRange } from '../redis/cluster.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { slotOf } from '../redis/slots.ts';

/** Keys of one turn of SCAN. */
const PAGE_KEYS = 1_000;
/** Values that are in memory at one time, by what they take in the server; one key may be larger. */
const GROUP_BYTES = 8 * 1024 * 1024;
/** Elements of a collection, and bytes of a text, that are compared at one time. */
const ELEMENTS = 1_000;
const TEXT_BYTES = 1024 * 1024;
/** DUMP ends with two bytes of version and eight of checksum. */
const FOOTER_BYTES = 10;
const NAME_CHARS = 120;

const SIZES = "local out = {} for i, key in ipairs(ARGV) do out[i] = redis.call('MEMORY', 'USAGE', key) or 0 end return out";
const THERE = "local out = {} for i, key in ipairs(ARGV) do out[i] = redis.call('EXISTS', key) end return out";
/** Servers before 7 do not say when a key ends, but how much is left. */
const VALUES = `
local out = {}
for i, key in ipairs(ARGV) do
  local ends = redis.pcall('PEXPIRETIME', key)
  if type(ends) == 'table' then
    ends = redis.call('PTTL', key)
    local now = redis.call('TIME')
    if ends >= 0 then ends = ends + now[1] * 1000 + math.floor(now[2] / 1000) end
  end
  out[i] = { redis.call('DUMP', key), ends }
end
return out`;

/** A server that has loaded one file of a backup. */
export interface Shard {
  readonly connection: RedisConnection;
  /** That it owned; empty for a server that was no cluster. */
  readonly slots: readonly SlotRange[];
}

/** A backup, loaded into servers of its own. */
export interface LoadedSet {
  readonly stamp: string;
  readonly shards: readonly Shard[];
  close(): Promise<void>;
}

export function owns(slots: readonly SlotRange[], key: Buffer): boolean {
  if (slots.length === 0) return true;
  const slot = slotOf(key);
  return slots.some(({ from, to }) => slot >= from && slot <= to);
}

/** The server of a backup in which the key stands, if it does. Of a whole cluster one owns each slot. */
export function holderOf({ shards }: LoadedSet, key: Buffer): RedisConnection {
  const shard = shards.length === 1 ? shards[0] : shards.find(({ slots }) => owns(slots, key));
  if (shard === undefined) throw new Error(`no shard of the backup owned the slot of ${nameOf(key)}`);
  return shard.connection;
}

/** A key as people read it: names may hold any bytes. */
export function nameOf(key: Buffer): string {
  const text = JSON.stringify(key.toString('utf8')).slice(1, -1);
  return text.length > NAME_CHARS ? `${text.slice(0, NAME_CHARS)}…` : text;
}

export async function* pagesOf(connection: RedisConnection, signal: AbortSignal): AsyncGenerator<readonly Buffer[]> {
  let cursor = '0';
  do {
    signal.throwIfAborted();
    const [next, keys] = (await connection.callBuffer('SCAN', cursor, 'COUNT', PAGE_KEYS)) as [Buffer, Buffer[]];
    cursor = next.toString('latin1');
    if (keys.length > 0) yield keys;
  } while (cursor !== '0');
}

/** What each takes in the server's memory; 0 where it is not there. */
export async function sizesOf(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly number[]> {
  return ((await runScript(connection, SIZES, keys)) as readonly (number | null)[]).map(Number);
}

export async function areThere(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly boolean[]> {
  return ((await runScript(connection, THERE, keys)) as readonly (number | null)[]).map((is) => Number(is) === 1);
}

export interface Value {
  /** As DUMP writes it. */
  readonly dump: Buffer;
  /** When it ends, ms since the epoch; −1: it stays. */
  readonly end: number;
}

/** In the order of the keys; undefined: it is not there. */
export async function valuesOf(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly (Value | undefined)[]> {
  const found = (await runScript(connection, VALUES, keys)) as readonly (readonly [Buffer | null, number])[];
  return found.map(([dump, end]) => (dump === null ? undefined : { dump, end }));
}

/** The keys in groups whose values may be held in memory together. */
export async function groupsOf(connection: RedisConnection, keys: readonly Buffer[]): Promise<readonly (readonly Buffer[])[]> {
  const sizes = await sizesOf(connection, keys);
  const groups: Buffer[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [i, key] of keys.entries()) {
    const size = sizes[i] ?? 0;
    if (bytes + size > GROUP_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(key);
    bytes += size;
  }
  return groups;
}

/** One call for many keys: a call for each costs more than what it brings. `EVAL_RO` cannot write; servers before 7 do not know it. */
async function runScript(connection: RedisConnection, script: string, keys: readonly Buffer[]): Promise<unknown> {
  if (keys.length === 0) return [];
  try {
    // Not as KEYS: those of a cluster would have to be of one slot, though all of them stand in this server.
    return await connection.callBuffer('EVAL_RO', script, 0, ...keys);
  } catch (error) {
    if (!(error instanceof Error) || !/unknown command/i.test(error.message)) throw error;
    return connection.callBuffer('EVAL', script, 0, ...keys);
  }
}

/**
 * Whether both hold the same value. Mostly the dumps are equal byte by byte. Sets and hashes come in an order of the server's own,
 * and servers of two versions write differently: then elements are compared.
 */
export async function isSameValue(a: RedisConnection, b: RedisConnection, key: Buffer, dumps: { readonly a: Buffer; readonly b: Buffer }): Promise<boolean> {
  if (dumps.a.length === dumps.b.length && dumps.a.subarray(0, -FOOTER_BYTES).equals(dumps.b.subarray(0, -FOOTER_BYTES))) return true;
  const type = String(await a.call('TYPE', key));
  if (type !== String(await b.call('TYPE', key))) return false;
  const compare = COMPARE.get(type);
  return compare === undefined ? false : compare(a, b, key);
}

type Compare = (a: RedisConnection, b: RedisConnection, key: Buffer) => Promise<boolean>;

const COMPARE: ReadonlyMap<string, Compare> = new Map<string, Compare>([
  ['string', (a, b, key) => byWindows(a, b, { length: ['STRLEN', key], window: (from) => ['GETRANGE', key, from, from + TEXT_BYTES - 1], step: TEXT_BYTES })],
  ['list', (a, b, key) => byWindows(a, b, { length: ['LLEN', key], window: (from) => ['LRANGE', key, from, from + ELEMENTS - 1], step: ELEMENTS })],
  ['zset', (a, b, key) => byWindows(a, b, { length: ['ZCARD', key], window: (from) => ['ZRANGE', key, from, from + ELEMENTS - 1, 'WITHSCORES'], step: ELEMENTS })],
  ['set', (a, b, key) => byMembers(a, b, key, { length: 'SCARD', scan: 'SSCAN', isIn: sameMembers })],
  ['hash', (a, b, key) => byMembers(a, b, key, { length: 'HLEN', scan: 'HSCAN', isIn: sameFields })],
  ['stream', sameStream],
]);

type Command = readonly [string, ...(string | number | Buffer)[]];

async function byWindows(a: RedisConnection, b: RedisConnection, { length, window, step }: { readonly length: Command; readonly window: (from: number) => Command; readonly step: number }): Promise<boolean> {
  const size = Number(await a.call(...length));
  if (size !== Number(await b.call(...length))) return false;
  for (let from = 0; from < size; from += step) if (!(await sameAnswer(a, b, window(from)))) return false;
  return true;
}

async function sameAnswer(a: RedisConnection, b: RedisConnection, command: Command): Promise<boolean> {
  return isEqual(await a.callBuffer(...command), await b.callBuffer(...command));
}

/** As many, and each of the one is in the other. That SCAN may name one twice does no harm. */
async function byMembers(a: RedisConnection, b: RedisConnection, key: Buffer, by: { readonly length: string; readonly scan: string; readonly isIn: (b: RedisConnection, key: Buffer, found: readonly Buffer[]) => Promise<boolean> }): Promise<boolean> {
  if (Number(await a.call(by.length, key)) !== Number(await b.call(by.length, key))) return false;
  let cursor = '0';
  do {
    const [next, found] = (await a.callBuffer(by.scan, key, cursor, 'COUNT', ELEMENTS)) as [Buffer, Buffer[]];
    cursor = next.toString('latin1');
    if (found.length > 0 && !(await by.isIn(b, key, found))) return false;
  } while (cursor !== '0');
  return true;
}

async function sameMembers(b: RedisConnection, key: Buffer, members: readonly Buffer[]): Promise<boolean> {
  return (await Promise.all(members.map((member) => b.call('SISMEMBER', key, member)))).every((is) => Number(is) === 1);
}

async function sameFields(b: RedisConnection, key: Buffer, pairs: readonly Buffer[]): Promise<boolean> {
  const fields = pairs.filter((_, i) => i % 2 === 0);
  const values = pairs.filter((_, i) => i % 2 === 1);
  return isEqual(await b.callBuffer('HMGET', key, ...fields), values);
}

/** Entries, the last id that was given out, and how far each group has read. */
async function sameStream(a: RedisConnection, b: RedisConnection, key: Buffer): Promise<boolean> {
  const about = async (connection: RedisConnection): Promise<unknown> => {
    const info = (await connection.callBuffer('XINFO', 'STREAM', key)) as unknown[];
    const field = (name: string): unknown => info[info.findIndex((one) => String(one) === name) + 1];
    return [field('length'), field('last-generated-id'), await connection.callBuffer('XINFO', 'GROUPS', key)];
  };
  if (!isEqual(await about(a), await about(b))) return false;
  let from = '-';
  for (;;) {
    const entries = (await a.callBuffer('XRANGE', key, from, '+', 'COUNT', ELEMENTS)) as readonly (readonly [Buffer, unknown])[];
    if (!isEqual(entries, await b.callBuffer('XRANGE', key, from, '+', 'COUNT', ELEMENTS))) return false;
    const last = entries.at(-1);
    if (last === undefined || entries.length < ELEMENTS) return true;
    const [ms = '0', seq = '0'] = last[0].toString('latin1').split('-');
    from = `${ms}-${BigInt(seq) + 1n}`;
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  if (Buffer.isBuffer(a) && Buffer.isBuffer(b)) return a.equals(b);
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => isEqual(one, b[i]));
  return a === b;
}
