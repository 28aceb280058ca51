import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runCases } from '#language/cases.ts';
import { loadRunbook } from '#language/load.ts';
import { parseMatcher } from '#language/match.ts';
import { tryExpression } from '../../kit/language/expressions.ts';
import { STEPS } from '../../kit/language/steps.ts';

const GOOD = readFileSync(new URL('../../fixtures/runbooks/shop-dlq.yaml', import.meta.url), 'utf8');

function endsWell(text: string): void {
  const { runbook, diagnostics } = loadRunbook({ file: 'runbooks/shop-dlq.yaml', text, steps: STEPS });
  expect(runbook !== undefined || diagnostics.some((each) => each.severity === 'error')).toBe(true);
  for (const each of diagnostics) {
    expect(each.line).toBeGreaterThanOrEqual(1);
    expect(each.column).toBeGreaterThanOrEqual(1);
  }
}

describe('whatever the text, loading ends in a runbook or in diagnostics', () => {
  it('of random characters', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), endsWell), { numRuns: 300 });
  });

  it('of YAML-like tokens', () => {
    const token = fc.constantFrom('runbook: ', 'steps:', '\n', '  ', '- ', 'id: a', '${{ ', ' }}', '{', '}', '[', ']', '"', "'", ': ', '#', '&a ', '*a', '|', '>', '!!', '\t', '---', '?', 'parallel:', 'with:', '%', ',', '__proto__: ');
    fc.assert(fc.property(fc.array(token, { maxLength: 60 }), (tokens) => endsWell(tokens.join(''))), { numRuns: 300 });
  });

  it('of a good runbook with a piece cut out, put in or repeated', () => {
    const piece = fc.constantFrom('', ' ', '\n', '${{', '}}', '"', "'", ':', '- ', '{', '[', '#', '\t', '&x', '*x', '\u0000', '💥', 'steps.', 'null');
    const edit = fc.record({ at: fc.nat(GOOD.length), length: fc.nat(30), put: piece });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        endsWell(edits.reduce((text, { at, length, put }) => text.slice(0, at) + put + text.slice(at + length), GOOD));
      }),
      { numRuns: 300 },
    );
  });

  it('of cases', () => {
    const { runbook } = loadRunbook({ file: 'shop-dlq.yaml', text: GOOD, steps: STEPS });
    if (runbook === undefined) throw new Error('the fixture does not load');
    const good = '- case: a\n  alert: { labels: { a: b } }\n  steps: { entries: { failed: x } }\n  expect: { noFindings: true, unknowns: [x] }\n';
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(10), fc.string({ maxLength: 6 }), (at, length, put) => {
        const report = runCases({ runbook, file: 'shop-dlq.cases.yaml', text: good.slice(0, at) + put + good.slice(at + length) });
        expect(report.results.every((each) => each.passed === (each.failures.length === 0))).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe('whatever the expression, checking and evaluating end', () => {
  it('in a value or a reason', () => {
    const atom = fc.constantFrom('1', '1.5', '"a"', 'true', 'null', 'target', 'alert.labels', 'wave.size', 'inputs.topic', 'steps.entries.output.items', 'steps.entries.output.newest', 'steps.triage.output.byReason', 'x', '[]', '{}');
    const expression = fc.letrec<{ e: string }>((tie) => ({
      e: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        atom,
        fc.tuple(tie('e'), fc.constantFrom('+', '-', '*', '/', '%', '<', '==', '!=', 'in', '&&', '||'), tie('e')).map(([a, op, b]) => `(${a} ${op} ${b})`),
        fc.tuple(tie('e'), fc.constantFrom('.size()', '[0]', '.jobId', '.code', '["k"]', '.exists(x, x != null)', '.map(x, x)', '.filter(x, true)', '.matches("a")')).map(([a, end]) => a + end),
        fc.tuple(tie('e'), tie('e'), tie('e')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
      ),
    })).e;
    fc.assert(
      fc.property(expression, (text) => {
        const tried = tryExpression(text);
        const result = tried.run();
        expect(typeof result.ok).toBe('boolean');
        // What passes the check never fails for its types when it runs.
        if (tried.messages.length === 0 && !result.ok) expect(result.because).toMatch(/null|no "|none at|division|modulo|overflow|too much/);
      }),
      { numRuns: 500 },
    );
  });

  it('in a mistake, for text that is no expression', () => {
    fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => void tryExpression(text.replace(/[\r\n]/g, ' ')).run()), { numRuns: 300 });
  });
});

describe('whatever the matcher', () => {
  it('ends in a matcher or a refusal, and matching never throws', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.dictionary(fc.string(), fc.string()), (text, labels) => {
        const parsed = parseMatcher(text);
        if (parsed.ok) expect(typeof parsed.matcher.matches(labels)).toBe('boolean');
      }),
      { numRuns: 500 },
    );
  });
});
