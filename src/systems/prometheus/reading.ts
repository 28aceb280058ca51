/** What the numbers of Prometheus are worth: stale, NaN, absent and too few are never a healthy answer (pure). */
import type { Labels } from '#kernel/labels.ts';
import { redact, redactLabels } from '#kernel/redact.ts';
import { cutText } from '#kernel/text.ts';
import type { Sample } from './schema.ts';

/** In the order of weight: the worst of its series is the state of the whole. */
export const STATES = ['ok', 'tooFew', 'nan', 'stale', 'absent'] as const;
export type State = (typeof STATES)[number];

export const MOST_SERIES = 50;
const LONGEST_NOTE = 600;

export interface LabelRecord {
  readonly name: string;
  readonly value: string;
}

export function labelRecords(labels: Labels): LabelRecord[] {
  const clean = redactLabels(labels);
  return Object.keys(clean).toSorted().map((name) => ({ name, value: cutText(clean[name] ?? '', 500) }));
}

/** The same labels give the same key; `timestamp()` and other functions drop the name of the metric. */
export function seriesKey(labels: Labels): string {
  return JSON.stringify(Object.keys(labels).filter((name) => name !== '__name__').toSorted().map((name) => [name, labels[name]]));
}

export function worst(states: readonly State[]): State {
  return states.length === 0 ? 'absent' : states.reduce((a, b) => (STATES.indexOf(b) > STATES.indexOf(a) ? b : a));
}

export function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) < 8.64e15 ? new Date(ms).toISOString() : '';
}

/** JSON knows no NaN and no infinity: they are 0 there, and the state says so. */
export function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

export function joinNotes(notes: readonly string[]): string {
  return cutText(redact([...new Set(notes)].join(' ')), LONGEST_NOTE);
}

/** In an answer with native histograms: what to ask instead. */
export function histogramNotes(all: readonly { readonly histogram: boolean }[]): readonly string[] {
  const count = all.filter(({ histogram }) => histogram).length;
  return count === 0 ? [] : [`${count} series ${count === 1 ? 'is a native histogram, which has' : 'are native histograms, which have'} no single value: ask for histogram_quantile, histogram_avg or histogram_count.`];
}

export interface Stats {
  readonly points: number;
  readonly notNumbers: number;
  readonly min: number;
  readonly max: number;
  readonly avg: number;
  readonly first: number;
  readonly last: number;
  readonly lastAtMs: number;
  readonly lastIsNumber: boolean;
  readonly slopePerMinute: number;
}

export function statsOf(samples: readonly Sample[]): Stats {
  const numbers = samples.filter(({ value }) => Number.isFinite(value));
  const [first] = numbers;
  const last = numbers.at(-1);
  const newest = samples.at(-1);
  const sum = numbers.reduce((all, { value }) => all + value, 0);
  return {
    points: numbers.length,
    notNumbers: samples.length - numbers.length,
    // Not by spreading: 11,000 arguments are fine, but nothing says that it stays at that.
    min: numbers.reduce((least, { value }) => Math.min(least, value), first?.value ?? 0),
    max: numbers.reduce((most, { value }) => Math.max(most, value), first?.value ?? 0),
    avg: finite(numbers.length === 0 ? 0 : sum / numbers.length),
    first: first?.value ?? 0,
    last: last?.value ?? 0,
    lastAtMs: newest?.atMs ?? 0,
    lastIsNumber: newest !== undefined && Number.isFinite(newest.value),
    slopePerMinute: slopePerMinute(numbers),
  };
}

/** Of the straight line that lies nearest to all points: one odd point at an end does not make a trend. */
function slopePerMinute(samples: readonly Sample[]): number {
  const [first] = samples;
  if (first === undefined || samples.length < 2) return 0;
  const xs = samples.map(({ atMs }) => (atMs - first.atMs) / 60_000);
  const meanX = xs.reduce((all, x) => all + x, 0) / xs.length;
  const meanY = samples.reduce((all, { value }) => all + value, 0) / samples.length;
  let over = 0;
  let under = 0;
  samples.forEach(({ value }, i) => {
    const dx = (xs[i] ?? 0) - meanX;
    over += dx * (value - meanY);
    under += dx * dx;
  });
  return under === 0 ? 0 : finite(over / under);
}
