import { describe, expect, test } from 'vitest';
import { jsonText, visible } from '#cli/format.ts';

/** Moves, colours, reorders, hides; C0, C1, ALM, soft hyphen, bidi, zero width, a filler, a tag, half a pair. */
const HOSTILE = '\u001b[31m\r\u0007\u009b2J\u061c\u00ad\u202e\u2066\u200b\u3164\u{e0041}\ud800';
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\u3164]/u;

describe('text from outside on a terminal', () => {
  test('shows what it holds and does nothing', () => {
    expect(visible(`a${HOSTILE}b\n\t`)).not.toMatch(UNSEEN);
    expect(visible('\u001b[31m\n\u{e0041}')).toBe('\\u001b[31m\\n\\udb40\\udc41');
    expect(visible('Größe 30 %: ✓ 日本語 😀')).toBe('Größe 30 %: ✓ 日本語 😀');
  });

  test('is harmless as JSON too, and still the same value', () => {
    const value = { [HOSTILE]: [HOSTILE, 'Größe 😀', 1] };
    const text = jsonText(value, 2);
    expect(text.replaceAll('\n', '')).not.toMatch(UNSEEN);
    expect(text).toContain('Größe 😀');
    expect(JSON.parse(text)).toEqual(value);
  });
});
