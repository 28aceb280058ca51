/** CRC-32C (Castagnoli), as S2 uses it. Node's zlib has the other one. Eight bytes a turn, by tables. */

const POLYNOMIAL = 0x82f63b78;
const tables = makeTables();

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = bytes.length;
  let crc = 0xffffffff;
  let i = 0;
  for (; i + 8 <= end; i += 8) {
    const low = (crc ^ view.getUint32(i, true)) >>> 0;
    const high = view.getUint32(i + 4, true);
    crc =
      (at(t7, low & 0xff) ^ at(t6, (low >>> 8) & 0xff) ^ at(t5, (low >>> 16) & 0xff) ^ at(t4, low >>> 24) ^ at(t3, high & 0xff) ^ at(t2, (high >>> 8) & 0xff) ^ at(t1, (high >>> 16) & 0xff) ^ at(t0, high >>> 24)) >>> 0;
  }
  for (; i < end; i += 1) crc = (at(t0, (crc ^ view.getUint8(i)) & 0xff) ^ (crc >>> 8)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

function at(table: Uint32Array | undefined, index: number): number {
  return table?.[index] ?? 0;
}

function makeTables(): Uint32Array[] {
  const first = new Uint32Array(256);
  for (let n = 0; n < 256; n += 1) {
    let c = n;
    for (let k = 0; k < 8; k += 1) c = (c & 1) === 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    first[n] = c >>> 0;
  }
  const all = [first];
  for (let t = 1; t < 8; t += 1) {
    const before = all[t - 1];
    all.push(Uint32Array.from({ length: 256 }, (_, n) => ((at(before, n) >>> 8) ^ at(first, at(before, n) & 0xff)) >>> 0));
  }
  return all;
}
