/** Runs the command line in this process against the HTTP surface over a fake door. */
import { runCommandLine } from '#cli/cli.ts';
import type { LocalCommands } from '#app/commands.ts';
import { ALICE_KEY, createTestHttp } from './http.ts';
import type { TestHttp } from './http.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly note: string;
}

export interface TestCli {
  readonly http: TestHttp;
  run(...args: readonly string[]): Promise<Ran>;
  close(): Promise<void>;
}

export async function createTestCli(): Promise<TestCli> {
  const http = await createTestHttp();
  const url = await http.listen();
  return { http, run: (...args) => runCli(args, { env: { RUNBOOK_BOT_URL: url, RUNBOOK_BOT_API_KEY: ALICE_KEY }, clock: http.clock }), close: () => http.close() };
}

export async function runCli(args: readonly string[], options: { env?: Record<string, string>; local?: () => Promise<LocalCommands>; clock: TestHttp['clock'] }): Promise<Ran> {
  const out: string[] = [];
  const note: string[] = [];
  const code = await runCommandLine({
    args,
    env: options.env ?? {},
    clock: options.clock,
    out: (text) => out.push(text),
    note: (text) => note.push(text),
    local: options.local ?? (() => Promise.reject(new Error('this command must not build the bot'))),
  });
  return { code, out: out.join('\n'), note: note.join('\n') };
}
