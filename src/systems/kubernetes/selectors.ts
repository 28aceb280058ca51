/** Label selectors: which ones may be asked with, and whether a set of labels matches one. */
import { fail, type Result, succeed } from '#step-kit/index.ts';
import type { LabelSelector } from './records.ts';

/** A selector that people write has a handful of requirements. */
const LONGEST_SELECTOR = 1_000;

const KEY = String.raw`(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`;
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?`;
const SET = String.raw`\(\s*${VALUE}(?:\s*,\s*${VALUE})*\s*\)`;
/** These name what is wanted; the others only say what is not. */
const POSITIVE = new RegExp(String.raw`^(?:${KEY}|${KEY}\s*==?\s*${VALUE}|${KEY}\s+in\s*${SET})$`);
const NEGATIVE = new RegExp(String.raw`^(?:!\s*${KEY}|${KEY}\s*!=\s*${VALUE}|${KEY}\s+notin\s*${SET})$`);

/**
 * The selector as it may be sent. An empty one and one that only excludes match everything that somebody else runs, so
 * they are refused.
 */
export function checkedSelector(text: string): Result<string> {
  const selector = text.trim();
  if (selector === '') return fail('invalid', 'The selector is empty, which would match every pod: name a label, such as app=cordum-scheduler.');
  if (selector.length > LONGEST_SELECTOR) return fail('invalid', `The selector is over ${LONGEST_SELECTOR} characters.`);
  const requirements = splitRequirements(selector);
  for (const requirement of requirements) {
    if (!POSITIVE.test(requirement) && !NEGATIVE.test(requirement)) return fail('invalid', `"${requirement.slice(0, 100)}" is no requirement of a label selector: write key=value, key!=value, key in (a,b), key or !key.`);
  }
  if (!requirements.some((requirement) => POSITIVE.test(requirement))) return fail('invalid', 'The selector only excludes, so it would match everything else: name a label that is wanted.');
  return succeed(selector);
}

/** At commas that do not stand in parentheses. */
function splitRequirements(selector: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < selector.length; at += 1) {
    const char = selector[at];
    if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(selector.slice(start, at).trim());
      start = at + 1;
    }
  }
  parts.push(selector.slice(start).trim());
  return parts;
}

/** `a=b,c=d` as labels, for the selectors of our own profiles, which hold nothing else. */
export function labelsOf(selector: string): Record<string, string> {
  return Object.fromEntries(selector.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]));
}

/** Whether a selector of an object matches labels, by the rules of the API: an empty one matches everything. */
export function matches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const has = (key: string): boolean => Object.hasOwn(labels, key);
  if (Object.entries(selector.matchLabels).some(([key, value]) => !has(key) || labels[key] !== value)) return false;
  return selector.matchExpressions.every(({ key, operator, values }) => {
    switch (operator) {
      case 'In':
        return has(key) && values.includes(labels[key] ?? '');
      case 'NotIn':
        return !has(key) || !values.includes(labels[key] ?? '');
      case 'Exists':
        return has(key);
      case 'DoesNotExist':
        return !has(key);
      default:
        return false;
    }
  });
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels).length === 0 && selector.matchExpressions.length === 0;
}
