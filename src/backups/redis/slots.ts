/** Which slots keys fall into, and whether the slots that are held are those of a whole cluster. */
export const SLOTS = 16_384;
/** A gap that chance would leave once in so many backups is not chance. */
const CHANCE = 1e-9;

/** CRC-16 (XMODEM) of the key, or of what stands between its first braces (Redis Cluster specification). */
export function slotOf(key: string | Buffer): number {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key;
  const from = bytes.indexOf('{');
  const to = from < 0 ? -1 : bytes.indexOf('}', from + 1);
  const hashed = to > from + 1 ? bytes.subarray(from + 1, to) : bytes;
  let crc = 0;
  for (const byte of hashed) {
    crc ^= byte << 8;
    for (let k = 0; k < 8; k += 1) crc = (crc & 0x8000) === 0 ? (crc << 1) & 0xffff : ((crc << 1) ^ 0x1021) & 0xffff;
  }
  return crc % SLOTS;
}

/**
 * Keys fall evenly over all slots. Where a long range holds none although the others are well filled, the shard that owned it is
 * missing: the longest such range (its first slot may stand behind its last), unless chance could have left it. Keys of one tag share a slot, so slots are counted, not keys;
 * keys that differ in a number only fall less evenly, so a gap must also be about as long as the share of one of `shards` + 1.
 */
export function suspiciousGap(held: ReadonlySet<number>, shards: number): { readonly from: number; readonly to: number } | undefined {
  const slots = [...held].toSorted((a, b) => a - b);
  const last = slots.at(-1) ?? 0;
  // As on a ring: the shard in the middle leaves both ends of the slots empty.
  let gap = { from: last + 1, to: last };
  let before = last - SLOTS;
  for (const slot of slots) {
    if (slot - before - 1 > gap.to - gap.from + 1) gap = { from: before + 1, to: slot - 1 };
    before = slot;
  }
  const length = gap.to - gap.from + 1;
  const chance = (SLOTS / Math.max(1, length)) * (1 - length / SLOTS) ** slots.length;
  return slots.length > 0 && chance < CHANCE && length / SLOTS >= Math.min(0.3, 0.8 / (shards + 1)) ? { from: (gap.from + SLOTS) % SLOTS, to: gap.to } : undefined;
}
