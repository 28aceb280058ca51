import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { stepsByName } from '#app/catalogue.ts';
import { lintRunbooks, testRunbooks } from '#app/runbook-checks.ts';
import { formatDiagnostic } from '#language/diagnostic.ts';
import { functionNames } from '#language/expressions/functions.ts';
import { MACROS } from '#language/expressions/macros.ts';
import { DURATION, listOf, STRING, TIMESTAMP, type CelType } from '#language/expressions/types.ts';
import { loadRunbook } from '#language/load.ts';
import { type CodeBlock, codeBlocks, tableRows } from '../../kit/markdown.ts';

const BLOCKS = codeBlocks('runbooks.md');
const YAML = BLOCKS.filter(({ language }) => language === 'yaml');
const BROKEN = 'broken: ';
const wholes = YAML.filter(({ label }) => /^[\w-]+\.yaml$/.test(label));
const cases = YAML.filter(({ label }) => label.endsWith('.cases.yaml'));
const broken = YAML.filter(({ label }) => label.startsWith(BROKEN));
const fragments = YAML.filter((block) => ![...wholes, ...cases, ...broken].includes(block));

function lint(file: string, text: string): string[] {
  return loadRunbook({ file, text, steps: stepsByName() }).diagnostics.map(formatDiagnostic);
}

/** What stands in the page between this block and the next one that shows an output. */
function outputAfter(block: CodeBlock): string {
  return BLOCKS.slice(BLOCKS.indexOf(block) + 1).find(({ language }) => language === 'text')?.text ?? '';
}

/** What the commands print, as the page writes it, for this runbook with these cases in a folder of their own. */
async function printed(commands: readonly ('lint' | 'test')[], runbook: CodeBlock, itsCases: CodeBlock): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'runbooks-md-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const { label, text } of [runbook, itsCases]) await writeFile(join(folder, basename(label)), text);
  const lines: string[] = [];
  const print = (line: string): void => {
    lines.push(line.replaceAll(folder, 'my-runbooks'));
  };
  for (const command of commands) {
    lines.push(`$ runbook-bot ${command} my-runbooks`);
    await (command === 'lint' ? lintRunbooks : testRunbooks)(folder, { config: undefined, json: false, out: print, note: print });
  }
  return `${lines.join('\n')}\n`;
}

describe('docs/runbooks.md', () => {
  it('has blocks of every kind, so that nothing below passes for lack of any', () => {
    expect([wholes.length, cases.length, broken.length, fragments.length]).toEqual([2, 2, 2, 5]);
  });

  it('shows whole runbooks without a mistake', () => {
    for (const { label, text } of wholes) expect(lint(label, text)).toEqual([]);
  });

  it('shows parts of runbooks that fit into the grown one without a mistake', () => {
    const whole = parse(wholes.at(-1)?.text ?? '') as object;
    for (const { text } of fragments) expect(lint('worker-gap.yaml', stringify({ ...whole, ...(parse(text) as object) }))).toEqual([]);
  });

  it('shows what lint says of broken runbooks, word for word', () => {
    for (const block of broken) expect(`${lint(block.label.slice(BROKEN.length), block.text).join('\n')}\n`).toBe(outputAfter(block));
  });

  it('shows what lint and test print for its runbooks and their cases, word for word', async () => {
    const [small, grown] = wholes;
    const [smallCases, grownCases] = cases;
    expect(await printed(['lint', 'test'], small!, smallCases!)).toBe(outputAfter(smallCases!));
    expect(await printed(['test'], grown!, grownCases!)).toBe(outputAfter(grownCases!));
  });

  it('lists the functions of expressions as they are', () => {
    const shown = new Map(tableRows('runbooks.md').flatMap(([on = '', names = '']): [string, string[]][] => (/^(?:\(none\)|`(?:list|map|string|timestamp|duration)`)$/.test(on) ? [[on.replaceAll('`', ''), [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name)]] : [])));
    const on = (receiver: CelType | undefined, ...more: string[]): string[] => [...new Set([...functionNames(receiver), ...more])].toSorted();
    expect(Object.fromEntries(shown)).toEqual({
      '(none)': on(undefined, 'has', 'size'),
      list: on(listOf(STRING), ...MACROS.loops, 'size'),
      map: [...MACROS.loops, 'size'].toSorted(),
      string: on(STRING, 'size'),
      timestamp: on(TIMESTAMP),
      duration: on(DURATION),
    });
  });
});
