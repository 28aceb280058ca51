/**
 * Reads an S2 framed stream (klauspost/compress, a superset of Snappy's framing), in which NATS keeps JetStream snapshots.
 * Every data chunk carries the CRC-32C of its decoded bytes; a wrong one, and an end in the middle of a chunk, is `damaged`.
 */
import { crc32c } from './crc32c.ts';
import { createInput, type Input } from './input.ts';
import { BLOCK_MAX_BYTES, decodeBlock, type Room } from './s2-block.ts';

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

export interface DecodeHow {
  /** Somebody else compares the checksums of the same bytes: they are not made here. */
  readonly checkedElsewhere?: boolean;
}

/** The decoded bytes, block by block, each of which is written over by the next. Memory is bounded by one chunk and one block. */
export async function* decodeS2(source: AsyncIterable<Uint8Array>, { checkedElsewhere = false }: DecodeHow = {}): AsyncGenerator<Buffer, void, undefined> {
  const input = createInput(source);
  try {
    yield* decodeChunks(input, checkedElsewhere);
  } finally {
    // A file that is not read to its end is closed all the same.
    await input.close();
  }
}

async function* decodeChunks(input: Input, checkedElsewhere: boolean): AsyncGenerator<Buffer, void, undefined> {
  const room: Room = { bytes: Buffer.alloc(0) };
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
    const decoded = type === COMPRESSED ? decodeBlock(data, room) : data;
    if (decoded === undefined) throw new DamagedArchive(`the chunk at byte ${at} cannot be decompressed`);
    if (!checkedElsewhere && mask(crc32c(decoded)) !== body.readUInt32LE(0)) throw new DamagedArchive(`the checksum of the chunk at byte ${at} is wrong`);
    yield decoded;
  }
}

function mask(crc: number): number {
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}
