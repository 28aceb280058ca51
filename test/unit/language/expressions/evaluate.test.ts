import { describe, expect, it } from 'vitest';
import { SCOPE, entry, tryExpression, tryValue, valueOf } from '../../../kit/language/expressions.ts';

describe('evaluation', () => {
  it.each([
    ['wave.returned > wave.size * 0.1', true],
    ['wave.returned >= wave.size * 0.15', true],
    ['wave.size / 3', 6],
    ['wave.size / 3.0 > 6.6', true],
    ['1 + 1.5', 2.5],
    ['1 == 1.0', true],
    ['steps.entries.output.share / 4', 0.5],
    ['steps.entries.output.total / 4', 0],
    ['2 in [1.0, 2.0]', true],
    ['steps.entries.output.items.size()', 2],
    ['size(target)', 4],
    ['size("🙂")', 1],
    ['steps.entries.output.items.exists(e, e.attempts > 5)', true],
    ['steps.entries.output.items.all(e, e.attempts > 5)', false],
    ['steps.entries.output.items.exists_one(e, e.attempts > 5)', true],
    ['steps.entries.output.items.filter(e, e.attempts > 5).map(e, e.jobId)', ['j2']],
    ['steps.entries.output.items.map(e, e.attempts > 5, e.jobId)', ['j2']],
    ['steps.entries.output.items.map(e, steps.triage.output.safe.exists(s, s.jobId == e.jobId))', [true, false]],
    ['steps.triage.output.byReason[0].jobs[0].id', 'j1'],
    ['steps.triage.output.safe[0] == steps.entries.output.items[0]', true],
    ['steps.triage.output.safe[0] in steps.entries.output.items', true],
    ['cel.bind(n, wave.size + 1, n * n)', 441],
    ['"pod" in alert.labels', true],
    ['"constructor" in alert.labels', false],
    ['alert.labels.exists(k, k == "pod")', true],
    ['has(alert.labels.pod)', true],
    ['has(alert.labels.toString)', false],
    ['has(steps.entries.output.items[0].why)', false],
    ['has(steps.entries.output.items[1].why)', true],
    ['has(steps.missing.output) || true', true],
    ['steps.entries.output.newest == null', true],
    ['steps.entries.output.note != null && steps.entries.output.note == "x"', false],
    ['steps.entries.output.items[0].why == null', true],
    ['inputs.topic', null],
    ['timestamp(alert.startsAt) + duration("5m")', '2026-11-20T10:05:00.000Z'],
    ['string(timestamp(alert.startsAt) - timestamp("2026-11-20T09:00:00Z"))', '3600s'],
    ['timestamp(alert.startsAt) - timestamp("2026-11-20T09:00:00Z")', '3600s'],
    ['timestamp(alert.startsAt) > timestamp("2026-11-20T09:00:00Z")', true],
    ['duration("90s") == duration("1m30s")', true],
    ['timestamp(alert.startsAt).getHours()', 10],
    ['string(wave.size) + "/" + string(1.5)', '20/1.5'],
    ['"api-0".matches("^api-[0-9]+$")', true],
    ['"api-0".matches("pi")', true],
    ['["a", "b"].join("+")', 'a+b'],
    ['"a,b".split(",").size()', 2],
    ['{"a": 1, "b": [1, 2]}', { a: 1, b: [1, 2] }],
    ['9007199254740993', '9007199254740993'],
    ['!alert.resolved && -wave.size < 0', true],
  ])('%s', (text, value) => {
    if (text.includes('steps.missing')) expect(tryExpression(text).messages.join()).toMatch(/no step "missing"/);
    else expect(valueOf(text)).toEqual(value);
  });

  it.each([
    ['steps.entries.output.newest.jobId', 'cannot tell: steps.entries.output.newest is null'],
    ['steps.entries.output.items[0].why.size() > 1', 'cannot tell: steps.entries.output.items[0].why is null'],
    ['steps.entries.output.items[5].jobId', 'cannot tell: steps.entries.output.items has 2 elements, there is none at 5'],
    ['alert.labels.zone', 'cannot tell: alert.labels has no "zone"'],
    ['inputs.topic + "x"', 'cannot tell: inputs.topic is null'],
    ['1 / (wave.size - 20)', 'cannot tell: 1 / (wave.size - 20): division by zero'],
    ['9223372036854775807 * 2 > 1', /integer overflow/],
    ['9223372036854775807 + 1', /integer overflow/],
    ['timestamp(target)', /cannot tell: timestamp\(target\)/],
    ['int(target)', /cannot tell: int\(target\)/],
    ['target.matches(alert.labels.pod + "(")', /RE2/],
  ])('%s says why it has no value', (text, because) => {
    const tried = tryExpression(text);
    expect(tried.messages).toEqual([]);
    expect(tried.run()).toEqual({ ok: false, because: typeof because === 'string' ? because : expect.stringMatching(because) });
  });

  it('names the step that has failed, was skipped or has not run', () => {
    const tried = tryExpression('steps.entries.output.total > 0');
    const because = (entries: Record<string, string> | undefined): unknown => tried.run({ ...SCOPE, steps: entries === undefined ? {} : { entries } });
    expect(because({ failed: 'timeout: no answer' })).toEqual({ ok: false, because: 'cannot tell: step entries failed (timeout: no answer)' });
    expect(because({ skipped: 'its condition does not hold' })).toEqual({ ok: false, because: 'cannot tell: step entries was skipped (its condition does not hold)' });
    expect(because(undefined)).toEqual({ ok: false, because: 'cannot tell: step entries has not run' });
  });

  it('lets an expression ask how a step ended', () => {
    const failed = { ...SCOPE, steps: { entries: { failed: 'timeout: no answer' } } };
    expect(valueOf('[steps.entries.ok, steps.entries.failed, steps.entries.skipped]', failed)).toEqual([false, true, false]);
    expect(valueOf('steps.entries.because', failed)).toBe('step entries failed (timeout: no answer)');
    expect(valueOf('steps.entries.ok && steps.entries.output.total > 0', failed)).toBe(false);
    expect(valueOf('[steps.entries.ok, steps.entries.failed]')).toEqual([true, false]);
  });

  it('decides a condition by the side that can be told', () => {
    const failed = { ...SCOPE, steps: { triage: (SCOPE['steps'] as Record<string, never>)['triage'] as never } };
    expect(valueOf('steps.entries.output.total > 0 || alert.firing', failed)).toBe(true);
    expect(valueOf('steps.entries.output.total > 0 && alert.resolved', failed)).toBe(false);
    expect(tryExpression('steps.entries.output.total > 0 && alert.firing').run(failed).ok).toBe(false);
    const zoned = { ...SCOPE, alert: { labels: { pod: 'x' }, annotations: { zone: 'a' } } };
    expect(valueOf('[alert.labels, alert.annotations].exists(l, l["zone"] == "a")', zoned)).toBe(true);
    expect(tryExpression('[alert.labels, alert.labels].all(l, l["zone"] == "a")').run().ok).toBe(false);
  });

  it('knows the steps that a template reads', () => {
    expect(tryExpression('steps.triage.output.safe.size() + steps.entries.output.total').steps).toEqual(['triage', 'entries']);
  });
});

describe('hostile labels are inert', () => {
  const labels = JSON.parse('{"__proto__":"p","constructor":"c","prototype":"q","hasOwnProperty":"h","a\\u0000b":"<!channel>","big":"' + 'x'.repeat(65_536) + '"}') as Record<string, string>;
  const scope = { ...SCOPE, alert: { firing: true, resolved: false, labels, annotations: {}, startsAt: '' } };

  it('reads them as data, and only when they are there', () => {
    expect(valueOf('alert.labels.__proto__ + alert.labels["constructor"] + alert.labels.prototype', scope)).toBe('pcq');
    expect(valueOf('alert.labels.size()', scope)).toBe(6);
    expect(valueOf('"__proto__" in alert.labels', scope)).toBe(true);
    expect(valueOf('"__proto__" in alert.labels')).toBe(false);
    expect(tryExpression('alert.labels.__proto__').run().ok).toBe(false);
    expect(tryExpression('alert.labels["constructor"]').run().ok).toBe(false);
  });

  it('gives them on as own keys that change nothing', () => {
    const copy = valueOf('alert.labels', scope) as Record<string, unknown>;
    expect(Object.keys(copy)).toContain('__proto__');
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(valueOf('{"__proto__": 1}.__proto__')).toBe(1);
    expect(({} as Record<string, unknown>)['p']).toBeUndefined();
  });

  it('does not look up steps, inputs or variables on prototypes', () => {
    expect(tryExpression('steps.constructor.output').messages.join()).toMatch(/no step "constructor"/);
    expect(tryExpression('constructor').messages.join()).toMatch(/no "constructor" here/);
    expect(tryExpression('inputs.constructor').messages.join()).toMatch(/no field "constructor"/);
  });
});

describe('cost is limited', () => {
  const many = { ...SCOPE, steps: { entries: { output: { items: Array.from({ length: 10_000 }, (_, i) => entry(`j${i}`)), total: 10_000, newest: null, share: 0, status: 'ok', note: null } } } };

  it('filters ten thousand entries', () => {
    expect(valueOf('steps.entries.output.items.filter(e, e.attempts > 1 && e.reasonCode == "x" && e.jobId.matches("^j[0-9]+$")).size()', many)).toBe(10_000);
  });

  it.each([
    'steps.entries.output.items.map(a, steps.entries.output.items.map(b, a.jobId + b.jobId)).size() > 0',
    'steps.entries.output.items.exists(a, steps.entries.output.items.exists(b, steps.entries.output.items.exists(c, a.jobId + b.jobId == c.jobId + "x")))',
    'steps.entries.output.items.all(a, steps.entries.output.items.all(b, true)) || true',
    `${Array.from({ length: 12 }, (_, i) => `cel.bind(x${i}, ${i === 0 ? 'steps.entries.output.items' : `x${i - 1} + x${i - 1}`}, `).join('')}x11.size()${')'.repeat(12)}`,
    `${Array.from({ length: 10 }, (_, i) => `cel.bind(x${i}, ${i === 0 ? '"0123456789"' : Array.from({ length: 8 }, () => `x${i - 1}`).join(' + ')}, `).join('')}x9.size()${')'.repeat(10)}`,
    'steps.entries.output.items.map(a, steps.entries.output.items == steps.entries.output.items.map(b, b)).size() > 0',
  ])('ends with a clear error: %s', (text) => {
    const tried = tryExpression(text);
    expect(tried.messages).toEqual([]);
    expect(tried.run(many)).toEqual({ ok: false, because: expect.stringContaining('costs too much') });
  });

  it('stops a pattern and a text that are both long', () => {
    const labels = { pod: 'a'.repeat(65_536), pattern: `(${'a?'.repeat(300)}){10}b` };
    const scope = { ...SCOPE, alert: { firing: true, resolved: false, labels, annotations: {}, startsAt: '' } };
    const result = tryExpression('alert.labels.pod.matches(alert.labels.pattern) || alert.labels.pod.matches(alert.labels.pattern) || alert.labels.pod.matches(alert.labels.pattern)').run(scope);
    expect(result).toEqual({ ok: false, because: expect.stringContaining('costs too much') });
  });
});

describe('templates', () => {
  it.each([
    ['${{ wave.size }}', 20],
    ['"${{ wave.size }}"', 20],
    ['" ${{ wave.size }}"', ' 20'],
    ['${{ wave.size }} items of ${{ target }}', '20 items of prod'],
    ['"labels: ${{ alert.labels }} ids: ${{ steps.entries.output.items.map(e, e.jobId) }}"', 'labels: {"alertname":"X","pod":"api-0"} ids: ["j1","j2"]'],
    ['"${{ steps.entries.output.note }} ${{ 1.5 }} ${{ true }}"', 'unknown 1.5 true'],
    ["'${{ {\"a\": {\"b\": \"}}\"}}[\"a\"][\"b\"] }}!'", '}}!'],
    ['no expression', 'no expression'],
    ['$5 and {braces}', '$5 and {braces}'],
    ['{ a: 1, b: ["${{ target }}", 2], c: { d: "${{ wave.size }}" } }', { a: 1, b: ['prod', 2], c: { d: 20 } }],
    ['|\n  first ${{ target }}\n  second', 'first prod\nsecond\n'],
  ])('%s', (yaml, value) => {
    const tried = tryValue(yaml);
    expect(tried.messages).toEqual([]);
    expect(tried.run()).toEqual({ ok: true, value });
  });

  it('refuses a text that would be too long', () => {
    const scope = { ...SCOPE, target: 'x'.repeat(100_000) };
    expect(tryValue('"${{ target }}${{ target }}"').run(scope)).toEqual({ ok: false, because: expect.stringContaining('200000 characters') });
  });

  it.each([
    ['"a ${{ targt }}"', 1, 15],
    ["'it''s ${{ targt }}'", 1, 19],
    ['"tab\\t and \\"x\\" ${{ targt }}"', 1, 29],
    ['${{ targt }}', 1, 12],
    ['|\n  first\n  second ${{ targt }}', 3, 14],
    ['>-\n  first\n  second ${{ targt }}', 3, 14],
    ['"first\n  second ${{ targt }}"', 2, 14],
    ['{ a: ["x", "${{ targt }}"] }', 1, 24],
  ])('places a mistake in %j', (yaml, line, column) => {
    const [diagnostic] = tryValue(yaml).diagnostics;
    expect([diagnostic?.line, diagnostic?.column]).toEqual([line, column]);
  });
});
