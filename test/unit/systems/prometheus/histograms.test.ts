import { MockAgent } from 'undici';
import { describe, expect, it } from 'vitest';
import { createPrometheusClient, type PrometheusClient } from '#systems/prometheus/client.ts';
import { queryInstant } from '#systems/prometheus/steps/query-instant.ts';
import { queryRange } from '#systems/prometheus/steps/query-range.ts';
import { createVirtualClock } from '../../../kit/clock.ts';
import { read } from '../../../kit/step-context.ts';

const NOW = 1_795_266_957;
/** Of Prometheus 3.5.3, its own metrics scraped with native histograms; fewer buckets. */
const HISTOGRAM = { count: '3', sum: '0.102572494', buckets: [[0, '0.028656376350145972', '0.03125', '1']] };
const METRIC = { __name__: 'latency', job: 'a' };

/** Answers each path and query with its data; `time()` and the age of the newest sample are of now. */
function clientOf(instant: object, range: object): PrometheusClient {
  const agent = new MockAgent();
  agent.disableNetConnect();
  const answer = (path: string): object => {
    const asked = new URL(path, 'http://prom.example').searchParams.get('query') ?? '';
    if (path.startsWith('/api/v1/query_range')) return { resultType: 'matrix', result: [range] };
    if (asked === 'time()') return { resultType: 'scalar', result: [NOW, String(NOW)] };
    return { resultType: 'vector', result: [asked.startsWith('timestamp(') ? { metric: { job: 'a' }, value: [NOW, String(NOW)] } : instant] };
  };
  agent.get('http://prom.example').intercept({ path: /.*/ }).reply(({ path }) => ({ statusCode: 200, data: { status: 'success', data: answer(path) } })).persist();
  return createPrometheusClient({ url: 'http://prom.example', clock: createVirtualClock(), dispatcher: agent });
}

describe('native histograms', () => {
  it('are there, are no number, and say what to ask instead', async () => {
    const client = clientOf({ metric: METRIC, histogram: [NOW, HISTOGRAM] }, { metric: METRIC, histograms: [[NOW - 15, HISTOGRAM], [NOW, HISTOGRAM]] });
    for (const answer of [await read(queryInstant, { query: 'latency' }, client), await read(queryRange, { query: 'latency', range: '1m' }, client)]) {
      expect(answer).toMatchObject({ state: 'nan', seen: false, total: 1, usable: 0, series: [{ state: 'nan', ageSeconds: 0 }], note: expect.stringContaining('1 series is a native histogram, which has no single value: ask for histogram_quantile') });
    }
  });

  it('that took the place of a number do not leave its last one standing as that of now', async () => {
    const range = { metric: METRIC, values: [[NOW - 30, '4'], [NOW - 15, '5']], histograms: [[NOW, HISTOGRAM]] };
    expect(await read(queryRange, { query: 'latency', range: '1m' }, clientOf({}, range))).toMatchObject({ state: 'nan', seen: false, series: [{ points: 2, notNumbers: 1, last: 5 }] });
    const back = { metric: METRIC, values: [[NOW, '5']], histograms: [[NOW - 15, HISTOGRAM]] };
    expect(await read(queryRange, { query: 'latency', range: '1m', atLeast: 1 }, clientOf({}, back))).toMatchObject({ state: 'ok', value: 5, series: [{ points: 1, notNumbers: 1 }] });
  });
});
