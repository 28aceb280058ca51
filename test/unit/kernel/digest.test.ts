import { describe, expect, test } from 'vitest';
import { digestOf, sha256 } from '#kernel/digest.ts';

describe('a digest', () => {
  test('of half a surrogate pair is one, since any answer or any cut may hold it: an error here would stop a plan for ever', () => {
    for (const value of ['\ud800', { title: `cut here: ${'😀'.slice(0, 1)}` }, { ['\udc00']: 1 }]) expect(digestOf(value)).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is that of the canonical JSON, whatever the order of the keys', () => {
    expect(digestOf({ b: [1, 'é'], a: null })).toBe(sha256('{"a":null,"b":[1,"é"]}'));
    expect(digestOf({ a: null, b: [1, 'é'] })).toBe(digestOf({ b: [1, 'é'], a: null }));
  });
});
