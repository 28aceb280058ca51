/** Small words that plans and verifications of this system share. */
import type { ItemEnd } from '#step-kit/index.ts';

/** Sentences on left-out entries, one each; more are counted. */
const MOST_NOTES = 20;

export function shorten(notes: readonly string[]): string[] {
  if (notes.length <= MOST_NOTES) return [...notes];
  return [...notes.slice(0, MOST_NOTES), `… and ${notes.length - MOST_NOTES} more were left out.`];
}

export function count(entries: number): string {
  return entries === 1 ? '1 entry' : `${entries} entries`;
}

/** `3 done, 1 returned`. */
export function tally(ends: readonly ItemEnd[]): string {
  return [...Map.groupBy(ends, (end) => end)].map(([end, items]) => `${items.length} ${end}`).join(', ');
}

/** A text field of a JSON object from the journal; empty when it is not there. */
export function field(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return '';
  const found = (value as Readonly<Record<string, unknown>>)[name];
  return typeof found === 'string' ? found : '';
}
