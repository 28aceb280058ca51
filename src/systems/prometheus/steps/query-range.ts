import { parseDuration } from '#kernel/duration.ts';
import { defineRead, z } from '#step-kit/index.ts';
import { fillFreshBy, fillLabels } from '../query-text.ts';
import { readRange } from '../range.ts';
import { MOST_SERIES } from '../reading.ts';
import { duration, labelRecord, labelValues, orAll, queryText, selectorText, state } from '../shared-shape.ts';
import { Prometheus } from '../system.ts';

const numbers = {
  points: z.int().describe('How many numbers there are; NaN and gaps are not counted.'),
  min: z.number(),
  max: z.number(),
  avg: z.number(),
  first: z.number(),
  last: z.number(),
  slopePerMinute: z.number().describe('Of the straight line nearest to all points.'),
};

export const queryRange = defineRead({
  name: 'prometheus.query.range',
  summary: 'Asks Prometheus how a value went: least, most, average, trend, and whether there are enough fresh points to say so.',
  input: z.object({
    query: queryText,
    labels: labelValues,
    orAll,
    freshBy: selectorText,
    range: duration('1h', 'How far to look back.'),
    step: z.string().default('').describe('Between two points; by default a 240th of the range, and at least 15s. At most 11,000 points come about.'),
    atLeast: z.int().min(1).max(11_000).default(3).describe('With fewer points than this the state is `tooFew`.'),
    staleAfter: duration('5m', 'A newest point older than this (and a step) is stale.'),
  }),
  output: z.object({
    state,
    seen: z.boolean().describe('`state` is `ok`. Ask for it in every condition on the numbers.'),
    value: z.number().describe('The last value of the one series, or the largest last value of those that can be used; 0 when there is none. The numbers beside it are of the same series.'),
    ...numbers,
    series: z.array(z.object({ labels: z.array(labelRecord), state, ...numbers, notNumbers: z.int(), lastAt: z.string(), ageSeconds: z.int() })),
    total: z.int(),
    usable: z.int(),
    expected: z.int().describe('How many points a series without gaps has.'),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Does the DLQ grow',
      with: { query: 'runbook_bot_cordum_dlq_entries', range: '30m', step: '1m' },
      output: {
        state: 'ok', seen: true, value: 40, points: 31, min: 10, max: 40, avg: 25, first: 10, last: 40, slopePerMinute: 1,
        series: [{ labels: [{ name: 'target', value: 'production' }], state: 'ok', points: 31, min: 10, max: 40, avg: 25, first: 10, last: 40, slopePerMinute: 1, notNumbers: 0, lastAt: '2026-11-20T19:24:38.864Z', ageSeconds: 4 }],
        total: 1, usable: 1, expected: 31, truncated: false, note: '', say: 'It is 40, between 10 and 40, and changes by 1 a minute.',
      },
    },
  ],
  async run(input, ctx) {
    const query = fillLabels(input.query, input.labels, input.orAll);
    if (!query.ok) return query;
    const freshBy = fillFreshBy(input.freshBy, input.labels, input.orAll);
    if (!freshBy.ok) return freshBy;
    const ask = { query: query.value, freshBy: freshBy.value, rangeMs: parseDuration(input.range) ?? 0, step: input.step, atLeast: input.atLeast, staleAfterMs: parseDuration(input.staleAfter) ?? 0, limit: MOST_SERIES };
    return readRange(ctx.use(Prometheus), ask, { signal: ctx.signal });
  },
});
