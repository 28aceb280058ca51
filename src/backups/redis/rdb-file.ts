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
const CHECKSUM_BYTES = 8;
/** Since this version an RDB ends with a checksum. */
const FIRST_WITH_CHECKSUM = 5;
const MAGIC = /^REDIS(\d{4})$/;

export interface RdbHead {
  readonly rdbVersion: number;
  /** `redis-ver`; empty when it does not say. */
  readonly redisVersion: string;
  /** When it was written, ms since the epoch, by `ctime`; undefined when it does not say. */
  readonly createdMs?: number;
  /** The RDB is the base of an append-only file, which holds what came after. */
  readonly aofBase: boolean;
}

export type RdbLook = { readonly ok: true; readonly head: RdbHead } | { readonly ok: false; readonly because: string };

export async function lookAtRdb(path: string): Promise<RdbLook> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size === 0) return { ok: false, because: 'it is empty' };
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await file.read(head, 0, head.length, 0);
    const version = MAGIC.exec(head.subarray(0, 9).toString('latin1'))?.[1];
    if (version === undefined) return { ok: false, because: 'it does not begin like an RDB file' };
    const rdbVersion = Number(version);
    if (rdbVersion < FIRST_WITH_CHECKSUM) return { ok: false, because: `it is of RDB version ${rdbVersion}, which has no checksum: nothing proves that it is whole` };
    if (size < 9 + 1 + CHECKSUM_BYTES) return { ok: false, because: `it is only ${size} bytes long` };
    const tail = Buffer.alloc(1 + CHECKSUM_BYTES);
    await file.read(tail, 0, tail.length, size - tail.length);
    if (tail.subarray(1).every((byte) => byte === 0)) return { ok: false, because: 'it carries no checksum (rdbchecksum no): nothing proves that it is whole' };
    if (tail[0] !== EOF_OPCODE) return { ok: false, because: 'it does not end like an RDB file: something is missing, or something follows' };
    return { ok: true, head: readHead(head, rdbVersion) };
  } finally {
    await file.close();
  }
}

function readHead(head: Buffer, rdbVersion: number): RdbHead {
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
  return {
    rdbVersion,
    redisVersion: fields.get('redis-ver') ?? '',
    ...(Number.isSafeInteger(seconds) && seconds > 0 ? { createdMs: seconds * 1_000 } : {}),
    aofBase: fields.get('aof-base') === '1',
  };
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
