/** `lint` and `test`: what an author runs before a runbook is trusted with production. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ExitCode, LocalOptions } from './commands.ts';
import { runCases } from '#language/cases.ts';
import { formatDiagnostic, type Diagnostic } from '#language/diagnostic.ts';
import { loadRunbook } from '#language/load.ts';
import { stepsByName } from './catalogue.ts';
import { CASES, isRunbookFile } from './runbook-library.ts';

export async function lintRunbooks(path: string, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const files = await runbookFiles(path);
  if (files.length === 0) return nothing(path, note);
  const diagnostics: Diagnostic[] = [];
  for (const file of files) diagnostics.push(...loadRunbook({ file, text: await readFile(file, 'utf8'), steps: stepsByName() }).diagnostics);
  diagnostics.push(...(await overlooked(path)));
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (json) out(JSON.stringify({ files: files.length, errors, diagnostics }));
  else {
    for (const diagnostic of diagnostics) out(formatDiagnostic(diagnostic));
    out(`${files.length} runbooks, ${errors} errors, ${diagnostics.length - errors} warnings`);
  }
  return errors === 0 ? 0 : 1;
}

interface Tested {
  readonly file: string;
  readonly passed: number;
  readonly failed: readonly string[];
  readonly notCovered: readonly string[];
}

export async function testRunbooks(path: string, { json, out, note }: LocalOptions): Promise<ExitCode> {
  const files = await runbookFiles(path);
  if (files.length === 0) return nothing(path, note);
  const tested = await Promise.all(files.map(testOne));
  const failed = tested.reduce((sum, one) => sum + one.failed.length, 0);
  if (json) out(JSON.stringify({ failed, runbooks: tested }));
  else {
    for (const one of tested) {
      const mistakes = one.failed.length === 0 ? '' : `, ${one.failed.length} mistakes`;
      out(`${one.failed.length === 0 ? 'ok    ' : 'FAILED'} ${one.file}: ${one.passed} cases passed${mistakes}`);
      for (const line of [...one.failed, ...one.notCovered]) out(`       ${line}`);
    }
  }
  return failed === 0 ? 0 : 1;
}

async function testOne(file: string): Promise<Tested> {
  const { runbook, diagnostics } = loadRunbook({ file, text: await readFile(file, 'utf8'), steps: stepsByName() });
  if (runbook === undefined) return { file, passed: 0, failed: diagnostics.map(formatDiagnostic), notCovered: [] };
  const casesFile = join(dirname(file), basename(file).replace(/\.yaml$/, CASES));
  const text = await readFile(casesFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // Only a file that is not there means that there are no cases.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return { file, passed: 0, failed: [], notCovered: [`no cases: write them into ${casesFile}`] };
  const report = runCases({ runbook, file: casesFile, text });
  const broken = report.results.filter(({ passed }) => !passed);
  return {
    file,
    passed: report.results.length - broken.length,
    failed: [...report.diagnostics.map(formatDiagnostic), ...broken.flatMap((result) => result.failures.map((failure) => `${result.case}: ${failure}`))],
    notCovered: [...report.coverage.findings.map((at) => `no case reaches finding ${at + 1}`), ...report.coverage.offers.map((id) => `no case reaches offer ${id}`)],
  };
}

function nothing(path: string, note: (text: string) => void): ExitCode {
  note(`${path}: expected a runbook (NAME.yaml) or a folder of them`);
  return 2;
}

/** Files that look like a part of it, and that the bot and `test` pass over without a word. */
async function overlooked(path: string): Promise<Diagnostic[]> {
  const alone = !(await stat(path)).isDirectory();
  const names = alone ? [basename(path)] : (await readdir(path)).toSorted();
  return names.flatMap((name): Diagnostic[] => {
    const warn = (code: string, message: string, hint: string): Diagnostic[] => [{ file: alone ? path : join(path, name), line: 1, column: 1, severity: 'warning', code, message, hint }];
    if (name.endsWith('.yml')) return warn('not-looked-at', 'the bot does not look at files that end with .yml', `name it ${name.replace(/yml$/, 'yaml')}`);
    const runbook = name.replace(CASES, '.yaml');
    if (!alone && name.endsWith(CASES) && !names.includes(runbook)) return warn('no-runbook', `there is no ${runbook}, so these cases are never run`, 'cases have the name of their runbook');
    return [];
  });
}

async function runbookFiles(path: string): Promise<string[]> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isFile() === true) return [path];
  if (facts?.isDirectory() !== true) return [];
  const names = await readdir(path);
  return names.filter(isRunbookFile).toSorted().map((name) => join(path, name));
}
