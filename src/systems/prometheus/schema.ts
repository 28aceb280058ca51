/** What Prometheus answers (https://prometheus.io/docs/prometheus/latest/querying/api/), tolerant of what is not used. */
import { z } from 'zod';
import { isLabels, type Labels } from '#kernel/labels.ts';

const labels = z.custom<Labels>(isLabels);
/** `"0.5"`, `"NaN"`, `"+Inf"`, `"-Inf"`. */
const value = z.string().transform(toNumber);
/** Seconds, and the value. */
const sample = z.tuple([z.number(), value]);

export interface Sample {
  readonly atMs: number;
  /** NaN and infinities as they are. */
  readonly value: number;
}

export interface InstantSeries extends Sample {
  readonly labels: Labels;
  /** A native histogram: it has no single value, so its own is NaN. */
  readonly histogram: boolean;
}

export interface RangeSeries {
  readonly labels: Labels;
  /** By time, oldest first. */
  readonly samples: readonly Sample[];
  /** There are native histograms in it: they have no single value, so theirs is NaN. */
  readonly histogram: boolean;
}

function toNumber(text: string): number {
  if (text === '+Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return text.trim() === '' ? NaN : Number(text);
}

function toSample([seconds, number]: readonly [number, number]): Sample {
  return { atMs: Math.round(seconds * 1_000), value: number };
}

/** A native histogram stands under a name of its own, `histogram` or `histograms` (Prometheus 3.5.3, seen on its own metrics). */
const histogram = z.tuple([z.number(), z.unknown()]);
const series = z.object({ metric: labels, values: z.array(sample).default([]), histograms: z.array(histogram).default([]) }).transform(({ metric, values, histograms }): RangeSeries => {
  const samples = [...values.map(toSample), ...histograms.map(([seconds]) => toSample([seconds, NaN]))];
  return { labels: metric, samples: histograms.length === 0 ? samples : samples.toSorted((a, b) => a.atMs - b.atMs), histogram: histograms.length > 0 };
});

/** A matrix is no answer to an instant query; its newest samples count. */
export const instantData = z.discriminatedUnion('resultType', [
  z.object({ resultType: z.literal('vector'), result: z.array(z.object({ metric: labels, value: sample.optional(), histogram: histogram.optional() })) }),
  z.object({ resultType: z.enum(['scalar', 'string']), result: sample }),
  z.object({ resultType: z.literal('matrix'), result: z.array(series) }),
]).transform((data): readonly InstantSeries[] => {
  if (data.resultType === 'vector') return data.result.map((one) => ({ labels: one.metric, histogram: one.histogram !== undefined, ...toSample(one.value ?? [one.histogram?.[0] ?? 0, NaN]) }));
  if (data.resultType === 'matrix') return data.result.map((one) => ({ labels: one.labels, histogram: one.histogram, ...(one.samples.at(-1) ?? toSample([0, NaN])) }));
  return [{ labels: {}, histogram: false, ...toSample(data.result) }];
});

export const rangeData = z.object({ resultType: z.literal('matrix'), result: z.array(series) }).transform((data): readonly RangeSeries[] => data.result);

export const scalarData = z.object({ resultType: z.literal('scalar'), result: sample }).transform((data) => data.result[1]);

export const alertsData = z
  .object({ alerts: z.array(z.object({ labels, annotations: labels.default({}), state: z.string(), activeAt: z.string().default(''), value: z.string().default('') })) })
  .transform((data) => data.alerts);
export type AlertData = z.output<typeof alertsData>[number];

const rule = z.object({
  name: z.string(),
  type: z.string(),
  health: z.string().default('unknown'),
  lastError: z.string().default(''),
  lastEvaluation: z.string().default(''),
  evaluationTime: z.number().default(0),
  /** Of alerting rules only. */
  state: z.string().default(''),
});
export const rulesData = z
  .object({ groups: z.array(z.object({ name: z.string(), file: z.string().default(''), interval: z.number().default(0), rules: z.array(rule) })) })
  .transform((data) => data.groups);
export type RuleGroupData = z.output<typeof rulesData>[number];

export const targetsData = z
  .object({
    activeTargets: z.array(
      z.object({ labels, scrapePool: z.string().default(''), health: z.string().default('unknown'), lastError: z.string().default(''), lastScrape: z.string().default(''), scrapeInterval: z.string().default('') }),
    ),
  })
  .transform((data) => data.activeTargets);
export type TargetData = z.output<typeof targetsData>[number];
