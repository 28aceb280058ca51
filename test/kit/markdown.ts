import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CodeBlock {
  /** What stands behind the opening fence: `yaml`, `text`, `sh`. */
  readonly language: string;
  /** The whole text between the fences, with its last line end. */
  readonly text: string;
  /** What a first line that is a comment says: `worker-gap.yaml` of `# worker-gap.yaml`; else empty. */
  readonly label: string;
}

/** The fenced blocks of a page of docs/, in its order. */
export function codeBlocks(page: string): CodeBlock[] {
  return [...readPage(page).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => ({ language, text, label: /^# (.+)\n/.exec(text)?.[1] ?? '' }));
}

/** Rows of all tables of a page, as the texts of their cells. */
export function tableRows(page: string): string[][] {
  const rows = readPage(page).split('\n').filter((line) => line.startsWith('| '));
  return rows.map((row) => row.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

export function readPage(page: string): string {
  return readFileSync(join(import.meta.dirname, '..', '..', 'docs', page), 'utf8');
}
