import { describe, expect, it } from 'vitest';
import { cutText } from '#kernel/text.ts';

describe('a text that is cut', () => {
  it('stays as it is up to the length, and says beyond it that there was more', () => {
    expect(cutText('abc', 3)).toBe('abc');
    expect(cutText('abcd', 3)).toBe('ab…');
  });

  it('never ends in half of a character', () => {
    expect(cutText('a😀bc', 3)).toBe('a…');
    expect(cutText('a😀bc', 4)).toBe('a😀…');
  });
});
