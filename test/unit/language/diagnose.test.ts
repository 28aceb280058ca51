import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { evaluateFindings, evaluateHalt, evaluateOffer } from '#language/diagnose.ts';
import { loadRunbook } from '#language/load.ts';
import { unseenBy } from '#language/unseen.ts';
import type { OfferRule, Runbook } from '#language/runbook.ts';
import type { Scope } from '#language/template.ts';
import { entry } from '../../kit/language/expressions.ts';
import { STEPS } from '../../kit/language/steps.ts';

const GOOD = readFileSync(new URL('../../fixtures/runbooks/shop-dlq.yaml', import.meta.url), 'utf8');

function load(text: string): Runbook {
  const { runbook, diagnostics } = loadRunbook({ file: 'shop-dlq.yaml', text, steps: STEPS });
  if (runbook === undefined) throw new Error(diagnostics.map(formatDiagnostic).join('\n'));
  return runbook;
}

const RUNBOOK = load(GOOD);
const RETRY = RUNBOOK.offers[0] as OfferRule;
const WAVE = { index: 1, size: 20, done: 20, returned: 0, failed: 0, unknown: 0 };

function scope(steps: Record<string, unknown>): Scope {
  return { alert: { firing: true, resolved: false, labels: {}, annotations: {}, startsAt: '' }, inputs: {}, target: 'prod', steps: steps as never };
}

const TRIAGED = { output: { byReason: [{ code: 'max_scheduling_retries', count: 11, jobs: [] }], safe: [entry('j1'), entry('j2')] } };

describe('findings', () => {
  it('say what holds, and recommend', () => {
    expect(evaluateFindings(RUNBOOK, scope({ triage: TRIAGED, jobs: { output: { items: [{ state: 'lost' }] } } }))).toEqual({
      findings: [
        { severity: 'warning', say: '2 entries never reached a worker.', recommends: 'retry' },
        { severity: 'critical', say: 'A job was lost' },
      ],
      unknowns: [],
    });
  });

  it('name what could not be seen, and conclude nothing from it', () => {
    expect(evaluateFindings(RUNBOOK, scope({ triage: TRIAGED, jobs: { failed: 'timeout: no answer within 30s' } }))).toEqual({
      findings: [{ severity: 'warning', say: '2 entries never reached a worker.', recommends: 'retry' }],
      unknowns: ['cannot see jobs: step jobs failed (timeout: no answer within 30s); so nobody can tell whether "A job was lost"'],
    });
  });

  it('share one sentence when one step hides many of them', () => {
    const many = GOOD.replace('offers:', Array.from({ length: 5 }, (_, i) => `  - { if: '\${{ steps.jobs.output.items.size() > ${i} }}', severity: info, say: 'Sign ${i} of \${{ target }}' }\n`).join('') + 'offers:');
    const { unknowns } = evaluateFindings(load(many), scope({ triage: { output: { byReason: [], safe: [] } }, jobs: { skipped: 'its condition does not hold' } }));
    expect(unknowns).toEqual(['cannot tell whether "A job was lost", "Sign 0 of …" or 4 other findings: step jobs was skipped (its condition does not hold)']);
  });

  it('have one line for each cause, whatever the number of steps that met it or needed what it hides', () => {
    const read = STEPS.get('shop.jobs.list');
    const runbook: Runbook = { ...RUNBOOK, steps: ['pods', 'events', 'logs'].map((id) => ({ ...(RUNBOOK.steps[0] as Runbook['steps'][number]), id, uses: { ...(read ?? RUNBOOK.steps[0]?.uses), name: `kubernetes.${id}.list` } as never })) };
    const told = (...whys: string[]): string[] => unseenBy(runbook, whys.map((why, i) => ({ why, subject: `"finding ${i}"` })));
    const none = 'invalid: target prod has no kubernetes configured';
    expect(told(`step pods failed (${none})`, `step events failed (${none})`, `step pods failed (${none})`)).toEqual([`cannot see pods and events: step pods failed (${none}), step events failed; so nobody can tell whether "finding 0", "finding 1" or 1 other finding`]);
    // A system that hangs is told by each step in its own words.
    expect(told('step pods failed (timeout: kubernetes.pods.list gave no answer within 30s)', 'step logs failed (timeout: kubernetes.logs.list gave no answer within 30s)')).toHaveLength(1);
    expect(told('step pods failed (timeout: x)', 'step logs failed (forbidden: y)')).toHaveLength(2);
    expect(told('step logs was skipped (cannot tell: step events was skipped (cannot tell: step pods failed (timeout: x (y))))')).toEqual(['cannot see pods, events and logs: step pods failed (timeout: x (y)), step events was skipped, step logs was skipped; so nobody can tell whether "finding 0"']);
    expect(told('step logs was skipped (its condition does not hold)', 'alert.labels has no "pod"')).toEqual(['cannot tell whether "finding 0": step logs was skipped (its condition does not hold)', 'cannot tell whether "finding 1": alert.labels has no "pod"']);
  });

  it('stand even when their sentence lacks a number', () => {
    const text = GOOD.replace('say: A job was lost', 'say: "Lost on ${{ alert.labels.pod }}"');
    const { findings } = evaluateFindings(load(text), scope({ triage: { output: { byReason: [], safe: [] } }, jobs: { output: { items: [{ state: 'lost' }] } } }));
    expect(findings).toEqual([{ severity: 'critical', say: 'Lost on ${{ alert.labels.pod }} (cannot tell: alert.labels has no "pod")' }]);
  });
});

describe('offers', () => {
  it('open with their title when their condition holds', () => {
    expect(evaluateOffer(RETRY, scope({ triage: TRIAGED }))).toEqual({ open: true, title: 'Retry the 2 safe entries', needsInputs: false });
  });

  it('stay closed, with the reason, when it does not hold or cannot be told', () => {
    expect(evaluateOffer(RETRY, scope({ triage: { output: { byReason: [], safe: [] } } }))).toEqual({ open: false, because: 'its condition does not hold' });
    expect(evaluateOffer(RETRY, scope({ triage: { failed: 'unreachable: refused' } }))).toEqual({ open: false, because: 'cannot tell: step triage failed (unreachable: refused)' });
    expect(evaluateOffer(RETRY, scope({}))).toEqual({ open: false, because: 'cannot tell: step triage has not run' });
  });
});

describe('the check between waves', () => {
  it('follows the condition of the runbook', () => {
    expect(evaluateHalt(RETRY.waves, { ...WAVE, done: 18, returned: 2 }, scope({}))).toEqual({ halted: false });
    expect(evaluateHalt(RETRY.waves, { ...WAVE, done: 17, returned: 3 }, scope({}))).toEqual({ halted: true });
  });

  it('halts without one when more than a tenth is not done', () => {
    const { halt: _, ...waves } = RETRY.waves;
    expect(evaluateHalt(waves, { ...WAVE, done: 18, unknown: 2 }, scope({}))).toEqual({ halted: false });
    expect(evaluateHalt(waves, { ...WAVE, done: 17, failed: 3 }, scope({}))).toEqual({ halted: true });
  });

  it('halts when it cannot be told', () => {
    const text = GOOD.replace('wave.returned > wave.size * 0.1', 'wave.returned > steps.entries.output.total');
    expect(evaluateHalt((load(text).offers[0] as OfferRule).waves, WAVE, scope({}))).toEqual({ halted: true, because: 'cannot tell: step entries has not run' });
  });
});
