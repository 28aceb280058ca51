import { randomBytes } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Kinds of things that get an id; the kind is the id's prefix, so an id in a log or a URL says what it names. */
export type IdKind = 'inc' | 'run' | 'apr' | 'aud';

export interface Ids {
  /** A new id, such as `run_01jdxk…`: 48 bits of time and 80 of randomness, so ids sort by age and cannot be guessed. */
  next(kind: IdKind): string;
}

const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const ID = /^(?:inc|run|apr|aud)_[0-9a-hjkmnp-tv-z]{26}$/;

export function createIds(clock: Clock, random: (bytes: number) => Uint8Array = randomBytes): Ids {
  return {
    next: (kind) => `${kind}_${timePart(clock.now())}${randomPart(random(10))}`,
  };
}

export function isId(text: string): boolean {
  return ID.test(text);
}

function timePart(ms: number): string {
  let rest = ms;
  let out = '';
  for (let i = 0; i < 10; i += 1) {
    out = CROCKFORD.charAt(rest % 32) + out;
    rest = Math.floor(rest / 32);
  }
  return out;
}

/** 10 bytes are 80 bits are 16 letters of 5 bits. */
function randomPart(bytes: Uint8Array): string {
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  let out = '';
  for (let i = 0; i < 16; i += 1) {
    out = CROCKFORD.charAt(Number(bits & 31n)) + out;
    bits >>= 5n;
  }
  return out;
}
