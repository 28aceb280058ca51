/** The command line as its own process: what it prints, and how it ends. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

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
