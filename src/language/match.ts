import { RE2JS } from 're2js';
import type { Matcher, Runbook, Trigger } from './runbook.ts';

const LONGEST_MATCHER = 4_096;

export type ParsedMatcher = { readonly ok: true; readonly matcher: Matcher } | { readonly ok: false; readonly message: string; readonly hint?: string };

/** The first runbook, by name, one of whose triggers matches these labels. The same answer whatever the order of the list. */
export function matchRunbook(runbooks: readonly Runbook[], labels: Readonly<Record<string, string>>): Runbook | undefined {
  const byName = runbooks.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return byName.find((runbook) => checkMatch(runbook.triggers, labels));
}

/** Whether at least one trigger matches: all of its matchers must. */
export function checkMatch(triggers: readonly Trigger[], labels: Readonly<Record<string, string>>): boolean {
  return triggers.some((trigger) => trigger.matchers.length > 0 && trigger.matchers.every((matcher) => matcher.matches(labels)));
}

/**
 * Reads one matcher as Alertmanager does (`alertname="X"`, `pod=~"api-.*"`, `"λ"!=x`): quoted names and values with Go's
 * escapes, unquoted values, and what its classic parser accepts besides. Regular expressions are RE2, anchored at both ends.
 *
 * Source: prometheus/alertmanager, matcher/parse and pkg/labels; see the table in test/unit/language/match.test.ts.
 */
export function parseMatcher(text: string): ParsedMatcher {
  if (text.length > LONGEST_MATCHER) return bad(`a matcher may be at most ${LONGEST_MATCHER} characters`);
  const name = readName(text.trim());
  if (!name.ok) return name;
  const op = /^\s*(=~|!~|!=|=)/.exec(name.rest);
  if (op === null) return bad(`expected =, !=, =~ or !~ after the label name in ${JSON.stringify(text)}`, 'a matcher is written label="value"');
  const value = readValue(name.rest.slice(op[0].length).trim());
  if (!value.ok) return value;
  return build(name.value, op[1] as Matcher['op'], value.value);
}

type Read = { readonly ok: true; readonly value: string; readonly rest: string } | { readonly ok: false; readonly message: string; readonly hint?: string };

function bad(message: string, hint?: string): { ok: false; message: string; hint?: string } {
  return hint === undefined ? { ok: false, message } : { ok: false, message, hint };
}

function readName(text: string): Read {
  if (text.startsWith('"')) {
    const quoted = readQuoted(text);
    if (quoted.ok && quoted.value === '') return bad('a label name may not be empty');
    return quoted;
  }
  const name = /^[^\s{}!=~,\\"'`]+/.exec(text);
  if (name === null) return bad(`expected a label name in ${JSON.stringify(text)}`, 'a matcher is written label="value"');
  return { ok: true, value: name[0], rest: text.slice(name[0].length) };
}

function readValue(text: string): Read {
  if (text.startsWith('"')) {
    const quoted = readQuoted(text);
    if (quoted.ok && quoted.rest.trim() !== '') return bad(`unexpected ${JSON.stringify(quoted.rest.trim())} after the value`, 'write one matcher a string; several form a list');
    return quoted;
  }
  // Alertmanager warns of it and takes the quotes for a part of the value (0.28, 0.33), which no alert then has.
  if (/^(['`]).*\1$/s.test(text)) return bad(`the quotes of ${text} would be a part of the value`, 'put the value in double quotes: label="value"');
  let value = '';
  for (let i = 0; i < text.length; i += 1) {
    const char = text.charAt(i);
    if (char === '"') return bad('the value holds a double quote that is not escaped', 'put the whole value in double quotes and write \\" inside');
    const escaped = char === '\\' ? { n: '\n', '"': '"', '\\': '\\' }[text.charAt(i + 1)] : undefined;
    value += escaped ?? char;
    if (escaped !== undefined) i += 1;
  }
  return { ok: true, value, rest: '' };
}

const GO_ESCAPES: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"' };

/** A string in double quotes, with the escapes of Go's strconv.Unquote. */
function readQuoted(text: string): Read {
  let value = '';
  let i = 1;
  while (i < text.length) {
    const char = text.charAt(i);
    if (char === '"') return { ok: true, value, rest: text.slice(i + 1) };
    if (char !== '\\') {
      value += char;
      i += 1;
      continue;
    }
    const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/.exec(text.slice(i, i + 10));
    const simple = GO_ESCAPES[text.charAt(i + 1)];
    if (code !== null) {
      const point = code[4] === undefined ? Number.parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16) : Number.parseInt(code[4], 8);
      if (point > 0x10ffff) return bad(`${code[0]} is not a character`);
      value += String.fromCodePoint(point);
      i += code[0].length;
    } else if (simple !== undefined) {
      value += simple;
      i += 2;
    } else return bad(`unknown escape ${JSON.stringify(text.slice(i, i + 2))} in a quoted string`, 'a backslash is written \\\\');
  }
  return bad('the closing double quote is missing');
}

function build(label: string, op: Matcher['op'], value: string): ParsedMatcher {
  /** A label that is not there counts as empty. Labels come from outside, so inherited properties must not be seen. */
  const read = (labels: Readonly<Record<string, string>>): string => (Object.hasOwn(labels, label) ? (labels[label] ?? '') : '');
  if (op === '=' || op === '!=') {
    return { ok: true, matcher: { label, op, value, matches: (labels) => (read(labels) === value) === (op === '=') } };
  }
  try {
    const pattern = RE2JS.compile(`^(?:${value})$`);
    return { ok: true, matcher: { label, op, value, matches: (labels) => pattern.matcher(read(labels)).find() === (op === '=~') } };
  } catch (error) {
    return bad(`${JSON.stringify(value)} is not a regular expression: ${error instanceof Error ? error.message : String(error)}`, 'the syntax is RE2: no look-around and no back-references');
  }
}
