/** What a licence means: when it ends, and whether it is good. Pure. */
import type { License } from './admin-records.ts';
import { daysUntil } from './fields.ts';

/** Said for a licence that never expires, so that a comparison with a number of days is true of those alone that do. */
export const NEVER_DAYS = 99_999;
/** What Cordum says of a licence that is in order: `active` as recorded, `valid` and `warning` as its document has it (§1.10). */
const GOOD: ReadonlySet<string> = new Set(['active', 'valid', 'warning']);

export interface LicenseFacts {
  readonly expires: boolean;
  readonly daysLeft: number;
  /** Cordum's word says that it is in order, and its time has not passed. */
  readonly valid: boolean;
}

export function licenseFacts(license: License, nowMs: number): LicenseFacts {
  const expires = license.expiresAt !== '';
  const daysLeft = expires ? daysUntil(license.expiresAt, nowMs) : NEVER_DAYS;
  const word = (license.expiryStatus || license.status).toLowerCase();
  return { expires, daysLeft, valid: GOOD.has(word) && (!expires || Date.parse(license.expiresAt) > nowMs) };
}
