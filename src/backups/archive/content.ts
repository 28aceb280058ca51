/**
 * The digest of what a stream holds: of each message its sequence, subject, headers and payload, with their lengths, in order. A
 * stream has millions of messages, so they are gathered before they are hashed.
 */
import { createHash } from 'node:crypto';

const GATHERED_BYTES = 1024 * 1024;
/** The line of numbers before each message. */
const LINE_MAX_BYTES = 64;

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
      used += gathered.write(`${sequence} ${subject} ${header} ${payload}\n`, used, 'latin1');
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
