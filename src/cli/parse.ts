/** The command line, read by the table of commands. Whatever it does not understand is a usage error with a hint. */
import { parseArgs } from 'node:util';
import type { Given } from '#app/commands.ts';
import { nearest } from '#kernel/hints.ts';
import { COMMANDS, EVERYWHERE, findCommand, LOCAL, optionsOf, REMOTE, usageHint } from './command.ts';
import type { CommandSpec, OptionSpec } from './command-spec.ts';

export type Parsed =
  | { readonly kind: 'command'; readonly command: CommandSpec; readonly given: Given }
  | { readonly kind: 'help'; readonly command: CommandSpec | undefined; readonly family?: string }
  | { readonly kind: 'usage'; readonly message: string };

export function parseCommandLine(args: readonly string[]): Parsed {
  const [at, ...later] = wordsAt(args);
  const name = at === undefined ? undefined : args[at];
  if (at === undefined || name === undefined) return wantsHelp(args) ? { kind: 'help', command: undefined } : usage('Say what to do.', undefined);
  if (name === 'help') {
    const about = args.slice(at + 1, at + 3);
    const isFamily = about.length === 1 && COMMANDS.some((command) => command.name.startsWith(`${about[0]} `));
    return { kind: 'help', command: findCommand(about.join(' ')) ?? findCommand(about[0] ?? ''), ...(isFamily ? { family: about[0] ?? '' } : {}) };
  }
  const family = COMMANDS.filter((command) => command.name.startsWith(`${name} `));
  const [second] = later;
  if (family.length > 0) return parseInFamily(name, family, args, { at, second });
  const command = findCommand(name);
  if (command === undefined) return unknownCommand(name);
  return parseFor(command, args.toSpliced(at, 1));
}

/** `drill run`: the second word belongs to the name. */
function parseInFamily(name: string, family: readonly CommandSpec[], args: readonly string[], { at, second }: { readonly at: number; readonly second: number | undefined }): Parsed {
  const command = second === undefined ? undefined : findCommand(`${name} ${args[second] ?? ''}`);
  if (command !== undefined && second !== undefined) return parseFor(command, args.toSpliced(second, 1).toSpliced(at, 1));
  if (second === undefined && wantsHelp(args)) return { kind: 'help', command: undefined, family: name };
  const verbs = family.map((one) => one.name.slice(name.length + 1)).join(', ');
  return usage(second === undefined ? `Say one of: ${verbs}.` : `"${args[second]}" is none of: ${verbs}.`, undefined);
}

function parseFor(command: CommandSpec, args: readonly string[]): Parsed {
  const specs = optionsOf(command);
  try {
    const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, strict: true, options: parseOptions(specs) });
    if (values['help'] === true) return { kind: 'help', command };
    const words = readWords(command, positionals);
    if (typeof words === 'string') return usage(words, command);
    const given = sortValues(values);
    const missing = Object.entries(specs).find(([option, spec]) => spec.required === true && (given.options[option] ?? '') === '');
    if (missing !== undefined) return usage(`--${missing[0]} is missing.`, command);
    return { kind: 'command', command, given: { words, ...given } };
  } catch (error) {
    return usage(explain(error, specs), command);
  }
}

function parseOptions(specs: Readonly<Record<string, OptionSpec>>): Record<string, { type: 'string' | 'boolean'; multiple: boolean; short?: string }> {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, { type: spec.value === undefined ? 'boolean' : 'string', multiple: spec.many === true, ...(name === 'help' ? { short: 'h' } : {}) }]));
}

function sortValues(values: Readonly<Record<string, unknown>>): Omit<Given, 'words'> {
  const options: Record<string, string> = {};
  const lists: Record<string, readonly string[]> = {};
  const switches = new Set<string>();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === 'string') options[name] = value;
    else if (Array.isArray(value)) lists[name] = value.map(String);
    else if (value === true) switches.add(name);
  }
  return { options, lists, switches };
}

function readWords(command: CommandSpec, positionals: readonly string[]): Record<string, string> | string {
  const words: Record<string, string> = {};
  for (const [i, spec] of command.words.entries()) {
    const word = positionals[i];
    if (word === undefined || word === '') {
      if (spec.optional === true) continue;
      return spec.choices === undefined ? `${spec.name} is missing.` : `Say one of: ${spec.choices.join(', ')}.`;
    }
    if (spec.choices !== undefined && !spec.choices.includes(word)) return `"${word}" is none of: ${spec.choices.join(', ')}.`;
    words[spec.name] = word;
  }
  const extra = positionals[command.words.length];
  return extra === undefined ? words : `"${extra}" is one word too many.`;
}

/** Where words stand that are neither an option nor an option's value, whatever the command turns out to be. */
function wordsAt(args: readonly string[]): readonly number[] {
  const all = Object.assign({}, EVERYWHERE, REMOTE, LOCAL, ...COMMANDS.map((command) => command.options)) as Record<string, OptionSpec>;
  return parseArgs({ args: [...args], allowPositionals: true, strict: false, tokens: true, options: parseOptions(all) })
    .tokens.filter((token) => token.kind === 'positional')
    .map(({ index }) => index);
}

function wantsHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
}

function unknownCommand(name: string): Parsed {
  const near = nearest(name, COMMANDS.map((command) => command.name));
  return usage(`There is no command "${name}".${near === undefined ? '' : ` Did you mean "${near}"?`}`, undefined);
}

function usage(message: string, command: CommandSpec | undefined): Parsed {
  const how = command === undefined ? 'See: runbook-bot --help' : usageHint(command);
  return { kind: 'usage', message: `${message}\n${how}` };
}

function explain(error: unknown, specs: Readonly<Record<string, OptionSpec>>): string {
  const { code, message } = error as { code?: string; message?: string };
  const option = /'(?:-\w, )?--?([^' ]+)/.exec(message ?? '')?.[1];
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' && option !== undefined) {
    const near = nearest(option, Object.keys(specs));
    return `There is no option --${option}.${near === undefined ? '' : ` Did you mean --${near}?`}`;
  }
  if (code === 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE' && option !== undefined) return specs[option]?.value === undefined ? `--${option} takes no value.` : `--${option} needs a value: --${option} ${specs[option]?.value}`;
  if (code?.startsWith('ERR_PARSE_ARGS') === true) return message ?? 'The options cannot be read.';
  throw error;
}
