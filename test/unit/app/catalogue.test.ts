import { describe, expect, it } from 'vitest';
import { catalogue, stepsByName } from '#app/catalogue.ts';

describe('the examples of every step', () => {
  it('stand under names of their own', () => {
    expect(stepsByName().size).toBe(catalogue.length);
  });

  it.each(catalogue.map((step) => ({ name: step.name, step })))('are accepted by $name', ({ step }) => {
    expect(step.examples.length).toBeGreaterThan(0);
    for (const example of step.examples) expect(step.input.safeParse(example.with).error, example.title).toBeUndefined();
  });

  const reads = catalogue.filter((step) => step.kind === 'read');
  it.each(reads.map((step) => ({ name: step.name, step })))('show what $name answers, in the shape that it declares', ({ step }) => {
    for (const example of step.examples) expect(step.output.strict().safeParse(example.output).error, example.title).toBeUndefined();
  });
});
