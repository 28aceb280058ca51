import type { ReadFile } from './files.ts';
import type { SecretReader } from './secrets.ts';
import type { Mistake } from './source.ts';

/** From the written sections to those of `Config`, with the checks that look at more than one key. */
export interface Building {
  readonly secrets: SecretReader;
  readonly mistakes: Mistake[];
  readonly warnings: Mistake[];
  readonly readFile: ReadFile;
  resolvePath(path: string): string;
}
