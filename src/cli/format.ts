/** Text for a terminal. Everything that came from outside passes through `visible`. */
import type { Json } from '#kernel/json.ts';
import { formatDuration } from '#kernel/duration.ts';

/**
 * Control characters would move the cursor, change colours or hide text from the person who is about to approve it; marks of
 * writing direction would reorder it, tags and fillers are not seen at all. They are shown as escapes.
 */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]/gu;

export function visible(text: string): string {
  return text.replaceAll(INVISIBLE, (char) => (char === '\n' ? '\\n' : char === '\t' ? '\\t' : escapesOf(char)));
}

/** JSON for scripts, which a terminal may show as well: the same value, with everything invisible in it as an escape. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(INVISIBLE, (char) => (char === '\n' ? char : escapesOf(char)));
}

/** As JSON has it: one escape for each UTF-16 unit. */
function escapesOf(char: string): string {
  return Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
}

/** A value in one line: text as it is, anything else as JSON. */
export function inline(value: Json): string {
  return visible(typeof value === 'string' ? value : value === null ? '-' : JSON.stringify(value));
}

/** A value in one line for people: the fields of an object with their names. A text that could pass for a further field is quoted. */
export function fields(value: Json): string {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return inline(value);
  return Object.entries(value).map(([key, field]) => `${visible(key)}: ${typeof field === 'string' && field.includes('·') ? visible(JSON.stringify(field)) : inline(field)}`).join(' · ');
}

/** Rows as columns of equal width, two blanks apart; the last column is left ragged. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  ').trimEnd()).join('\n');
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return columns([head, ...rows.map((row) => row.map(visible))]);
}

/** How long something took, or takes until now. Both times ISO 8601. */
export function lasted(from: string | null, to: string | null, nowMs: number): string {
  if (from === null) return '-';
  const ms = (to === null ? nowMs : Date.parse(to)) - Date.parse(from);
  return Number.isFinite(ms) ? formatDuration(Math.max(0, ms)) || '0s' : '-';
}

export function ago(at: string, nowMs: number): string {
  return `${lasted(at, null, nowMs)} ago`;
}

/** Until a time, or that it has passed. */
export function until(at: string, nowMs: number): string {
  const ms = Date.parse(at) - nowMs;
  if (!Number.isFinite(ms)) return '-';
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}
