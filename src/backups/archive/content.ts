/**
 * The digest of what a stream holds: of each message its sequence, subject, headers and payload, with their lengths, in order. A
 * stream has millions of messages, so they are gathered before they are hashed.
 */
import { createHash } from 'node:crypto';

const GATHERED_BYTES = 1024 * 1024;
/** The line of numbers before each message. */
const LINE_MAX_BYTES = 80;
const SEAL_BYTES = 8;
const SEALS_GATHERED = 8_192;
const ZERO = 0x30;
const SPACE = 0x20;
const NEWLINE = 0x0a;

export interface ContentDigest {
  /** `body`: subject, headers and payload, one behind the other, each of the said length; in up to three pieces. */
  add(sequence: number, lengths: { readonly subject: number; readonly header: number; readonly payload: number }, ...body: readonly Uint8Array[]): void;
  hex(): string;
}

export function createContentDigest(): ContentDigest {
  const hash = createHash('sha256');
  const gathered = Buffer.allocUnsafe(GATHERED_BYTES);
  let used = 0;
  const flush = (): void => {
    if (used > 0) hash.update(gathered.subarray(0, used));
    used = 0;
  };
  return {
    add(sequence, { subject, header, payload }, ...body) {
      if (used + LINE_MAX_BYTES > GATHERED_BYTES) flush();
      used = writeNumber(gathered, used, sequence, SPACE);
      used = writeNumber(gathered, used, subject, SPACE);
      used = writeNumber(gathered, used, header, SPACE);
      used = writeNumber(gathered, used, payload, NEWLINE);
      for (const piece of body) {
        if (used + piece.length > GATHERED_BYTES) flush();
        if (piece.length > GATHERED_BYTES) hash.update(piece);
        else {
          gathered.set(piece, used);
          used += piece.length;
        }
      }
    },
    hex() {
      flush();
      return hash.digest('hex');
    },
  };
}

export interface SealDigest {
  /** The checksum of a message, in two halves as they stand in the block. */
  add(low: number, high: number): void;
  hex(): string;
}

/** Of each message only the checksum that its server has sealed it with: a fiftieth of the work, or less. */
export function createSealDigest(): SealDigest {
  const hash = createHash('sha256');
  const gathered = Buffer.allocUnsafe(SEALS_GATHERED * SEAL_BYTES);
  const view = new DataView(gathered.buffer, gathered.byteOffset, gathered.length);
  let used = 0;
  const flush = (): void => {
    hash.update(gathered.subarray(0, used));
    used = 0;
  };
  return {
    add(low, high) {
      view.setUint32(used, low, true);
      view.setUint32(used + SEAL_BYTES / 2, high, true);
      used += SEAL_BYTES;
      if (used === gathered.length) flush();
    },
    hex() {
      flush();
      return hash.digest('hex');
    },
  };
}

/** In decimal digits, and what follows them; where it ends. A text for each number would take as long as the digest. */
function writeNumber(into: Buffer, at: number, value: number, behind: number): number {
  let digits = 1;
  for (let power = 10; value >= power; power *= 10) digits += 1;
  let rest = value;
  for (let place = at + digits - 1; place >= at; place -= 1) {
    const next = Math.floor(rest / 10);
    into[place] = ZERO + (rest - next * 10);
    rest = next;
  }
  into[at + digits] = behind;
  return at + digits + 1;
}
