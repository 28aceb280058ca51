import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the project. */
export const PROJECT = join(import.meta.dirname, '..', '..');

/** TypeScript files under a folder of the project, relative to its root, sorted. */
export function typescriptFiles(folder: string): string[] {
  return globSync(`${folder}/**/*.ts`, { cwd: PROJECT }).toSorted();
}

/** The text of a file of the project, by its path from the root. */
export function readText(path: string): string {
  return readFileSync(join(PROJECT, path), 'utf8');
}
