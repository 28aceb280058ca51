/** An incident as the API, the console and Slack show it. Pure. */
import type { AlertView, IncidentView } from '#engine/model/views.ts';
import { isoTime } from '#kernel/clock.ts';
import { labelOf, newLabels, type Labels } from '#kernel/labels.ts';
import { cutText } from '#kernel/text.ts';
import { UNMATCHED_TARGET, type IncidentState, type TrackedAlert } from './state.ts';

const TITLE_MAX = 200;
const SEVERITY_MAX = 40;
/** Label names and values, annotations and addresses are cut to this in views; the journal keeps them whole. */
const VALUE_MAX = 4_096;

export function viewOf(state: IncidentState): IncidentView {
  return {
    id: state.id,
    status: state.closed === null ? 'open' : 'closed',
    title: titleOf(state),
    severity: severityOf(state),
    target: state.target,
    runbook: state.runbook,
    alerts: [...state.alerts.values()].map(alertViewOf),
    runs: state.runs,
    notes: notesOf(state),
    openedAt: isoTime(state.openedAt),
    closedAt: state.closed === null ? null : isoTime(state.closed.at),
    closedBy: state.closed?.by ?? null,
    closedBecause: state.closed?.because ?? null,
  };
}

export function alertViewOf(alert: TrackedAlert): AlertView {
  return {
    fingerprint: alert.fingerprint,
    status: alert.firing ? 'firing' : 'resolved',
    labels: cutLabels(alert.labels),
    annotations: cutLabels(alert.annotations),
    startsAt: isoTime(alert.startsAt),
    endsAt: alert.endsAt === null ? null : isoTime(alert.endsAt),
    generatorURL: cutText(alert.generatorURL, VALUE_MAX),
  };
}

/** One line: a summary with line breaks or control characters in it must not write the next line of somebody's log or card. */
export function titleOf(state: IncidentState): string {
  const first = state.alerts.values().next().value;
  const words = oneLine(labelOf(first?.annotations ?? {}, 'summary') ?? '') || oneLine(labelOf(first?.labels ?? {}, 'alertname') ?? '');
  return `${cutText(words || 'Alert without a name', TITLE_MAX)} (${state.target})`;
}

export function severityOf(state: IncidentState): string {
  const first = state.alerts.values().next().value;
  return cutText(oneLine(labelOf(first?.labels ?? {}, 'severity') ?? ''), SEVERITY_MAX) || 'none';
}

function oneLine(text: string): string {
  // Cut first: the pattern need not walk over megabytes of which two hundred letters remain.
  return cutText(text, VALUE_MAX)
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
}

function cutLabels(labels: Labels): Labels {
  const out = newLabels();
  for (const name of Object.keys(labels)) out[cutText(name, VALUE_MAX)] = cutText(labels[name] ?? '', VALUE_MAX);
  return out;
}

function notesOf(state: IncidentState): readonly string[] {
  const notes: string[] = [];
  if (state.target === UNMATCHED_TARGET) notes.push('No configured target matches the labels of this alert.');
  else if (state.runbook === null) notes.push('No runbook is triggered by this alert.');
  if (state.hidden > 0) notes.push(`Alertmanager left ${state.hidden} alerts of this group out of its notification, so a resolve proves nothing: the incident stays open until the whole group is seen to be quiet, or a person closes it.`);
  if (state.polledAway > 0) notes.push(`${state.polledAway} of its alerts were taken as resolved because Alertmanager no longer listed them; it had sent no resolve.`);
  if (state.refires > 0 && state.runs.length > 0) notes.push('It fired again while the incident was open; no second run was started for it.');
  if (state.runRefused !== null && state.runs.length === 0) notes.push(`The run could not be started: ${state.runRefused.say}`);
  if (state.held !== null && state.closed === null) notes.push(`It stays open: ${state.held.say}`);
  return notes;
}
