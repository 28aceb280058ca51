/**
 * Which alerts are computed from what the bot exports, and whether such an alert still holds. Alertmanager's `generatorURL` is
 * Prometheus' own link (`…/graph?g0.expr=<PromQL>&g0.tab=1`); like everything in a webhook anybody may have written it, so it is
 * only ever read, never opened.
 */
import { SERIES, SOURCE_SERIES, type SeriesName } from './series.ts';

/** Of the exporter of the dead-letter queue and the heartbeats (`systems/cordum/exporter.ts`). */
const DLQ_SERIES = ['cordum_dlq_entries', 'cordum_last_heartbeat_timestamp', 'cordum_exporter_up'] as const;
export type DlqSeries = (typeof DLQ_SERIES)[number];
export type FedSeries = SeriesName | DlqSeries | keyof typeof SOURCE_SERIES;

const FED: readonly FedSeries[] = [...DLQ_SERIES, ...(Object.keys(SERIES) as SeriesName[]), ...(Object.keys(SOURCE_SERIES) as (keyof typeof SOURCE_SERIES)[])];

/** Alerts of deploy/prometheus/rules.yaml, for links that hold no expression (another rule engine) or only that of a recording rule, as `cordum:service_up`. */
const KNOWN_ALERTS: ReadonlyMap<string, FedSeries> = new Map<string, FedSeries>([
  ['CordumApprovalsWaiting', 'cordum_approvals_waiting'],
  ['CordumBackupDirectoryFull', 'cordum_backup_directory_free_bytes'],
  ['CordumBackupDirectoryUnreadable', 'cordum_exporter_source_up'],
  ['CordumBackupMissing', 'cordum_backup_cronjob'],
  ['CordumBackupRetentionNotHeld', 'cordum_backup_set_oldest_timestamp_seconds'],
  ['CordumBackupSetIncomplete', 'cordum_backup_set_complete'],
  ['CordumBackupSetMissing', 'cordum_backup_sets'],
  ['CordumBackupSetSizeUnusual', 'cordum_backup_set_size_ratio'],
  ['CordumBackupSetStale', 'cordum_backup_set_newest_timestamp_seconds'],
  ['CordumBackupStale', 'cordum_backup_last_success_timestamp_seconds'],
  ['CordumCertificateExpiring', 'cordum_certificate_expiry_timestamp_seconds'],
  ['CordumCertificateAboutToExpire', 'cordum_certificate_expiry_timestamp_seconds'],
  ['CordumCertificateNotSeen', 'cordum_certificate_seen'],
  ['CordumCircuitBreakerStuckOpen', 'cordum_circuit_breaker_open'],
  ['CordumContextEngineDown', 'cordum_grpc_serving'],
  ['CordumDLQDepthHigh', 'cordum_dlq_entries'],
  ['CordumExporterBlind', 'cordum_exporter_up'],
  ['CordumExporterSourceDown', 'cordum_exporter_source_up'],
  ['CordumGatewayDown', 'cordum_gateway_reachable'],
  ['CordumLicenseExpiring', 'cordum_license_expiry_timestamp_seconds'],
  ['CordumLicenseInvalid', 'cordum_license_valid'],
  ['CordumNATSDown', 'cordum_nats_connected'],
  ['CordumRedisDown', 'cordum_redis_ok'],
  ['CordumSafetyKernelDown', 'cordum_grpc_serving'],
  ['CordumSchedulerDown', 'cordum_service_replicas'],
  ['CordumStaleJobsHigh', 'cordum_stale_jobs'],
  ['CordumWorkerHeartbeatGap', 'cordum_last_heartbeat_timestamp'],
  ['CordumWorkflowEngineDown', 'cordum_service_replicas'],
]);
const LONGEST_URL = 16_384;
const LONGEST_EXPRESSION = 4_096;

type Labels = Readonly<Record<string, string>>;

/** Our series that feed this alert: those of its expression, else what is known by its name. Empty when it is not ours. */
export function feeds(generatorURL: string, labels: Labels): readonly FedSeries[] {
  const words = new Set(withoutStrings(expressionOf(generatorURL) ?? '').match(/[A-Za-z_:][A-Za-z0-9_:]*/g));
  const mentioned = FED.filter((series) => words.has(series));
  if (mentioned.length > 0) return mentioned;
  const name = Object.hasOwn(labels, 'alertname') ? labels['alertname'] : undefined;
  const known = KNOWN_ALERTS.get(name ?? '');
  return known === undefined ? [] : [known];
}

/** What a fresh look at a target saw of one series. */
export interface Seen {
  readonly target: string;
  readonly series: FedSeries;
  readonly samples: readonly { readonly labels: Labels; readonly value: number }[];
  /** The values are lower bounds: there was more than could be read. */
  readonly atLeast: boolean;
  /** When, ms since the epoch. */
  readonly at: number;
}

/** `series`, `series - time()` or `time() - series`, compared with a number or a product of numbers. */
const FORM = /^\s*(time\(\)\s*-\s*)?([a-z_]+)\s*(?:\{([^{}]*)\}\s*)?(-\s*time\(\)\s*)?(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)?(?:[eE]\+?\d+)?(?:\s*\*\s*\d+){0,4})\s*$/;

/**
 * Whether an expression of a simple form holds for what was read, in the samples that have the labels of the alert. Undefined
 * when the expression is more than that, is about another target or series, or when the samples do not decide it.
 */
export function stillHolds(generatorURL: string, labels: Labels, seen: Seen): boolean | undefined {
  const form = FORM.exec(expressionOf(generatorURL) ?? '');
  if (form === null) return undefined;
  const [, age = '', name = '', matchers = '', left = '', op = '', product = ''] = form;
  if (name !== seen.series || (age !== '' && left !== '')) return undefined;
  const wanted = matchersOf(matchers);
  if (wanted?.every(({ label, not, value }) => label !== 'target' || (value === seen.target) !== not) !== true) return undefined;
  const limit = product.split('*').reduce((all, factor) => all * Number(factor), 1);
  const ours = seen.samples.filter((sample) => Object.entries(sample.labels).every(([label, value]) => wanted.every((one) => one.label !== label || (one.value === value) !== one.not) && (own(labels, label) ?? value) === value));
  if (ours.length === 0) return undefined;
  const nowSeconds = seen.at / 1_000;
  const holds = ours.some(({ value }) => compare(age !== '' ? nowSeconds - value : left !== '' ? value - nowSeconds : value, op, limit));
  // At least so many: that they are more than the limit is certain, that they are not is not.
  return seen.atLeast && !(holds && op.startsWith('>')) ? undefined : holds;
}

function own(labels: Labels, name: string): string | undefined {
  return Object.hasOwn(labels, name) ? labels[name] : undefined;
}

interface Wanted {
  readonly label: string;
  readonly not: boolean;
  readonly value: string;
}

/** Matchers that are all `name="value"` or `name!="value"`; undefined when there is another kind among them. */
function matchersOf(text: string): readonly Wanted[] | undefined {
  if (text.trim() === '') return [];
  // A comma may stand after the last one.
  const parts = text.replace(/,\s{0,9}$/, '').split(',').map((one) => /^\s*([a-z_]+)\s*(!?)=\s*"([^"\\]*)"\s*$/.exec(one));
  const wanted = parts.flatMap((part) => (part === null ? [] : [{ label: part[1] ?? '', not: part[2] === '!', value: part[3] ?? '' }]));
  return wanted.length === parts.length ? wanted : undefined;
}

function compare(value: number, op: string, limit: number): boolean {
  switch (op) {
    case '>': return value > limit;
    case '>=': return value >= limit;
    case '<': return value < limit;
    case '<=': return value <= limit;
    case '==': return value === limit;
    default: return value !== limit;
  }
}

function expressionOf(generatorURL: string): string | undefined {
  if (generatorURL.length > LONGEST_URL || !URL.canParse(generatorURL)) return undefined;
  const expression = new URL(generatorURL).searchParams.get('g0.expr');
  return expression === null || expression.length > LONGEST_EXPRESSION ? undefined : expression;
}

/** A metric's name inside a label value is no mention of the metric. One pass, whatever the text holds. */
function withoutStrings(expression: string): string {
  let out = '';
  let quote = '';
  for (let at = 0; at < expression.length; at += 1) {
    const char = expression.charAt(at);
    if (quote === '') {
      if (char === '"' || char === "'" || char === '`') quote = char;
      else out += char;
    } else if (char === '\\' && quote !== '`') at += 1;
    else if (char === quote) {
      quote = '';
      out += ' ';
    }
  }
  return out;
}
