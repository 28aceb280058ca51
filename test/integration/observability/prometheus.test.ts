import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { createPrometheusClient, type PrometheusClient } from '#systems/prometheus/client.ts';
import { alertsList } from '#systems/prometheus/steps/alerts-list.ts';
import { queryInstant } from '#systems/prometheus/steps/query-instant.ts';
import { queryRange } from '#systems/prometheus/steps/query-range.ts';
import { rulesList } from '#systems/prometheus/steps/rules-list.ts';
import { targetsList } from '#systems/prometheus/steps/targets-list.ts';
import { waitFor } from '../../kit/servers/process.ts';
import { startPrometheus, type Prometheus } from '../../kit/servers/prometheus.ts';
import { read, tryRead } from '../../kit/step-context.ts';

/** What the scraped page shows now. */
let page = '';
let prometheus: Prometheus;
let client: PrometheusClient;

const RULES = `
groups:
  - name: cordum
    interval: 1s
    rules:
      - { alert: TestFiring, expr: 'depth > 1', labels: { severity: critical }, annotations: { summary: 'Depth is {{ $value }}' } }
      - { record: 'broken:many', expr: 'depth * on() group_right(pool) depth' }
`;

beforeEach(async () => {
  const hostile = String.raw`evil"} or vector(1) #\\`;
  page = `depth{pool="a"} 5\ndepth{pool="b"} 7\nodd 0\nhostile{name="${hostile.replaceAll('\\\\', '\\').replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"} 3\n`;
  const exporter = createServer((_request, response) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(page));
  await new Promise<void>((resolve) => exporter.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void exporter.close());
  const { port } = exporter.address() as AddressInfo;
  prometheus = await startPrometheus({
    config: `global: { scrape_interval: 1s, evaluation_interval: 1s }\nrule_files: [rules.yml]\nscrape_configs:\n  - { job_name: cordum, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }\n  - { job_name: gone, static_configs: [{ targets: ['127.0.0.1:1'] }] }\n`,
    files: { 'rules.yml': RULES },
  });
  client = createPrometheusClient({ url: prometheus.url, clock: systemClock });
  onTestFinished(() => client.close());
  await waitFor(async () => ((await prometheus.query('depth')).length === 2 ? true : undefined), { until: 'the page is scraped' });
});

describe('a real Prometheus', () => {
  it('tells ok, several series, absent, NaN, an expression and a scalar apart', async () => {
    expect(await read(queryInstant, { query: 'depth{pool="a"}' }, client)).toMatchObject({ state: 'ok', seen: true, value: 5, total: 1, ageKnown: true, truncated: false });
    expect(await read(queryInstant, { query: 'depth', limit: 1 }, client)).toMatchObject({ state: 'ok', value: 7, total: 2, truncated: true });
    expect(await read(queryInstant, { query: 'no_such_metric' }, client)).toMatchObject({ state: 'absent', seen: false, value: 0, series: [] });
    expect(await read(queryInstant, { query: 'odd / odd' }, client)).toMatchObject({ state: 'nan', seen: false, value: 0, usable: 0 });
    expect(await read(queryInstant, { query: 'sum(depth)' }, client)).toMatchObject({ state: 'ok', value: 12, ageKnown: false });
    expect(await read(queryInstant, { query: 'sum(depth)', freshBy: 'depth' }, client)).toMatchObject({ state: 'ok', value: 12, ageKnown: true });
    expect(await read(queryInstant, { query: 'sum(up) or vector(0)', freshBy: 'no_such_metric' }, client)).toMatchObject({ state: 'stale', seen: false });
    expect(await read(queryInstant, { query: 'scalar(sum(depth))' }, client)).toMatchObject({ state: 'ok', value: 12 });
  });

  it('does not call a sample of minutes ago, or a series that has ended, the value of now', async () => {
    const old = Date.now() - 200_000;
    page = `late 9 ${old}\n`;
    await waitFor(async () => ((await prometheus.query('late')).length === 1 ? true : undefined), { until: 'the old sample is scraped' });
    expect(await read(queryInstant, { query: 'late' }, client)).toMatchObject({ state: 'ok', value: 9 });
    const stale = await read(queryInstant, { query: 'late', staleAfter: '1m' }, client);
    expect(stale).toMatchObject({ state: 'stale', seen: false, value: 0 });
    expect(stale['ageSeconds']).toBeGreaterThanOrEqual(199);
    // The page names no depth any more: Prometheus marks the series as ended at once.
    await waitFor(async () => ((await prometheus.query('depth')).length === 0 ? true : undefined), { until: 'depth has ended' });
    expect(await read(queryInstant, { query: 'depth' }, client)).toMatchObject({ state: 'stale', seen: false, total: 2, series: [{ value: 5, state: 'stale' }, { value: 7 }] });
  });

  it('takes labels as values only: what looks like PromQL finds itself and nothing else', async () => {
    const value = String.raw`evil"} or vector(1) #\\`.replaceAll('\\\\', '\\');
    expect(await read(queryInstant, { query: 'hostile{$labels}', labels: [{ name: 'name', value }] }, client)).toMatchObject({ state: 'ok', value: 3, total: 1 });
    for (const attack of ['a"} or vector(1) or depth{pool="', 'a\\"} or vector(1) #', '.*', 'a\n"} or vector(1) #', '`} or vector(1) #', '\u0000']) {
      expect(await read(queryInstant, { query: 'hostile{job="cordum", $labels}', labels: [{ name: 'name', value: attack }] }, client), attack).toMatchObject({ state: 'absent', total: 0 });
    }
  });

  it('gives trends, and says when there are too few points for one', async () => {
    await waitFor(async () => (((await prometheus.query('count_over_time(depth{pool="a"}[1m])'))[0]?.value ?? 0) >= 4 ? true : undefined), { until: 'there are some samples' });
    expect(await read(queryRange, { query: 'depth{pool="a"}', range: '1m', step: '1s' }, client)).toMatchObject({ state: 'ok', seen: true, value: 5, min: 5, max: 5, slopePerMinute: 0, expected: 61 });
    expect(await read(queryRange, { query: 'depth', range: '5m', step: '5m' }, client)).toMatchObject({ state: 'tooFew', seen: false, value: 0, usable: 0, total: 2 });
    expect(await read(queryRange, { query: 'time()', range: '10m', step: '1m' }, client)).toMatchObject({ state: 'ok', slopePerMinute: expect.closeTo(60, 3) });
    expect(await read(queryRange, { query: 'no_such_metric' }, client)).toMatchObject({ state: 'absent', seen: false });
    expect(await read(queryRange, { query: 'depth{pool="a"} / 0 * 0', range: '1m', step: '1s' }, client)).toMatchObject({ state: 'nan', seen: false });
    expect(await tryRead(queryRange, { query: 'depth', range: '10d', step: '1s' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid' } });
  });

  it('answers a query that it cannot read, or cannot execute, with what it says of it', async () => {
    expect(await tryRead(queryInstant, { query: 'sum(' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid', message: expect.stringContaining('parse error') } });
    expect(await tryRead(queryInstant, { query: 'depth * on() group_right(pool) depth' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid', message: expect.stringContaining('422') } });
  });

  it('lists alerts, rules with their errors, and targets with theirs', async () => {
    await waitFor(async () => (await prometheus.alerts()).find(({ state }) => state === 'firing'), { until: 'the alert fires' });
    expect(await read(alertsList, { name: 'TestFiring', labels: [{ name: 'pool', value: 'b' }] }, client)).toMatchObject({ total: 1, firing: 1, items: [{ severity: 'critical', summary: 'Depth is 7', firing: true }] });
    expect(await read(alertsList, { labels: [{ name: 'constructor', value: 'x' }] }, client)).toMatchObject({ total: 0 });
    const rules = await waitFor(
      async () => {
        const answer = await read(rulesList, { expected: ['TestFiring', 'NotLoaded'] }, client);
        return (answer['failing'] as { health: string }[]).some(({ health }) => health === 'err') ? answer : undefined;
      },
      { until: 'the broken rule is evaluated' },
    );
    expect(rules).toMatchObject({ healthy: false, total: 2, missing: [{ name: 'NotLoaded' }], failing: [{ name: 'broken:many', health: 'err' }] });
    const targets = await waitFor(
      async () => {
        const answer = await read(targetsList, { expected: ['cordum', 'nats'] }, client);
        return (answer['items'] as { health: string }[]).every(({ health }) => health !== 'unknown') ? answer : undefined;
      },
      { until: 'both were scraped' },
    );
    expect(targets).toMatchObject({ healthy: false, up: 1, down: 1, missing: [{ job: 'nats' }], items: [{ job: 'gone', up: false, lastError: expect.stringContaining('refused') }, { job: 'cordum', up: true }] });
    expect(await read(targetsList, { job: 'cordum' }, client)).toMatchObject({ healthy: true, jobs: [{ job: 'cordum', allUp: true }] });
  });

  it('that is stopped is a failure with its cause, and one that hangs ends at the timeout', async () => {
    await prometheus.stop();
    expect(await tryRead(queryInstant, { query: 'up' }, client)).toMatchObject({ ok: false, failure: { reason: 'unreachable', message: expect.stringContaining('nothing listens there') } });
    const hanging = createServer(() => {});
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => hanging.closeAllConnections());
    const slow = createPrometheusClient({ url: `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`, clock: systemClock, timeoutMs: 200 });
    onTestFinished(() => slow.close());
    expect(await tryRead(alertsList, {}, slow)).toMatchObject({ ok: false, failure: { reason: 'timeout' } });
  });
});
