/** What is looked for in logs: literal texts, whatever their case, since a pattern from outside could be made to hang. */
import { redactJson } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';

const LONGEST_LINE = 500;
/** As Kubernetes puts it before each line when asked to, and as most services write it themselves. */
const LEADING_TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))\s?/;
/** Colours, which say nothing here. */
// eslint-disable-next-line no-control-regex
const COLOURS = /\u001B\[[0-9;]{0,20}m/g;

export interface LogLine {
  readonly pod: string;
  /** Of those that were read, from 1. */
  readonly line: number;
  readonly text: string;
  /** Empty where the line begins with none. */
  readonly time: string;
}

export interface Pattern {
  readonly name: string;
  readonly text: string;
}

export interface Tally {
  readonly name: string;
  readonly count: number;
  readonly pods: number;
  readonly lastText: string;
  readonly lastTime: string;
}

/** Redacted first: a line that is cut or stands alone no longer shows that it was part of a secret. */
export function linesOf(pod: string, log: string): LogLine[] {
  const lines: LogLine[] = [];
  for (const raw of redactJson(log.split('\n')) as readonly string[]) {
    const whole = raw.replace(COLOURS, '').trimEnd();
    if (whole === '') continue;
    const time = LEADING_TIME.exec(whole);
    lines.push({ pod, line: lines.length + 1, text: time === null ? whole : whole.slice(time[0].length), time: time?.[1] ?? '' });
  }
  return lines;
}

export function shown(line: LogLine): LogLine {
  return { ...line, text: cutText(line.text, LONGEST_LINE) };
}

/** Without anything to look for every line matches. */
export function matching(lines: readonly LogLine[], contains: readonly string[], patterns: readonly Pattern[]): LogLine[] {
  const wanted = [...contains, ...patterns.map(({ text }) => text)].map((text) => text.toLowerCase());
  if (wanted.length === 0) return [...lines];
  return lines.filter(({ text }) => {
    const lower = text.toLowerCase();
    return wanted.some((one) => lower.includes(one));
  });
}

export function tally(lines: readonly LogLine[], patterns: readonly Pattern[]): Tally[] {
  return patterns.map(({ name, text }) => {
    const found = matching(lines, [text], []);
    const last = found.at(-1);
    return { name, count: found.length, pods: new Set(found.map(({ pod }) => pod)).size, lastText: last === undefined ? '' : shown(last).text, lastTime: last?.time ?? '' };
  });
}
