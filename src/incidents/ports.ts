/** What incidents need of the world. `app` wires them to the engine, the exporter and the Alertmanager clients. */
import type { AlertFacts } from '#engine/model/events.ts';
import type { AlertView } from '#engine/model/views.ts';
import type { Result } from '#kernel/failure.ts';
import type { Labels } from '#kernel/labels.ts';

/** A configured installation and the labels by which its alerts are known. The first target whose labels all match wins. */
export interface TargetMatch {
  readonly name: string;
  /** Label → exact value. `{}` matches every alert. */
  readonly match: Labels;
}

export type RereadAnswer =
  /** `stillHolds` undefined: it looked, and what it saw does not decide the matter; then Alertmanager is believed. */
  | { readonly seen: true; readonly stillHolds: boolean | undefined; /** "the DLQ still holds 240 entries" */ readonly say: string }
  | { readonly seen: false; readonly because: string }
  | 'not-ours';

/**
 * Alerts whose series the bot itself exports. When the exporter is down the series vanishes and Prometheus resolves
 * the alert, so a resolve of such an alert proves nothing until the bot has looked again.
 */
export interface AlertFeed {
  /** Without I/O: is this alert computed from what the bot exports? */
  feeds(target: string, alert: AlertView): boolean;
  reread(target: string, alert: AlertView): Promise<RereadAnswer>;
}

export interface ActiveAlerts {
  /** Everything that fires now, silenced and inhibited alerts included, by fingerprint, with its labels. */
  readonly alerts: ReadonlyMap<string, Labels>;
  /** How long this Alertmanager has been up: shortly after a start it does not know its alerts yet. */
  readonly uptimeMs: number;
}

export interface AlertmanagerApi {
  /** Undefined when the target has no Alertmanager configured. */
  active(target: string): Promise<Result<ActiveAlerts>> | undefined;
}

export interface IncidentForRun {
  readonly id: string;
  readonly target: string;
  readonly runbook: string;
  readonly alert: AlertFacts;
}

export interface RunLink {
  /** Idempotent by incident id: the id of the incident's run, started now or before. Undefined when it cannot be started. */
  ensureRun(incident: IncidentForRun): Promise<string | undefined>;
  /** Idempotent: tells the run how its alert stands. A run that has ended ignores it. */
  alertChanged(runId: string, alert: AlertFacts): Promise<void>;
}
