import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { reference } from '#app/reference.ts';

test('docs/steps.md is what the steps declare; `npm run bot -- reference > docs/steps.md` writes it anew', () => {
  const written = readFileSync(new URL('../../../docs/steps.md', import.meta.url), 'utf8');
  expect(written.trimEnd()).toBe(reference().markdown.trimEnd());
});
