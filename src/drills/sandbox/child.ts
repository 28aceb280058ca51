/** A server process of a sandbox. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

/** At its start a server says what it has loaded. A node of a cluster then names each slot of which it holds keys: thousands of lines. */
const FIRST_KEPT = 16_000;
const NEWEST_KEPT = 48_000;

export interface Child {
  readonly pid: number;
  running(): boolean;
  /** The first and the newest of what it has written, up to 64,000 characters. */
  output(): string;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  kill(): Promise<void>;
}

/** Its folder is also its working directory: by that the reaper knows it when this process is no more. */
export function startChild(command: string, args: readonly string[], folder: string): Child {
  const child = spawn(command, args, { cwd: folder, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(folder, 'output.log'));
  let first = '';
  let newest = '';
  let running = true;
  const keep = (chunk: string): void => {
    const room = FIRST_KEPT - first.length;
    first += chunk.slice(0, room);
    newest = (newest + chunk.slice(room)).slice(-NEWEST_KEPT);
  };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep).pipe(log, { end: false });
  log.on('error', (error) => keep(`\n${error.message}\n`));
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      running = false;
      log.end();
      resolve();
    };
    child.once('error', (error) => {
      keep(`\n${error.message}\n`);
      end();
    });
    child.once('exit', end);
  });
  return {
    pid: child.pid ?? 0,
    running: () => running,
    output: () => first + newest,
    ended,
    // Nothing in a sandbox is worth a farewell: a Redis that is asked politely would first save.
    async kill() {
      if (running) child.kill('SIGKILL');
      await ended;
    },
  };
}
