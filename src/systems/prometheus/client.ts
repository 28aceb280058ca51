/** Prometheus's HTTP API v1, read only. */
import { succeed, type Result } from '#kernel/failure.ts';
import { alertsData, instantData, rangeData, rulesData, scalarData, targetsData, type AlertData, type InstantSeries, type RangeSeries, type RuleGroupData, type TargetData } from './schema.ts';
import { type Answer, type Call, createTransport, TIMEOUT_MS, type TransportParts } from './transport.ts';

export interface Span {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepSeconds: number;
}

export interface PrometheusClient {
  /** At its own now, or at `atMs` by its own clock. */
  instant(query: string, call: Call & { readonly atMs?: number }): Promise<Result<Answer<readonly InstantSeries[]>>>;
  range(query: string, span: Span, call: Call): Promise<Result<Answer<readonly RangeSeries[]>>>;
  /** What time it is there, ms. Spans are given in its time: a clock that is off would cut the newest points. */
  time(call: Call): Promise<Result<number>>;
  /** Alerts that are pending or firing now. */
  alerts(call: Call): Promise<Result<Answer<readonly AlertData[]>>>;
  rules(call: Call): Promise<Result<Answer<readonly RuleGroupData[]>>>;
  /** What it scrapes now. */
  targets(call: Call): Promise<Result<Answer<readonly TargetData[]>>>;
  close(): Promise<void>;
}

export function createPrometheusClient(parts: TransportParts): PrometheusClient {
  const transport = createTransport(parts);
  // It gives up by itself a little before we do, and then says why.
  const timeout = `${Math.max(1, Math.floor(((parts.timeoutMs ?? TIMEOUT_MS) * 0.8) / 1_000))}s`;
  return {
    instant(query, call) {
      const at: Record<string, string> = call.atMs === undefined ? {} : { time: (call.atMs / 1_000).toFixed(3) };
      return transport.get('/api/v1/query', { query, timeout, ...at }, instantData, 'answer the query', call);
    },
    range(query, { startMs, endMs, stepSeconds }, call) {
      const span = { start: (startMs / 1_000).toFixed(3), end: (endMs / 1_000).toFixed(3), step: String(stepSeconds) };
      return transport.get('/api/v1/query_range', { query, timeout, ...span }, rangeData, 'answer the range query', call);
    },
    async time(call) {
      const answer = await transport.get('/api/v1/query', { query: 'time()', timeout }, scalarData, 'say its time', call);
      return answer.ok ? succeed(Math.round(answer.value.data * 1_000)) : answer;
    },
    alerts: (call) => transport.get('/api/v1/alerts', {}, alertsData, 'list its alerts', call),
    // The alerts within the rules are left out where it knows the parameter (2.44); they are read from /alerts.
    rules: (call) => transport.get('/api/v1/rules', { exclude_alerts: 'true' }, rulesData, 'list its rules', call),
    targets: (call) => transport.get('/api/v1/targets', { state: 'active' }, targetsData, 'list its targets', call),
    close: () => transport.close(),
  };
}
