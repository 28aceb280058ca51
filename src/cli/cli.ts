/** The command line as a function: arguments in, text and an exit code out. */
import type { Clock } from '#kernel/clock.ts';
import { loadClientConfig } from '#config/client.ts';
import { createClient } from './client.ts';
import { CommandFailed, WrongUsage } from './failure.ts';
import { jsonText } from './format.ts';
import { commandHelp, familyHelp, overallHelp } from './help.ts';
import type { ExitCode, Given, LocalCommands, LocalOptions } from '#app/commands.ts';
import { parseCommandLine } from './parse.ts';
import { usageHint } from './command.ts';
import type { CommandSpec } from './command-spec.ts';
import type { RemoteContext } from './remote/context.ts';
import { approvals, approve, close, deny, incidents, killSwitch } from './remote/decisions.ts';
import { drillApprovals, drillApprove, drillList, drillRevoke } from './remote/drills.ts';
import { cancel, plan, run, runs, settle, show } from './remote/runs.ts';

export interface CliOptions {
  readonly args: readonly string[];
  /** Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** stdout; ends the line. */
  readonly out: (text: string) => void;
  /** stderr; ends the line. */
  readonly note: (text: string) => void;
  /** Loaded when needed: they build the bot, and other commands must start fast. */
  readonly local: () => Promise<LocalCommands>;
}

export const REMOTE_COMMANDS: Readonly<Record<string, (context: RemoteContext) => Promise<ExitCode>>> = {
  plan,
  run,
  runs,
  show,
  cancel,
  settle,
  incidents,
  close,
  approvals,
  approve,
  deny,
  'kill-switch': killSwitch,
  'drill list': drillList,
  'drill approve': drillApprove,
  'drill approvals': drillApprovals,
  'drill revoke': drillRevoke,
};

export async function runCommandLine(options: CliOptions): Promise<ExitCode> {
  const parsed = parseCommandLine(options.args);
  if (parsed.kind === 'usage') {
    options.note(parsed.message);
    return 2;
  }
  if (parsed.kind === 'help') {
    options.out((parsed.command !== undefined ? commandHelp(parsed.command) : parsed.family !== undefined ? familyHelp(parsed.family) : overallHelp()).trimEnd());
    return 0;
  }
  const { command, given } = parsed;
  const json = given.switches.has('json');
  try {
    return await (command.runs === 'remote' ? runRemote(command, given, options) : runLocal(command, given, options));
  } catch (error) {
    if (error instanceof WrongUsage) {
      options.note(`${error.message}\n${usageHint(command)}`);
      return 2;
    }
    if (!(error instanceof CommandFailed)) throw error;
    options.note(json ? jsonText(error.problem) : error.message);
    return 1;
  }
}

async function runRemote(command: CommandSpec, given: Given, { env, clock, out, note }: CliOptions): Promise<ExitCode> {
  const config = loadClientConfig(given.options['url'], env);
  if (!config.ok) throw new WrongUsage(config.problem);
  const handler = REMOTE_COMMANDS[command.name];
  if (handler === undefined) throw new Error(`the command ${command.name} has no handler`);
  return handler({ client: createClient(config.client), given, json: given.switches.has('json'), clock, out, note });
}

async function runLocal(command: CommandSpec, given: Given, { out, note, local }: CliOptions): Promise<ExitCode> {
  const options: LocalOptions = { config: given.options['config'], json: given.switches.has('json'), out, note };
  const commands = await local();
  const path = given.words['PATH'];
  switch (command.name) {
    case 'start':
      return commands.start(options);
    case 'lint':
      return commands.lint(path, options);
    case 'test':
      return commands.test(path, options);
    case 'audit':
      return commands.auditVerify(options);
    case 'doctor':
      return commands.doctor(options);
    case 'reference':
      return commands.reference(options);
    case 'demo':
      return commands.demo({ ...options, yes: given.switches.has('yes') });
    case 'backup take':
      return commands.backupTake(given, options);
    case 'backup list':
      return commands.backupList(given, options);
    case 'backup verify':
      return commands.backupVerify(given, options);
    case 'drill run':
      return commands.drillRun(given, options);
    case 'drill verify':
      return commands.drillVerify(given, options);
    case 'drill reap':
      return commands.drillReap(given, options);
    default:
      throw new Error(`the command ${command.name} has no handler`);
  }
}
