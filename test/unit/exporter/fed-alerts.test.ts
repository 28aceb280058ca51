import { describe, expect, test } from 'vitest';
import { feeds, stillHolds, type FedSeries, type Seen } from '#exporter/fed-alerts.ts';

const link = (expression: string): string => `http://prometheus.example:9090/graph?g0.expr=${encodeURIComponent(expression)}&g0.tab=1`;
const saw = (entries: number, atLeast = false): Seen => ({ target: 'production', series: 'cordum_dlq_entries', samples: [{ labels: {}, value: entries }], atLeast, at: 0 });
const DAY = 86_400;
const NOW = Date.UTC(2026, 0, 1);
const looked = (series: FedSeries, samples: Seen['samples']): Seen => ({ target: 'production', series, samples, atLeast: false, at: NOW });

describe('an alert is fed by the exporter', () => {
  test.each([
    ['cordum_dlq_entries > 100', 'cordum_dlq_entries'],
    ['max by (target) (cordum_dlq_entries{target="production"}) >= 5', 'cordum_dlq_entries'],
    ['time() - cordum_last_heartbeat_timestamp > 60', 'cordum_last_heartbeat_timestamp'],
  ])('when its expression mentions one of our series: %s', (expression, metric) => {
    expect(feeds(link(expression), { alertname: 'Anything' })).toEqual([metric]);
  });

  test.each([
    'cordum_dlq_entries_total > 100',
    'my_cordum_dlq_entries > 100',
    'job:cordum_dlq_entries:max > 100',
    'up{alert="cordum_dlq_entries"} == 0',
    `up{alert='a\\'cordum_dlq_entries'} == 0`,
    'up{alert=`\\`} == 0',
  ])('but not when another series has a similar name, or a label holds ours: %s', (expression) => {
    expect(feeds(link(expression), { alertname: 'Anything' })).toEqual([]);
  });

  test('when Alertmanager links it as Prometheus does, with plus signs for blanks', () => {
    expect(feeds('http://prometheus.example:9090/graph?g0.expr=cordum_dlq_entries+%3E+100&g0.tab=1', {})).toEqual(['cordum_dlq_entries']);
  });

  test('by its name, where the link holds no expression', () => {
    expect(feeds('', { alertname: 'CordumDLQDepthHigh' })).toEqual(['cordum_dlq_entries']);
    expect(feeds('https://grafana.example/alerting/grafana/x/view', { alertname: 'CordumWorkerHeartbeatGap' })).toEqual(['cordum_last_heartbeat_timestamp']);
    expect(feeds('', { alertname: 'CordumGatewayDown' })).toEqual(['cordum_gateway_reachable']);
    expect(feeds('', { alertname: 'CordumRedisMemoryHigh' })).toEqual([]);
  });

  test.each([
    'javascript:alert(1)//cordum_dlq_entries',
    'http://[::bad?g0.expr=cordum_dlq_entries',
    `http://x/?g0.expr=${'a'.repeat(20_000)}cordum_dlq_entries`,
    `http://x/?g0.expr=${'"'.repeat(5_000)}`,
    '\u0000<!channel>',
  ])('and a hostile link is nobody\'s: %#', (url) => {
    expect(feeds(url, JSON.parse('{"__proto__":"CordumDLQDepthHigh","alertname":"constructor"}') as Record<string, string>)).toEqual([]);
    expect(stillHolds(url, {}, saw(1_000))).toBeUndefined();
  });
});

describe('an alert still holds', () => {
  test.each([
    ['cordum_dlq_entries > 100', 101, true],
    ['cordum_dlq_entries > 100', 100, false],
    ['cordum_dlq_entries{target="production", job="bot"} >= 100', 100, true],
    ['  cordum_dlq_entries  <  1e2 ', 99, true],
    ['cordum_dlq_entries <= 2.5', 3, false],
    ['cordum_dlq_entries == 0', 0, true],
    ['cordum_dlq_entries != 0', 0, false],
  ])('%s with %i entries: %s', (expression, entries, holds) => {
    expect(stillHolds(link(expression), {}, saw(entries))).toBe(holds);
  });

  test.each([
    'sum(cordum_dlq_entries) > 100',
    'cordum_dlq_entries > 100 and up == 1',
    'cordum_dlq_entries > bool 100',
    'cordum_dlq_entries offset 5m > 100',
    'cordum_dlq_entries > 100 + 2',
    'cordum_stale_jobs > 100',
    'cordum_dlq_entries{target=~"prod.*"} > 100',
    'time() - cordum_dlq_entries - time() > 1',
    'time() - cordum_last_heartbeat_timestamp > 60',
    'cordum_dlq_entries{target="staging"} > 100',
    'cordum_dlq_entries{target!="production"} > 100',
    'cordum_dlq_entries{target!~"staging"} > 100',
    'cordum_dlq_entries{a="}"} > 100',
    '',
  ])('is not ours to say for: %s', (expression) => {
    expect(stillHolds(link(expression), {}, saw(1_000))).toBeUndefined();
  });

  test.each([
    ['cordum_stale_jobs > 50', { state: 'running' }, true],
    ['cordum_stale_jobs > 50', { state: 'pending' }, false],
    ['cordum_stale_jobs > 50', {}, true],
    ['cordum_stale_jobs{state="pending",} > 50', {}, false],
    ['cordum_stale_jobs{state!="running"} > 50', {}, false],
    ['cordum_stale_jobs{state!="pending"} > 50', {}, true],
    ['cordum_stale_jobs{state!="pending", target!="staging"} > 50', {}, true],
  ])('of the series that has the labels of the alert: %s for %o is %s', (expression, labels, holds) => {
    const seen = looked('cordum_stale_jobs', [{ labels: { state: 'running' }, value: 73 }, { labels: { state: 'pending' }, value: 2 }]);
    expect(stillHolds(link(expression), labels, seen)).toBe(holds);
  });

  test.each([
    ['cordum_certificate_expiry_timestamp_seconds - time() < 14 * 86400', true],
    ['cordum_certificate_expiry_timestamp_seconds - time() < 86400 * 9', false],
    ['time() - cordum_certificate_expiry_timestamp_seconds > 0', false],
  ])('with the time of the look: %s is %s ten days before', (expression, holds) => {
    expect(stillHolds(link(expression), { endpoint: 'redis' }, looked('cordum_certificate_expiry_timestamp_seconds', [{ labels: { endpoint: 'redis' }, value: NOW / 1_000 + 10 * DAY }]))).toBe(holds);
  });

  test('is not said when the look saw nothing with the labels of the alert', () => {
    expect(stillHolds(link('cordum_stale_jobs > 50'), { state: 'gone' }, looked('cordum_stale_jobs', [{ labels: { state: 'running' }, value: 73 }]))).toBeUndefined();
    expect(stillHolds(link('cordum_last_heartbeat_timestamp > 60'), {}, looked('cordum_last_heartbeat_timestamp', []))).toBeUndefined();
  });

  test('when only a part of the queue was seen, is said of what that part already proves', () => {
    expect(stillHolds(link('cordum_dlq_entries > 100'), {}, saw(500, true))).toBe(true);
    expect(stillHolds(link('cordum_dlq_entries > 1000'), {}, saw(500, true))).toBeUndefined();
    expect(stillHolds(link('cordum_dlq_entries < 1000'), {}, saw(500, true))).toBeUndefined();
  });

  test('is answered at once for an expression made to be slow', () => {
    expect(stillHolds(link(`cordum_dlq_entries${' '.repeat(4_000)}x`), {}, saw(1))).toBeUndefined();
    expect(stillHolds(link(`cordum_dlq_entries{${',target '.repeat(500)}} > 1`), {}, saw(2))).toBeUndefined();
  });
});
