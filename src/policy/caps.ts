import type { Capacity } from '#step-kit/index.ts';
import type { Verdict } from './model.ts';
import { allow, deny } from './verdict.ts';

/** A fifth: the 20 % of DESIGN §2, in whole numbers. */
const SHARE_DIVISOR = 5;

/**
 * How many units of serving capacity may be taken at a time: a fifth of them and at most `capacityMax`, but one where a
 * fifth is less than one, and never so many that fewer than `floor` are left. Numbers that make no sense allow none.
 */
export function capacityCap({ total, floor }: Capacity, capacityMax: number): number {
  if (!Number.isSafeInteger(total) || !Number.isSafeInteger(floor) || !(capacityMax >= 1) || total < 0 || floor < 0) return 0;
  const share = Math.max(1, Math.floor(total / SHARE_DIVISOR));
  return Math.max(0, Math.min(share, Math.floor(capacityMax), total - floor));
}

/** Whether `takes` units may be taken at once. */
export function checkCapacity(capacity: Capacity, takes: number, capacityMax: number): Verdict {
  const cap = capacityCap(capacity, capacityMax);
  if (Number.isSafeInteger(takes) && takes >= 0 && takes <= cap) return allow(`${takes} of ${capacity.total} at a time is within the cap of ${cap}`);
  const spare = capacity.total - capacity.floor;
  if (spare < 1) return deny('capacity', `${capacity.total} serve and ${capacity.floor} must be left, so none can be spared`);
  return deny('capacity', `${takes} of ${capacity.total} at a time is over the cap of ${cap} (20 %, at most ${capacityMax}, ${capacity.floor} must be left)`);
}
