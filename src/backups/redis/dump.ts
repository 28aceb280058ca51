/** The payload of `DUMP`: an RDB record, two bytes of RDB version, and the CRC-64 (Jones) of all before it (Redis `cluster.c`, `crc64.c`). */

const FOOTER_BYTES = 10;
const CRC_BYTES = 8;
const NEWLINE = 0x0a;
/** The polynomial, reflected, in halves. */
const POLYNOMIAL_HIGH = 0x95ac9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;
const { high: HIGH, low: LOW } = makeTables();

/** What is wrong with it; empty when nothing is. `newline`: it is right without the newline that redis-cli puts behind an answer. */
export function lookAtDump(payload: Buffer): { readonly because: string; readonly newline: boolean } {
  if (payload.length <= FOOTER_BYTES) return { because: 'it is too short for a dump', newline: false };
  if (isSealed(payload)) return { because: '', newline: false };
  if (payload.at(-1) === NEWLINE && isSealed(payload.subarray(0, -1))) return { because: '', newline: true };
  return { because: 'its checksum is wrong', newline: false };
}

/** The version of RDB in which it is written. */
export function dumpVersion(payload: Buffer): number {
  return payload.readUInt16LE(payload.length - FOOTER_BYTES);
}

function isSealed(payload: Buffer): boolean {
  const end = payload.length - CRC_BYTES;
  return end > 0 && crc64(payload.subarray(0, end)) === payload.readBigUInt64LE(end);
}

export function crc64(bytes: Uint8Array): bigint {
  let high = 0;
  let low = 0;
  for (const byte of bytes) {
    const index = (low ^ byte) & 0xff;
    low = ((low >>> 8) | (high << 24)) ^ (LOW[index] ?? 0);
    high = (high >>> 8) ^ (HIGH[index] ?? 0);
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function makeTables(): { readonly high: Int32Array; readonly low: Int32Array } {
  const high = new Int32Array(256);
  const low = new Int32Array(256);
  for (let n = 0; n < 256; n += 1) {
    let h = 0;
    let l = n;
    for (let k = 0; k < 8; k += 1) {
      const odd = (l & 1) === 1;
      l = (l >>> 1) | (h << 31);
      h >>>= 1;
      if (odd) {
        l ^= POLYNOMIAL_LOW;
        h ^= POLYNOMIAL_HIGH;
      }
    }
    high[n] = h;
    low[n] = l;
  }
  return { high, low };
}
