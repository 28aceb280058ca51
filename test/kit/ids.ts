import type { Clock } from '#kernel/clock.ts';
import { createIds, type Ids } from '#kernel/ids.ts';

/** Ids of the real form whose random part counts 1, 2, 3, …: the same test makes the same ids, and they sort by age. */
export function createTestIds(clock: Clock): Ids {
  let count = 0;
  return createIds(clock, (bytes) => {
    count += 1;
    const out = new Uint8Array(bytes);
    new DataView(out.buffer).setUint32(bytes - 4, count);
    return out;
  });
}
