/** The commands that build the bot, or parts of it, in this process. */
import type { DemoOptions, ExitCode, LocalCommands, LocalOptions } from './commands.ts';
import { loadConfigOfProcess } from '#config/load.ts';
import type { Config } from '#config/config.ts';
import { verifyChain } from '#journal/sqlite/chain.ts';
import { backupList, backupTake, backupVerify } from './backups.ts';
import { runDemo } from './demo.ts';
import { doctor } from './doctor.ts';
import { drillReap, drillRun, drillVerify } from './drills.ts';
import { reference } from './reference.ts';
import { lintRunbooks, testRunbooks } from './runbook-checks.ts';
import { startBot } from './start.ts';

export const localCommands: LocalCommands = {
  start: async ({ config, note }) => (await startBot({ configPath: config, stopped: signalled(), say: note })) as ExitCode,
  lint: (path, options) => withRunbooks(path, options, lintRunbooks),
  test: (path, options) => withRunbooks(path, options, testRunbooks),
  auditVerify: (options) => withConfig(options, (config) => auditVerify(config, options)),
  doctor: (options) => withConfig(options, (config) => doctor(config, options)),
  reference: async (options) => {
    options.out(options.json ? JSON.stringify(reference().steps) : reference().markdown);
    return 0;
  },
  demo: async ({ yes, note, out }: DemoOptions) => (await runDemo({ yes, stopped: signalled(), say: yes ? out : note })) as ExitCode,
  backupTake: (given, options) => backupTake(given, options, signalled()),
  backupList,
  backupVerify,
  drillRun: (given, options) => drillRun(given, options, signalled()),
  drillVerify,
  drillReap,
};

/** Ctrl-C, or what a supervisor sends. */
function signalled(): Promise<unknown> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve);
  });
}

async function withConfig(options: LocalOptions, work: (config: Config) => Promise<ExitCode>): Promise<ExitCode> {
  const loaded = loadConfigOfProcess(options.config);
  if (loaded.ok) {
    for (const warning of loaded.warnings) options.note(`warning: ${warning}`);
    return work(loaded.config);
  }
  for (const problem of loaded.problems) options.note(problem);
  return 2;
}

/** A path that was given needs no configuration. */
function withRunbooks(path: string | undefined, options: LocalOptions, work: (path: string, options: LocalOptions) => Promise<ExitCode>): Promise<ExitCode> {
  return path === undefined ? withConfig(options, (config) => work(config.runbooksDir, options)) : work(path, options);
}

async function auditVerify(config: Config, { json, out }: LocalOptions): Promise<ExitCode> {
  const result = verifyChain(config.journal.path);
  if (json) out(JSON.stringify(result));
  else if (result.ok) out(`The record is whole: ${result.events} events, the last with digest ${result.head}. Note it down: a record that is cut off later no longer ends with it.`);
  else out(`The record is broken at position ${result.position}: ${result.because}`);
  return result.ok ? 0 : 1;
}
