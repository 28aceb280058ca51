import { describe, expect, it } from 'vitest';
import { slotOf, suspiciousGap } from '#backups/redis/slots.ts';

const slotsOf = (keys: readonly string[]): Set<number> => new Set(keys.map(slotOf));
const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `job:state:${i}`);

describe('slots of keys', () => {
  it.for([['foo', 12_182], ['{user1000}.following', 3_443], ['{}bar', slotOf('{}bar')], ['123456789', 0x31c3]] as const)('%s falls into slot %i, as Redis says', ([key, slot]) => {
    expect(slotOf(key)).toBe(slot);
  });

  it('of a whole server leave no gap, also when keys differ in a number only, and when they are few', () => {
    for (const count of [1, 2, 5, 20, 60, 100, 400, 1_000, 10_000]) expect(suspiciousGap(slotsOf(numbered(count)), 1), String(count)).toBeUndefined();
    expect(suspiciousGap(slotsOf(Array.from({ length: 400 }, (_, i) => `{same}:${i}`)), 1)).toBeUndefined();
    expect(suspiciousGap(new Set(), 1)).toBeUndefined();
  });

  it.for([
    ['first', 0, 5_460],
    ['middle', 5_461, 10_922],
    ['last', 10_923, 16_383],
  ] as const)('of the %s of three shards alone leave the slots of the others empty, and where it is missing, its own', ([, from, to]) => {
    const all = numbered(600);
    const own = (key: string): boolean => slotOf(key) >= from && slotOf(key) <= to;
    expect(suspiciousGap(slotsOf(all.filter(own)), 1)).toBeDefined();
    const gap = suspiciousGap(slotsOf(all.filter((key) => !own(key))), 2);
    expect(gap).toBeDefined();
    expect(slotsOf(all.filter(own)).has(gap?.from ?? -1)).toBe(false);
  });
});
