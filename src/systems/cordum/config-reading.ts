/** Looking into Cordum's configuration: flat entries for people and expressions, and the pools that it declares. */
import { type Result, type StepContext, succeed } from '#step-kit/index.ts';
import { cutText } from '#kernel/text.ts';
import type { ConfigEntry, DeclaredPools } from './admin-records.ts';
import { patiently, type Waiting } from './patience.ts';
import { Cordum } from './system.ts';

const LONGEST_VALUE = 200;
const DEEPEST = 12;
const SYSTEM = { scope: 'system', scopeId: 'default' };

/** The leaves of a document by path, in order of the paths, at most `most` of them. */
export function flatten(data: Readonly<Record<string, unknown>>, most: number): { readonly entries: ConfigEntry[]; readonly truncated: boolean } {
  const entries: ConfigEntry[] = [];
  let truncated = false;
  const walk = (value: unknown, path: string, depth: number): void => {
    if (entries.length >= most) {
      truncated = true;
      return;
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && depth < DEEPEST && Object.keys(value).length > 0) {
      for (const [name, inner] of Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) walk(inner, path === '' ? name : `${path}.${name}`, depth + 1);
    } else entries.push({ path: cutText(path, LONGEST_VALUE), value: cutText(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''), LONGEST_VALUE) });
  };
  if (Object.keys(data).length > 0) walk(data, '', 0);
  return { entries, truncated };
}

/** A number at a path, or −1. */
export function numberAt(data: Readonly<Record<string, unknown>>, ...path: readonly string[]): number {
  const found = at(data, path);
  return typeof found === 'number' && Number.isSafeInteger(Math.trunc(found)) ? Math.trunc(found) : -1;
}

export function textAt(data: Readonly<Record<string, unknown>>, ...path: readonly string[]): string {
  const found = at(data, path);
  return typeof found === 'string' ? cutText(found, LONGEST_VALUE) : '';
}

function at(data: unknown, path: readonly string[]): unknown {
  let found: unknown = data;
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[name];
  }
  return found;
}

export async function readPools(ctx: Waiting & Pick<StepContext, 'use'>): Promise<Result<DeclaredPools>> {
  const document = await patiently(ctx, () => ctx.use(Cordum).config(SYSTEM, { signal: ctx.signal }));
  return document.ok ? succeed(document.value.pools) : document;
}
