/**
 * Reads an S2 framed stream (klauspost/compress, a superset of Snappy's framing), in which NATS keeps JetStream snapshots.
 * Every data chunk carries the CRC-32C of its decoded bytes; a wrong one, and an end in the middle of a chunk, is `damaged`.
 */
import { crc32c } from './crc32c.ts';

/** A block holds at most 4 MiB of decoded data. */
const BLOCK_MAX_BYTES = 4 * 1024 * 1024;
/** The body of a chunk that may be skipped can be of any length its header can say; ours never keeps it. */
const MAGIC_BODIES: ReadonlySet<string> = new Set(['S2sTwO', 'sNaPpY']);
const HEADER_BYTES = 4;
const CHECKSUM_BYTES = 4;

const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const FIRST_SKIPPABLE = 0x80;
const IDENTIFIER = 0xff;

/** Thrown while reading when the bytes cannot be what they say. The message is a sentence for a person. */
export class DamagedArchive extends Error {
  override readonly name = 'DamagedArchive';
}

/** The decoded bytes, block by block. Memory is bounded by one chunk and one block. */
export async function* decodeS2(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  const input = createInput(source);
  try {
    yield* decodeChunks(input);
  } finally {
    // A file that is not read to its end is closed all the same.
    await input.close();
  }
}

async function* decodeChunks(input: Input): AsyncGenerator<Buffer, void, undefined> {
  let begun = false;
  for (;;) {
    const at = input.position();
    const header = await input.take(HEADER_BYTES);
    if (header === undefined) {
      if (input.position() !== at || input.left() > 0) throw new DamagedArchive(`it ends within the header of a chunk, at byte ${at}`);
      if (!begun) throw new DamagedArchive('it is empty');
      return;
    }
    const type = header.readUInt8(0);
    const length = header.readUIntLE(1, 3);
    if (!begun && type !== IDENTIFIER) throw new DamagedArchive('it does not begin like an S2 stream');
    if (type >= FIRST_SKIPPABLE && type !== IDENTIFIER) {
      if (!(await input.skip(length))) throw new DamagedArchive(`it ends within a chunk, at byte ${at}`);
      continue;
    }
    const body = length > BLOCK_MAX_BYTES * 2 ? undefined : await input.take(length);
    if (body === undefined) throw new DamagedArchive(length > BLOCK_MAX_BYTES * 2 ? `the chunk at byte ${at} says that it is ${length} bytes long` : `it ends within a chunk, at byte ${at}`);
    if (type === IDENTIFIER) {
      if (!MAGIC_BODIES.has(body.toString('latin1'))) throw new DamagedArchive(`the identifier at byte ${at} is not that of S2`);
      begun = true;
      continue;
    }
    if (type !== COMPRESSED && type !== UNCOMPRESSED) throw new DamagedArchive(`the chunk at byte ${at} is of a kind (${type}) that S2 does not know`);
    if (body.length < CHECKSUM_BYTES) throw new DamagedArchive(`the chunk at byte ${at} is too short`);
    const data = body.subarray(CHECKSUM_BYTES);
    const decoded = type === COMPRESSED ? decodeBlock(data, at) : data;
    if (mask(crc32c(decoded)) !== body.readUInt32LE(0)) throw new DamagedArchive(`the checksum of the chunk at byte ${at} is wrong`);
    yield decoded;
  }
}

function mask(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}

/** One block: its decoded length, then literals and copies. S2 adds the repeat: a copy of offset 0 uses the last one again. */
function decodeBlock(block: Buffer, at: number): Buffer {
  const damaged = (): DamagedArchive => new DamagedArchive(`the chunk at byte ${at} cannot be decompressed`);
  const { value: size, next } = readUvarint(block, damaged);
  if (size > BLOCK_MAX_BYTES) throw damaged();
  const out = Buffer.allocUnsafe(size);
  const end = block.length;
  let i = next;
  let o = 0;
  let offset = 0;
  while (i < end) {
    const tag = block[i] ?? 0;
    const kind = tag & 3;
    let length: number;
    if (kind === 0) {
      length = tag >>> 2;
      i += 1;
      if (length >= 60) {
        const bytes = length - 59;
        if (i + bytes > end) throw damaged();
        length = block.readUIntLE(i, bytes);
        i += bytes;
      }
      length += 1;
      if (i + length > end || o + length > size) throw damaged();
      if (length > SHORT_COPY) block.copy(out, o, i, i + length);
      else for (let k = 0; k < length; k += 1) out[o + k] = block[i + k] ?? 0;
      i += length;
      o += length;
      continue;
    }
    if (i + (kind === 3 ? 5 : kind + 1) > end) throw damaged();
    if (kind === 1) {
      const wanted = ((tag & 0xe0) << 3) | (block[i + 1] ?? 0);
      length = (tag >>> 2) & 7;
      i += 2;
      if (wanted !== 0) {
        offset = wanted;
        length += 4;
      } else {
        // A repeat: the offset stays, and lengths of 5 and more are written behind.
        const more = length - 4;
        if (more <= 0) length += 4;
        else {
          if (i + more > end) throw damaged();
          length = 4 + block.readUIntLE(i, more) + (more === 1 ? 4 : more === 2 ? 1 << 8 : 1 << 16);
          i += more;
        }
      }
    } else {
      length = (tag >>> 2) + 1;
      offset = kind === 2 ? block.readUInt16LE(i + 1) : block.readUInt32LE(i + 1);
      i += kind === 2 ? 3 : 5;
    }
    if (offset === 0 || offset > o || o + length > size) throw damaged();
    copyWithin(out, o, offset, length);
    o += length;
  }
  if (o !== size) throw damaged();
  return out;
}

/** Below it a loop is faster than a call. */
const SHORT_COPY = 32;

/** A copy may overlap itself: then its beginning repeats. */
function copyWithin(out: Buffer, to: number, offset: number, length: number): void {
  if (offset >= length && length > SHORT_COPY) {
    out.copyWithin(to, to - offset, to - offset + length);
    return;
  }
  for (let k = to; k < to + length; k += 1) out[k] = out[k - offset] ?? 0;
}

function readUvarint(bytes: Buffer, damaged: () => DamagedArchive): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let i = 0; i < 5; i += 1) {
    const byte = bytes[i];
    if (byte === undefined) throw damaged();
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, next: i + 1 };
  }
  throw damaged();
}

export interface Input {
  /** Bytes taken so far. */
  position(): number;
  /** Bytes that are there but were not enough for the last `take`. */
  left(): number;
  /** Up to so many bytes, without taking them: fewer only where the source ends. */
  peek(bytes: number): Promise<Buffer>;
  /** So many bytes, or undefined when the source ends before. */
  take(bytes: number): Promise<Buffer | undefined>;
  skip(bytes: number): Promise<boolean>;
  /** Nothing more is taken. */
  close(): Promise<void>;
}

/** Bytes by number out of chunks of any size. */
export function createInput(source: AsyncIterable<Uint8Array>): Input {
  const iterator = source[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  let size = 0;
  let taken = 0;
  const fill = async (bytes: number): Promise<boolean> => {
    while (size < bytes) {
      const next = await iterator.next();
      if (next.done === true) return false;
      const chunk = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
      if (chunk.length > 0) held.push(chunk);
      size += chunk.length;
    }
    return true;
  };
  /** Not more is copied than is wanted, and nothing that stands in one piece. */
  const first = (bytes: number): Buffer => {
    const [piece] = held;
    if (piece !== undefined && piece.length >= bytes) return piece.subarray(0, bytes);
    const whole = Buffer.allocUnsafe(bytes);
    let at = 0;
    for (const one of held) {
      at += one.copy(whole, at, 0, Math.min(one.length, bytes - at));
      if (at === bytes) break;
    }
    return whole;
  };
  const drop = (bytes: number): void => {
    size -= bytes;
    taken += bytes;
    let still = bytes;
    while (still > 0) {
      const [piece] = held;
      if (piece === undefined || piece.length > still) {
        if (piece !== undefined) held[0] = piece.subarray(still);
        return;
      }
      still -= piece.length;
      held.shift();
    }
  };
  return {
    position: () => taken,
    left: () => size,
    async peek(bytes) {
      if (size < bytes) await fill(bytes);
      return first(Math.min(bytes, size));
    },
    async take(bytes) {
      if (size < bytes && !(await fill(bytes))) return undefined;
      const whole = first(bytes);
      drop(bytes);
      return whole;
    },
    async skip(bytes) {
      let still = bytes;
      while (still > 0) {
        const part = Math.min(still, 65_536);
        if ((await this.take(part)) === undefined) return false;
        still -= part;
      }
      return true;
    },
    async close() {
      await iterator.return?.();
    },
  };
}
