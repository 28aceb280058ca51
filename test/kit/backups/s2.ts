/** Writes S2 by the format's description (reliability.md §C.2): plain and compressed blocks, with every kind of copy and the repeat. */
import { crc32c } from '#backups/archive/crc32c.ts';

export interface S2Options {
  /** Decoded bytes of one block. */
  readonly block?: number;
  readonly compress?: boolean;
  /** Chunks that a reader passes over stand between the blocks. */
  readonly padding?: boolean;
}

const IDENTIFIER = Buffer.from([0xff, 6, 0, 0, ...Buffer.from('S2sTwO')]);

export function encodeS2(bytes: Uint8Array, { block = 65_536, compress = false, padding = false }: S2Options = {}): Buffer {
  const parts: Buffer[] = [IDENTIFIER];
  for (let at = 0; at < bytes.length; at += block) {
    const data = Buffer.from(bytes.subarray(at, at + block));
    parts.push(chunkOf(compress ? 0 : 1, Buffer.concat([maskedCrc(data), compress ? compressBlock(data) : data])));
    if (padding) parts.push(chunkOf(0xfe, Buffer.alloc(7)), chunkOf(0x99, Buffer.from('index')));
  }
  return Buffer.concat(parts);
}

export function chunkOf(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt8(type, 0);
  header.writeUIntLE(body.length, 1, 3);
  return Buffer.concat([header, body]);
}

export function maskedCrc(data: Buffer): Buffer {
  const crc = crc32c(data);
  const masked = Buffer.alloc(4);
  masked.writeUInt32LE(((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0);
  return masked;
}

export function uvarint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let left = BigInt(value);
  while (left >= 0x80n) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return Buffer.from([...bytes, Number(left)]);
}

/** Greedy: the last place of each four bytes. */
export function compressBlock(data: Buffer): Buffer {
  const parts: Buffer[] = [uvarint(data.length)];
  const places = new Map<number, number>();
  let literalFrom = 0;
  let offset = 0;
  let at = 0;
  while (at + 4 <= data.length) {
    const word = data.readUInt32LE(at);
    const before = places.get(word);
    places.set(word, at);
    if (before === undefined) {
      at += 1;
      continue;
    }
    let length = 4;
    while (at + length < data.length && data[before + length] === data[at + length]) length += 1;
    if (literalFrom < at) parts.push(literal(data.subarray(literalFrom, at)));
    if (at - before === offset) parts.push(repeat(length));
    else {
      parts.push(copy(at - before, length));
      offset = at - before;
    }
    at += length;
    literalFrom = at;
  }
  if (literalFrom < data.length) parts.push(literal(data.subarray(literalFrom)));
  return Buffer.concat(parts);
}

function literal(bytes: Buffer): Buffer {
  const n = bytes.length - 1;
  if (n < 60) return Buffer.concat([Buffer.from([n << 2]), bytes]);
  const size = n < 0x100 ? 1 : n < 0x1_0000 ? 2 : n < 0x100_0000 ? 3 : 4;
  const head = Buffer.alloc(1 + size);
  head.writeUInt8((59 + size) << 2, 0);
  head.writeUIntLE(n, 1, size);
  return Buffer.concat([head, bytes]);
}

function repeat(length: number): Buffer {
  if (length <= 8) return Buffer.from([((length - 4) << 2) | 1, 0]);
  const [kind, size, base] = length < 8 + 0x100 ? [5, 1, 8] : length < 260 + 0x1_0000 ? [6, 2, 260] : [7, 3, 65_540];
  const head = Buffer.alloc(2 + size);
  head.writeUInt8((kind << 2) | 1, 0);
  head.writeUIntLE(length - base, 2, size);
  return head;
}

/** The shortest form; what it cannot say is said by a repeat behind it. */
function copy(offset: number, length: number): Buffer {
  if (offset < 2_048 && length <= 11) return Buffer.from([((offset >> 8) << 5) | ((length - 4) << 2) | 1, offset & 0xff]);
  const now = length > 64 ? (length - 64 < 4 ? 60 : 64) : length;
  const wide = offset > 0xffff;
  const head = Buffer.alloc(wide ? 5 : 3);
  head.writeUInt8(((now - 1) << 2) | (wide ? 3 : 2), 0);
  if (wide) head.writeUInt32LE(offset, 1);
  else head.writeUInt16LE(offset, 1);
  return now === length ? head : Buffer.concat([head, repeat(length - now)]);
}

export async function* chunksOf(bytes: Uint8Array, size = 65_536): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
  await Promise.resolve();
}
