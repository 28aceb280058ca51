import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allKeys } from '#config/keys.ts';
import { policyShape } from '#config/policy-shape.ts';
import { configShape } from '#config/shape.ts';

const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

/** The first cells of the table whose heading row begins with this word. */
function documented(heading: string): string[] {
  const [, table = ''] = page.split(`| ${heading} | Meaning | Default |\n`);
  return table
    .split('\n')
    .slice(1)
    .map((row) => /^\| `([^`]+)` \| .+ \| .+ \|$/.exec(row)?.[1])
    .filter((key, i, keys): key is string => key !== undefined && !keys.slice(0, i).includes(undefined));
}

describe('docs/configuration.md', () => {
  test('describes every key of the configuration, and no other', () => {
    expect(documented('Key').toSorted()).toEqual(allKeys(configShape).toSorted());
  });

  test('describes every key of the policy file, and no other', () => {
    expect(documented('Policy key').toSorted()).toEqual(allKeys(policyShape).toSorted());
  });
});
