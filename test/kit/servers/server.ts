import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRunner } from 'vitest';
import { freePort } from './port.ts';
import { startProcess, waitUntilReady } from './process.ts';
import type { ServerProcess } from './process.ts';

/** A free port may be taken between the look and the start; so many times another one is tried. */
const STARTS_MAX = 3;

export interface RealServer extends ServerProcess {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Its temporary folder, with configuration and data; removed by `stop`. */
  readonly directory: string;
}

export interface ServerRecipe {
  /** For messages. */
  readonly what: string;
  readonly command: string;
  /** The path that answers 2xx once it is ready. */
  readonly readyPath: string;
  /** Writes the configuration into the folder. Called once. */
  prepare(directory: string): Promise<void>;
  args(directory: string, port: number): readonly string[];
  /** Use this port, and no other. */
  readonly port?: number;
}

/** Starts a server in a temporary folder on a free port of 127.0.0.1 and waits until it is ready. */
export async function startServer(recipe: ServerRecipe): Promise<RealServer> {
  const directory = await mkdtemp(join(tmpdir(), `${recipe.what.toLowerCase()}-`));
  try {
    await recipe.prepare(directory);
    for (let start = 1; ; start += 1) {
      const port = recipe.port ?? (await freePort());
      const child = startProcess({ what: recipe.what, command: recipe.command, args: recipe.args(directory, port), cwd: directory });
      const url = `http://127.0.0.1:${port}`;
      try {
        await waitUntilReady(child, { what: recipe.what, url: url + recipe.readyPath });
      } catch (error) {
        await child.stop('SIGKILL');
        if (start < STARTS_MAX && recipe.port === undefined && child.output().includes('address already in use')) continue;
        throw error;
      }
      const stop = async (signal?: NodeJS.Signals): Promise<void> => {
        await child.stop(signal);
        await rm(directory, { recursive: true, force: true });
      };
      TestRunner.getCurrentTest()?.context.onTestFinished(() => stop());
      return { ...child, url, port, directory, stop, [Symbol.asyncDispose]: () => stop() };
    }
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}
