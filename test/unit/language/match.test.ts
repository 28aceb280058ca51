import { describe, expect, it } from 'vitest';
import { checkMatch, matchRunbook, parseMatcher } from '#language/match.ts';
import type { Runbook } from '#language/runbook.ts';

function parsed(text: string): { label: string; op: string; value: string } | string {
  const result = parseMatcher(text);
  if (!result.ok) return result.message;
  const { label, op, value } = result.matcher;
  return { label, op, value };
}

function matches(text: string, labels: Record<string, string>): boolean {
  const result = parseMatcher(text);
  if (!result.ok) throw new Error(result.message);
  return result.matcher.matches(labels);
}

describe('the matcher syntax of Alertmanager', () => {
  it.each([
    ['alertname="X"', 'alertname', '=', 'X'],
    ['alertname=X', 'alertname', '=', 'X'],
    [' alertname = "X" ', 'alertname', '=', 'X'],
    ['foo!="bar"', 'foo', '!=', 'bar'],
    ['foo=~"bar.*"', 'foo', '=~', 'bar.*'],
    ['foo!~bar|baz', 'foo', '!~', 'bar|baz'],
    ['foo=', 'foo', '=', ''],
    ['foo=""', 'foo', '=', ''],
    ['foo="a\\"b"', 'foo', '=', 'a"b'],
    ['foo="a\\\\b"', 'foo', '=', 'a\\b'],
    ['foo="a\\nb"', 'foo', '=', 'a\nb'],
    ['foo="\\u00e9"', 'foo', '=', 'é'],
    ['foo="λ 🙂"', 'foo', '=', 'λ 🙂'],
    ['"λ label"="x"', 'λ label', '=', 'x'],
    ['λ=x', 'λ', '=', 'x'],
    ['foo="a, b={c}"', 'foo', '=', 'a, b={c}'],
    ["foo=o'clock", 'foo', '=', "o'clock"],
    ['foo=bar baz', 'foo', '=', 'bar baz'],
    ['__proto__="x"', '__proto__', '=', 'x'],
  ])('reads %s', (text, label, op, value) => {
    expect(parsed(text)).toEqual({ label, op, value });
  });

  it.each(['', 'foo', 'foo==', '="x"', '""="x"', 'foo="x', 'foo="x"y', 'foo=a"b', 'foo="\\q"', 'foo=~"("', 'foo=~"(?=x)"', '{foo="x"}', "foo='x'", "foo=''", 'foo=`x`', `foo="${'x'.repeat(5_000)}"`])('refuses %s with a sentence', (text) => {
    const result = parsed(text);
    // `foo==` is `foo` `=` `=`: Alertmanager reads the second sign as the value, and so do we.
    if (text === 'foo==') expect(result).toEqual({ label: 'foo', op: '=', value: '=' });
    else expect(result).toEqual(expect.any(String));
  });

  it.each([
    ['foo="bar"', { foo: 'bar' }, true],
    ['foo="bar"', { foo: 'barn' }, false],
    ['foo=""', {}, true],
    ['foo=""', { foo: 'x' }, false],
    ['foo!="bar"', {}, true],
    ['foo!=""', {}, false],
    ['foo=~"ba.*"', { foo: 'bar' }, true],
    ['foo=~"a"', { foo: 'bar' }, false],
    ['foo=~"a|ba"', { foo: 'bar' }, false],
    ['foo=~".*"', {}, true],
    ['foo=~".+"', {}, false],
    ['foo!~"ba."', { foo: 'bar' }, false],
    ['foo!~"ba."', { foo: 'qux' }, true],
    ['foo=~"ba."', { foo: 'ba\n' }, false],
    ['constructor=""', {}, true],
    ['toString=~".+"', {}, false],
  ])('%s on %j is %s', (text, labels, expected) => {
    expect(matches(text, labels as Record<string, string>)).toBe(expected);
  });

  it('reads a label that is called __proto__ as data', () => {
    expect(matches('__proto__="x"', JSON.parse('{"__proto__":"x"}') as Record<string, string>)).toBe(true);
    expect(matches('__proto__="x"', {})).toBe(false);
  });

  it('answers a pattern that stalls backtracking engines at once', () => {
    expect(matches('foo=~"(a+)+b"', { foo: 'a'.repeat(20_000) })).toBe(false);
  });
});

describe('choosing the runbook of an alert', () => {
  const trigger = (...texts: string[]): Runbook['triggers'][number] => ({
    matchers: texts.map((text) => {
      const result = parseMatcher(text);
      if (!result.ok) throw new Error(result.message);
      return result.matcher;
    }),
  });
  const runbook = (name: string, ...triggers: Runbook['triggers']): Runbook => ({ name, triggers }) as unknown as Runbook;

  it('needs all matchers of one trigger, and one trigger of several', () => {
    const triggers = [trigger('alertname="A"', 'env="prod"'), trigger('alertname="B"')];
    expect(checkMatch(triggers, { alertname: 'A', env: 'prod' })).toBe(true);
    expect(checkMatch(triggers, { alertname: 'A' })).toBe(false);
    expect(checkMatch(triggers, { alertname: 'B' })).toBe(true);
    expect(checkMatch([], { alertname: 'A' })).toBe(false);
  });

  it('takes the first by name, whatever the order of the list', () => {
    const a = runbook('a-book', trigger('alertname="X"'));
    const b = runbook('b-book', trigger('alertname="X"'));
    expect(matchRunbook([b, a], { alertname: 'X' })?.name).toBe('a-book');
    expect(matchRunbook([a, b], { alertname: 'X' })?.name).toBe('a-book');
    expect(matchRunbook([a, b], { alertname: 'Y' })).toBeUndefined();
  });
});
