/**
 * HighwayHash of 64 bits, with which JetStream's file store seals the descriptions of streams and consumers (`meta.sum`): by the
 * portable form of its paper (Alakuijala, Cox, Wassenberg, "Fast keyed hash/pseudo-random function"). For some KB, not for messages.
 */
const MASK = 0xffff_ffff_ffff_ffffn;
const LOW = 0xffff_ffffn;
const INIT_0 = [0xdbe6d5d5fe4cce2fn, 0xa4093822299f31d0n, 0x13198a2e03707344n, 0x243f6a8885a308d3n] as const;
const INIT_1 = [0x3bd39e10cb0ef593n, 0xc0acf169b5f18a8cn, 0xbe5466cf34e90c6cn, 0x452821e638d01377n] as const;
const PACKET_BYTES = 32;
const FINAL_ROUNDS = 4;

interface State {
  readonly v0: BigUint64Array;
  readonly v1: BigUint64Array;
  readonly mul0: BigUint64Array;
  readonly mul1: BigUint64Array;
}

/** As the server writes it: 16 hexadecimal digits, the lowest byte first. `key`: 32 bytes. */
export function highwayHash64(key: Buffer, bytes: Buffer): string {
  const state: State = { v0: new BigUint64Array(INIT_0), v1: new BigUint64Array(INIT_1), mul0: new BigUint64Array(INIT_0), mul1: new BigUint64Array(INIT_1) };
  wordsOf(key).forEach((word, i) => {
    state.v0[i] = at(state.v0, i) ^ word;
    state.v1[i] = at(state.v1, i) ^ turned(word);
  });
  let from = 0;
  for (; from + PACKET_BYTES <= bytes.length; from += PACKET_BYTES) update(state, wordsOf(bytes.subarray(from, from + PACKET_BYTES)));
  if (from < bytes.length) addRest(state, bytes.subarray(from));
  for (let round = 0; round < FINAL_ROUNDS; round += 1) update(state, [2, 3, 0, 1].map((i) => turned(at(state.v0, i))));
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE((at(state.v0, 0) + at(state.v1, 0) + at(state.mul0, 0) + at(state.mul1, 0)) & MASK);
  return out.toString('hex');
}

function wordsOf(packet: Buffer): bigint[] {
  return [0, 8, 16, 24].map((place) => packet.readBigUInt64LE(place));
}

function at(words: BigUint64Array, i: number): bigint {
  return words[i] ?? 0n;
}

/** Its halves changed about. */
function turned(word: bigint): bigint {
  return (word >> 32n) | ((word & LOW) << 32n);
}

function update({ v0, v1, mul0, mul1 }: State, words: readonly bigint[]): void {
  for (let i = 0; i < 4; i += 1) {
    v1[i] = at(v1, i) + at(mul0, i) + (words[i] ?? 0n);
    mul0[i] = at(mul0, i) ^ ((at(v1, i) & LOW) * (at(v0, i) >> 32n));
    v0[i] = at(v0, i) + at(mul1, i);
    mul1[i] = at(mul1, i) ^ ((at(v0, i) & LOW) * (at(v1, i) >> 32n));
  }
  zip(v1, v0, 0);
  zip(v1, v0, 2);
  zip(v0, v1, 0);
  zip(v0, v1, 2);
}

/** Adds the bytes of two words to two others, in another order. */
function zip(from: BigUint64Array, to: BigUint64Array, i: number): void {
  const low = at(from, i);
  const high = at(from, i + 1);
  to[i] = at(to, i) + ((((low & 0xff000000n) | (high & 0xff00000000n)) >> 24n) | (((low & 0xff0000000000n) | (high & 0xff000000000000n)) >> 16n) | (low & 0xff0000n) | ((low & 0xff00n) << 32n) | ((high & 0xff00000000000000n) >> 8n) | ((low << 56n) & MASK));
  to[i + 1] = at(to, i + 1) + ((((high & 0xff000000n) | (low & 0xff00000000n)) >> 24n) | (high & 0xff0000n) | ((high & 0xff0000000000n) >> 16n) | ((high & 0xff00n) << 24n) | ((low & 0xff000000000000n) >> 8n) | ((high & 0xffn) << 48n) | (low & 0xff00000000000000n));
}

/** What is left of fewer than 32 bytes. */
function addRest(state: State, rest: Buffer): void {
  const size = rest.length;
  for (let i = 0; i < 4; i += 1) {
    state.v0[i] = at(state.v0, i) + (BigInt(size) << 32n) + BigInt(size);
    const word = at(state.v1, i);
    state.v1[i] = (rotated(word >> 32n, size) << 32n) | rotated(word & LOW, size);
  }
  const packet = Buffer.alloc(PACKET_BYTES);
  const whole = size & ~3;
  const odd = size & 3;
  rest.copy(packet, 0, 0, whole);
  if ((size & 16) !== 0) rest.copy(packet, PACKET_BYTES - 4, size - 4, size);
  else if (odd !== 0) {
    packet[16] = rest[whole] ?? 0;
    packet[17] = rest[whole + (odd >> 1)] ?? 0;
    packet[18] = rest[size - 1] ?? 0;
  }
  update(state, wordsOf(packet));
}

function rotated(half: bigint, by: number): bigint {
  return ((half << BigInt(by)) | (half >> BigInt(32 - by))) & LOW;
}
