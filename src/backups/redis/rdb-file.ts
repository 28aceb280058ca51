/**
 * An RDB file at first sight, without a server: its version, what it says of itself, and whether it carries a checksum. One that
 * was written with `rdbchecksum no` ends with eight zeros; `redis-check-rdb` calls it good without having checked anything
 * (measured, reliability.md §C.1), so it is refused here by name.
 */
import { open } from 'node:fs/promises';

/** Of the beginning: the auxiliary fields stand there. */
const HEAD_BYTES = 64 * 1024;
const EOF_OPCODE = 0xff;
const AUX_OPCODE = 0xfa;
const RESIZE_OPCODE = 0xfb;
const CHECKSUM_BYTES = 8;
/** Since this version an RDB ends with a checksum. */
const FIRST_WITH_CHECKSUM = 5;
/** Valkey 9 calls what only it can read its own (measured: `VALKEY080` where fields of a hash end; else it writes `REDIS0011`). */
const MAGIC = /^(?:REDIS(\d{4})|VALKEY(\d{3}))$/;

export interface RdbHead {
  readonly rdbVersion: number;
  /** `redis-ver`; empty when it does not say. */
  readonly redisVersion: string;
  /** `Redis 7.4.1` or `Valkey 8.0.1`, for people; a sentence's subject also where the file does not say it. */
  readonly writer: string;
  /** When it was written, ms since the epoch, by `ctime`; undefined when it does not say. */
  readonly createdMs?: number;
  /** The RDB is the base of an append-only file, which holds what came after. */
  readonly aofBase: boolean;
  /** A Redis from 4 to 8.0 wrote it, by its version and by its auxiliary fields: what those write is known. Of others nothing is concluded from what is not there. */
  readonly knownWriter: boolean;
  readonly bytes: number;
}

export type RdbLook = { readonly ok: true; readonly head: RdbHead } | { readonly ok: false; readonly because: string };

export async function lookAtRdb(path: string): Promise<RdbLook> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size === 0) return { ok: false, because: 'it is empty' };
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await file.read(head, 0, head.length, 0);
    const [, redis, valkey] = MAGIC.exec(head.subarray(0, 9).toString('latin1')) ?? [];
    const version = redis ?? valkey;
    if (version === undefined) return { ok: false, because: 'it does not begin like an RDB file' };
    const rdbVersion = Number(version);
    if (rdbVersion < FIRST_WITH_CHECKSUM) return { ok: false, because: `it is of RDB version ${rdbVersion}, which has no checksum: nothing proves that it is whole` };
    if (size < 9 + 1 + CHECKSUM_BYTES) return { ok: false, because: `it is only ${size} bytes long` };
    const tail = Buffer.alloc(1 + CHECKSUM_BYTES);
    await file.read(tail, 0, tail.length, size - tail.length);
    if (tail.subarray(1).every((byte) => byte === 0)) return { ok: false, because: 'it carries no checksum (rdbchecksum no): nothing proves that it is whole' };
    if (tail[0] !== EOF_OPCODE) return { ok: false, because: 'it does not end like an RDB file: something is missing, or something follows' };
    const read = readHead(head, rdbVersion, size);
    const written = read.knownWriter ? versionOf(read.redisVersion) : undefined;
    if (written !== undefined && rdbVersion !== written) return { ok: false, because: `it says that it is of RDB version ${rdbVersion}, but Redis ${read.redisVersion}, which wrote it, writes version ${written}: it was changed` };
    if (written !== undefined && read.createdMs === undefined) return { ok: false, because: `Redis ${read.redisVersion}, which wrote it, says when it did, and it does not: it was changed` };
    return { ok: true, head: read };
  } finally {
    await file.close();
  }
}

/** What Redis itself writes (`rdb.c`). Forks and proxies that give its version for their own have others besides. */
const AUX_FIELDS: ReadonlySet<string> = new Set(['redis-ver', 'redis-bits', 'ctime', 'used-mem', 'repl-stream-db', 'repl-id', 'repl-offset', 'aof-preamble', 'aof-base', 'lua']);

/** What a Redis writes (`RDB_VERSION` in its `rdb.h`); undefined for servers that are not known. Others than Redis say other things. */
function versionOf(redisVersion: string): number | undefined {
  const [, major, minor] = /^([4-7]|8(?=\.0\.))\.(\d{1,2})\./.exec(redisVersion) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  if (major === '8') return 12;
  if (major === '7') return Number(minor) >= 4 ? 12 : Number(minor) >= 2 ? 11 : 10;
  return major === '4' ? 8 : 9;
}

function readHead(head: Buffer, rdbVersion: number, bytes: number): RdbHead {
  const fields = new Map<string, string>();
  let at = 9;
  while (head[at] === AUX_OPCODE) {
    const key = readString(head, at + 1);
    const value = key === undefined ? undefined : readString(head, key.next);
    if (key === undefined || value === undefined) break;
    fields.set(key.text, value.text);
    at = value.next;
  }
  const seconds = Number(fields.get('ctime') ?? Number.NaN);
  const redisVersion = fields.get('redis-ver') ?? '';
  const valkeyVersion = fields.get('valkey-ver');
  return {
    rdbVersion,
    redisVersion,
    writer: valkeyVersion !== undefined ? `Valkey ${valkeyVersion}` : redisVersion === '' ? 'a server that does not give its version' : `Redis ${redisVersion}`,
    knownWriter: versionOf(redisVersion) !== undefined && [...fields.keys()].every((field) => AUX_FIELDS.has(field)),
    ...(Number.isSafeInteger(seconds) && seconds > 0 ? { createdMs: seconds * 1_000 } : {}),
    aofBase: fields.get('aof-base') === '1',
    bytes,
  };
}

export interface DatabaseSize {
  readonly keys: number;
  readonly volatile: number;
}

/** Longer than the mark and two lengths. */
const SIZE_BYTES = 32;

/**
 * `RESIZEDB keys volatile`, which Redis writes since 3.2 behind the number of each database: what it counted when it began to write.
 * `places` are behind the numbers, as `redis-check-rdb` tells them. Undefined where it does not stand there.
 */
export async function readSizes(path: string, places: readonly number[]): Promise<readonly (DatabaseSize | undefined)[]> {
  const file = await open(path, 'r');
  try {
    const sizes: (DatabaseSize | undefined)[] = [];
    for (const place of places) {
      const bytes = Buffer.alloc(SIZE_BYTES);
      await file.read(bytes, 0, SIZE_BYTES, place);
      const keys = bytes[0] === RESIZE_OPCODE ? readLength(bytes, 1) : undefined;
      const volatile = keys === undefined ? undefined : readLength(bytes, keys.next);
      sizes.push(keys === undefined || volatile === undefined ? undefined : { keys: keys.value, volatile: volatile.value });
    }
    return sizes;
  } finally {
    await file.close();
  }
}

/** A length as RDB writes it: in six bits, in fourteen, in four bytes or in eight. */
function readLength(head: Buffer, at: number): { readonly value: number; readonly next: number } | undefined {
  const first = head[at];
  if (first === undefined || at + 9 > head.length) return undefined;
  if (first < 0x40) return { value: first, next: at + 1 };
  if (first < 0x80) return { value: head.readUInt16BE(at) - 0x4000, next: at + 2 };
  if (first === 0x80) return { value: head.readUInt32BE(at + 1), next: at + 5 };
  return first === 0x81 ? { value: Number(head.readBigUInt64BE(at + 1)), next: at + 9 } : undefined;
}

/** Lengths and small integers as RDB writes them; auxiliary fields are never compressed. */
function readString(head: Buffer, at: number): { readonly text: string; readonly next: number } | undefined {
  const first = head[at];
  if (first === undefined) return undefined;
  const kind = first >> 6;
  if (kind === 3) {
    const bytes = [1, 2, 4][first & 0x3f];
    if (bytes === undefined || at + 1 + bytes > head.length) return undefined;
    return { text: String(head.readIntLE(at + 1, bytes)), next: at + 1 + bytes };
  }
  if (kind === 2) return undefined;
  const second = head[at + 1];
  if (kind === 1 && second === undefined) return undefined;
  const length = kind === 0 ? first & 0x3f : ((first & 0x3f) << 8) | (second ?? 0);
  const begin = at + 1 + kind;
  return begin + length > head.length ? undefined : { text: head.subarray(begin, begin + length).toString('utf8'), next: begin + length };
}
