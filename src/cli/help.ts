import { COMMANDS, optionsOf, usageOf } from './command.ts';
import type { CommandSpec } from './command-spec.ts';
import { columns } from './format.ts';

export function overallHelp(): string {
  const list = (runs: CommandSpec['runs']): string => indent(columns(COMMANDS.filter((command) => command.runs === runs).map((command) => [command.name, command.summary])));
  return `runbook-bot <command> [options]

An alert becomes a diagnosis, an approved and verified remedy, and a record.

By the configuration alone:
${list('local')}

Talking to a running bot (--url or RUNBOOK_BOT_URL, RUNBOOK_BOT_API_KEY):
${list('remote')}

With neither, for backups and drills:
${list('alone')}

Every command takes --json and --help. Answers go to stdout, everything else to stderr.
Exit codes: 0 done, 1 failed, 2 wrong usage.

  runbook-bot plan dlq-overflow
  runbook-bot approvals
  runbook-bot approve apr_01jdxk… --digest 5f3c…
`;
}

/** `runbook-bot drill --help`: what there is under one first word. */
export function familyHelp(name: string): string {
  const family = COMMANDS.filter((command) => command.name.startsWith(`${name} `));
  return `runbook-bot ${name} <command> [options]

${indent(columns(family.map((command) => [command.name, command.summary])))}

More on each: runbook-bot ${name} <command> --help

${indent(family.flatMap((command) => command.examples.slice(0, 1)).join('\n'))}
`;
}

export function commandHelp(command: CommandSpec): string {
  const options = Object.entries(optionsOf(command)).map(([name, spec]) => [spec.value === undefined ? `--${name}` : `--${name} ${spec.value}`, `${spec.help}${spec.required === true ? ' Required.' : ''}${spec.many === true ? ' May be repeated.' : ''}`]);
  return `${usageOf(command)}

${command.summary}

Options:
${indent(columns(options))}

Examples:
${indent(command.examples.join('\n'))}
`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
