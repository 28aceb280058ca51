/** The bot's own metrics. Names, labels and help stand in one table, which docs/metrics.md shows and a test compares. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { TRIGGER_KINDS } from '#engine/model/events.ts';
import type { Journal, Recorded } from '#engine/ports.ts';
import { FAILURE_REASONS } from '#kernel/failure.ts';

export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly string[];
  readonly help: string;
}

export const METRICS = {
  runbook_bot_http_requests_total: { kind: 'counter', labels: ['method', 'route', 'status'], help: 'HTTP requests answered, by the pattern of their route.' },
  runbook_bot_http_request_seconds: { kind: 'histogram', labels: ['method', 'route'], help: 'Time to answer an HTTP request; event streams are left out.' },
  runbook_bot_alerts_accepted_total: { kind: 'counter', labels: [], help: 'Alerts read from notifications and stored.' },
  runbook_bot_alerts_duplicate_total: { kind: 'counter', labels: [], help: 'Of the accepted alerts, those that added nothing new.' },
  runbook_bot_incidents_opened_total: { kind: 'counter', labels: [], help: 'Incidents opened.' },
  runbook_bot_incidents_closed_total: { kind: 'counter', labels: [], help: 'Incidents closed.' },
  runbook_bot_runs_started_total: { kind: 'counter', labels: ['trigger'], help: 'Runs started, by what started them.' },
  runbook_bot_runs_ended_total: { kind: 'counter', labels: ['status'], help: 'Runs ended, by their status.' },
  runbook_bot_approvals_total: { kind: 'counter', labels: ['status'], help: 'Approvals that came into this status; pending means requested.' },
  runbook_bot_effects_total: { kind: 'counter', labels: ['outcome', 'reason'], help: 'Effects by outcome; failed ones with the reason of the failure, others with none.' },
  runbook_bot_verified_total: { kind: 'counter', labels: ['outcome'], help: 'Applied changes verified, by outcome.' },
  runbook_bot_journal_append_seconds: { kind: 'histogram', labels: [], help: 'Time until an append was durable.' },
  runbook_bot_journal_writable: { kind: 'gauge', labels: [], help: '1 when the journal could be written at this scrape, else 0.' },
  runbook_bot_approvals_pending: { kind: 'gauge', labels: [], help: 'Approvals that wait for a person now.' },
  runbook_bot_runs_unknown: { kind: 'gauge', labels: [], help: 'Runs with an effect that nobody can account for, until a person settles it.' },
  runbook_bot_kill_switch_on: { kind: 'gauge', labels: [], help: '1 while every write is stopped.' },
  runbook_bot_slack_calls_total: { kind: 'counter', labels: ['method', 'result'], help: 'Calls to the Slack Web API, by method and result.' },
  runbook_bot_drill_last_passed_timestamp_seconds: { kind: 'gauge', labels: ['drill'], help: 'When the configured restore drill last passed, by its evidence: of its stores the oldest; 0 while one has never passed.' },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

const APPROVAL_EVENTS: Readonly<Record<string, string>> = {
  ApprovalRequested: 'pending',
  ApprovalApproved: 'approved',
  ApprovalRedeemed: 'redeemed',
  ApprovalDenied: 'denied',
  ApprovalExpired: 'expired',
  ApprovalWithdrawn: 'withdrawn',
};
const EFFECT_EVENTS: Readonly<Record<string, string>> = {
  EffectSucceeded: 'succeeded',
  EffectFailed: 'failed',
  EffectSkipped: 'skipped',
  EffectUnknown: 'unknown',
  EffectSettled: 'settled',
};
/** Webhooks and journal appends take milliseconds, reads of targets seconds. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const APPEND_BUCKETS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
/** Alertmanager's way in, and what the webhook answers. */
const WEBHOOK = { method: 'POST', route: '/webhooks/alertmanager' };
const WEBHOOK_STATUSES = ['200', '400', '401', '413', '500', '503'];

export interface Metrics {
  /** Others add theirs (the exporter of a system). */
  readonly registry: Registry;
  readonly contentType: string;
  text(): Promise<string>;
  observeRequest(request: { readonly method: string; readonly route: string; readonly status: number; readonly seconds: number | undefined }): void;
  /** Give it to `journal.onAppended`. */
  observeEvents(events: readonly Recorded[]): void;
  observeAlerts(receipt: { readonly accepted: number; readonly duplicates: number }): void;
  observeKillSwitch(on: boolean): void;
  observeJournal(writable: boolean): void;
  observeWaiting(waiting: { readonly approvals: number; readonly unknownRuns: number }): void;
  /** Of each configured drill, ms since the epoch; 0: never. */
  observeDrills(passed: readonly { readonly drill: string; readonly atMs: number }[]): void;
  /** `result`: `ok`, or Slack's word for the error. */
  observeSlackCall(method: string, result: string): void;
  /** The same journal, its appends timed. */
  timed(journal: Journal): Journal;
}

export interface MetricsOptions {
  readonly registry?: Registry;
  /** Memory, CPU, event loop and garbage collection of the process, under the names that dashboards know. Default true. */
  readonly process?: boolean;
}

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = options.registry ?? new Registry();
  if (options.process !== false) collectDefaultMetrics({ register: registry });
  const counter = (name: keyof typeof METRICS): Counter => new Counter({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels], registers: [registry] });
  const histogram = (name: keyof typeof METRICS, buckets: number[]): Histogram => new Histogram({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels], buckets, registers: [registry] });

  const requests = counter('runbook_bot_http_requests_total');
  const requestSeconds = histogram('runbook_bot_http_request_seconds', REQUEST_BUCKETS);
  const accepted = counter('runbook_bot_alerts_accepted_total');
  const duplicates = counter('runbook_bot_alerts_duplicate_total');
  const slackCalls = counter('runbook_bot_slack_calls_total');
  const appendSeconds = histogram('runbook_bot_journal_append_seconds', APPEND_BUCKETS);
  const gauge = (name: keyof typeof METRICS): Gauge => new Gauge({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels], registers: [registry] });
  const killSwitch = gauge('runbook_bot_kill_switch_on');
  const writable = gauge('runbook_bot_journal_writable');
  const pending = gauge('runbook_bot_approvals_pending');
  const drillPassed = gauge('runbook_bot_drill_last_passed_timestamp_seconds');
  const unknownRuns = gauge('runbook_bot_runs_unknown');
  // A failure must be seen at once, and the first one of its kind makes no increase of a series that was not there.
  for (const status of WEBHOOK_STATUSES) requests.inc({ ...WEBHOOK, status }, 0);
  const observeEvent = countEvents(counter, killSwitch);

  return {
    registry,
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observeRequest({ method, route, status, seconds }) {
      requests.inc({ method, route, status: String(status) });
      if (seconds !== undefined) requestSeconds.observe({ method, route }, seconds);
    },
    observeEvents: (events) => events.forEach(observeEvent),
    observeAlerts(receipt) {
      accepted.inc(receipt.accepted);
      duplicates.inc(receipt.duplicates);
    },
    observeKillSwitch: (on) => killSwitch.set(on ? 1 : 0),
    observeJournal: (is) => writable.set(is ? 1 : 0),
    observeWaiting(waiting) {
      pending.set(waiting.approvals);
      unknownRuns.set(waiting.unknownRuns);
    },
    observeDrills(passed) {
      for (const { drill, atMs } of passed) drillPassed.set({ drill }, atMs / 1_000);
    },
    observeSlackCall: (method, result) => slackCalls.inc({ method, result }),
    timed: (journal) => timedJournal(journal, appendSeconds),
  };
}

/** Counters fed from the journal. Those whose labels are closed start at zero, so that a rate over them is never missing. */
function countEvents(counter: (name: keyof typeof METRICS) => Counter, killSwitch: Gauge): (event: Recorded) => void {
  const opened = counter('runbook_bot_incidents_opened_total');
  const closed = counter('runbook_bot_incidents_closed_total');
  const started = counter('runbook_bot_runs_started_total');
  const ended = counter('runbook_bot_runs_ended_total');
  const approvals = counter('runbook_bot_approvals_total');
  const effects = counter('runbook_bot_effects_total');
  const verified = counter('runbook_bot_verified_total');
  for (const trigger of TRIGGER_KINDS) started.inc({ trigger }, 0);
  for (const status of ['succeeded', 'failed', 'cancelled']) ended.inc({ status }, 0);
  for (const status of Object.values(APPROVAL_EVENTS)) approvals.inc({ status }, 0);
  for (const outcome of Object.values(EFFECT_EVENTS)) if (outcome !== 'failed') effects.inc({ outcome, reason: 'none' }, 0);
  for (const reason of FAILURE_REASONS) effects.inc({ outcome: 'failed', reason }, 0);
  for (const outcome of ['passed', 'failed', 'unknown']) verified.inc({ outcome }, 0);

  return ({ type, data }) => {
    const approval = Object.hasOwn(APPROVAL_EVENTS, type) ? APPROVAL_EVENTS[type] : undefined;
    if (approval !== undefined) return approvals.inc({ status: approval });
    const effect = Object.hasOwn(EFFECT_EVENTS, type) ? EFFECT_EVENTS[type] : undefined;
    if (effect !== undefined) return effects.inc({ outcome: effect, reason: effect === 'failed' ? word(field(data['failure'], 'reason')) : 'none' });
    switch (type) {
      case 'IncidentOpened':
        return opened.inc();
      case 'IncidentClosed':
        return closed.inc();
      case 'RunStarted':
        return started.inc({ trigger: word(field(data['trigger'], 'kind')) });
      case 'RunEnded':
        return ended.inc({ status: word(data['status']) });
      case 'Verified':
        return verified.inc({ outcome: word(data['outcome']) });
      case 'KillSwitchSwitched':
        return killSwitch.set(data['on'] === true ? 1 : 0);
    }
  };
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** A label of a closed set. What an event of another version says instead must not add labels without end. */
function word(value: unknown): string {
  return typeof value === 'string' && /^[a-zA-Z]{1,20}$/.test(value) ? value : 'other';
}

function timedJournal(journal: Journal, seconds: Histogram): Journal {
  return {
    async append(append) {
      const done = seconds.startTimer();
      try {
        return await journal.append(append);
      } finally {
        done();
      }
    },
    read: (stream, fromVersion) => journal.read(stream, fromVersion),
    readAll: (afterPosition, limit) => journal.readAll(afterPosition, limit),
    positionBefore: (at) => journal.positionBefore(at),
    find: (kind, id) => journal.find(kind, id),
    query: (query) => journal.query(query),
    nextDueAt: (kind) => journal.nextDueAt(kind),
    onAppended: (listener) => journal.onAppended(listener),
    probe: () => journal.probe(),
    close: () => journal.close(),
  };
}
