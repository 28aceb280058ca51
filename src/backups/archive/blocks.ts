/**
 * The records of a message block of JetStream's file store (nats-server `server/filestore.go`, 2.9 to 2.14): length, sequence,
 * time, subject, headers, payload, checksum. Only their frame is read; the checksums are the server's business (`jsck`).
 */
const HEADER_BYTES = 22;
const CHECKSUM_BYTES = 8;
const SMALLEST = HEADER_BYTES + CHECKSUM_BYTES;
/** Of the length: the record has headers. */
const HAS_HEADERS = 0x8000_0000;
/** Of the sequence: the record was erased, or is only the mark of a deletion. */
const ERASED = 1n << 63n;
const TOMBSTONE = 1n << 62n;
/** No message of ours is larger than the server allows (64 MiB at most). */
const RECORD_MAX_BYTES = 65 * 1024 * 1024;

export interface BlockFacts {
  messages: number;
  firstSeq: number;
  lastSeq: number;
  newestMs: number;
}

export type BlockRead = { readonly ok: true } | { readonly ok: false; readonly because: string };

/** Reads one block, whole, into `facts`. */
export function readBlock(block: Buffer, facts: BlockFacts): BlockRead {
  let at = 0;
  let previous = 0;
  while (at < block.length) {
    if (at + HEADER_BYTES > block.length) return { ok: false, because: `it ends within a message, at byte ${at}` };
    const rawLength = block.readUInt32LE(at);
    const length = rawLength >= HAS_HEADERS ? rawLength - HAS_HEADERS : rawLength;
    const subject = block.readUInt16LE(at + 20);
    if (length < SMALLEST || length > RECORD_MAX_BYTES || subject > length - SMALLEST) return { ok: false, because: `the message at byte ${at} cannot be read` };
    if (at + length > block.length) return { ok: false, because: `it ends within a message, at byte ${at}` };
    const rawSeq = block.readBigUInt64LE(at + 4);
    const sequence = Number(rawSeq & ~(ERASED | TOMBSTONE));
    if ((rawSeq & (ERASED | TOMBSTONE)) === 0n) {
      if (sequence <= previous) return { ok: false, because: `the message at byte ${at} is out of order (${sequence} after ${previous})` };
      previous = sequence;
      facts.messages += 1;
      if (facts.firstSeq === 0 || sequence < facts.firstSeq) facts.firstSeq = sequence;
      facts.lastSeq = Math.max(facts.lastSeq, sequence);
      facts.newestMs = Math.max(facts.newestMs, Number(block.readBigInt64LE(at + 12) / 1_000_000n));
    }
    at += length;
  }
  return { ok: true };
}
