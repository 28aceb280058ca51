import { describe, expect, it } from 'vitest';
import { didYouMean, nearest } from '#kernel/hints.ts';

describe('the word that was probably meant', () => {
  it('is what is near, and nothing when nothing is', () => {
    expect(nearest('incident', ['incidents', 'runs'])).toBe('incidents');
    expect(nearest('zzzzzz', ['incidents', 'runs'])).toBeUndefined();
    expect(nearest('x'.repeat(1_000_000), ['runs'])).toBeUndefined();
  });

  it('may have two neighbours swapped, and hyphens, underscores and capitals do not matter', () => {
    expect(nearest('rnus', ['rules', 'runs'])).toBe('runs');
    expect(nearest('forEach', ['for-each', 'foreign'])).toBe('for-each');
  });

  it('is a question, or the choices when nothing is near, or nothing when there is no choice', () => {
    expect(didYouMean('entires', ['entries', 'total'])).toBe('did you mean "entries"?');
    expect(didYouMean('zzzzzz', ['a', 'b'])).toBe('known: a, b');
    expect(didYouMean('zzzzzz', Array.from({ length: 13 }, (_, at) => `name${at}`))).toMatch(/name11, …$/);
    expect(didYouMean('x', [])).toBeUndefined();
  });
});
