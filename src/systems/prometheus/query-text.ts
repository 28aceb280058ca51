/**
 * The one way by which values come into a query: `$labels` within the braces of a selector stands for matchers that are
 * written here, quoted. The rest of the query is the runbook's own text (pure).
 */
import { fail, type Result, succeed } from '#kernel/failure.ts';

const PLACEHOLDER = '$labels';
/** Any text, since Prometheus 3 (`service.name`); names that begin with `__` are its own. */
export const LABEL_NAME = /^(?!__)[^\p{Cc}\p{Cs}]+$/u;
/** All that Prometheus 2 knows. Others stand in quotes, which it then cannot read. */
const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export interface LabelValue {
  readonly name: string;
  readonly value: string;
}

/** A metric with or without braces and nothing else: only of these does Prometheus say how old the sample is. */
const IN_BRACES = String.raw`\{(?:[^"'\x60{}#]|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\x60[^\x60]*\x60)*\}`;
const SELECTOR = new RegExp(String.raw`^(?:[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:${IN_BRACES})?|${IN_BRACES})$`);
const NUMBER = /^(?:nan|inf)$/i;

export function isSelector(query: string): boolean {
  const text = query.trim();
  return SELECTOR.test(text) && !NUMBER.test(text);
}

/** The query with the labels in it. Labels without a place, or a place without labels, would ask something else than meant. */
export function fillLabels(query: string, labels: readonly LabelValue[], orAll = false): Result<string> {
  const places = placesOf(query);
  if (places === undefined) return fail('invalid', `"${PLACEHOLDER}" must stand alone between the braces and commas of a selector, such as up{job="a", ${PLACEHOLDER}}.`);
  if (labels.length > 0 && places.length === 0) return fail('invalid', `There are labels to look for, but the query does not say where: write ${PLACEHOLDER} in its braces.`);
  if (labels.length === 0 && places.length > 0 && !orAll) return fail('refused', `The query says ${PLACEHOLDER}, but no label is given: it would match everything.`);
  const matchers = labels.map(({ name, value }) => `${PLAIN_NAME.test(name) ? name : quoteText(name)}=${quoteText(value)}`).join(',');
  let out = '';
  let from = 0;
  for (const at of places) {
    out += query.slice(from, at) + matchers;
    from = at + PLACEHOLDER.length;
    // Nothing stands there, and a comma after nothing is no PromQL (one before the brace is).
    if (matchers === '') from += /^\s*,?/.exec(query.slice(from))?.[0].length ?? 0;
  }
  return succeed(out + query.slice(from));
}

/** The same for the selector that tells the age, which may do without the labels. Empty: there is none. */
export function fillFreshBy(selector: string, labels: readonly LabelValue[], orAll = false): Result<string> {
  if (selector === '') return succeed('');
  const filled = fillLabels(selector, selector.includes(PLACEHOLDER) ? labels : [], orAll);
  if (!filled.ok || isSelector(filled.value)) return filled;
  return fail('invalid', '"freshBy" must be a selector alone, such as up{job="a"}: of anything else Prometheus does not say how old it is.');
}

/** A string literal of PromQL, which escapes as Go does: every control character, quote and backslash becomes an escape. */
export function quoteText(value: string): string {
  const escaped = value.toWellFormed().replace(/["\\\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (sign) => {
    if (sign === '"' || sign === '\\') return `\\${sign}`;
    return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
  return `"${escaped}"`;
}

/** Where the placeholder stands outside strings and comments; undefined when one of them stands where no matcher may. */
function placesOf(query: string): number[] | undefined {
  const places: number[] = [];
  let depth = 0;
  let before = '';
  for (let i = 0; i < query.length; i += 1) {
    const sign = query.charAt(i);
    if (sign === '"' || sign === "'" || sign === '`') {
      i = endOfString(query, i);
      before = sign;
    } else if (sign === '#') {
      const end = query.indexOf('\n', i);
      i = end < 0 ? query.length : end;
    } else if (query.startsWith(PLACEHOLDER, i)) {
      const end = i + PLACEHOLDER.length;
      if (depth !== 1 || !'{,'.includes(before) || before === '' || !/^\s*[,}]/.test(query.slice(end))) return undefined;
      places.push(i);
      i = end - 1;
      before = '$';
    } else if (/\S/.test(sign)) {
      if (sign === '{') depth += 1;
      if (sign === '}') depth -= 1;
      before = sign;
    }
  }
  return places;
}

/** The index of the closing quote, or of the last sign where there is none. Back-ticks know no escapes. */
function endOfString(query: string, start: number): number {
  const quote = query.charAt(start);
  for (let i = start + 1; i < query.length; i += 1) {
    if (quote !== '`' && query.charAt(i) === '\\') i += 1;
    else if (query.charAt(i) === quote) return i;
  }
  return query.length - 1;
}
