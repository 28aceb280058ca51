/**
 * What a server before 2.10 writes beside each message block (`msgs/<n>.idx`, nats-server `server/filestore.go`): how many messages it
 * holds, the first and the last of them, and which were deleted. So a block that lost messages is told without anything else.
 */
import { readUvarint } from './varint.ts';

const MAGIC = 22;
const VERSION = 1;
const CHECKSUM_BYTES = 8;
/** A block of 16 MiB has at most half a million records. */
const DELETED_MAX = 1_000_000;

export interface BlockIndex {
  readonly messages: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** The last message was deleted, and may stand in the block no more. */
  readonly lastDeleted: boolean;
}

/** One of a form that is not known says nothing. */
export function isKnownIndex(bytes: Buffer): boolean {
  return bytes[0] === MAGIC && bytes[1] === VERSION;
}

/** Undefined where it is damaged. */
export function readBlockIndex(bytes: Buffer): BlockIndex | undefined {
  if (!isKnownIndex(bytes)) return undefined;
  let next = 2;
  const number = (): number | undefined => {
    const read = readUvarint(bytes, next);
    next = read?.next ?? bytes.length;
    return read?.value;
  };
  const [messages, , firstSeq, , lastSeq, , deleted] = [number(), number(), number(), number(), number(), number(), number()];
  if (messages === undefined || firstSeq === undefined || lastSeq === undefined || deleted === undefined || deleted > DELETED_MAX || next + CHECKSUM_BYTES > bytes.length) return undefined;
  next += CHECKSUM_BYTES;
  let lastDeleted = false;
  for (let i = 0; i < deleted; i += 1) {
    const behind = number();
    if (behind === undefined) return undefined;
    if (firstSeq + behind === lastSeq) lastDeleted = true;
  }
  return next === bytes.length ? { messages, firstSeq, lastSeq, lastDeleted } : undefined;
}

/** `records`: those that stand in the block, deleted ones among them. Empty: nothing is lost. */
export function lostFromBlock(index: BlockIndex, block: { readonly records: number; readonly firstSeq: number; readonly lastSeq: number }): string {
  if (index.messages === 0) return '';
  if (block.records < index.messages) return `it holds ${block.records} messages, by its index ${index.messages}`;
  if (block.firstSeq > index.firstSeq) return `its first message is ${block.firstSeq}, by its index ${index.firstSeq}`;
  if (block.lastSeq < index.lastSeq && !index.lastDeleted) return `its last message is ${block.lastSeq}, by its index ${index.lastSeq}`;
  return '';
}
