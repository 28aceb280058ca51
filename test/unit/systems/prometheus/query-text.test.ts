import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillFreshBy, fillLabels, isSelector, LABEL_NAME, quoteText } from '#systems/prometheus/query-text.ts';

const A = [{ name: 'pool', value: 'a' }];

/** Reads a literal back as Go does, by an independent way: its escapes are those of JSON that we write. */
const unquote = (text: string): unknown => JSON.parse(text);

describe('labels in a query', () => {
  it('stand as quoted matchers where the query says so', () => {
    expect(fillLabels('up{job="x", $labels}', [...A, { name: 'q', value: 'say "hi" \\ \n' }])).toEqual({ ok: true, value: String.raw`up{job="x", pool="a",q="say \"hi\" \\ \u000a"}` });
    expect(fillLabels('a{$labels} / b{ $labels , c="d"}', A)).toEqual({ ok: true, value: 'a{pool="a"} / b{ pool="a" , c="d"}' });
    expect(fillLabels('up', [])).toEqual({ ok: true, value: 'up' });
    expect(fillLabels('up{a="$labels"} # $labels', [])).toEqual({ ok: true, value: 'up{a="$labels"} # $labels' });
  });

  it('have their names in quotes where Prometheus 3 asks for it, and never one of its own', () => {
    const filled = fillLabels('up{$labels}', [{ name: 'service.name', value: 'gw' }, { name: 'x"}or up{y', value: 'z' }, ...A]);
    expect(filled).toEqual({ ok: true, value: String.raw`up{"service.name"="gw","x\"}or up{y"="z",pool="a"}` });
    expect(filled.ok && isSelector(filled.value)).toBe(true);
    for (const name of ['', '__name__', 'a\nb', '\ud800']) expect(LABEL_NAME.test(name), name).toBe(false);
  });

  it.each(['sum($labels)', '$labels', 'up{a="b" $labels}', 'up{x=$labels}', 'up{$labelsX}', 'up{$labels $labels}', 'up[$labels]'])('have no place in %s', (query) => {
    expect(fillLabels(query, A)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });

  it('that are missing may stand for all series where that is asked for, and leave a query that is still one', () => {
    for (const [query, filled] of [['a{$labels}', 'a{}'], ['a{b="c", $labels}', 'a{b="c", }'], ['a{ $labels , b="c"}', 'a{  b="c"}'], ['a{$labels,b="c"} / a{$labels}', 'a{b="c"} / a{}']] as const) {
      expect(fillLabels(query, [], true)).toEqual({ ok: true, value: filled });
    }
    expect(fillFreshBy('a{b="c", $labels}', [], true)).toEqual({ ok: true, value: 'a{b="c", }' });
    expect(fillLabels('a{$labels}', A, true)).toEqual({ ok: true, value: 'a{pool="a"}' });
  });

  it('that are missing do not turn the query into one for everything, and those without a place are told', () => {
    expect(fillLabels('up{$labels}', [])).toMatchObject({ ok: false, failure: { reason: 'refused' } });
    expect(fillLabels('up', A)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
    expect(fillFreshBy('up', A)).toEqual({ ok: true, value: 'up' });
    expect(fillFreshBy('sum(up)', [])).toMatchObject({ ok: false });
  });

  it('never end their quotes, whatever the value', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'"\\\'`{}#,=\n\r\t\0 ax') })), (value) => {
        const quoted = quoteText(value);
        expect(unquote(quoted)).toBe(value.toWellFormed());
        const filled = fillLabels('up{$labels}', [{ name: 'a', value }]);
        expect(filled.ok && filled.value).toBe(`up{a=${quoted}}`);
        expect(filled.ok && isSelector(filled.value)).toBe(!quoted.includes('\n'));
      }),
    );
  });
});

describe('a selector', () => {
  it('is a metric with its braces and nothing else', () => {
    for (const query of ['up', 'a:b_c', 'up{}', 'up {a="}"}', '{__name__="up"}', "up{a='x\\'y'}"]) expect(isSelector(query), query).toBe(true);
    for (const query of ['sum(up)', 'up[5m]', 'up offset 5m', 'up > 1', 'up{a="b"} or up', '1', 'NaN', 'up{a="b"', 'up{} #{}', 'up{a={}}']) expect(isSelector(query), query).toBe(false);
  });
});
