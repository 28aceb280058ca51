import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cutOutput, OUTPUT_CHARS_MAX, TEXT_CHARS_MAX } from '#engine/model/cut.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

const entries = (count: number, length = 1_000): Json[] => Array.from({ length: count }, (_, n) => ({ n, text: 'e'.repeat(length) }));
const outputOf = (cut: { readonly output: JsonObject } | undefined): JsonObject => cut?.output ?? {};
const sizeOf = (value: unknown): number => JSON.stringify(value).length;

describe('an output that is small enough', () => {
  test('is left as it is, with nothing to say', () => {
    const output = { log: 'x'.repeat(TEXT_CHARS_MAX), items: entries(1_000), truncated: false };
    expect(cutOutput(output, false)).toEqual({ output, note: '' });
  });
});

describe('a long text', () => {
  test('keeps its beginning and its end, and says how much is missing', () => {
    const log = `starting up\n${'noise\n'.repeat(50_000)}panic: out of memory`;
    const cut = cutOutput({ pods: [{ name: 'kernel', log }], lines: 3 }, false);
    const text = String((outputOf(cut)['pods'] as JsonObject[])[0]?.['log']);
    expect(text).toMatch(/^starting up\n/);
    expect(text).toMatch(/panic: out of memory$/);
    expect(text).toContain(`[… ${log.length - TEXT_CHARS_MAX} characters left out …]`);
    expect(text.length).toBeLessThanOrEqual(TEXT_CHARS_MAX);
    expect(cut).toMatchObject({ output: { lines: 3 }, note: `left out: pods[0].log: ${log.length - TEXT_CHARS_MAX} of ${log.length} characters, from its middle` });
  });

  test('is never cut within a character', () => {
    const text = String(cutOutput({ log: '𝄞'.repeat(20_000) }, false)?.output['log']);
    expect(text.isWellFormed()).toBe(true);
  });

  test('is named up to a few places', () => {
    const note = cutOutput({ items: Array.from({ length: 9 }, () => ({ log: 'x'.repeat(20_000) })) }, false)?.note ?? '';
    expect(note).toContain('items[4].log');
    expect(note).not.toContain('items[5].log');
    expect(note).toMatch(/; and in 4 more places$/);
  });
});

describe('a list that is too large for an event', () => {
  test('loses its tail, and every record around it that knows of cutting says so', () => {
    const output = { count: 10_000, truncated: false, page: { truncated: false, items: entries(10_000) }, other: { truncated: false, items: entries(3) } };
    const cut = cutOutput(output, false);
    const { page } = outputOf(cut) as { page: { items: { n: number }[]; truncated: boolean } };
    expect(sizeOf(cut?.output)).toBeLessThanOrEqual(OUTPUT_CHARS_MAX);
    expect(page.items.length).toBeGreaterThan(4_000);
    expect(page.items.map(({ n }) => n)).toEqual(page.items.map((_, i) => i));
    expect(cut).toMatchObject({ output: { count: 10_000, truncated: true, page: { truncated: true }, other: { truncated: false, items: entries(3) } }, note: `left out: page.items: ${10_000 - page.items.length} of 10000 entries, from its end` });
  });

  test('is the largest one first, and as many as it takes', () => {
    const cut = cutOutput({ a: entries(5_000), b: entries(9_000), c: entries(3_500) }, false);
    const { a, b, c } = outputOf(cut) as Record<string, Json[]>;
    expect([b?.length, c?.length]).toEqual([0, 3_500]);
    expect(a?.length).toBeLessThan(5_000);
    expect(sizeOf(cut?.output)).toBeLessThanOrEqual(OUTPUT_CHARS_MAX);
  });

  test('of a for-each keeps an answer for each element: their own lists are cut instead', () => {
    const cut = cutOutput({ items: [{ rows: entries(4_000) }, { rows: entries(10) }, { rows: entries(4_000) }] }, true);
    const items = cut?.output['items'] as { rows: Json[] }[];
    expect(items).toHaveLength(3);
    expect(items[1]?.rows).toHaveLength(10);
    expect(sizeOf(cut?.output)).toBeLessThanOrEqual(OUTPUT_CHARS_MAX);
  });

  test('that is none cannot be cut: the answer is no', () => {
    expect(cutOutput(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, 'x'.repeat(15_000)])), false)).toBeUndefined();
    expect(cutOutput({ items: Array.from({ length: 400 }, () => 'x'.repeat(15_000)) }, true)).toBeUndefined();
  });
});

describe('whatever is cut', () => {
  /** The type of every value, as the expressions were checked against: lists by their elements. */
  const typesOf = (value: Json): unknown => {
    if (Array.isArray(value)) return [...new Set(value.map((entry: Json) => JSON.stringify(typesOf(entry))))].toSorted();
    if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, typesOf(entry as Json)]));
    return typeof value;
  };

  test('fits, keeps its fields and their types, and is the same when it is cut again', () => {
    const record = fc.record({ log: fc.integer({ min: 0, max: 60_000 }).map((n) => 'y'.repeat(n)), rows: fc.integer({ min: 1, max: 6_000 }).map((n) => entries(n)), truncated: fc.boolean(), note: fc.string(), count: fc.integer() });
    fc.assert(
      fc.property(fc.record({ first: record, second: record, list: fc.array(record, { minLength: 1, maxLength: 3 }) }), (output) => {
        const cut = cutOutput(output as JsonObject, false);
        expect(cut).toBeDefined();
        const fits = cut?.output ?? {};
        expect(sizeOf(fits)).toBeLessThanOrEqual(OUTPUT_CHARS_MAX);
        const kept = { ...fits, list: 0 };
        expect(typesOf({ ...(kept as JsonObject), first: { ...(fits['first'] as JsonObject), rows: 0 }, second: { ...(fits['second'] as JsonObject), rows: 0 } })).toEqual(typesOf({ ...(output as JsonObject), list: 0, first: { ...output.first, rows: 0 }, second: { ...output.second, rows: 0 } }));
        expect(cutOutput(fits, false)).toEqual({ output: fits, note: '' });
        expect(cut?.note === '').toBe(sizeOf(output) === sizeOf(fits));
      }),
      { numRuns: 25 },
    );
  });
});
