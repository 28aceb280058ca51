import { Secret } from '#kernel/secret.ts';
import type { Path } from '#language/document.ts';
import type { ReadFile } from './files.ts';
import type { Mistake } from './source.ts';

export interface SecretReader {
  /**
   * The secret of `key` or of the file named by `keyFile`; undefined when neither is given, or when it cannot be had, which is
   * then among the mistakes. A mistake never tells anything of the value.
   */
  read(section: object, path: Path, key: string): Secret | undefined;
  /** Where secrets stand in the file itself, or in a variable that it names. */
  readonly inline: readonly Path[];
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly Mistake[];
}

export function createSecretReader(readFile: ReadFile, resolvePath: (path: string) => string): SecretReader {
  const mistakes: Mistake[] = [];
  const warnings: Mistake[] = [];
  const inlines: Path[] = [];
  return {
    inline: inlines,
    mistakes,
    warnings,
    read(section, path, key) {
      const values = new Map<string, unknown>(Object.entries(section));
      const inline = values.get(key);
      const file = values.get(`${key}File`);
      const filePath = [...path, `${key}File`];
      if (typeof inline === 'string' && typeof file === 'string') {
        mistakes.push({ path: filePath, expected: `expected either ${key} or ${key}File, not both` });
        return undefined;
      }
      if (typeof inline === 'string') {
        inlines.push([...path, key]);
        return new Secret(inline);
      }
      if (typeof file !== 'string') return undefined;
      const read = readFile(resolvePath(file));
      if (!read.ok) {
        mistakes.push({ path: filePath, expected: `expected a file that can be read: ${resolvePath(file)}: ${read.because}` });
        return undefined;
      }
      const text = read.text.trim();
      if (text === '') {
        mistakes.push({ path: filePath, expected: `expected a secret in ${resolvePath(file)}, which is empty` });
        return undefined;
      }
      if (read.worldReadable) warnings.push({ path: filePath, expected: `every user of this machine can read ${resolvePath(file)}: chmod 600 it` });
      return new Secret(text);
    },
  };
}
