import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as nap } from 'node:timers/promises';
import { TestRunner } from 'vitest';
import { onPath } from './binaries.ts';

/** Of what a server says, the newest part is kept for the message of a failure, in characters. */
const OUTPUT_KEPT = 64_000;
/** Of that, the lines that a failure shows. */
const LINES_SHOWN = 40;
const POLL_EVERY_MS = 50;
const ANSWER_WITHIN_MS = 2_000;
const READY_WITHIN_MS = 30_000;
/** After SIGTERM a server may finish; then it is killed. */
const STOP_WITHIN_MS = 5_000;

export interface ServerProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it has written so far, stdout and stderr together; the newest 64,000 characters. */
  output(): string;
  /** True until the process has ended, by itself or by `stop`. */
  running(): boolean;
  /** Ends it (SIGTERM unless told, SIGKILL after 5 s) and waits until it is gone. Safe to call twice. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface ProcessOptions {
  /** For messages: `Prometheus`. */
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

const living = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

/**
 * Starts a child process that cannot outlive the tests: it is stopped when the current test ends (passed or failed), with
 * this process, and on Linux even when this process is killed. A failed test shows the end of its output.
 */
export function startProcess(options: ProcessOptions): ServerProcess {
  const leash = process.platform === 'linux' ? onPath('setpriv') : undefined;
  const [command, args] = leash === undefined ? [options.command, options.args] : [leash, ['--pdeathsig', 'KILL', options.command, ...options.args]];
  const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  living.add(child);
  let output = '';
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_KEPT);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  let running = true;
  const gone = new Promise<void>((resolve) => {
    const end = (because: string): void => {
      if (!running) return;
      running = false;
      living.delete(child);
      keep(`\n(${options.what}: ${because})\n`);
      resolve();
    };
    child.once('error', (error) => end(`did not start: ${error.message}`));
    child.once('close', (code, signal) => end(`ended with ${signal ?? `code ${code}`}`));
  });
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (!running) return;
    child.kill(signal);
    const enough = new AbortController();
    await Promise.race([gone, nap(STOP_WITHIN_MS, undefined, { signal: enough.signal }).catch(() => {})]);
    enough.abort();
    if (running) child.kill('SIGKILL');
    await gone;
  };
  const server: ServerProcess = { pid: child.pid ?? 0, output: () => output, running: () => running, stop, [Symbol.asyncDispose]: () => stop() };
  leaveWithTheTest(options.what, server);
  return server;
}

function leaveWithTheTest(what: string, server: ServerProcess): void {
  const test = TestRunner.getCurrentTest();
  if (test === undefined) return;
  test.context.onTestFinished(() => server.stop());
  test.context.onTestFailed(() => console.error(`${what} said last:\n${lastLines(server.output())}`));
}

export interface ReadyOptions {
  /** For messages. */
  readonly what: string;
  /** An address that answers 2xx once the server is ready. */
  readonly url: string;
  /** Default 30 s. */
  readonly withinMs?: number;
}

/** Polls until the address answers 2xx. Fails with the end of the output when the process ends first or time runs out. */
export async function waitUntilReady(server: ServerProcess, options: ReadyOptions): Promise<void> {
  const withinMs = options.withinMs ?? READY_WITHIN_MS;
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if (!server.running()) throw new Error(`${options.what} ended before it was ready:\n${lastLines(server.output())}`);
    if (await answers(options.url)) return;
    await nap(POLL_EVERY_MS);
  }
  await server.stop('SIGKILL');
  throw new Error(`${options.what} was not ready at ${options.url} within ${withinMs} ms:\n${lastLines(server.output())}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

export interface WaitOptions {
  /** Ends the sentence "waited in vain until …". */
  readonly until: string;
  /** Default 30 s. */
  readonly withinMs?: number;
  /** Default 100 ms. */
  readonly everyMs?: number;
}

/** For tests on real systems: asks until the answer is something else than undefined, and returns it. */
export async function waitFor<T>(ask: () => Promise<T | undefined> | T | undefined, options: WaitOptions): Promise<T> {
  const withinMs = options.withinMs ?? READY_WITHIN_MS;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() >= deadline) throw new Error(`waited ${withinMs} ms in vain until ${options.until}`);
    await nap(options.everyMs ?? 100);
  }
}

function lastLines(output: string): string {
  return output.trimEnd().split('\n').slice(-LINES_SHOWN).join('\n');
}
