/**
 * Which keys stand in an RDB file: counted by prefix as `dataset.ts` counts those of a server, and digested in the same pass. A server
 * takes two to five microseconds a key to say so (measured on 7.0.15, a million keys and more), in which it can do nothing else; the
 * file can be read beside the loading. Only what Redis up to 8.0 writes without modules is known (`rdb.h`, `rdb.c`); of other files
 * nothing is said, nor of those that only Valkey reads, whose numbers of types mean other things.
 */
import { closeSync, openSync } from 'node:fs';
import { OTHER_PREFIX, PREFIXES_MAX, type PrefixCount } from './dataset.ts';
import { createRdbReader, NoRdb, type RdbReader } from './rdb-reader.ts';

export interface RdbScanInput {
  readonly path: string;
  /** Records whose time was over by then are not counted, as no server loads them. */
  readonly nowMs: number;
  /** How many keys are chosen by chance. */
  readonly choose: number;
  /** Beginnings of keys that are collected, each up to `collect` of them. */
  readonly beginnings: readonly string[];
  readonly collect: number;
}

export interface RdbScan {
  readonly bytes: number;
  readonly sha256: string;
  /** Undefined where the file holds something that is not known here. */
  readonly facts?: RdbKeys;
}

/** Of database 0, which is the only one that Cordum uses. */
export interface RdbKeys {
  readonly prefixes: readonly PrefixCount[];
  readonly chosen: readonly string[];
  /** Hashes of which some fields end by themselves (Redis 7.4); the last one takes its key with it. */
  readonly fieldTimes: number;
  readonly collected: readonly { readonly beginning: string; readonly keys: readonly string[]; readonly truncated: boolean }[];
}

const HEAD_BYTES = 9;
const MAGIC = 'REDIS';
const COLON = 0x3a;
const PREFIX_MAX_BYTES = 64;
/** A 64-bit time in halves. */
const UPPER = 2 ** 32;

interface Prefix {
  readonly name: string;
  count: number;
  volatile: number;
  /** The lists into which its keys may go. */
  readonly wanted: readonly Collected[];
}

interface Collected {
  readonly beginning: string;
  readonly keys: string[];
  truncated: boolean;
}

export function scanRdb(input: RdbScanInput): RdbScan {
  const file = openSync(input.path, 'r');
  try {
    const reader = createRdbReader(file);
    let facts: RdbKeys | undefined;
    try {
      facts = readKeys(reader, input);
    } catch (error) {
      // `redis-check-rdb` says what is wrong with it.
      if (!(error instanceof NoRdb)) throw error;
    }
    return { ...reader.finish(), ...(facts === undefined ? {} : { facts }) };
  } finally {
    closeSync(file);
  }
}

function readKeys(reader: RdbReader, input: RdbScanInput): RdbKeys {
  const tally = createTally(input);
  if (!reader.bytes(HEAD_BYTES).toString('latin1').startsWith(MAGIC)) throw new NoRdb('it is of another server');
  let database = 0;
  let expiresMs = -1;
  for (;;) {
    const code = reader.byte();
    if (code === 0xff) return tally.facts();
    if (code === 0xfe) database = reader.length();
    else if (code === 0xfc) expiresMs = readTime(reader.bytes(8));
    else if (code === 0xfd) expiresMs = reader.bytes(4).readInt32LE(0) * 1_000;
    else if (code === 0xfa) reader.skipTexts(2);
    else if (code === 0xfb) reader.skipLengths(2);
    else if (code === 0xf8) reader.skipLengths(1);
    else if (code === 0xf9) reader.skip(1);
    else if (code === 0xf5) reader.skipText();
    // How many keys a slot holds, in a cluster since 7.4.
    else if (code === 0xf4) reader.skipLengths(3);
    else {
      const key = reader.text();
      if (database === 0 && (expiresMs < 0 || expiresMs > input.nowMs)) tally.add(key, { volatile: expiresMs >= 0, fieldTimes: code === HASH_OF_TIMES || code === LISTPACK_OF_TIMES });
      skipValue(reader, code);
      expiresMs = -1;
    }
  }
}

function readTime(bytes: Buffer): number {
  return bytes.readInt32LE(4) * UPPER + bytes.readUInt32LE(0);
}

interface Tally {
  add(key: Buffer, of: { readonly volatile: boolean; readonly fieldTimes: boolean }): void;
  facts(): RdbKeys;
}

function createTally({ choose, beginnings, collect }: RdbScanInput): Tally {
  const byName = new Map<string, Prefix>();
  const collected = beginnings.map((beginning): Collected => ({ beginning, keys: [], truncated: false }));
  const other: Prefix = { name: OTHER_PREFIX, count: 0, volatile: 0, wanted: collected };
  const chosen: string[] = [];
  let seen = 0;
  let times = 0;
  let chance = 1;
  const prefixFor = (name: string): Prefix => {
    const known = byName.get(name);
    if (known !== undefined) return known;
    if (byName.size >= PREFIXES_MAX) return other;
    const prefix: Prefix = { name, count: 0, volatile: 0, wanted: collected.filter(({ beginning }) => `${name}:`.startsWith(beginning)) };
    byName.set(name, prefix);
    return prefix;
  };
  return {
    add(key, { volatile, fieldTimes }) {
      const prefix = prefixFor(prefixOfBytes(key));
      prefix.count += 1;
      if (volatile) prefix.volatile += 1;
      if (fieldTimes) times += 1;
      for (const one of prefix.wanted) {
        if (key.toString('latin1', 0, one.beginning.length) !== one.beginning) continue;
        if (one.keys.length >= collect) one.truncated = true;
        else one.keys.push(key.toString('utf8'));
      }
      seen += 1;
      // A sample of all keys, each with the same chance; the same one for the same file.
      chance = (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0;
      if (chosen.length < choose) chosen.push(key.toString('utf8'));
      else {
        const place = Math.floor((chance / UPPER) * seen);
        if (place < choose) chosen[place] = key.toString('utf8');
      }
    },
    facts: () => ({
      prefixes: [...byName.values(), ...(other.count > 0 ? [other] : [])].map(({ name, count, volatile }) => ({ prefix: name, count, volatile })).toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
      chosen,
      fieldTimes: times,
      collected,
    }),
  };
}

/** The same as the script's in `dataset.ts`: two words where the second is a plain one, else the first, else the whole key. */
function prefixOfBytes(key: Buffer): string {
  const first = key.indexOf(COLON);
  if (first <= 0) return key.toString('utf8', 0, Math.min(key.length, PREFIX_MAX_BYTES));
  let to = first + 1;
  while (to < key.length && isOfWord(key[to] ?? 0)) to += 1;
  const end = to > first + 1 && key[to] === COLON ? to : first;
  return key.toString('utf8', 0, Math.min(end, PREFIX_MAX_BYTES));
}

function isOfWord(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte === 0x2d;
}

/** Hashes with fields that end (Redis 7.4). */
const HASH_OF_TIMES = 24;
const LISTPACK_OF_TIMES = 25;

/** By the number of its type (`rdb.h`). */
function skipValue(reader: RdbReader, type: number): void {
  switch (type) {
    // A text; and what is kept in one: zipmap, ziplists, intset, listpacks.
    case 0:
    case 9:
    case 10:
    case 11:
    case 12:
    case 13:
    case 16:
    case 17:
    case 20:
      return reader.skipText();
    case 1:
    case 2:
    case 14:
      return reader.skipTexts(reader.count());
    case 4:
      return reader.skipTexts(reader.count() * 2);
    case 3:
    case 5:
      return skipScores(reader, type === 5);
    case 18:
      return skipNodes(reader);
    case 15:
    case 19:
    case 21:
      return skipStream(reader, type);
    case HASH_OF_TIMES:
      return skipFields(reader);
    case LISTPACK_OF_TIMES:
      reader.skip(8);
      return reader.skipText();
    default:
      throw new NoRdb(`it holds a value of the type ${type}`);
  }
}

function skipScores(reader: RdbReader, binary: boolean): void {
  for (let left = reader.count(); left > 0; left -= 1) {
    reader.skipText();
    const size = binary ? 8 : reader.byte();
    // 253 to 255: not a number, and the infinities.
    reader.skip(size >= 253 ? 0 : size);
  }
}

/** The first of the times, then of each field how much later it ends, its name and its value. */
function skipFields(reader: RdbReader): void {
  reader.skip(8);
  for (let left = reader.count(); left > 0; left -= 1) {
    reader.skipLengths(1);
    reader.skipTexts(2);
  }
}

function skipNodes(reader: RdbReader): void {
  for (let left = reader.count(); left > 0; left -= 1) {
    reader.skipLengths(1);
    reader.skipText();
  }
}

/** Blocks of entries, numbers, groups with what waits for an acknowledgement, and their consumers. */
function skipStream(reader: RdbReader, type: number): void {
  reader.skipTexts(reader.count() * 2);
  reader.skipLengths(type >= 19 ? 8 : 3);
  for (let groups = reader.count(); groups > 0; groups -= 1) {
    reader.skipText();
    reader.skipLengths(type >= 19 ? 3 : 2);
    for (let pending = reader.count(); pending > 0; pending -= 1) {
      reader.skip(24);
      reader.skipLengths(1);
    }
    for (let consumers = reader.count(); consumers > 0; consumers -= 1) {
      reader.skipText();
      reader.skip(type >= 21 ? 16 : 8);
      reader.skip(reader.count() * 16);
    }
  }
}
