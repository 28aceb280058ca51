/** What a silence matches and how it is told (pure). */
import { type Labels, labelOf } from '#kernel/labels.ts';
import { redact } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import type { Matcher, SilenceData } from './schema.ts';

/** Any text, since Alertmanager 0.27 (`service.name`); an older one refuses what is not plain, and says so. */
export const LABEL_NAME = /^[^\p{Cc}\p{Cs}]+$/u;
const PLAIN_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
/** How the bot's silences begin in `createdBy`. */
export const CREATOR = 'cordum-runbook-bot';
/** A silence of the bot lasts at most this long, whatever becomes of the bot. */
export const LONGEST_MS = 4 * 3_600_000;

/** At the end of the comment of a silence: by it the effect that made it is found again, also when its answer was lost. */
export function markOf(idempotencyKey: string): string {
  return `[${idempotencyKey}]`;
}

export function isMarked({ createdBy, comment }: SilenceData, idempotencyKey: string): boolean {
  return createdBy.startsWith(CREATOR) && comment.endsWith(markOf(idempotencyKey));
}

export function equalities(alertname: string, labels: readonly { readonly name: string; readonly value: string }[]): Matcher[] {
  const all = [{ name: 'alertname', value: alertname }, ...labels];
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, value }) => ({ name, value, isRegex: false, isEqual: true }));
}

/** By equalities alone; the bot makes no others. */
export function matchesAll(matchers: readonly Matcher[], labels: Labels): boolean {
  return matchers.every(({ name, value }) => (labelOf(labels, name) ?? '') === value);
}

export function sameMatchers(a: readonly Matcher[], b: readonly Matcher[]): boolean {
  return canonical(a) === canonical(b);
}

function canonical(matchers: readonly Matcher[]): string {
  return JSON.stringify(matchers.map(({ name, value, isRegex, isEqual }) => [name, value, isRegex, isEqual]).toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1)));
}

export function writeMatchers(matchers: readonly Matcher[]): string {
  const parts = matchers.map(({ name, value, isRegex, isEqual }) => `${PLAIN_NAME.test(name) ? name : JSON.stringify(name)}${isEqual ? '=' : '!'}${isRegex ? '~' : isEqual ? '' : '='}${JSON.stringify(value)}`);
  return cutText(redact(`{${parts.join(', ')}}`), 500);
}

/** Nothing in it says what an alert must be: only negations, or patterns that match the empty text or everything. */
export function hidesMuch(silence: SilenceData): boolean {
  return !silence.matchers.some(({ value, isRegex, isEqual }) => isEqual && value !== '' && (!isRegex || !/^\^?\(?\.[*+]\)?\$?$/.test(value)));
}

export function isActive(silence: SilenceData): boolean {
  return silence.status.state === 'active' || silence.status.state === 'pending';
}
