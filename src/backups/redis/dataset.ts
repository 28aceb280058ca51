/**
 * What stands in one Redis server, counted and digested: for the manifest of a backup, and again in the sandbox of a drill. The
 * counting runs as a script in the server, since it looks at every key; it changes nothing.
 */
import { createHash } from 'node:crypto';
import type { RedisConnection } from './connection.ts';

export interface PrefixCount {
  readonly prefix: string;
  readonly count: number;
  /** Keys with a time to live. */
  readonly volatile: number;
}

export interface SampledKey {
  readonly key: string;
  readonly type: string;
  readonly sha256: string;
  /** ms since the epoch; null: it stays. */
  readonly expiresAtMs: number | null;
  /** When the first field of a hash ends, ms since the epoch (Redis 7.4, Valkey 9): from then on it has another value by itself. */
  readonly fieldsEndAtMs?: number;
}

export interface Dataset {
  readonly keys: number;
  readonly volatile: number;
  readonly prefixes: readonly PrefixCount[];
  /** Keys chosen by the seed, the same ones for the same keys. */
  readonly chosen: readonly string[];
}

/** Prefixes beyond this many are counted together. */
export const PREFIXES_MAX = 500;
export const OTHER_PREFIX = '(other)';
/** Keys that one turn of the script looks at. */
const KEYS_A_TURN = 5_000;
/** A value with more elements than this, or of more bytes, is not digested. */
const ELEMENTS_MAX = 100_000;
/** Fields that are asked for their times at a time. */
const FIELDS_AT_A_TIME = 1_000;
const VALUE_MAX_BYTES = 16 * 1024 * 1024;

/**
 * One turn of SCAN. Prefixes are the first two words of a key where the second is a plain word (`job:meta`, `dlq:entry`), so that
 * ids are no prefixes. Keys are chosen by a hash of the seed and the key: the lowest ones win, wherever SCAN finds them.
 */
const COUNT_SCRIPT = `
local answer = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
local counts, volatile, order, chosen = {}, {}, {}, {}
local ceiling = tonumber(ARGV[4])
for _, key in ipairs(answer[2]) do
  local first, second = string.match(key, '^([^:]+):([a-z_%-]+):')
  local prefix = first and (first .. ':' .. second) or (string.match(key, '^([^:]+):') or key)
  if #prefix > 64 then prefix = string.sub(prefix, 1, 64) end
  if not counts[prefix] then counts[prefix] = 0; volatile[prefix] = 0; order[#order + 1] = prefix end
  counts[prefix] = counts[prefix] + 1
  if redis.call('PTTL', key) >= 0 then volatile[prefix] = volatile[prefix] + 1 end
  if ceiling >= 0 then
    local hash = tonumber(string.sub(redis.sha1hex(ARGV[3] .. key), 1, 8), 16)
    if hash <= ceiling then chosen[#chosen + 1] = { string.format('%08x', hash), key } end
  end
end
local out = {}
for _, prefix in ipairs(order) do out[#out + 1] = { prefix, counts[prefix], volatile[prefix] } end
return { answer[1], out, chosen }`;

const HIGHEST_HASH = 0xffff_ffff;

export async function countDataset(connection: RedisConnection, options: { readonly seed: string; readonly choose: number; readonly signal?: AbortSignal }): Promise<Dataset> {
  const counts = new Map<string, { count: number; volatile: number }>();
  let chosen: { readonly hash: string; readonly key: string }[] = [];
  let ceiling = HIGHEST_HASH;
  let keys = 0;
  let volatile = 0;
  let cursor = '0';
  do {
    options.signal?.throwIfAborted();
    const answer = (await evalReadOnly(connection, COUNT_SCRIPT, cursor, KEYS_A_TURN, options.seed, options.choose === 0 ? -1 : ceiling)) as [string, [string, number, number][], [string, string][]];
    cursor = answer[0];
    for (const [prefix, count, ephemeral] of answer[1]) {
      const name = counts.has(prefix) || counts.size < PREFIXES_MAX ? prefix : OTHER_PREFIX;
      const known = counts.get(name) ?? { count: 0, volatile: 0 };
      counts.set(name, { count: known.count + count, volatile: known.volatile + ephemeral });
      keys += count;
      volatile += ephemeral;
    }
    chosen.push(...answer[2].map(([hash, key]) => ({ hash, key })));
    if (chosen.length > options.choose) {
      chosen = chosen.toSorted((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0)).slice(0, options.choose);
      ceiling = Number.parseInt(chosen.at(-1)?.hash ?? 'ffffffff', 16);
    }
  } while (cursor !== '0');
  return {
    keys,
    volatile,
    prefixes: [...counts].map(([prefix, one]) => ({ prefix, ...one })).toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    chosen: chosen.map(({ key }) => key),
  };
}

/** `EVAL_RO` cannot write, whatever the script says; servers before 7 do not know it. */
async function evalReadOnly(connection: RedisConnection, script: string, ...args: readonly (string | number)[]): Promise<unknown> {
  try {
    return await connection.call('EVAL_RO', script, 0, ...args);
  } catch (error) {
    if (!(error instanceof Error) || !/unknown command/i.test(error.message)) throw error;
    return connection.call('EVAL', script, 0, ...args);
  }
}

/** The digest of one key's value, independent of how the server keeps it. Undefined: gone, too large, or of a kind that cannot be read. */
export async function digestKey(connection: RedisConnection, key: string): Promise<SampledKey | undefined> {
  const type = String(await connection.call('TYPE', key));
  const hash = createHash('sha256');
  const add = (part: unknown): void => {
    const bytes = Buffer.isBuffer(part) ? part : Buffer.from(String(part));
    hash.update(`${bytes.length}\n`).update(bytes);
  };
  const read = READERS.get(type);
  if (read === undefined || !(await isSmall(connection, key, read.size))) return undefined;
  const parts = await read.parts(connection, key);
  if (parts === undefined) return undefined;
  for (const part of parts) add(part);
  const expiry = Number(await connection.call('PTTL', key));
  const fieldsEndAtMs = type === 'hash' ? await firstEndOf(connection, key) : undefined;
  return { key, type, sha256: hash.digest('hex'), expiresAtMs: expiry < 0 ? null : await expiryOf(connection, key, expiry), ...(fieldsEndAtMs === undefined ? {} : { fieldsEndAtMs }) };
}

/** Servers that do not know the command have no fields that end. */
async function firstEndOf(connection: RedisConnection, key: string): Promise<number | undefined> {
  try {
    const fields = (await connection.callBuffer('HKEYS', key)) as readonly Buffer[];
    let first = Number.POSITIVE_INFINITY;
    for (let at = 0; at < fields.length; at += FIELDS_AT_A_TIME) {
      const some = fields.slice(at, at + FIELDS_AT_A_TIME);
      const ends = (await connection.call('HPEXPIRETIME', key, 'FIELDS', some.length, ...some)) as readonly number[];
      first = Math.min(first, ...ends.map(Number).filter((end) => end > 0));
    }
    return Number.isFinite(first) ? first : undefined;
  } catch {
    return undefined;
  }
}

/** Hashes of database 0 some of whose fields end; as Redis 7.4 calls it, and Valkey 9. */
export async function countFieldTimes(connection: RedisConnection): Promise<number> {
  return Number(/^db0:.*\b(?:subexpiry|keys_with_volatile_items)=(\d+)/m.exec(String(await connection.call('INFO', 'keyspace')))?.[1] ?? 0);
}

interface Reader {
  readonly size: string;
  parts(connection: RedisConnection, key: string): Promise<readonly unknown[] | undefined>;
}

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ['string', { size: 'STRLEN', parts: async (connection, key) => present(await connection.callBuffer('GET', key)) }],
  ['list', { size: 'LLEN', parts: async (connection, key) => flat(await connection.callBuffer('LRANGE', key, 0, -1)) }],
  ['set', { size: 'SCARD', parts: async (connection, key) => sorted(await connection.callBuffer('SMEMBERS', key), 1) }],
  ['hash', { size: 'HLEN', parts: async (connection, key) => sorted(await connection.callBuffer('HGETALL', key), 2) }],
  ['zset', { size: 'ZCARD', parts: async (connection, key) => flat(await connection.callBuffer('ZRANGE', key, 0, -1, 'WITHSCORES')) }],
  ['stream', { size: 'XLEN', parts: async (connection, key) => flat(await connection.callBuffer('XRANGE', key, '-', '+')) }],
]);

async function isSmall(connection: RedisConnection, key: string, size: string): Promise<boolean> {
  const most = size === 'STRLEN' ? VALUE_MAX_BYTES : ELEMENTS_MAX;
  return Number(await connection.call(size, key)) <= most;
}

function present(value: unknown): readonly unknown[] | undefined {
  return value === null ? undefined : [value];
}

function flat(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value];
}

/** Sets and hashes come in any order: members, or pairs, are put in that of their bytes. */
function sorted(value: unknown, width: number): readonly unknown[] {
  const all = flat(value) as readonly Buffer[];
  const groups = Array.from({ length: all.length / width }, (_, i) => all.slice(i * width, (i + 1) * width));
  return groups.toSorted((a, b) => Buffer.compare(a[0] ?? Buffer.alloc(0), b[0] ?? Buffer.alloc(0))).flat();
}

/** The server's own time of expiry (Redis ≥ 7), else by its clock. */
async function expiryOf(connection: RedisConnection, key: string, pttl: number): Promise<number> {
  try {
    return Number(await connection.call('PEXPIRETIME', key));
  } catch {
    const [seconds, micros] = (await connection.call('TIME')) as [string, string];
    return Number(seconds) * 1_000 + Math.trunc(Number(micros) / 1_000) + pttl;
  }
}
