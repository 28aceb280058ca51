/** Readers for the fields of Cordum's answers that several subjects share: lenient, bounded, and never a surprise of type. */
import { z } from 'zod';
import { cutClean } from '#kernel/redact.ts';
import { isoOrEmpty, text, timeMs } from './schema.ts';

/** One sentence or two of somebody else's text, characters. */
const LONGEST_TEXT = 500;
const SECOND_MS = 1_000;
const DAY_S = 86_400;

/** A text for people, cut. */
export const said = text.transform((value) => cutClean(value, LONGEST_TEXT));

/** An RFC 3339 time as ISO 8601, or empty. Cordum writes nanoseconds, and Go's year 1 where there is none. */
export const instant = z
  .unknown()
  .optional()
  .transform((raw) => (typeof raw === 'string' ? isoOrEmpty(timeMs(raw)) : ''));

/** A time as a number since the epoch, in s, ms, µs or ns by its size, as ISO 8601 or empty. */
export const epoch = z
  .unknown()
  .optional()
  .transform((raw) => (typeof raw === 'number' ? isoOrEmpty(epochMs(raw)) : ''));

/** A list of texts as records, so that expressions over it are checked; at most `most` of them. */
export function named(most: number) {
  return z
    .array(z.unknown())
    .nullish()
    .catch([])
    .transform((items) => (items ?? []).filter((item) => typeof item === 'string').slice(0, most).map((name) => ({ name: cutClean(name, LONGEST_TEXT) })));
}

/** A list whose rows are read one by one: a row that cannot be read is left out and counted, the others stand. */
export function rows<Row extends z.ZodType>(row: Row) {
  return z
    .array(z.unknown())
    .nullish()
    .transform((items) => {
      const read = (items ?? []).map((item) => row.safeParse(item));
      const kept = read.flatMap((one) => (one.success ? [one.data] : []));
      return { items: kept, unreadable: read.length - kept.length };
    });
}

export interface Rows<Row> {
  readonly items: readonly Row[];
  /** Rows that were there and made no sense. */
  readonly unreadable: number;
}

/** The note on rows that were left out; empty when none was. */
export function unreadableNote(count: number): string {
  return count === 0 ? '' : `${count} of the rows that Cordum listed could not be read and are left out.`;
}

/** Whole seconds from a time until now; 0 when the time is not known or lies ahead. */
export function secondsSince(iso: string, nowMs: number): number {
  const ms = timeMs(iso);
  return ms === 0 ? 0 : Math.max(0, Math.floor((nowMs - ms) / SECOND_MS));
}

export function daysSince(iso: string, nowMs: number): number {
  return Math.floor(secondsSince(iso, nowMs) / DAY_S);
}

/** Whole days from now until a time, negative once it has passed. Only for a time that is known. */
export function daysUntil(iso: string, nowMs: number): number {
  return Math.floor((timeMs(iso) - nowMs) / (DAY_S * SECOND_MS));
}

function epochMs(value: number): number {
  if (value < 1e11) return value * SECOND_MS;
  if (value < 1e14) return Math.trunc(value);
  return Math.trunc(value < 1e17 ? value / 1e3 : value / 1e6);
}
