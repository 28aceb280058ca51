/** Single values out of a JSON answer, by typed paths: nothing in an answer is evaluated (pure). */
import type { Json } from '#kernel/json.ts';
import { cutText } from '#kernel/text.ts';

const LONGEST_VALUE = 1_000;

export interface FieldValue {
  readonly name: string;
  /** False: there is no such value. */
  readonly seen: boolean;
  /** As text; an object or a list as JSON. */
  readonly value: string;
  readonly number: number;
  readonly isTrue: boolean;
}

/** `build.version`, `items.0.name`. Only own fields count: `constructor` of an object that has none is not there. */
export function pickField(from: Json | undefined, { name, path }: { readonly name: string; readonly path: string }): FieldValue {
  let at: Json | undefined = from;
  for (const key of path.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key) || (Array.isArray(at) && !/^\d+$/.test(key))) return { name, seen: false, value: '', number: 0, isTrue: false };
    at = (at as { readonly [field: string]: Json })[key];
  }
  if (at === undefined) return { name, seen: false, value: '', number: 0, isTrue: false };
  const value = typeof at === 'string' ? at : JSON.stringify(at);
  const number = typeof at === 'number' || (typeof at === 'string' && at.trim() !== '') ? Number(at) : 0;
  return { name, seen: true, value: cutText(value, LONGEST_VALUE), number: Number.isFinite(number) ? number : 0, isTrue: at === true };
}
