import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { feeds } from '#exporter/fed-alerts.ts';
import { SERIES, SOURCE_SERIES } from '#exporter/series.ts';
import { METRICS } from '#telemetry/metrics.ts';
import { PROJECT, readText } from '../../architecture/tree.ts';
import { requireServer } from '../../kit/servers/find.ts';

const run = promisify(execFile);
const RULES = 'deploy/prometheus/rules.yaml';
const TESTS = 'deploy/prometheus/rules.test.yaml';
/** Of `systems/cordum/exporter.ts`. */
const DLQ_SERIES = ['cordum_dlq_entries', 'cordum_last_heartbeat_timestamp', 'cordum_exporter_up'];
const PROMQL_WORDS = new Set('by without on ignoring group_left group_right and or unless bool offset sum min max avg count group rate increase histogram_quantile avg_over_time max_over_time min_over_time absent time label_replace'.split(' '));

const Rule = z.object({ alert: z.string().optional(), record: z.string().optional(), expr: z.string(), labels: z.record(z.string(), z.string()), annotations: z.object({ summary: z.string(), description: z.string() }).optional() }).or(
  z.object({ alert: z.undefined().optional(), record: z.string(), expr: z.string(), labels: z.undefined().optional(), annotations: z.undefined().optional() }),
);
const Rules = z.object({ groups: z.array(z.object({ name: z.string(), rules: z.array(Rule) })) });
const Tests = z.object({
  tests: z.array(
    z.object({
      name: z.string(),
      input_series: z.array(z.object({ series: z.string() })),
      promql_expr_test: z.array(z.object({ expr: z.string(), exp_samples: z.array(z.object({ labels: z.string() })) })),
    }),
  ),
});

const rules = Rules.parse(parse(readText(RULES))).groups.flatMap((group) => group.rules);
const alerts = rules.flatMap(({ alert, expr, labels, annotations }) => (alert === undefined ? [] : [{ name: alert, expr, labels: labels ?? {}, annotations }]));
const names = [...new Set(alerts.map(({ name }) => name))];
const cases = Tests.parse(parse(readText(TESTS))).tests;
const healthy = cases.find(({ name }) => name.startsWith('all is well'));

/** The alerts that an expression of a test speaks of: the one that it names, or all. */
function alertsOf(expr: string): readonly string[] {
  const [, name] = /alertname="(\w+)"/.exec(expr) ?? [];
  return name === undefined ? (expr.includes('ALERTS') ? names : []) : [name];
}

/** The names of series in an expression: its words, without strings, label lists and PromQL's own. */
function seriesIn(expr: string): string[] {
  const bare = expr.replaceAll(/"[^"]*"/g, '').replaceAll(/\{[^}]*\}/g, '').replaceAll(/\b(?:by|on|without|ignoring) \([^)]*\)/g, '').replaceAll(/\[[^\]]*\]/g, '').replaceAll(/\boffset \w+/g, '');
  return (bare.match(/[a-zA-Z_:][a-zA-Z0-9_:]*/g) ?? []).filter((word) => !PROMQL_WORDS.has(word) && !/^e\d/.test(word));
}

function lines(file: string): string[] {
  return readText(`test/fixtures/prometheus/${file}.txt`).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the rules for Prometheus', () => {
  test('are rules, and fire and stay silent as their tests say', async () => {
    const promtool = requireServer('promtool');
    await run(promtool, ['check', 'rules', join(PROJECT, RULES)]);
    // It spends nearly half of its time on collecting garbage of small databases, one for each case.
    const env = { ...process.env, GOGC: '800' };
    await expect(run(promtool, ['test', 'rules', join(PROJECT, TESTS)], { env })).resolves.toMatchObject({ stdout: expect.stringContaining('SUCCESS') });
  });

  test('have a test in which each alert fires, and one in which it is silent although its series are there', () => {
    const fired = new Set(cases.flatMap((one) => one.promql_expr_test.flatMap(({ expr, exp_samples: samples }) => (samples.length === 0 ? [] : /alertname="/.test(expr) ? alertsOf(expr) : samples.flatMap(({ labels }) => alertsOf(labels))))));
    expect(names.filter((name) => !fired.has(name))).toEqual([]);

    expect(healthy?.promql_expr_test.every(({ expr, exp_samples: samples }) => expr === 'ALERTS{alertstate="firing"}' && samples.length === 0)).toBe(true);
    const there = new Set(healthy?.input_series.map(({ series }) => series.split('{')[0]));
    const recorded = new Set(rules.map(({ record }) => record));
    expect([...new Set(rules.filter(({ record }) => record === undefined || record.includes(':')).flatMap(({ expr }) => seriesIn(expr)))].filter((series) => !there.has(series) && !recorded.has(series))).toEqual([]);
  });

  test('use no series that does not exist', () => {
    const known = new Set([...lines('cordum'), ...lines('redis-exporter'), ...lines('kubernetes'), ...DLQ_SERIES, ...Object.keys(SERIES), ...Object.keys(SOURCE_SERIES), ...Object.keys(METRICS), ...rules.flatMap(({ record = '' }) => record)]);
    expect(rules.length).toBeGreaterThan(60);
    expect([...new Set(rules.flatMap(({ expr }) => seriesIn(expr)))].filter((series) => !known.has(series))).toEqual([]);
  });

  test('replace both sets of Cordum, alert by alert', () => {
    const guide = ['SafetyKernelSlow', 'DLQDepthHigh', 'JobFailureRateHigh', 'WorkerHeartbeatGap', 'DispatchLatencyHigh', 'SagaCompensationFailing', 'StaleJobsHigh', 'OutputQuarantineSpike'];
    const shipped = ['GatewayDown', 'SchedulerDown', 'NATSDown', 'RedisDown', 'WorkflowEngineDown', 'SafetyKernelDown', 'ContextEngineDown', 'RedisClusterDegraded', 'RedisClusterNodeDown', 'RedisClusterSlotsIncomplete', 'RedisMemoryHigh', 'RedisReplicationBroken', 'RedisBackupFailed'];
    expect([...guide, ...shipped].map((name) => `Cordum${name}`).filter((name) => !names.includes(name))).toEqual([]);
  });

  test('route by labels, and say what the alert means', () => {
    expect(alerts.filter(({ labels }) => !/^(?:critical|warning|info)$/.test(labels['severity'] ?? '') || labels['team'] === undefined).map(({ name }) => name)).toEqual([]);
    expect(alerts.filter(({ annotations }) => (annotations?.summary.length ?? 0) < 15 || (annotations?.description.length ?? 0) < 15).map(({ name }) => name)).toEqual([]);
  });

  test('that stand on whether a service is up are known by their names, since their link holds a recording rule alone', () => {
    const ours = alerts.filter(({ name, expr }) => expr.includes('cordum:service_up') && name !== 'CordumServiceNotSeen');
    expect(ours).toHaveLength(7);
    expect(ours.filter(({ name }) => feeds('', { alertname: name }).length === 0).map(({ name }) => name)).toEqual([]);
  });

  test('that stand on a series of the bot are looked at again before an incident closes, also when their link holds no expression', () => {
    const ours = alerts.filter(({ expr }) => seriesIn(expr).some((series) => Object.hasOwn(SERIES, series) || DLQ_SERIES.includes(series)));
    expect(ours.length).toBeGreaterThan(10);
    const forgotten = ours.filter(({ name, expr }) => feeds(`http://p.example/graph?g0.expr=${encodeURIComponent(expr)}`, {}).length === 0 || feeds('', { alertname: name }).length === 0);
    expect(forgotten.map(({ name }) => name)).toEqual([]);
  });

  test('keep the target where the bot names it', () => {
    const cut = alerts.filter(({ expr }) => seriesIn(expr).some((series) => Object.hasOwn(SERIES, series) || DLQ_SERIES.includes(series)) && [...expr.matchAll(/\b(?:sum|max|min|count|group) by \(([^)]*)\) \((cordum_\w+)/g)].some(([, by = '']) => !by.includes('target')));
    expect(cut.map(({ name }) => name)).toEqual([]);
  });
});
