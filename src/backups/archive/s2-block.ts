/** One block of S2: its decoded length, then literals and copies. S2 adds the repeat: a copy of offset 0 uses the last one again. */
import { readUvarint } from './varint.ts';

/** A block holds at most 4 MiB of decoded data. */
export const BLOCK_MAX_BYTES = 4 * 1024 * 1024;
/** Bytes are copied so many at a time, and up to three too many: behind the decoded ones there must be room for those. */
const WORD_BYTES = 4;
/** From so many bytes on a call is faster than a loop. */
const LONG = 64;

/** Where blocks are decoded, one after the other: memory is made once, when the first (or a larger one) comes. */
export interface Room {
  bytes: Buffer;
}

/** The decoded bytes, which the next block writes over; undefined when they cannot be what the block says. */
export function decodeBlock(block: Buffer, room: Room): Buffer | undefined {
  const length = readUvarint(block, 0);
  if (length === undefined || length.value > BLOCK_MAX_BYTES) return undefined;
  const { value: size, next } = length;
  if (room.bytes.length < size + WORD_BYTES) room.bytes = Buffer.allocUnsafeSlow(size + WORD_BYTES);
  return decodeElements(block, next, room.bytes, size) ? room.bytes.subarray(0, size) : undefined;
}

function decodeElements(block: Buffer, begin: number, out: Buffer, size: number): boolean {
  const read = viewOf(block);
  const write = viewOf(out);
  const end = block.length;
  let i = begin;
  let o = 0;
  let offset = 0;
  while (i < end) {
    const tag = read.getUint8(i);
    const kind = tag & 3;
    let length = (tag >>> 2) + 1;
    if (kind === 0) {
      i += 1;
      if (length > 60) {
        const bytes = length - 60;
        if (i + bytes > end) return false;
        length = block.readUIntLE(i, bytes) + 1;
        i += bytes;
      }
      if (i + length > end || o + length > size) return false;
      if (length > LONG) block.copy(out, o, i, i + length);
      else if (i + length + WORD_BYTES <= end) for (let k = 0; k < length; k += WORD_BYTES) write.setInt32(o + k, read.getInt32(i + k, true), true);
      else for (let k = 0; k < length; k += 1) write.setUint8(o + k, read.getUint8(i + k));
      i += length;
      o += length;
      continue;
    }
    if (i + (kind === 3 ? 5 : kind + 1) > end) return false;
    if (kind === 1) {
      const wanted = ((tag & 0xe0) << 3) | read.getUint8(i + 1);
      length = ((tag >>> 2) & 7) + 4;
      i += 2;
      if (wanted !== 0) offset = wanted;
      else if (length > 8) {
        // A repeat: the offset stays, and lengths of more than 8 are written behind.
        const bytes = length - 8;
        if (i + bytes > end) return false;
        length = 4 + block.readUIntLE(i, bytes) + (bytes === 1 ? 4 : bytes === 2 ? 1 << 8 : 1 << 16);
        i += bytes;
      }
    } else {
      offset = kind === 2 ? read.getUint16(i + 1, true) : read.getUint32(i + 1, true);
      i += kind === 2 ? 3 : 5;
    }
    if (offset === 0 || offset > o || o + length > size) return false;
    // A copy may overlap itself: then its beginning repeats.
    if (length > LONG && offset >= length) out.copyWithin(o, o - offset, o - offset + length);
    else if (offset >= WORD_BYTES) for (let k = o; k < o + length; k += WORD_BYTES) write.setInt32(k, write.getInt32(k - offset, true), true);
    else for (let k = o; k < o + length; k += 1) write.setUint8(k, write.getUint8(k - offset));
    o += length;
  }
  return o === size;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
