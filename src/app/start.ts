/** Runs the bot until it is told to stop. Used by `npm start` and by `runbook-bot start`. */
import { loadConfigOfProcess } from '#config/load.ts';
import { createLog } from '#telemetry/log.ts';
import { createApp } from './app.ts';

export interface StartOptions {
  /** `--config`. */
  readonly configPath?: string | undefined;
  /** Resolves when the bot is to stop: a signal. */
  readonly stopped: Promise<unknown>;
  /** Where the operator reads: stderr. */
  say(line: string): void;
}

/** Resolves with the exit code: 0 stopped in order, 1 could not start, 2 the configuration is wrong. */
export async function startBot({ configPath, stopped, say }: StartOptions): Promise<number> {
  const loaded = loadConfigOfProcess(configPath);
  if (!loaded.ok) {
    for (const problem of loaded.problems) say(problem);
    return 2;
  }
  for (const warning of loaded.warnings) say(`warning: ${warning}`);
  const log = createLog({ level: 'info' });
  const app = await open(() => createApp({ config: loaded.config, log, onConsoleLink: (url) => say(`The console opens once with ${url}`) }), say);
  if (app === undefined) return 1;
  const started = await open(async () => {
    await app.start();
    return true;
  }, say);
  if (started !== undefined) {
    say(`Cordum Runbook Bot listens at ${app.url}`);
    const link = app.consoleLink();
    if (link !== undefined) say(`The console opens once with ${link}`);
    await stopped;
    say('Stopping: effects under way get their outcome first.');
  }
  await app.stop();
  return started === undefined ? 1 : 0;
}

async function open<T>(work: () => Promise<T>, say: (line: string) => void): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    say(`cannot start: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

