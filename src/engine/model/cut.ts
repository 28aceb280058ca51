/**
 * What a step answered, made small enough for an event. Only texts and the tails of lists are cut, so whatever expressions were
 * checked against still holds of what is left; and it is always said what is missing, since half an answer must not pass for a whole one.
 */
import type { Json, JsonObject } from '#kernel/json.ts';

/** One text. A log of more lines than this tells a person no more; its beginning and its end are kept. */
export const TEXT_CHARS_MAX = 16 * 1024;
/** One output, as JSON text. 10,000 dead letters, Cordum's cap, are about 3 MB. */
export const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
/** Lists that are cut one after the other, the largest first, before it is given up. */
const LISTS_CUT_MAX = 20;
/** Places that are named in the note; more than these are counted. */
const NAMED_MAX = 5;
/** A path through keys of an outside system may be of any length. */
const PLACE_CHARS_MAX = 120;

export interface Cut {
  readonly output: JsonObject;
  /** What was left out, for people. Empty: nothing was. */
  readonly note: string;
}

/**
 * `forEach`: the list at the top holds one answer for each element and is never shortened, since the rest would look like all.
 * Undefined when it cannot be made to fit.
 */
export function cutOutput(output: JsonObject, forEach: boolean): Cut | undefined {
  const left: string[] = [];
  let fitted = cutTexts(output, '', left) as JsonObject;
  for (let tries = 0; ; tries += 1) {
    const over = sizeOf(fitted) - OUTPUT_CHARS_MAX;
    if (over <= 0) return { output: fitted, note: noteOf(left) };
    const list = tries < LISTS_CUT_MAX ? largestList(fitted, forEach) : undefined;
    if (list === undefined) return undefined;
    fitted = replaceAt(fitted, list.path, shortened(list, over, left)) as JsonObject;
  }
}

function cutTexts(value: Json, place: string, left: string[]): Json {
  if (typeof value === 'string') {
    if (value.length <= TEXT_CHARS_MAX) return value;
    left.push(`${named(place)}: ${value.length - TEXT_CHARS_MAX} of ${value.length} characters, from its middle`);
    return middleOut(value);
  }
  if (typeof value !== 'object' || value === null) return value;
  const before = left.length;
  const copy = Array.isArray(value)
    ? value.map((entry: Json, i) => cutTexts(entry, `${place}[${i}]`, left))
    : Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cutTexts(entry, place === '' ? key : `${place}.${key}`, left)]));
  if (left.length === before) return value;
  return Array.isArray(copy) ? copy : saysSo(copy as JsonObject);
}

/** The beginning says what it is, the end what happened last. */
function middleOut(text: string): string {
  const gap = `\n[… ${text.length - TEXT_CHARS_MAX} characters left out …]\n`;
  const half = Math.floor((TEXT_CHARS_MAX - gap.length) / 2);
  // Either end may have been cut within a character.
  return `${text.slice(0, half)}${gap}${text.slice(-half)}`.toWellFormed();
}

/** A step that knows of cutting says so in `truncated`; then it has been cut now. */
function saysSo(record: JsonObject): JsonObject {
  return typeof record['truncated'] === 'boolean' ? { ...record, truncated: true } : record;
}

type Path = readonly (string | number)[];

interface List {
  readonly path: Path;
  readonly entries: readonly Json[];
  readonly chars: number;
}

function largestList(output: JsonObject, forEach: boolean): List | undefined {
  let largest: List | undefined;
  const walk = (value: Json, path: Path): void => {
    if (typeof value !== 'object' || value === null) return;
    const fixed = forEach && path.length === 1;
    if (Array.isArray(value) && value.length > 0 && !fixed) {
      const chars = sizeOf(value);
      if (chars > (largest?.chars ?? 0)) largest = { path, entries: value, chars };
      // What is within a list is smaller than it.
      return;
    }
    for (const [key, entry] of Object.entries(value)) walk(entry as Json, [...path, Array.isArray(value) ? Number(key) : key]);
  };
  walk(output, []);
  return largest;
}

function shortened({ path, entries, chars }: List, over: number, left: string[]): readonly Json[] {
  let room = chars - over;
  let kept = 0;
  for (const entry of entries) {
    room -= sizeOf(entry) + 1;
    if (room < 0) break;
    kept += 1;
  }
  // At least one goes each time, so this ends.
  kept = Math.min(kept, entries.length - 1);
  left.push(`${named(path.join('.'))}: ${entries.length - kept} of ${entries.length} entries, from its end`);
  return entries.slice(0, kept);
}

/** A copy with another value at the path; every record on the way says that it was cut. */
function replaceAt(value: Json, path: Path, put: Json): Json {
  const [step, ...rest] = path;
  if (step === undefined) return put;
  if (Array.isArray(value)) return value.map((entry: Json, i) => (i === step ? replaceAt(entry, rest, put) : entry));
  const record = value as JsonObject;
  return saysSo({ ...record, [step]: replaceAt(record[step] ?? null, rest, put) });
}

function sizeOf(value: Json): number {
  return JSON.stringify(value).length;
}

function named(place: string): string {
  return place.length <= PLACE_CHARS_MAX ? place : `${place.slice(0, PLACE_CHARS_MAX)}…`.toWellFormed();
}

function noteOf(left: readonly string[]): string {
  if (left.length === 0) return '';
  const more = left.length <= NAMED_MAX ? [] : [`and in ${left.length - NAMED_MAX} more places`];
  return `left out: ${[...left.slice(0, NAMED_MAX), ...more].join('; ')}`;
}
