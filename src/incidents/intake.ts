/** From a notification to the tasks of its lanes: which target, which runbook, which family. Pure. */
import type { Notification, NotifiedAlert } from '#operations/operations.ts';
import { hasLabels, inertLabels, type Labels } from '#kernel/labels.ts';
import type { Entry, GroupPart } from './decide.ts';
import type { TargetMatch } from './ports.ts';
import { familyOf } from './rows.ts';
import { UNMATCHED_TARGET } from './state.ts';

export interface Routing {
  readonly targets: readonly TargetMatch[];
  /** The name of the runbook that these labels trigger now. */
  runbookFor(labels: Labels): string | undefined;
}

/** Clocks differ by so much at the most, ms. What ends later than this has not ended: the end is taken to be now. */
const SKEW_MAX_MS = 5 * 60_000;

/** An end in the far future would make every later firing of its alert look stale, for ever and in silence. */
export function boundedEnds(notification: Notification, now: number): Notification {
  const future = ({ status, endsAt }: NotifiedAlert): boolean => status === 'resolved' && endsAt !== undefined && endsAt > now + SKEW_MAX_MS;
  if (!notification.alerts.some(future)) return notification;
  return { ...notification, alerts: notification.alerts.map((alert) => (future(alert) ? { ...alert, endsAt: Math.max(now, alert.startsAt) } : alert)) };
}

/** Parts of one family come in the order in which they must be decided. */
export function partsOf(notification: Notification, routing: Routing): readonly GroupPart[] {
  const groupLabels = inertLabels(notification.groupLabels);
  const allResolved = notification.alerts.every(({ status }) => status === 'resolved');
  const parts: GroupPart[] = [];
  for (const [target, entries] of byTarget(notification.alerts, routing)) {
    const shared = { family: familyOf(target, groupLabels), target, groupLabels, truncatedAlerts: notification.truncatedAlerts, allResolved };
    for (const distinct of rounds(entries)) parts.push({ ...shared, entries: distinct });
  }
  return parts;
}

function byTarget(alerts: readonly NotifiedAlert[], { targets, runbookFor }: Routing): ReadonlyMap<string, Entry[]> {
  const out = new Map<string, Entry[]>();
  for (const alert of alerts) {
    const target = targets.find(({ match }) => hasLabels(alert.labels, match))?.name ?? UNMATCHED_TARGET;
    // A run needs an installation to look at; without one there is nothing that a runbook could do.
    const runbook = target === UNMATCHED_TARGET ? null : (runbookFor(alert.labels) ?? null);
    const entry = { alert, runbook };
    const list = out.get(target);
    if (list === undefined) out.set(target, [entry]);
    else list.push(entry);
  }
  return out;
}

/** Alertmanager names a fingerprint once. Should somebody name it more often, each naming is decided after the one before. */
function rounds(entries: readonly Entry[]): readonly (readonly Entry[])[] {
  const seen = new Map<string, number>();
  const out: Entry[][] = [];
  for (const entry of entries) {
    const round = seen.get(entry.alert.fingerprint) ?? 0;
    seen.set(entry.alert.fingerprint, round + 1);
    (out[round] ??= []).push(entry);
  }
  return out;
}
