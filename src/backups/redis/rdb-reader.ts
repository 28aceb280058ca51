/** Reads the numbers and texts of an RDB file from its beginning to its end, and digests every byte on the way. Synchronous: for a worker. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';

const WINDOW_BYTES = 4 * 1024 * 1024;
/** Encodings of a text that is none (`rdb.h`): numbers of 1, 2 and 4 bytes, and LZF. */
const INT8 = -1;
const INT16 = -2;
const INT32 = -3;
const LZF = -4;
/** A name longer than this is no name of a key. */
const TEXT_MAX_BYTES = 64 * 1024 * 1024;

/** The file ends, or goes on, as no RDB does. */
export class NoRdb extends Error {
  override readonly name = 'NoRdb';
}

export interface RdbReader {
  byte(): number;
  /** So many bytes; they are overwritten by the next call. */
  bytes(count: number): Buffer;
  skip(count: number): void;
  /** A length, or an encoding as a negative number. */
  length(): number;
  /** A length that says how many of something follow. */
  count(): number;
  skipLengths(count: number): void;
  text(): Buffer;
  skipText(): void;
  skipTexts(count: number): void;
  /** Reads the rest; how many bytes the file has, and their SHA-256. */
  finish(): { readonly bytes: number; readonly sha256: string };
}

export function createRdbReader(file: number): RdbReader {
  const hash = createHash('sha256');
  let window = Buffer.allocUnsafe(WINDOW_BYTES);
  let at = 0;
  let end = 0;
  let total = 0;
  const read = (into: Buffer, from: number): number => {
    const got = readSync(file, into, from, into.length - from, null);
    hash.update(into.subarray(from, from + got));
    total += got;
    return got;
  };
  /** So many bytes stand in the window from `at` on. */
  const need = (size: number): void => {
    if (size > TEXT_MAX_BYTES) throw new NoRdb(`it names a text of ${size} bytes`);
    const next = size > window.length ? Buffer.allocUnsafe(size) : window;
    window.copy(next, 0, at, end);
    window = next;
    end -= at;
    at = 0;
    while (end < size) {
      const more = read(window, end);
      if (more === 0) throw new NoRdb('it ends too early');
      end += more;
    }
  };
  const byte = (): number => {
    if (at >= end) need(1);
    const value = window[at] ?? 0;
    at += 1;
    return value;
  };
  const bytes = (size: number): Buffer => {
    if (at + size > end) need(size);
    at += size;
    return window.subarray(at - size, at);
  };
  const skip = (size: number): void => {
    let still = size;
    while (at + still > end) {
      still -= end - at;
      at = 0;
      end = read(window, 0);
      if (end === 0) throw new NoRdb('it ends too early');
    }
    at += still;
  };
  const length = (): number => {
    const first = byte();
    const kind = first >> 6;
    if (kind === 0) return first;
    if (kind === 1) return ((first & 0x3f) << 8) | byte();
    if (kind === 3) return -1 - (first & 0x3f);
    if (first === 0x80) return bytes(4).readUInt32BE(0);
    if (first === 0x81) return Number(bytes(8).readBigUInt64BE(0));
    throw new NoRdb('it holds a length of no known form');
  };
  const count = (): number => {
    const value = length();
    if (value < 0) throw new NoRdb('it holds a length of no known form');
    return value;
  };
  const skipText = (): void => {
    const size = length();
    if (size >= 0) skip(size);
    else if (size === LZF) {
      const compressed = count();
      length();
      skip(compressed);
    } else skip(intBytes(size));
  };
  const text = (): Buffer => {
    const size = length();
    if (size >= 0) return bytes(size);
    if (size !== LZF) return Buffer.from(String(bytes(intBytes(size)).readIntLE(0, intBytes(size))));
    const compressed = count();
    const whole = count();
    if (whole > TEXT_MAX_BYTES) throw new NoRdb(`it names a text of ${whole} bytes`);
    return decompress(bytes(compressed), whole);
  };
  return {
    byte,
    bytes,
    skip,
    length,
    count,
    skipLengths(times) {
      for (let n = 0; n < times; n += 1) length();
    },
    text,
    skipText,
    skipTexts(times) {
      for (let n = 0; n < times; n += 1) skipText();
    },
    finish() {
      while (read(window, 0) > 0);
      return { bytes: total, sha256: hash.digest('hex') };
    },
  };
}

function intBytes(encoding: number): number {
  if (encoding === INT8) return 1;
  if (encoding === INT16) return 2;
  if (encoding === INT32) return 4;
  throw new NoRdb('it holds a text of no known form');
}

/** LZF: runs of literals, and copies of what stands up to 8 KiB before. */
function decompress(bytes: Buffer, size: number): Buffer {
  const out = Buffer.allocUnsafe(size);
  let o = 0;
  for (let i = 0; i < bytes.length; ) {
    const control = bytes[i] ?? 0;
    i += 1;
    if (control < 32) {
      bytes.copy(out, o, i, i + control + 1);
      i += control + 1;
      o += control + 1;
      continue;
    }
    let length = control >> 5;
    if (length === 7) {
      length += bytes[i] ?? 0;
      i += 1;
    }
    const from = o - ((control & 31) << 8) - (bytes[i] ?? 0) - 1;
    i += 1;
    if (from < 0 || o + length + 2 > size) throw new NoRdb('a compressed text in it cannot be read');
    for (let k = 0; k < length + 2; k += 1) out[o + k] = out[from + k] ?? 0;
    o += length + 2;
  }
  if (o !== size) throw new NoRdb('a compressed text in it cannot be read');
  return out;
}
