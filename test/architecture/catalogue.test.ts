import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { AnyStep } from '#step-kit/index.ts';
import { checkImports } from '../../scripts/import-law/check.ts';
import { PROJECT, typescriptFiles } from './tree.ts';

const CATALOGUE = 'src/app/catalogue.ts';
/** Where a process, a command or a step comes in, and the journal that every test stands on. A file that none of them reaches is dead. */
const ENTRIES = ['src/main.ts', 'src/cli/main.ts', CATALOGUE, 'src/journal/memory.ts'];

const { modules } = await checkImports(PROJECT);
const importsOf = new Map(modules.map((module) => [module.source, module.dependencies.map((dependency) => dependency.resolved)]));
const stepFiles = globSync('src/systems/*/steps/*.ts', { cwd: PROJECT }).toSorted();

describe('the catalogue', () => {
  it('names every step that is on disk, and no other', () => {
    const named = (importsOf.get(CATALOGUE) ?? []).filter((file) => /^src\/systems\/[^/]+\/steps\//.test(file));
    expect([...new Set(named)].toSorted()).toEqual(stepFiles);
  });

  it('is not empty, and steps lie flat in the steps folder of their system', () => {
    expect(stepFiles.length).toBeGreaterThan(0);
    expect(typescriptFiles('src/systems').filter((file) => /\/steps\/.*\//.test(file))).toEqual([]);
  });

  it.for(stepFiles)('%s declares one step, named like its file', async (file) => {
    const exported: Record<string, unknown> = await import(pathToFileURL(join(PROJECT, file)).href);
    const steps = Object.values(exported).filter(isStep);
    const system = file.split('/')[2] ?? '';
    expect(steps.map((step) => step.name.replaceAll('.', '-'))).toEqual([`${system}-${basename(file, '.ts')}`]);
  });
});

describe('every file of src', () => {
  it('is reachable from main, the command line or the catalogue', () => {
    const reached = new Set<string>();
    const queue = ENTRIES.filter((entry) => importsOf.has(entry));
    expect(queue).toEqual(ENTRIES);
    for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
      if (reached.has(file)) continue;
      reached.add(file);
      queue.push(...(importsOf.get(file) ?? []));
    }
    expect(typescriptFiles('src').filter((file) => !reached.has(file))).toEqual([]);
  });
});

function isStep(value: unknown): value is AnyStep {
  return typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'read' || value.kind === 'write');
}
