import { parseDuration } from '#kernel/duration.ts';
import { defineRead, z } from '#step-kit/index.ts';
import { readInstant } from '../instant.ts';
import { fillFreshBy, fillLabels } from '../query-text.ts';
import { MOST_SERIES } from '../reading.ts';
import { duration, labelRecord, labelValues, orAll, queryText, selectorText, state } from '../shared-shape.ts';
import { Prometheus } from '../system.ts';

export const queryInstant = defineRead({
  name: 'prometheus.query.instant',
  summary: 'Asks Prometheus for a value now, and whether it can be trusted: stale, NaN and absent are told apart and are never `seen`.',
  input: z.object({
    query: queryText,
    labels: labelValues,
    orAll,
    freshBy: selectorText,
    staleAfter: duration('5m', 'A sample older than this is stale.'),
    limit: z.int().min(1).max(MOST_SERIES).default(MOST_SERIES).describe('At most this many series are shown; `value` and `state` are of all.'),
  }),
  output: z.object({
    state,
    seen: z.boolean().describe('`state` is `ok`. Ask for it in every condition on `value`.'),
    value: z.number().describe('Of the one series, or the largest of those that can be used; 0 when there is none.'),
    series: z.array(z.object({ labels: z.array(labelRecord), state, value: z.number(), text: z.string(), at: z.string(), ageSeconds: z.int() })),
    total: z.int(),
    usable: z.int().describe('How many series are `ok`.'),
    ageSeconds: z.int().describe('Of the oldest series; 0 when not known.'),
    ageKnown: z.boolean().describe('False for a query that is more than a selector and has no `freshBy`.'),
    truncated: z.boolean(),
    note: z.string().describe('What was cut, and the warnings of Prometheus.'),
    say: z.string(),
  }),
  examples: [
    {
      title: 'Is the gateway of this alert scraped',
      with: { query: 'up{job="cordum-api-gateway", $labels}', labels: [{ name: 'namespace', value: 'cordum' }] },
      output: {
        state: 'ok',
        seen: true,
        value: 1,
        series: [{ labels: [{ name: '__name__', value: 'up' }, { name: 'job', value: 'cordum-api-gateway' }, { name: 'namespace', value: 'cordum' }], state: 'ok', value: 1, text: '1', at: '2026-11-20T19:24:38.864Z', ageSeconds: 7 }],
        total: 1,
        usable: 1,
        ageSeconds: 7,
        ageKnown: true,
        truncated: false,
        note: '',
        say: 'The value is 1.',
      },
    },
  ],
  async run(input, ctx) {
    const query = fillLabels(input.query, input.labels, input.orAll);
    if (!query.ok) return query;
    const freshBy = fillFreshBy(input.freshBy, input.labels, input.orAll);
    if (!freshBy.ok) return freshBy;
    return readInstant(ctx.use(Prometheus), { query: query.value, freshBy: freshBy.value, staleAfterMs: parseDuration(input.staleAfter) ?? 0, limit: input.limit }, { signal: ctx.signal });
  },
});
