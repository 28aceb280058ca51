import { randomFillSync } from 'node:crypto';
import type { Clock } from './clock.ts';

/** Kinds of things that get an id; the kind is the id's prefix, so an id in a log or a URL says what it names. */
export type IdKind = 'inc' | 'run' | 'apr' | 'aud' | 'ahd';

export interface Ids {
  /** A new id, such as `run_01jdxk…`: 48 bits of time and 80 of randomness, so ids sort by age and cannot be guessed. */
  next(kind: IdKind): string;
}

const RANDOM_POOL_BYTES = 1_000;
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';
const ID = /^(?:inc|run|apr|aud|ahd)_[0-9a-hjkmnp-tv-z]{26}$/;

export function createIds(clock: Clock, random: (bytes: number) => Uint8Array = createRandom()): Ids {
  return {
    next: (kind) => `${kind}_${timePart(clock.now())}${randomPart(random(10))}`,
  };
}

/** The system's own randomness, fetched for many ids at a time. */
function createRandom(): (bytes: number) => Uint8Array {
  const pool = new Uint8Array(RANDOM_POOL_BYTES);
  let used = pool.length;
  return (bytes) => {
    if (used + bytes > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += bytes;
    return pool.subarray(used - bytes, used);
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
  let out = '';
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = (bits << 8) | byte;
    held += 8;
    while (held >= 5) {
      held -= 5;
      out += CROCKFORD.charAt((bits >>> held) & 31);
    }
    bits &= (1 << held) - 1;
  }
  return out;
}
