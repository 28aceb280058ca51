/** The commands as data: parsed, helped and documented from this one table. */
import { BACKUP_COMMANDS } from './command-backup.ts';
import { DRILL_COMMANDS } from './command-drill.ts';
import type { CommandSpec, OptionSpec, WordSpec } from './command-spec.ts';

export const EVERYWHERE: Readonly<Record<string, OptionSpec>> = {
  json: { help: 'Answer in JSON, for scripts.' },
  help: { help: 'Say how this command is used.' },
};
export const REMOTE: Readonly<Record<string, OptionSpec>> = {
  url: { value: 'URL', help: 'Where the bot is. Default: RUNBOOK_BOT_URL, else http://127.0.0.1:8080. The key is RUNBOOK_BOT_API_KEY.' },
};
export const LOCAL: Readonly<Record<string, OptionSpec>> = {
  config: { value: 'FILE', help: 'The configuration. Default: RUNBOOK_BOT_CONFIG, else ./runbook-bot.yaml, else embedded defaults.' },
};

const reason = (required: boolean): OptionSpec => ({ value: 'R', help: 'Why; it stands in the record.', required });
const listing: Readonly<Record<string, OptionSpec>> = { limit: { value: 'N', help: 'At most this many, 1 to 200. Default 50.' } };
const RUN: WordSpec = { name: 'RUN' };
const APPROVAL: WordSpec = { name: 'APPROVAL' };
const starting: Readonly<Record<string, OptionSpec>> = {
  target: { value: 'T', help: 'The installation to work on. Default: the only one, or the last when it takes everything.' },
  input: { value: 'k=v', help: 'An input of the runbook. JSON where it reads as JSON (5, true, ["a"]), else text.', many: true },
};

export const COMMANDS: readonly CommandSpec[] = [
  { name: 'start', runs: 'local', words: [], options: {}, summary: 'Start the bot.', examples: ['runbook-bot start --config /etc/runbook-bot.yaml'] },
  {
    name: 'demo',
    runs: 'local',
    words: [],
    options: { yes: { help: 'Play the human too, and end when the incident has closed.' } },
    summary: 'Show the whole thing against a simulated Cordum.',
    examples: ['runbook-bot demo', 'runbook-bot demo --yes'],
  },
  { name: 'lint', runs: 'local', words: [{ name: 'PATH', optional: true }], options: {}, summary: 'Check runbooks: a file or a directory.', examples: ['runbook-bot lint', 'runbook-bot lint runbooks/dlq-overflow.yaml'] },
  { name: 'test', runs: 'local', words: [{ name: 'PATH', optional: true }], options: {}, summary: 'Run the cases of runbooks.', examples: ['runbook-bot test', 'runbook-bot test runbooks/dlq-overflow.yaml'] },
  { name: 'audit', runs: 'local', words: [{ name: 'verify', choices: ['verify'] }], options: {}, summary: 'Check that the journal is whole and in order.', examples: ['runbook-bot audit verify'] },
  { name: 'doctor', runs: 'local', words: [], options: {}, summary: 'Check the configuration and whether what it names can be reached.', examples: ['runbook-bot doctor'] },
  { name: 'reference', runs: 'local', words: [], options: {}, summary: 'Print the reference of all steps, as Markdown.', examples: ['runbook-bot reference > steps.md'] },
  { name: 'plan', runs: 'remote', words: [{ name: 'RUNBOOK' }], options: starting, summary: 'Dry run: diagnose, plan, show the whole plan, change nothing.', examples: ['runbook-bot plan dlq-overflow', 'runbook-bot plan dlq-overflow --target production --json'] },
  {
    name: 'run',
    runs: 'remote',
    words: [{ name: 'RUNBOOK' }],
    options: { ...starting, wait: { help: 'Follow the run until it has ended; exit 1 unless it succeeded.' } },
    summary: 'Start a runbook.',
    examples: ['runbook-bot run dlq-overflow', "runbook-bot run worker-gap --input 'depth=100' --wait"],
  },
  { name: 'runs', runs: 'remote', words: [], options: { status: { value: 'S', help: 'queued, running, waiting, succeeded, failed, cancelled or unknown. Default: all.' }, ...listing }, summary: 'List runs, newest first.', examples: ['runbook-bot runs', 'runbook-bot runs --status waiting'] },
  { name: 'show', runs: 'remote', words: [RUN], options: {}, summary: 'Show a run: findings, steps, offers, plans and effects.', examples: ['runbook-bot show run_01jdxk…'] },
  { name: 'cancel', runs: 'remote', words: [RUN], options: { reason: reason(false) }, summary: 'Cancel a run.', examples: ['runbook-bot cancel run_01jdxk… --reason "wrong target"'] },
  {
    name: 'settle',
    runs: 'remote',
    words: [RUN, { name: 'EFFECT' }, { name: 'OUTCOME', choices: ['applied', 'not-applied'] }],
    options: { reason: reason(true) },
    summary: 'Say of an effect whose outcome is unknown whether it was applied.',
    examples: ['runbook-bot settle run_01jdxk… eff_3f9c… not-applied --reason "still in the DLQ"'],
  },
  { name: 'incidents', runs: 'remote', words: [], options: { status: { value: 'S', help: 'open, closed or any. Default: open.' }, ...listing }, summary: 'List incidents, newest first.', examples: ['runbook-bot incidents', 'runbook-bot incidents --status any'] },
  { name: 'close', runs: 'remote', words: [{ name: 'INCIDENT' }], options: { reason: reason(true) }, summary: 'Close an incident by hand.', examples: ['runbook-bot close inc_01jdxk… --reason "fixed by hand"'] },
  { name: 'approvals', runs: 'remote', words: [], options: { status: { value: 'S', help: 'pending, approved, redeemed, denied, expired, withdrawn or any. Default: pending.' }, ...listing }, summary: 'List approvals, newest first.', examples: ['runbook-bot approvals'] },
  {
    name: 'approve',
    runs: 'remote',
    words: [APPROVAL],
    options: { digest: { value: 'D', help: 'The whole digest of the plan that you looked at.', required: true }, reason: reason(false), confirm: { value: 'TEXT', help: "R3: the target's name." } },
    summary: 'Approve exactly the plan of this digest.',
    examples: ['runbook-bot approve apr_01jdxk… --digest 5f3c…', 'runbook-bot approve apr_01jdxk… --digest 5f3c… --reason "restore agreed" --confirm production'],
  },
  {
    name: 'deny',
    runs: 'remote',
    words: [APPROVAL],
    options: { digest: { value: 'D', help: 'Deny only if this is still the plan. Default: the plan as it is now.' }, reason: reason(false) },
    summary: 'Deny a plan.',
    examples: ['runbook-bot deny apr_01jdxk… --reason "not during the launch"'],
  },
  {
    name: 'kill-switch',
    runs: 'remote',
    words: [{ name: 'STATE', choices: ['on', 'off', 'status'] }],
    options: { reason: reason(false) },
    summary: 'Stop every write within a second, let them go on, or say how it stands.',
    examples: ['runbook-bot kill-switch on --reason "something is wrong"', 'runbook-bot kill-switch status'],
  },
  ...BACKUP_COMMANDS,
  ...DRILL_COMMANDS,
];

export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name);
}

/** All options that a command takes, in the order of its help. */
export function optionsOf(command: CommandSpec): Readonly<Record<string, OptionSpec>> {
  return { ...command.options, ...(command.runs === 'remote' ? REMOTE : command.runs === 'local' ? LOCAL : {}), ...EVERYWHERE };
}

export function usageOf(command: CommandSpec): string {
  const words = command.words.map(({ name, optional, choices }) => (choices !== undefined ? choices.join('|') : optional === true ? `[${name}]` : name));
  const options = Object.entries(command.options).map(([name, spec]) => {
    const flag = spec.value === undefined ? `--${name}` : `--${name} ${spec.value}`;
    return spec.required === true ? flag : `[${flag}]${spec.many === true ? '…' : ''}`;
  });
  return ['runbook-bot', command.name, ...words, ...options].join(' ');
}

/** What stands below a usage error: the options that must be given, and where all are explained. */
export function usageHint(command: CommandSpec): string {
  const needed = Object.entries(command.options).filter(([, spec]) => spec.required === true);
  const more = needed.length < Object.keys(command.options).length ? ' [options]' : '';
  return `Usage: ${usageOf({ ...command, options: Object.fromEntries(needed) })}${more}\nSee: runbook-bot ${command.name} --help`;
}
