import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCases } from '#language/cases.ts';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';
import { matchRunbook } from '#language/match.ts';
import type { Runbook } from '#language/runbook.ts';
import { stepsByName } from '#app/catalogue.ts';
import { judgeEntry } from '#systems/cordum/triage.ts';

const FOLDER = new URL('../../../runbooks/', import.meta.url);
const STEPS = stepsByName();
const FILES = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml') && !file.endsWith('.cases.yaml'));

function read(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8');
}

function load(file: string): Runbook {
  const { runbook, diagnostics } = loadRunbook({ file: `runbooks/${file}`, text: read(file), steps: STEPS });
  if (runbook === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return runbook;
}

describe.each(FILES)('the shipped runbook %s', (file) => {
  it('loads without a remark', () => {
    const { diagnostics } = loadRunbook({ file: `runbooks/${file}`, text: read(file), steps: STEPS });
    expect(diagnostics.map(formatDiagnostic)).toEqual([]);
  });

  it('passes its cases, and they reach every finding and every offer', () => {
    const cases = file.replace('.yaml', '.cases.yaml');
    const report = runCases({ runbook: load(file), file: `runbooks/${cases}`, text: read(cases) });
    expect(report.diagnostics.map(formatDiagnostic)).toEqual([]);
    expect(report.results.flatMap((result) => result.failures.map((failure) => `${result.case}: ${failure}`))).toEqual([]);
    expect(report.coverage).toEqual({ findings: [], offers: [] });
  });
});

describe('dlq-overflow', () => {
  it('is the runbook of the alert on the depth of the DLQ', () => {
    expect(matchRunbook(FILES.map(load), { alertname: 'CordumDLQDepthHigh', severity: 'warning' })?.name).toBe('dlq-overflow');
  });

  it('recognises what is too old by the words that the triage uses', () => {
    const entry = { jobId: 'j', topic: 't', status: '', reason: '', reasonCode: 'max_scheduling_retries', lastState: 'FAILED', attempts: 50, createdAt: '', createdAtMs: 1 };
    expect(judgeEntry(entry, 10 * 86_400_000)?.why).toContain('24 hours');
    expect(read('dlq-overflow.yaml')).toContain('e.why.contains("24 hours")');
  });
});
