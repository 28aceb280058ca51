import type { Waves } from './runbook.ts';

/**
 * How many items each wave holds, for a plan of `total` items: 1, 5, 25, 100% of 240 are 1, 5, 25 and the 209 that are left.
 * A share is a share of the whole plan, rounded up. The last size repeats until nothing is left. No wave is empty.
 */
export function waveSizes(waves: Waves, total: number): number[] {
  const sizes: number[] = [];
  let rest = Math.max(0, Math.floor(total));
  const whole = rest;
  while (rest > 0) {
    const asked = waves.sizes[Math.min(sizes.length, waves.sizes.length - 1)] ?? { percent: 100 };
    const count = typeof asked === 'number' ? asked : Math.ceil((whole * asked.percent) / 100);
    const size = Math.min(rest, Math.max(1, Math.floor(count)));
    sizes.push(size);
    rest -= size;
  }
  return sizes;
}
