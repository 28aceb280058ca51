/** An instant query with its age: Prometheus answers with samples up to 5 minutes old under the time of now. */
import { type Result, succeed } from '#kernel/failure.ts';
import type { Labels } from '#kernel/labels.ts';
import type { PrometheusClient } from './client.ts';
import { isSelector } from './query-text.ts';
import { finite, histogramNotes, joinNotes, labelRecords, type LabelRecord, MOST_SERIES, seriesKey, type State, timeText, worst } from './reading.ts';
import type { InstantSeries } from './schema.ts';
import type { Call } from './transport.ts';

/** A series that is not there now, but was within this time, is stale and not absent. */
const LOOK_BACK = '1h';
/** Finer than this its age is not looked for. */
const LOOK_BACK_STEP = '30s';

export interface InstantAsk {
  /** With its labels filled in. */
  readonly query: string;
  readonly freshBy: string;
  readonly staleAfterMs: number;
  readonly limit: number;
}

interface SeriesRecord {
  readonly labels: LabelRecord[];
  readonly state: State;
  readonly value: number;
  readonly text: string;
  readonly at: string;
  readonly ageSeconds: number;
}

export interface InstantReading {
  readonly state: State;
  readonly seen: boolean;
  readonly value: number;
  readonly series: SeriesRecord[];
  readonly total: number;
  readonly usable: number;
  readonly ageSeconds: number;
  readonly ageKnown: boolean;
  readonly truncated: boolean;
  readonly note: string;
  readonly say: string;
}

interface Aged {
  readonly series: InstantSeries;
  readonly ageMs: number;
  /** It is not there any more. */
  readonly gone: boolean;
}

export async function readInstant(client: PrometheusClient, ask: InstantAsk, call: Call): Promise<Result<InstantReading>> {
  const answer = await client.instant(ask.query, call);
  if (!answer.ok) return answer;
  const { data, remarks, atMs } = answer.value;
  const alone = isSelector(ask.query);
  if (data.length === 0) {
    const earlier = alone ? await readEarlier(client, ask.query, call) : succeed([]);
    return earlier.ok ? succeed(sum(earlier.value, ask, { remarks, ageKnown: earlier.value.length > 0 })) : earlier;
  }
  // An answer under an old time comes from a cache on the way.
  const evaluatedMs = data[0]?.atMs ?? atMs;
  const cachedMs = Math.max(0, atMs - evaluatedMs);
  const selector = ask.freshBy === '' ? (alone ? ask.query : '') : ask.freshBy;
  if (selector === '') return succeed(sum(data.map((series) => ({ series, ageMs: cachedMs, gone: false })), ask, { remarks, ageKnown: false }));
  const ages = await readAges(client, selector, evaluatedMs, call);
  if (!ages.ok) return ages;
  const ageOf = (labels: Labels): number | undefined => (selector === ask.query ? ages.value.get(seriesKey(labels)) : undefined) ?? ages.value.get('newest');
  const aged = data.map((series) => {
    const ageMs = ageOf(series.labels);
    return { series, ageMs: cachedMs + (ageMs ?? 0), gone: ageMs === undefined };
  });
  return succeed(sum(aged, ask, { remarks: ages.value.size > 0 ? remarks : [...remarks, `Of ${selector} there is no sample now.`], ageKnown: ages.value.size > 0 }));
}

/** The age of each series of a selector, ms, by its key; and under `newest` the least of them. */
export async function readAges(client: PrometheusClient, selector: string, evaluatedMs: number, call: Call): Promise<Result<ReadonlyMap<string, number>>> {
  const answer = await client.instant(`timestamp(${selector})`, { ...call, atMs: evaluatedMs });
  if (!answer.ok) return answer;
  const ages = new Map<string, number>();
  for (const { labels, value } of answer.value.data) {
    if (!Number.isFinite(value)) continue;
    const ageMs = Math.max(0, evaluatedMs - value * 1_000);
    ages.set(seriesKey(labels), ageMs);
    ages.set('newest', Math.min(ageMs, ages.get('newest') ?? Infinity));
  }
  return succeed(ages);
}

async function readEarlier(client: PrometheusClient, selector: string, call: Call): Promise<Result<Aged[]>> {
  const [values, times] = await Promise.all([
    client.instant(`last_over_time(${selector}[${LOOK_BACK}])`, call),
    client.instant(`max_over_time(timestamp(${selector})[${LOOK_BACK}:${LOOK_BACK_STEP}])`, call),
  ]);
  if (!values.ok) return values;
  if (!times.ok) return times;
  const lastMs = new Map(times.value.data.map(({ labels, value }) => [seriesKey(labels), value * 1_000]));
  return succeed(values.value.data.map((series) => {
    const seenMs = lastMs.get(seriesKey(series.labels));
    return { series: { ...series, atMs: seenMs ?? series.atMs }, ageMs: seenMs === undefined ? 0 : Math.max(0, series.atMs - seenMs), gone: true };
  }));
}

function sum(all: readonly Aged[], ask: InstantAsk, { remarks, ageKnown }: { readonly remarks: readonly string[]; readonly ageKnown: boolean }): InstantReading {
  const stateOf = ({ series, ageMs, gone }: Aged): State => (gone || ageMs > ask.staleAfterMs ? 'stale' : Number.isFinite(series.value) ? 'ok' : 'nan');
  const states = all.map(stateOf);
  const usable = all.filter((_, i) => states[i] === 'ok').map(({ series }) => series.value);
  const state = worst(states);
  const most = Math.min(ask.limit, MOST_SERIES);
  const truncated = all.length > most;
  const value = usable.length === 0 ? 0 : usable.reduce((max, one) => Math.max(max, one));
  const ageSeconds = Math.round(all.reduce((max, { ageMs }) => Math.max(max, ageMs), 0) / 1_000);
  return {
    state,
    seen: state === 'ok',
    value,
    series: all.slice(0, most).map((one, i) => ({
      labels: labelRecords(one.series.labels),
      state: states[i] ?? 'absent',
      value: finite(one.series.value),
      text: String(one.series.value),
      at: timeText(one.gone ? one.series.atMs : one.series.atMs - one.ageMs),
      ageSeconds: Math.round(one.ageMs / 1_000),
    })),
    total: all.length,
    usable: usable.length,
    ageSeconds,
    ageKnown,
    truncated,
    note: joinNotes([...(truncated ? [`${all.length} series came, ${most} are shown; value, state and counts are of all.`] : []), ...histogramNotes(all.map(({ series }) => series)), ...remarks]),
    say: say(state, { value, total: all.length, usable: usable.length, ageSeconds }),
  };
}

function say(state: State, { value, total, usable, ageSeconds }: { value: number; total: number; usable: number; ageSeconds: number }): string {
  const of = total === 1 ? '' : ` (${usable} of ${total} series can be used)`;
  switch (state) {
    case 'ok':
      return total === 1 ? `The value is ${value}.` : `The largest of ${total} values is ${value}.`;
    case 'absent':
      return 'There is no such series: nothing is known.';
    case 'stale':
      return `The newest sample is too old, or its series has ended${ageSeconds > 0 ? `: ${ageSeconds} s old` : ''}${of}.`;
    default:
      return `There is a value that is no number (NaN or infinite)${of}: nothing was counted, or it was divided by nothing.`;
  }
}
