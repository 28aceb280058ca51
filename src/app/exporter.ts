/** What the bot exports of its targets, and the alerts that stand on it. */
import type { Clock } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import type { Log } from '#kernel/log.ts';
import type { Config } from '#config/config.ts';
import { feeds, stillHolds, type FedSeries, type Seen } from '#exporter/fed-alerts.ts';
import { createRounds, type Rounds } from '#exporter/rounds.ts';
import { SERIES, type SourceName } from '#exporter/series.ts';
import type { AlertFeed, RereadAnswer } from '#incidents/ports.ts';
import { createExporter, type Exporter as DlqExporter } from '#systems/cordum/exporter.ts';
import type { Metrics } from '#telemetry/metrics.ts';
import { sourcesOf } from './exporter-sources.ts';
import type { Targets } from './targets.ts';

export interface Exporters {
  /** Resolves when everything was looked at once: serve `/metrics` only then, lest a restart looks like a resolve. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Alerts that the bot's own series feed: before such an incident closes, it looks again. */
  readonly feed: AlertFeed;
}

export interface ExportersParts {
  readonly config: Config;
  readonly targets: Targets;
  readonly clock: Clock;
  readonly registry: Metrics['registry'];
  readonly log: Log;
  /** How often the dead-letter queue is read, ms. */
  readonly pollMs?: number;
}

export function createExporters(parts: ExportersParts): Exporters {
  const { config, targets, clock, registry, log, pollMs } = parts;
  const dlq = createExporter({
    targets: config.targets.flatMap(({ name }) => {
      const client = targets.cordum(name);
      return client === undefined ? [] : [{ name, client }];
    }),
    clock,
    registry,
    log,
    ...(pollMs === undefined ? {} : { pollMs }),
  });
  const sources = config.targets.flatMap((target) => sourcesOf(target, targets, clock));
  const rounds = createRounds({ sources, clock, registry, log });
  return {
    async start() {
      await Promise.all([dlq.start(), rounds.start()]);
    },
    async stop() {
      await Promise.all([dlq.stop(), rounds.stop()]);
    },
    feed: createFeed(dlq, rounds, new Set(sources.map(({ target, name }) => `${name} ${target}`))),
  };
}

/** Alerts that the bot's own exporters feed. */
export function createFeed(dlq: DlqExporter, rounds: Pick<Rounds, 'reread'>, known: ReadonlySet<string>): AlertFeed {
  const ours = (target: string, alert: Parameters<AlertFeed['feeds']>[1]): { series: FedSeries; source: SourceName | 'dlq' }[] =>
    feeds(alert.generatorURL, alert.labels).flatMap((series) => {
      const source = sourceOf(series, alert.labels);
      // What the target does not have feeds nothing: its alert comes from somewhere else.
      return source === 'dlq' || known.has(`${source} ${target}`) ? [{ series, source: source as SourceName | 'dlq' }] : [];
    });
  return {
    feeds: (target, alert) => ours(target, alert).length > 0,
    async reread(target, alert): Promise<RereadAnswer> {
      let answer: RereadAnswer = 'not-ours';
      for (const { series, source } of ours(target, alert)) {
        const looked = source === 'dlq' ? await rereadDlq(dlq, target, series) : await rereadSource(rounds, target, series, source);
        if (!looked.ok) return { seen: false, because: looked.failure.message };
        const holds = stillHolds(alert.generatorURL, alert.labels, looked.value);
        if (answer === 'not-ours' || holds !== undefined) answer = { seen: true, stillHolds: holds, say: sayOf(looked.value, alert.labels) };
      }
      return answer;
    },
  };
}

function sourceOf(series: FedSeries, labels: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(SERIES, series)) return SERIES[series as keyof typeof SERIES].source;
  if (series.startsWith('cordum_exporter_source_')) return (Object.hasOwn(labels, 'source') ? labels['source'] : undefined) ?? '';
  return 'dlq';
}

async function rereadDlq(dlq: DlqExporter, target: string, series: FedSeries): Promise<Result<Seen>> {
  const reading = await dlq.reread(target, series === 'cordum_dlq_entries' ? series : 'cordum_last_heartbeat_timestamp');
  if (!reading.seen) return { ok: false, failure: { reason: 'unavailable', message: reading.because } };
  const { entries, truncated, at } = reading;
  // Of the workers it says only that they could be read.
  const samples = series === 'cordum_dlq_entries' ? [{ labels: {}, value: entries }] : series === 'cordum_exporter_up' ? [{ labels: {}, value: 1 }] : [];
  return succeed({ target, series, samples, atLeast: truncated && series === 'cordum_dlq_entries', at });
}

async function rereadSource(rounds: Pick<Rounds, 'reread'>, target: string, series: FedSeries, source: SourceName): Promise<Result<Seen>> {
  const reading = await rounds.reread(target, source);
  if (!reading.seen) return { ok: false, failure: { reason: 'unavailable', message: reading.because } };
  const samples = series === 'cordum_exporter_source_up' ? [{ labels: { source }, value: 1 }] : reading.samples.filter((sample) => sample.series === series);
  return succeed({ target, series, samples, atLeast: false, at: reading.at });
}

function sayOf({ series, samples, atLeast }: Seen, labels: Readonly<Record<string, string>>): string {
  const ours = samples.filter((sample) => Object.entries(sample.labels).every(([label, value]) => !Object.hasOwn(labels, label) || labels[label] === value));
  const [first] = ours;
  if (series === 'cordum_dlq_entries') return `the DLQ holds ${atLeast ? 'at least ' : ''}${first?.value ?? 0} entries`;
  if (first === undefined) return `${series} was read again`;
  const which = Object.entries(first.labels).map(([label, value]) => `${label}=${value}`).join(', ');
  return `${series}${which === '' ? '' : ` for ${which}`} is ${first.value}${ours.length > 1 ? ` (and ${ours.length - 1} more series)` : ''}`;
}
