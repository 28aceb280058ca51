/**
 * What the exporter publishes besides the dead-letter queue and the heartbeats (`systems/cordum/exporter.ts`). One table: the
 * registry is filled from it, docs/metrics.md shows it, and a test compares the two. Each series also has the label `target`. No label is called `service`, `namespace` or `pod`: those
 * belong to whoever scrapes, and Prometheus renames ours when they clash.
 */
import { Gauge, type Registry } from 'prom-client';

const SOURCE_NAMES = ['status', 'license', 'jobs', 'approvals', 'pools', 'redis', 'grpc', 'certificates', 'backups', 'backup-directory'] as const;
/** One thing that the exporter looks at, on one target. */
export type SourceName = (typeof SOURCE_NAMES)[number];

export interface SeriesDefinition {
  /** Besides `target`. */
  readonly labels: readonly string[];
  readonly help: string;
}

export const SERIES = {
  cordum_stale_jobs: { source: 'jobs', labels: ['state'], help: 'Jobs that have stood in a state for longer than Cordum lets a job stand there.' },
  cordum_license_expiry_timestamp_seconds: { source: 'license', labels: [], help: 'When the licence of Cordum expires, Unix time; no series where it does not.' },
  cordum_license_valid: { source: 'license', labels: [], help: '1 while Cordum calls its licence valid, else 0.' },
  cordum_certificate_expiry_timestamp_seconds: { source: 'certificates', labels: ['endpoint'], help: 'When the certificate that the endpoint shows expires, Unix time.' },
  cordum_certificate_seen: { source: 'certificates', labels: ['endpoint'], help: '1 when the last handshake with the endpoint showed a certificate, else 0.' },
  cordum_backup_cronjob: { source: 'backups', labels: ['store'], help: '1 when the CronJob of the backup is there and not suspended, else 0.' },
  cordum_backup_last_success_timestamp_seconds: { source: 'backups', labels: ['store'], help: 'When a backup job last succeeded, Unix time; no series before the first. That files are whole it does not say.' },
  cordum_backup_last_schedule_timestamp_seconds: { source: 'backups', labels: ['store'], help: 'When a backup job was last started by its schedule, Unix time.' },
  cordum_backup_sets: { source: 'backup-directory', labels: ['store'], help: 'Sets of backup files in the directory; a manifest alone is none.' },
  cordum_backup_set_newest_timestamp_seconds: { source: 'backup-directory', labels: ['store'], help: 'When the newest set was taken by its name, Unix time; no series without any.' },
  cordum_backup_set_oldest_timestamp_seconds: { source: 'backup-directory', labels: ['store'], help: 'When the oldest set was taken by its name, Unix time; no series without any.' },
  cordum_backup_set_complete: { source: 'backup-directory', labels: ['store'], help: '1 when the newest set is complete by its manifest, 0 when a file, shard or stream is missing or empty; no series where nobody can tell.' },
  cordum_backup_set_bytes: { source: 'backup-directory', labels: ['store'], help: 'The size of the newest set.' },
  cordum_backup_set_size_ratio: { source: 'backup-directory', labels: ['store'], help: 'The size of the newest set, 1 being the median of up to five before it; no series with fewer than two of these.' },
  cordum_backup_skew_seconds: { source: 'backup-directory', labels: [], help: 'Between the newest sets of Redis and NATS; no series without both.' },
  cordum_backup_retention_seconds: { source: 'backup-directory', labels: [], help: 'How long sets are to be kept, by the configuration of the bot.' },
  cordum_backup_directory_free_bytes: { source: 'backup-directory', labels: [], help: 'Room on the file system of the directory that the bot could use.' },
  cordum_backup_directory_size_bytes: { source: 'backup-directory', labels: [], help: 'The size of that file system.' },
  cordum_backup_directory_leftovers: { source: 'backup-directory', labels: ['kind'], help: 'Entries that are no backups: unfinished (what a backup that broke off has left, or one that is being taken) and foreign.' },
  cordum_approvals_waiting: { source: 'approvals', labels: [], help: 'Approvals of Cordum that wait for a person.' },
  cordum_pool_workers: { source: 'pools', labels: ['pool'], help: 'Workers of the pool in the last snapshot of Cordum.' },
  cordum_pool_active_jobs: { source: 'pools', labels: ['pool'], help: 'Jobs that the workers of the pool say they are at.' },
  cordum_circuit_breaker_open: { source: 'status', labels: ['breaker'], help: '1 while the circuit breaker to the safety kernel is open; no series when Cordum cannot tell.' },
  cordum_gateway_reachable: { source: 'status', labels: [], help: '1 when the gateway answers anything at all, also a refusal, else 0.' },
  cordum_nats_connected: { source: 'status', labels: [], help: '1 when the gateway that answered is connected to NATS.' },
  cordum_redis_ok: { source: 'status', labels: [], help: '1 when the gateway that answered reaches Redis.' },
  cordum_redis_up: { source: 'redis', labels: [], help: '1 when the Redis of the target answers the bot itself, else 0.' },
  cordum_service_replicas: { source: 'status', labels: ['component'], help: 'Running processes that have registered with Cordum; the safety kernel and the context engine never do.' },
  cordum_grpc_serving: { source: 'grpc', labels: ['component'], help: '1 when grpc.health.v1 of the service answers SERVING, else 0.' },
} as const satisfies Readonly<Record<string, SeriesDefinition & { readonly source: SourceName }>>;
export type SeriesName = keyof typeof SERIES;

/** How each source of series is doing. A failed look keeps the last values, so these two say how old they may be. */
export const SOURCE_SERIES = {
  cordum_exporter_source_up: { labels: ['source'], help: '1 when the last look of the source saw everything, else 0; its series then keep their last values.' },
  cordum_exporter_source_last_success_timestamp_seconds: { labels: ['source'], help: 'When the source last saw everything, Unix time; 0 before the first time.' },
} as const satisfies Readonly<Record<string, SeriesDefinition>>;

export interface Sample {
  readonly series: SeriesName;
  /** Besides `target`. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The part of prom-client's gauge that the exporter needs. */
export interface Series {
  set(labels: Readonly<Record<string, string>>, value: number): void;
  remove(labels: Readonly<Record<string, string>>): void;
}

type AnySeries = SeriesName | keyof typeof SOURCE_SERIES;

export function registerSeries(registry: Registry): (name: AnySeries) => Series {
  const all: Readonly<Record<AnySeries, SeriesDefinition>> = { ...SERIES, ...SOURCE_SERIES };
  const gauges = new Map(Object.entries(all).map(([name, { labels, help }]) => [name, new Gauge({ name, help, labelNames: ['target', ...labels], registers: [registry] })]));
  return (name) => {
    const gauge = gauges.get(name);
    if (gauge === undefined) throw new TypeError(`no series ${name}`);
    return gauge;
  };
}
