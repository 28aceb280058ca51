/** A range query, its span in Prometheus's own time, and what its points are worth. */
import { parseDuration } from '#kernel/duration.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import type { PrometheusClient } from './client.ts';
import { readAges } from './instant.ts';
import { isSelector } from './query-text.ts';
import { histogramNotes, joinNotes, labelRecords, type LabelRecord, seriesKey, type State, type Stats, statsOf, timeText, worst } from './reading.ts';
import type { RangeSeries } from './schema.ts';
import type { Call } from './transport.ts';

/** Prometheus itself refuses more (422 or 400, by version). */
const MOST_POINTS = 11_000;
const POINTS_BY_DEFAULT = 240;
const LEAST_STEP_MS = 15_000;

export interface RangeAsk {
  readonly query: string;
  readonly freshBy: string;
  readonly rangeMs: number;
  /** Empty: chosen by the range. */
  readonly step: string;
  readonly atLeast: number;
  readonly staleAfterMs: number;
  readonly limit: number;
}

type Numbers = Pick<Stats, 'points' | 'min' | 'max' | 'avg' | 'first' | 'last' | 'slopePerMinute'>;

interface SeriesRecord extends Numbers {
  readonly labels: LabelRecord[];
  readonly state: State;
  readonly notNumbers: number;
  readonly lastAt: string;
  readonly ageSeconds: number;
}

export interface RangeReading extends Numbers {
  readonly state: State;
  readonly seen: boolean;
  readonly value: number;
  readonly series: SeriesRecord[];
  readonly total: number;
  readonly usable: number;
  readonly expected: number;
  readonly truncated: boolean;
  readonly note: string;
  readonly say: string;
}

export async function readRange(client: PrometheusClient, ask: RangeAsk, call: Call): Promise<Result<RangeReading>> {
  const stepMs = ask.step === '' ? Math.max(LEAST_STEP_MS, Math.ceil(ask.rangeMs / POINTS_BY_DEFAULT / 1_000) * 1_000) : (parseDuration(ask.step) ?? 0);
  if (stepMs < 1) return fail('invalid', '"step" must be a duration such as 15s or 1m.');
  const expected = Math.floor(ask.rangeMs / stepMs) + 1;
  if (expected > MOST_POINTS) return fail('invalid', `${ask.step} steps over this range are ${expected} points; Prometheus gives at most ${MOST_POINTS}: take a longer step.`);
  const now = await client.time(call);
  if (!now.ok) return now;
  const answer = await client.range(ask.query, { startMs: now.value - ask.rangeMs, endMs: now.value, stepSeconds: stepMs / 1_000 }, call);
  if (!answer.ok) return answer;
  const selector = ask.freshBy === '' ? (isSelector(ask.query) ? ask.query : '') : ask.freshBy;
  const ages = selector === '' || answer.value.data.length === 0 ? undefined : await readAges(client, selector, now.value, call);
  if (ages?.ok === false) return ages;
  const ageOf = (series: RangeSeries): number => {
    const pointMs = Math.max(0, now.value - (series.samples.at(-1)?.atMs ?? 0));
    if (ages === undefined) return pointMs;
    const seenMs = (selector === ask.query ? ages.value.get(seriesKey(series.labels)) : ages.value.get('newest')) ?? pointMs;
    // Without any sample of the selector now, the last point is all there is.
    return selector === ask.query ? Math.max(seenMs, pointMs - stepMs) : ages.value.size === 0 ? Infinity : Math.max(seenMs, pointMs - stepMs);
  };
  return succeed(sum(answer.value.data, ageOf, { ...ask, stepMs, expected, remarks: answer.value.remarks }));
}

interface Judging extends RangeAsk {
  readonly stepMs: number;
  readonly expected: number;
  readonly remarks: readonly string[];
}

function sum(all: readonly RangeSeries[], ageOf: (series: RangeSeries) => number, by: Judging): RangeReading {
  const judged = all.map((series) => {
    const stats = statsOf(series.samples);
    const ageMs = ageOf(series);
    return { series, stats, ageMs, state: stateOf(stats, ageMs, by) };
  });
  const usable = judged.filter(({ state }) => state === 'ok');
  const leading = usable.reduce<(typeof usable)[number] | undefined>((most, one) => (most === undefined || one.stats.last > most.stats.last ? one : most), undefined);
  const state = worst(judged.map((one) => one.state));
  const numbers = numbersOf(leading?.stats ?? statsOf([]));
  const truncated = all.length > by.limit;
  return {
    state,
    seen: state === 'ok',
    value: numbers.last,
    ...numbers,
    series: judged.slice(0, by.limit).map(({ series, stats, ageMs, state: its }) => ({
      labels: labelRecords(series.labels),
      state: its,
      ...numbersOf(stats),
      notNumbers: stats.notNumbers,
      lastAt: stats.lastAtMs === 0 ? '' : timeText(stats.lastAtMs),
      ageSeconds: Number.isFinite(ageMs) ? Math.round(ageMs / 1_000) : Math.round(by.rangeMs / 1_000),
    })),
    total: all.length,
    usable: usable.length,
    expected: by.expected,
    truncated,
    note: joinNotes([...(truncated ? [`${all.length} series came, ${by.limit} are shown; value, state and counts are of all.`] : []), ...histogramNotes(all), ...by.remarks]),
    say: say(state, numbers, { total: all.length, usable: usable.length, atLeast: by.atLeast }),
  };
}

function stateOf(stats: Stats, ageMs: number, by: Judging): State {
  if (stats.points + stats.notNumbers === 0) return 'absent';
  if (ageMs > by.staleAfterMs + by.stepMs) return 'stale';
  if (!stats.lastIsNumber) return 'nan';
  return stats.points < by.atLeast ? 'tooFew' : 'ok';
}

function numbersOf({ points, min, max, avg, first, last, slopePerMinute }: Stats): Numbers {
  return { points, min, max, avg, first, last, slopePerMinute };
}

function say(state: State, numbers: Numbers, { total, usable, atLeast }: { total: number; usable: number; atLeast: number }): string {
  const of = total === 1 ? '' : ` (${usable} of ${total} series can be used)`;
  switch (state) {
    case 'ok':
      return `${total === 1 ? 'It is' : `The largest of ${total} is`} ${short(numbers.last)}, between ${short(numbers.min)} and ${short(numbers.max)}, and changes by ${short(numbers.slopePerMinute)} a minute.`;
    case 'absent':
      return 'There is no such series in that time: nothing is known.';
    case 'stale':
      return `The newest point is too old${of}: what it is now is not known.`;
    case 'tooFew':
      return `There are fewer than ${atLeast} points${of}: too few to say how it goes.`;
    default:
      return `The newest value is no number (NaN or infinite)${of}.`;
  }
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}
