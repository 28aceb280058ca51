import { describe, expect, it } from 'vitest';
import { stepsByName } from '#app/catalogue.ts';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';

const STEPS = stepsByName();

function lint(query: string, freshBy = 'up'): readonly string[] {
  const text = `runbook: x\ntitle: T\nowner: o\nsteps:\n  - id: q\n    uses: prometheus.query.instant\n    with:\n      query: ${query}\n      freshBy: ${freshBy}\n      labels: [{ name: job, value: '\${{ alert.labels.job }}' }]\n`;
  return loadRunbook({ file: 'x.yaml', text, steps: STEPS }).diagnostics.map(formatDiagnostic);
}

describe('text that a target runs', () => {
  it('is a constant of the runbook, with values beside it', () => {
    expect(lint("'up{$labels}'")).toEqual([]);
  });

  it.each([
    ['the whole query', "'${{ alert.labels.job }}'", 'up'],
    ['a part of the query', "'up{job=\"${{ alert.labels.job }}\"}'", 'up'],
    ['the selector of its age', "'up{$labels}'", "'up{job=\"${{ alert.labels.job }}\"}'"],
  ])('may not hold an expression: %s', (_what, query, freshBy) => {
    expect(lint(query, freshBy)).toEqual([expect.stringMatching(/^x\.yaml:[89]:\d+ error not-constant: /)]);
  });
});
