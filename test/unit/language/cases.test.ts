import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CasesReport, runCases } from '#language/cases.ts';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';
import { STEPS } from '../../kit/language/steps.ts';

const TEXT = readFileSync(new URL('../../fixtures/runbooks/shop-dlq.yaml', import.meta.url), 'utf8');
const FORM = `  - id: drop
    title: Drop some
    if: \${{ steps.entries.ok }}
    uses: shop.dlq.retry
    inputs: [{ name: jobs, type: list, required: true, options: '\${{ steps.entries.output.items.map(e, e.jobId) }}' }]
    with:
      entries: \${{ steps.entries.output.items.filter(e, e.jobId in inputs.jobs) }}
done:`;
const { runbook } = loadRunbook({ file: 'shop-dlq.yaml', text: TEXT.replace('done:', () => FORM), steps: STEPS });

const ENTRY = '{ jobId: j1, topic: a, reasonCode: x, attempts: 1, ageHours: 1, labels: {} }';
const STEPS_YAML = `  steps:
    entries: { output: { items: [${ENTRY}], total: 1, newest: null, share: 0.5, status: ok, note: null } }
    triage: { output: { byReason: [{ code: max_scheduling_retries, count: 11, jobs: [] }], safe: [${ENTRY}] } }
    jobs: { output: { items: [{ state: done }] } }
`;

function run(expectation: string, steps = STEPS_YAML): CasesReport {
  if (runbook === undefined) throw new Error('the fixture does not load');
  return runCases({ runbook, file: 'shop-dlq.cases.yaml', text: `- case: one\n${steps}  expect:\n${expectation.replace(/^/gm, '    ')}\n` });
}

function failures(expectation: string, steps?: string): readonly string[] {
  const report = run(expectation, steps);
  expect(report.diagnostics.map(formatDiagnostic)).toEqual([]);
  expect(report.results[0]?.passed).toBe(report.results[0]?.failures.length === 0);
  return report.results[0]?.failures ?? ['no result'];
}

describe('a case that expects what happens', () => {
  it('passes, and reports what it does not reach', () => {
    const report = run(`findings: [{ severity: warning, say: never reached, recommends: retry }]
offers:
  retry: { open: true, title: Retry the 1 safe entries, tier: R2, with: { entries: [${ENTRY}] }, waves: { items: 240, sizes: [1, 5, 25, 209] }, halt: [{ wave: { size: 10, returned: 2 }, halted: true }, { wave: { size: 10, returned: 1 }, halted: false }] }
  drop: { open: true, inputs: { jobs: [j1] }, with: { entries: [${ENTRY}] } }
done: false`);
    expect(report).toEqual({ results: [{ case: 'one', passed: true, failures: [] }], diagnostics: [], coverage: { findings: [1], offers: [] } });
  });

  it('passes when what is expected is that something cannot be told', () => {
    const steps = '  steps:\n    entries: { failed: "timeout: no answer" }\n';
    expect(failures('noFindings: true\nunknowns: [step triage has not run, step jobs has not run]\noffers: { retry: { open: false, because: has not run }, drop: { open: false } }', steps)).toEqual([]);
    expect(run('noFindings: true\nunknowns: [has not run]', steps).coverage).toEqual({ findings: [0, 1], offers: ['retry', 'drop'] });
  });
});

describe('a case that expects something else fails with the difference', () => {
  it.each([
    ['noFindings: true', /did not expect the finding "warning: 1 entries/],
    ['findings: []', /did not expect the finding/],
    ['findings: [{ severity: critical, say: never reached }]', /expected the finding \{"severity":"critical"/],
    ['findings: [{ severity: warning, exactly: never reached }]', /expected the finding/],
    ['unknowns: [pods]', /expected "pods" among what is unknown, found nothing/],
    ['offers: { retry: { open: false } }', /offer retry: it is open/],
    ['offers: { retry: { open: true, title: Retry all } }', /expected the title "Retry all", got "Retry the 1 safe entries"/],
    ['offers: { retry: { open: true, tier: R3 } }', /expected tier R3, got R2/],
    ['offers: { retry: { open: true, because: x } }', /expected the reason "x", got an open offer/],
    ['offers: { retry: { open: true, with: { note: x } } }', /expected "note" to be "x", got undefined/],
    ['offers: { retry: { open: true, inputs: { x: 1 } } }', /there is no input "x"/],
    ['offers: { retry: { open: true, waves: { items: 3, sizes: [3] } } }', /expected waves of 3, got 1, 2/],
    ['offers: { retry: { open: true, halt: [{ wave: { size: 10, returned: 9 }, halted: false }] } }', /does not halt/],
    ['offers: { drop: { open: true, with: { entries: [] } } }', /it has a form: say under "inputs"/],
    ['offers: { drop: { open: true, inputs: { jobs: 5 } } }', /input jobs: "jobs" must be a list of texts/],
    ['offers: { drop: { open: true, inputs: {} } }', /input jobs: "jobs" is required/],
    ['offers: { drop: { open: true, inputs: { jobs: [j9] } } }', /input jobs: "j9" is not one of the choices of "jobs"/],
    ['offers: { drop: { open: true, inputs: { jobs: [] } } }', /input jobs: "jobs" needs at least one choice/],
    ['done: true', /expected done to be true/],
  ])('%s', (expectation, message) => {
    expect(failures(expectation).join('\n')).toMatch(message);
  });

  it('when a step has an output that what stands before it could not have led to', () => {
    expect(failures('unknowns: [step jobs]', STEPS_YAML.replace(/ {4}entries:.*\n/, '').replace(/ {4}jobs:.*\n/, '')).join()).toMatch(/step triage has an output, but its input cannot tell: step entries has not run/);
  });

  it('when a step is said to be skipped by a condition that holds, or that it does not have', () => {
    const skipping = (id: string, reason: string): string => failures('{}', STEPS_YAML.replace(new RegExp(` {4}${id}:.*\n`), () => `    ${id}: { skipped: ${reason} }\n`)).join();
    expect(skipping('entries', 'its condition does not hold')).toContain('step entries is said to be skipped since its condition does not hold, but it does');
    expect(skipping('entries', 'an earlier step stopped the run')).not.toContain('said to be skipped');
  });
});

describe('a case cannot pretend', () => {
  it.each([
    [STEPS_YAML.replace('total: 1', 'total: many'), /:3:120.*bad-output: the step never answers this, at "total"/],
    [STEPS_YAML.replace('share: 0.5', 'share: 0.5, extra: 1'), /bad-output: the step never answers a field "extra"/],
    [STEPS_YAML.replace('jobId: j1,', 'jobId: j1, jobid: j1,'), /never answers a field "jobid"/],
    [STEPS_YAML.replace('items: [{ state: done }]', 'items: [{ stat: done }]'), /bad-output/],
    [STEPS_YAML.replace('    jobs:', '    job:'), /unknown-reference: the runbook has no step "job"\n +hint: did you mean "jobs"/],
    [STEPS_YAML.replace('{ output: { items: [{ state: done }] } }', '{ outptu: {} }'), /unknown key|"jobs"/],
  ])('%#', (steps, message) => {
    const report = run('noFindings: true', steps);
    expect(report.diagnostics.map(formatDiagnostic).join('\n')).toMatch(message);
    expect(report.results).toEqual([]);
  });

  it('about offers that are not there, or with keys that nobody knows', () => {
    expect(run('offers: { rety: { open: true } }').diagnostics.map(formatDiagnostic).join()).toMatch(/the runbook has no offer "rety"\n +hint: did you mean "retry"/);
    expect(run('finding: []').diagnostics.map(formatDiagnostic).join()).toMatch(/unknown key "finding"\n +hint: did you mean "findings"/);
    if (runbook === undefined) throw new Error('the fixture does not load');
    expect(runCases({ runbook, file: 'x.cases.yaml', text: 'a: 1' }).diagnostics.map(formatDiagnostic).join()).toMatch(/expected a list of cases/);
  });
});
