/** The command line as its own process: what it prints, and how it ends. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { backupList, backupTake, backupVerify } from '#app/backups.ts';
import type { ExitCode, Given, LocalOptions } from '#app/commands.ts';
import { drillReap, drillRun, drillVerify } from '#app/drills.ts';
import { parseCommandLine } from '#cli/parse.ts';

const MAIN = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const WITHIN_MS = 120_000;

export interface CommandRan {
  readonly code: number | null;
  readonly out: string;
  readonly note: string;
  /** The answer under `--json`. */
  json(): Record<string, unknown>;
}

/** `onNote` sees each piece of stderr as it comes, and may send a signal. */
export function runCommand(args: readonly string[], options: { readonly path?: string; onNote?(text: string, kill: (signal: NodeJS.Signals) => void): void } = {}): Promise<CommandRan> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: options.path ?? process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'], timeout: WITHIN_MS });
    let out = '';
    let note = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      note += chunk;
      options.onNote?.(note, (signal) => void child.kill(signal));
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, note, json: () => JSON.parse(out) as Record<string, unknown> }));
  });
}

const STOPPED_BY_NOBODY = new Promise<never>(() => undefined);

const HANDLERS: Readonly<Record<string, (given: Given, options: LocalOptions) => Promise<ExitCode>>> = {
  'backup take': (given, options) => backupTake(given, options, STOPPED_BY_NOBODY),
  'backup list': backupList,
  'backup verify': backupVerify,
  'drill run': (given, options) => drillRun(given, options, STOPPED_BY_NOBODY),
  'drill verify': drillVerify,
  'drill reap': drillReap,
};

/** The same words in this process, which spares its start: for what does not depend on the process. */
export async function runHere(args: readonly string[]): Promise<CommandRan> {
  const parsed = parseCommandLine(args);
  const handler = parsed.kind === 'command' ? HANDLERS[parsed.command.name] : undefined;
  if (parsed.kind !== 'command' || handler === undefined) throw new Error(`no such command: ${JSON.stringify(parsed)}`);
  const [out, note]: [string[], string[]] = [[], []];
  const code = await handler(parsed.given, { config: undefined, json: parsed.given.switches.has('json'), out: (text) => out.push(text), note: (text) => note.push(text) });
  const said = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
  return { code, out: said(out), note: said(note), json: () => JSON.parse(out.join('\n')) as Record<string, unknown> };
}
