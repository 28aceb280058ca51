import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cordumSteps } from '#systems/cordum/catalogue.ts';

const FOLDER = new URL('../../../../src/systems/cordum/steps/', import.meta.url);

describe('the catalogue of Cordum steps', () => {
  it('lists exactly the steps of the folder, each in the file of its name', () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.ts'));
    const names = cordumSteps.map((step) => step.name);
    expect(names.map((name) => `${name.replace(/^cordum\./, '').replaceAll('.', '-')}.ts`).toSorted()).toEqual(files.toSorted());
    for (const file of files) expect(readFileSync(new URL(file, FOLDER), 'utf8').match(/name: '(cordum\.[a-z.]+)'/g), file).toHaveLength(1);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(cordumSteps.map((step) => ({ name: step.name, step })))('has examples of $name that it accepts', ({ step }) => {
    expect(step.examples.length).toBeGreaterThan(0);
    for (const example of step.examples) expect(step.input.safeParse(example.with).error, example.title).toBeUndefined();
  });

  const reads = cordumSteps.filter((step) => step.kind === 'read');
  it.each(reads.map((step) => ({ name: step.name, step })))('shows what $name answers, in the shape that it declares', ({ step }) => {
    for (const example of step.examples) expect(step.output.strict().safeParse(example.output).error, example.title).toBeUndefined();
  });
});
