/** Reads `/runbook …`. Pure. */
import type { JsonObject } from '#kernel/json.ts';

export type Command =
  | { readonly kind: 'help' }
  | { readonly kind: 'list' }
  | { readonly kind: 'status' }
  | { readonly kind: 'incidents' }
  | { readonly kind: 'approvals' }
  | { readonly kind: 'run'; readonly runbook: string; readonly inputs: JsonObject; readonly target: string | null; readonly dryRun: boolean }
  | { readonly kind: 'drills' }
  | { readonly kind: 'approveDrill'; readonly drill: string; readonly from: string | null; readonly to: string | null; readonly reason: string }
  | { readonly kind: 'revokeDrill'; readonly drill: string; readonly id: string; readonly reason: string }
  | { readonly kind: 'kill'; readonly on: boolean; readonly reason: string }
  | { readonly kind: 'mistake'; readonly message: string };

const MOST_WORDS = 60;
const TEXT_MAX = 3_000;
const NAME = /^[a-z0-9][a-z0-9._-]{0,99}$/i;
const INPUT = /^([A-Za-z_][A-Za-z0-9_-]{0,63})=(.*)$/s;

export const HELP = [
  '/runbook list: the runbooks',
  '/runbook run NAME [key=value …] [--target T] [--dry-run]: start one; quote a value that holds spaces; a list is written a,b,c',
  '/runbook drill [NAME] [--target T] [--dry-run]: start a restore drill; without a name, how the configured ones stand',
  '/runbook drill approve NAME [from TIME to TIME] [REASON]: approve its next run ahead; without times, the next slot of its schedule and an hour around it',
  '/runbook drill revoke NAME APPROVAL [REASON]: take that back',
  '/runbook status: open incidents, waiting approvals, the kill switch',
  '/runbook incidents: the open incidents',
  '/runbook approvals: what waits for a decision',
  '/runbook kill on|off REASON: stop every write, or allow writes again',
].join('\n');

export function parseCommand(raw: string): Command {
  if (raw.length > TEXT_MAX) return mistake(`The command is longer than ${TEXT_MAX} characters.`);
  const words = split(unescape(raw));
  if (words === undefined) return mistake('A quote is open at the end. Close it, or leave it out.');
  if (words.length > MOST_WORDS) return mistake(`The command has more than ${MOST_WORDS} words.`);
  const [verb, ...rest] = words;
  switch (verb?.toLowerCase()) {
    case undefined:
    case 'help':
      return { kind: 'help' };
    case 'list':
    case 'status':
    case 'incidents':
    case 'approvals':
      return rest.length === 0 ? { kind: verb?.toLowerCase() as 'list' } : mistake(`“${verb}” takes nothing after it.`);
    case 'run':
      return parseRun(rest);
    case 'drill':
      return rest.length === 0 ? { kind: 'drills' } : parseDrill(rest);
    case 'kill':
      return parseKill(rest);
    default:
      return mistake(`There is no “${verb}”. Try /runbook help.`);
  }
}

function parseRun(words: readonly string[]): Command {
  const name = words[0] ?? '';
  if (!NAME.test(name)) return mistake('Say which runbook: /runbook run NAME [key=value …].');
  // Texts: the operation turns them into what the runbook declares.
  const inputs: [string, string][] = [];
  let target: string | null = null;
  let dryRun = false;
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at];
    if (word === undefined) break;
    if (word === '--dry-run') dryRun = true;
    else if (word === '--target') {
      at += 1;
      target = words[at] ?? '';
      if (target === '') return mistake('--target needs the name of a target.');
    } else {
      const pair = INPUT.exec(word);
      if (pair?.[1] === undefined || pair[2] === undefined) return mistake(`Expected key=value, got “${word}”.`);
      if (inputs.some(([key]) => key === pair[1])) return mistake(`“${pair[1]}” is given twice.`);
      inputs.push([pair[1], pair[2]]);
    }
  }
  return { kind: 'run', runbook: name, inputs: Object.fromEntries(inputs), target, dryRun };
}

/** `drill NAME` is short for `run restore-drill drill=NAME`. */
function parseDrill([name = '', ...rest]: readonly string[]): Command {
  if (name.toLowerCase() === 'approve') return parseApproveDrill(rest);
  if (name.toLowerCase() === 'revoke') return parseRevokeDrill(rest);
  if (!NAME.test(name)) return mistake('Say which drill: /runbook drill NAME.');
  if (rest.some((word) => INPUT.test(word))) return mistake('A drill takes no inputs: what it does stands in the configuration.');
  return parseRun(['restore-drill', `drill=${name}`, ...rest]);
}

/** Whether the times are any is for the operation to say. */
function parseApproveDrill([drill = '', ...rest]: readonly string[]): Command {
  if (!NAME.test(drill)) return mistake('Say which drill: /runbook drill approve NAME [from TIME to TIME] [REASON].');
  if (rest[0]?.toLowerCase() !== 'from') return { kind: 'approveDrill', drill, from: null, to: null, reason: rest.join(' ') };
  const [, from, word, to, ...reason] = rest;
  if (from === undefined || word?.toLowerCase() !== 'to' || to === undefined) return mistake('Name both ends of the window: from 2026-12-01T08:00Z to 2026-12-01T10:00Z.');
  return { kind: 'approveDrill', drill, from, to, reason: reason.join(' ') };
}

function parseRevokeDrill([drill = '', id = '', ...reason]: readonly string[]): Command {
  if (!NAME.test(drill) || !/^ahd_[0-9a-z]{26}$/.test(id)) return mistake('Say which drill and which approval: /runbook drill revoke NAME ahd_… [REASON]. /runbook drill lists them.');
  return { kind: 'revokeDrill', drill, id, reason: reason.join(' ') };
}

function parseKill(words: readonly string[]): Command {
  const state = words[0]?.toLowerCase();
  const reason = words.slice(1).join(' ').trim();
  if (state !== 'on' && state !== 'off') return mistake('Say on or off: /runbook kill on|off REASON.');
  if (reason === '') return mistake(`Say why: /runbook kill ${state} REASON.`);
  return { kind: 'kill', on: state === 'on', reason };
}

/** Slack escapes these three in what people type, and phones make quotes round. */
function unescape(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&').replace(/[“”„]/g, '"').replace(/[‘’]/g, "'");
}

/** Words by spaces; quotes hold a word together. Undefined when a quote stays open. */
function split(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let current = '';
  let open: string | undefined;
  let quoted = false;
  const finish = (): void => {
    if (current !== '' || quoted) words.push(current);
    current = '';
    quoted = false;
  };
  for (const char of text) {
    if (open !== undefined) {
      if (char === open) open = undefined;
      else current += char;
    } else if (char === '"' || (char === "'" && (current === '' || current.endsWith('=')))) {
      open = char;
      quoted = true;
    } else if (/\s/u.test(char)) finish();
    else current += char;
  }
  if (open !== undefined) return undefined;
  finish();
  return words;
}

function mistake(message: string): Command {
  return { kind: 'mistake', message };
}
