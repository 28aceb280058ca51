/** A server process of a sandbox. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';

const OUTPUT_KEPT = 64_000;

export interface Child {
  readonly pid: number;
  running(): boolean;
  /** The newest of what it has written, up to 64,000 characters. */
  output(): string;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  kill(): Promise<void>;
}

/** Its folder is also its working directory: by that the reaper knows it when this process is no more. */
export function startChild(command: string, args: readonly string[], folder: string): Child {
  const child = spawn(command, args, { cwd: folder, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const log = createWriteStream(join(folder, 'output.log'));
  let output = '';
  let running = true;
  const keep = (chunk: string): void => {
    output = (output + chunk).slice(-OUTPUT_KEPT);
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
    output: () => output,
    ended,
    // Nothing in a sandbox is worth a farewell: a Redis that is asked politely would first save.
    async kill() {
      if (running) child.kill('SIGKILL');
      await ended;
    },
  };
}
