/** Processes of the bench: each measured thing is one of its own, so that none warms up or slows down another. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '..', '..');
const STOP_WITHIN_MS = 20_000;
/** Of what a process says, kept for the error when it fails. */
const LAST_LINES = 30;

export interface Running {
  readonly pid: number;
  /** The first line, on stdout or stderr, that the pattern finds. Rejects when the process ends before. */
  line(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resident memory, MB of 10^6 bytes. */
  rssMb(): number;
  /** Asks it to stop, and kills it when it does not. */
  stop(): Promise<void>;
}

/** `node SCRIPT ARGS`; the script's path starts at the project. */
export function start(script: string, args: readonly string[], nodeOptions: readonly string[] = []): Running {
  const child = spawn(process.execPath, [...nodeOptions, join(ROOT, script), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said: string[] = [];
  const waiting = new Set<{ readonly pattern: RegExp; resolve(found: RegExpExecArray): void; reject(error: Error): void }>();
  const hear = (line: string): void => {
    said.push(line);
    if (said.length > LAST_LINES) said.shift();
    for (const one of waiting) {
      const found = one.pattern.exec(line);
      if (found === null) continue;
      waiting.delete(one);
      one.resolve(found);
    }
  };
  createInterface({ input: child.stdout }).on('line', hear);
  createInterface({ input: child.stderr }).on('line', hear);
  const ended = once(child, 'close').then(() => {
    for (const one of waiting) one.reject(new Error(`${script} ended: ${said.join('\n')}`));
  });
  return {
    pid: child.pid ?? 0,
    line: (pattern) =>
      new Promise((resolve, reject) => {
        if (child.exitCode !== null) return reject(new Error(`${script} has ended: ${said.join('\n')}`));
        for (const line of said) {
          const found = pattern.exec(line);
          if (found !== null) return resolve(found);
        }
        waiting.add({ pattern, resolve, reject });
      }),
    rssMb: () => (Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1_024) / 1e6,
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The line `RESULT {…}` that a script of the bench ends with. */
export async function resultOf<T>(script: string, input: object): Promise<T> {
  const child = start(script, [JSON.stringify(input)]);
  try {
    const [, json = ''] = await child.line(/^RESULT (.*)$/);
    return JSON.parse(json) as T;
  } finally {
    await child.stop();
  }
}

/** What a script of the bench was called with. */
export function inputOf<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

export function tellResult(result: object): void {
  process.stdout.write(`RESULT ${JSON.stringify(result)}\n`);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The most that has been resident in this process, MB of 10^6 bytes. The counter of `getrusage` begins with the peak of whoever started it. */
export function peakMb(): number {
  return (Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1_024) / 1e6;
}
