import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { lintRunbooks } from '#app/runbook-checks.ts';

const RUNBOOK = 'runbook: a\ntitle: A\nowner: o\nsteps:\n  - { id: workers, uses: cordum.workers.list }\n';

async function lint(files: Readonly<Record<string, string>>, only = ''): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'runbook-checks-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const lines: string[] = [];
  const out = (line: string): void => void lines.push(line.replaceAll(`${folder}/`, ''));
  return { code: await lintRunbooks(join(folder, only), { config: undefined, json: false, out, note: out }), lines };
}

it('says which files of a folder the bot and the tests pass over, and fails for none of them', async () => {
  expect(await lint({ 'a.yaml': RUNBOOK, 'a.cases.yaml': '[]', 'b.cases.yaml': '[]', 'c.yml': RUNBOOK, 'README.md': '' })).toEqual({
    code: 0,
    lines: [
      'b.cases.yaml:1:1 warning no-runbook: there is no b.yaml, so these cases are never run\n    hint: cases have the name of their runbook',
      'c.yml:1:1 warning not-looked-at: the bot does not look at files that end with .yml\n    hint: name it c.yaml',
      '1 runbooks, 0 errors, 2 warnings',
    ],
  });
  expect((await lint({ 'a.yml': RUNBOOK }, 'a.yml')).lines).toContainEqual(expect.stringContaining('a.yml:1:1 warning not-looked-at'));
  expect(await lint({ 'a.yaml': RUNBOOK }, 'a.yaml')).toEqual({ code: 0, lines: ['1 runbooks, 0 errors, 0 warnings'] });
});
