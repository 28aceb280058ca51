/**
 * The records of a message block of JetStream's file store (nats-server `server/filestore.go`, 2.9 to 2.14): length, sequence,
 * time, subject, headers, payload, checksum. Only their frame is read; the checksums are the server's business (`jsck`).
 */
import type { ContentDigest, SealDigest } from './content.ts';

const HEADER_BYTES = 22;
/** Of the length of the headers, where there are any. */
const LENGTH_BYTES = 4;
const CHECKSUM_BYTES = 8;
const SMALLEST = HEADER_BYTES + CHECKSUM_BYTES;
/** Of the length: the record has headers. */
const HAS_HEADERS = 0x8000_0000;
/** Of the upper half of the sequence: the record was erased (highest bit), or is only the mark of a deletion (the next). */
const MARKED = 0x4000_0000;
/** No message of ours is larger than the server allows (64 MiB at most). */
const RECORD_MAX_BYTES = 65 * 1024 * 1024;

export interface BlockFacts {
  messages: number;
  /** What the messages take up. */
  bytes: number;
  firstSeq: number;
  lastSeq: number;
  newestMs: number;
  /** Messages of `sinceMs` and later. */
  messagesSince: number;
  readonly sinceMs: number;
  readonly content: ContentDigest;
  readonly seals: SealDigest;
}

export type BlockRead = { readonly ok: true; /** 0 without messages. */ readonly firstSeq: number; readonly lastSeq: number } | { readonly ok: false; readonly because: string };

/** Reads one block, whole, into `facts`. */
export function readBlock(block: Buffer, facts: BlockFacts): BlockRead {
  let at = 0;
  let previous = 0;
  let firstSeq = 0;
  while (at < block.length) {
    if (at + HEADER_BYTES > block.length) return { ok: false, because: `it ends within a message, at byte ${at}` };
    const rawLength = block.readUInt32LE(at);
    const hasHeaders = rawLength >= HAS_HEADERS;
    const length = hasHeaders ? rawLength - HAS_HEADERS : rawLength;
    const subject = block.readUInt16LE(at + 20);
    if (length < SMALLEST || length > RECORD_MAX_BYTES || subject > length - SMALLEST - (hasHeaders ? LENGTH_BYTES : 0)) return { ok: false, because: `the message at byte ${at} cannot be read` };
    if (at + length > block.length) return { ok: false, because: `it ends within a message, at byte ${at}` };
    // Two halves are read several times faster than one big number, and a block has many records.
    const high = block.readUInt32LE(at + 8);
    if (high < MARKED) {
      const sequence = high * 2 ** 32 + block.readUInt32LE(at + 4);
      if (sequence <= previous) return { ok: false, because: `the message at byte ${at} is out of order (${sequence} after ${previous})` };
      previous = sequence;
      if (firstSeq === 0) firstSeq = sequence;
      facts.messages += 1;
      facts.bytes += length;
      if (facts.firstSeq === 0 || sequence < facts.firstSeq) facts.firstSeq = sequence;
      facts.lastSeq = Math.max(facts.lastSeq, sequence);
      const storedMs = Math.floor((block.readInt32LE(at + 16) * 2 ** 32 + block.readUInt32LE(at + 12)) / 1_000_000);
      if (storedMs > facts.newestMs) facts.newestMs = storedMs;
      if (storedMs >= facts.sinceMs) facts.messagesSince += 1;
      facts.seals.add(block, at + length - CHECKSUM_BYTES);
      if (!addRecord(block.subarray(at + HEADER_BYTES, at + length - CHECKSUM_BYTES), { sequence, subject, hasHeaders }, facts.content)) return { ok: false, because: `the headers of the message at byte ${at} cannot be read` };
    }
    at += length;
  }
  return { ok: true, firstSeq, lastSeq: previous };
}

function addRecord(body: Buffer, { sequence, subject, hasHeaders }: { readonly sequence: number; readonly subject: number; readonly hasHeaders: boolean }, content: ContentDigest): boolean {
  if (!hasHeaders) {
    content.add(sequence, { subject, header: 0, payload: body.length - subject }, body);
    return true;
  }
  const header = body.readUInt32LE(subject);
  const payload = body.length - subject - LENGTH_BYTES - header;
  if (payload < 0) return false;
  content.add(sequence, { subject, header, payload }, body.subarray(0, subject), body.subarray(subject + LENGTH_BYTES));
  return true;
}
