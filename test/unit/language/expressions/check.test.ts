import { describe, expect, it } from 'vitest';
import { tryExpression } from '../../../kit/language/expressions.ts';

function messages(text: string): readonly string[] {
  return tryExpression(text).messages;
}

describe('a misspelt name is an error before the run', () => {
  it.each([
    ['steps.entries.output.itms.size()', /no field "itms".*did you mean "items"/],
    ['steps.entires.output.items', /no step "entires".*did you mean "entries"/],
    ['steps.entries.ouput.items', /a step has no "ouput".*did you mean "output"/],
    ['steps.entries.items', /write steps.entries.output.items/],
    ['steps.triage.output.byReason.exists(r, r.cod == "x")', /no field "cod".*did you mean "code"/],
    ['steps.triage.output.byReason.all(r, r.jobs.exists(j, j.idd == "x"))', /no field "idd".*did you mean "id"/],
    ['steps.triage.output.byReason.filter(r, r.count > 1).map(r, r.cunt)', /no field "cunt"/],
    ['steps.triage.output.byReason.map(r, r.jobs)[0][0].idd', /no field "idd"/],
    ['steps.triage.output.byReason.map(r, {"name": r.code})[0].nam', /no field "nam".*did you mean "name"/],
    ['steps.triage.output.byReason[0].cod', /no field "cod"/],
    ['steps.triage.output.byReason[0]["cod"]', /no field "cod"/],
    ['(steps.triage.output.safe + steps.entries.output.items)[0].jobid', /no field "jobid".*"jobId"/],
    ['(alert.firing ? steps.triage.output.safe : steps.entries.output.items)[0].jobid', /no field "jobid"/],
    ['cel.bind(s, steps.triage.output.safe, s.exists(x, x.jobid == "a"))', /no field "jobid"/],
    ['has(steps.entries.output.newst)', /no field "newst".*did you mean "newest"/],
    ['steps.entries.output.items.exists(e, has(e.wy))', /no field "wy".*"why"/],
    ['steps.entries.output.newest.jobid', /no field "jobid"/],
    ['steps.entries.output.newest != null && steps.entries.output.newest.jobid == "a"', /no field "jobid"/],
    ['alert.label.pod', /no field "label".*"labels"/],
    ['alert.labels.pod.size() + alrt.labels.size()', /no "alrt" here.*"alert"/],
    ['inputs.limt', /no field "limt".*"limit"/],
    ['wave.retuned > 1', /no field "retuned".*"returned"/],
    ['steps.entries.output.status == "degradd"', /"degradd" is none of its values.*"degraded"/],
    ['"dwn" in [steps.entries.output.status]', /none of its values.*"down"/],
    ['steps.entries.output.items.sizes()', /no function.*sizes\(\).*did you mean "size"/],
    ['target.startWith("x")', /no function.*did you mean "startsWith"/],
    ['steps.entries.output.items.jobId', /a list of .* has no field "jobId" \(use \.exists/],
  ])('%s', (text, message) => {
    expect(messages(text).join('\n')).toMatch(message);
  });

  it('is told once, also before an index', () => {
    expect(messages('nowhere["x"]')).toHaveLength(1);
  });

  it('reports every mistake of an expression, not only the first', () => {
    expect(messages('steps.entries.output.itms.size() > 0 || alert.label.pod == "x" || wave.retuned > 1')).toHaveLength(3);
  });

  it('reports one slip once', () => {
    expect(messages('steps.entries.output.itms.exists(e, e.jobId.startsWith("x") && e.attempts > 1)')).toHaveLength(1);
  });
});

describe('types', () => {
  it.each([
    ['wave.returned > wave.size * 0.1', 'bool'],
    ['1 + 1.5', 'double'],
    ['wave.size / 2', 'int'],
    ['2.0 * wave.size', 'double'],
    ['1 == 1.0', 'bool'],
    ['steps.entries.output.share > 1', 'bool'],
    ['steps.entries.output.items.map(e, e.jobId)', 'list of string'],
    ['steps.entries.output.newest.jobId', 'string'],
    ['steps.entries.output.note', 'string or null'],
    ['steps.entries.output.items[0].why', 'string or null'],
    ['inputs.topic', 'string or null'],
    ['inputs.limit', 'int'],
    ['alert.labels', 'map of string'],
    ['alert.labels.anything', 'string'],
    ['timestamp(alert.startsAt)', 'timestamp'],
    ['timestamp(alert.startsAt) + duration("5m")', 'timestamp'],
    ['steps.entries.output.items.map(e, e.jobId).join(", ")', 'string'],
    ['steps.entries.ok ? steps.entries.output.total : 0', 'int'],
    ['alert.firing ? 1 : 2.5', 'double'],
    ['alert.firing ? "a" : null', 'string or null'],
  ])('%s is a %s', (text, type) => {
    const tried = tryExpression(text);
    expect(tried.messages).toEqual([]);
    expect(tried.type).toBe(type);
  });

  it.each([
    ['target + 1', /string \+ int cannot be computed.*convert first/],
    ['target > 1', /cannot be computed/],
    ['target == 1', /never equals/],
    ['!target', /must be a bool, got string/],
    ['target && true', /must be a bool/],
    ['target ? 1 : 2', /must be a bool/],
    ['alert.firing ? 1 : "x"', /one type, got int and string/],
    ['[1, "x"]', /one type/],
    ['-target', /needs a number/],
    ['1.5 % 2', /cannot be computed/],
    ['alert.size()', /has no size/],
    ['wave.size.exists(x, true)', /goes over a list, got int/],
    ['steps.entries.output.items.exists(e, e.jobId)', /condition of exists must be a bool, got string/],
    ['steps.entries.output.items["x"]', /indexed by an int/],
    ['steps.entries.output.items.exists(steps, true)', /has a meaning already/],
    ['steps.entries.output.items.exists(e)', /write exists\(x, condition\)/],
    ['5 in steps.entries.output.items.map(e, e.jobId)', /never in/],
    ['target.matches("(?=x)")', /not an RE2/],
    ['target.matches(5)', /it is called as string\.matches\(string\)/],
    ['dyn(steps.entries.output)["x"]', /no function dyn/],
    ['steps', /steps is not a value/],
    ['steps.entries', /not a value of its own/],
    ['steps.entries.?output', /optional access is not part|not a CEL expression/],
    ['b"bytes" == b"bytes"', /bytes and unsigned/],
    ['1u', /unsigned/],
    ['1 +', /not a CEL expression/],
    ['', /empty/],
    ['item.jobId', /item exists only/],
  ])('%s is refused', (text, message) => {
    expect(messages(text).join('\n')).toMatch(message);
  });

  it.each([`${'('.repeat(100)}1${')'.repeat(100)}`, `[${'1,'.repeat(500)}1]`, Array.from({ length: 600 }, () => '1').join('+'), `"${'x'.repeat(5_000)}"`])('refuses an expression beyond the limits', (text) => {
    expect(messages(text)).toHaveLength(1);
  });
});
