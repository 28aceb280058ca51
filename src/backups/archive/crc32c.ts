/**
 * CRC-32C (Castagnoli), as S2 uses it; Node's zlib has the other one. Sixteen bytes a turn, by tables that stand in one array: so an
 * archive is read ten times faster than with an array for each table (measured, docs/performance.md).
 */

const POLYNOMIAL = 0x82f63b78;
const TURN_BYTES = 16;
/** Table `t` begins at `t * 256`: what a byte does to the sum when `t` more bytes follow it in the turn. */
const tables = makeTables();

export function crc32c(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const turns = bytes.length - (bytes.length % TURN_BYTES);
  let crc = -1;
  let i = 0;
  for (; i < turns; i += TURN_BYTES) {
    crc =
      word(crc ^ view.getInt32(i, true), 12) ^ //
      word(view.getInt32(i + 4, true), 8) ^
      word(view.getInt32(i + 8, true), 4) ^
      word(view.getInt32(i + 12, true), 0);
  }
  for (; i < bytes.length; i += 1) crc = at((crc ^ view.getUint8(i)) & 0xff) ^ (crc >>> 8);
  return (crc ^ -1) >>> 0;
}

/** Four bytes of the turn, the last of which is followed by so many others. */
function word(value: number, followed: number): number {
  const last = followed * 256;
  return at(last + 768 + (value & 0xff)) ^ at(last + 512 + ((value >>> 8) & 0xff)) ^ at(last + 256 + ((value >>> 16) & 0xff)) ^ at(last + (value >>> 24));
}

function at(index: number): number {
  return tables[index] ?? 0;
}

function makeTables(): Int32Array {
  const all = new Int32Array(TURN_BYTES * 256);
  for (let n = 0; n < 256; n += 1) {
    let c = n;
    for (let k = 0; k < 8; k += 1) c = (c & 1) === 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    all[n] = c;
  }
  for (let n = 256; n < all.length; n += 1) {
    const before = all[n - 256] ?? 0;
    all[n] = (before >>> 8) ^ (all[before & 0xff] ?? 0);
  }
  return all;
}
