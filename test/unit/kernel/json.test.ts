import { describe, expect, test } from 'vitest';
import { digestOf } from '#kernel/digest.ts';
import { toJson } from '#kernel/json.ts';

describe('a value from outside as JSON', () => {
  test('can always be digested: half a surrogate pair becomes U+FFFD', () => {
    const json = toJson({ 'a\ud800': ['\udfff', 1n] });
    expect(json).toEqual({ 'a\ufffd': ['\ufffd', 1] });
    expect(digestOf(json)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('keeps hostile names as inert data', () => {
    const json = toJson(JSON.parse('{"__proto__":{"admin":true},"constructor":1}')) as Record<string, unknown>;
    expect(Object.keys(json).toSorted()).toEqual(['__proto__', 'constructor']);
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test('turns integers into numbers while they are exact, and into text beyond', () => {
    expect(toJson([2n ** 53n - 1n, 2n ** 60n, Number.NaN])).toEqual([Number.MAX_SAFE_INTEGER, (2n ** 60n).toString(), 'NaN']);
  });
});
