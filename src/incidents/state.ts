/** An incident as the fold over its events, and the questions that everything else asks of it. Pure. */
import type { AlertFacts } from '#engine/model/events.ts';
import { isoTime } from '#kernel/clock.ts';
import { inertLabels, type Labels } from '#kernel/labels.ts';
import type { AlertEnd, AlertRecord, IncidentEvent, Learnt } from './events.ts';

/** The target of an alert that no configured `match` holds of. */
export const UNMATCHED_TARGET = 'unmatched';

export interface TrackedAlert extends AlertRecord {
  readonly firing: boolean;
  readonly endsAt: number | null;
}

/** Something that did not go through and is tried again. */
export interface Retry {
  readonly say: string;
  readonly retryAt: number;
  /** How many times in a row. */
  readonly tries: number;
}

export interface IncidentState {
  readonly id: string;
  readonly family: string;
  readonly target: string;
  readonly runbook: string | null;
  readonly groupLabels: Labels;
  readonly openedAt: number;
  /** By fingerprint, in the order in which they were first seen. */
  readonly alerts: ReadonlyMap<string, TrackedAlert>;
  readonly firing: number;
  /** Alerts of the group that no notification has shown: more than none, and a resolve proves nothing. */
  readonly hidden: number;
  readonly runs: readonly string[];
  readonly runRefused: Retry | null;
  /** Since when its run waits to hear that the alert fires again. */
  readonly toTellSince: number | null;
  readonly held: Retry | null;
  /** Since when nothing of it fires. */
  readonly quietSince: number | null;
  readonly refires: number;
  /** Alerts that were taken as resolved because Alertmanager no longer listed them. */
  readonly polledAway: number;
  readonly closed: { readonly at: number; readonly by: string; readonly because: string } | null;
}

export interface Folded {
  readonly state: IncidentState;
  readonly version: number;
}

/** The envelope that the fold needs; `Recorded` has it, and so has an event that is not stored yet. */
export interface Dated {
  readonly type: string;
  readonly data: unknown;
  readonly at: number;
}

/** Events of types that this version does not know change nothing: a newer bot may have written them. */
export function evolve(state: IncidentState | undefined, dated: Dated): IncidentState | undefined {
  const event = dated as unknown as IncidentEvent;
  if (event.type === 'IncidentOpened') return opened(event.data, dated.at);
  return state === undefined ? undefined : changed(state, event, dated.at);
}

function opened(data: Extract<IncidentEvent, { type: 'IncidentOpened' }>['data'], at: number): IncidentState {
  return {
    id: data.incidentId,
    family: data.family,
    target: data.target,
    runbook: data.runbook,
    groupLabels: inertLabels(data.groupLabels),
    openedAt: at,
    alerts: new Map(data.alerts.map((alert) => [alert.fingerprint, tracked(alert)])),
    firing: data.alerts.length,
    hidden: data.hidden,
    runs: [],
    runRefused: null,
    toTellSince: null,
    held: null,
    quietSince: null,
    refires: 0,
    polledAway: 0,
    closed: null,
  };
}

function changed(state: IncidentState, event: IncidentEvent, at: number): IncidentState {
  switch (event.type) {
    case 'AlertsFired':
    case 'AlertsRefired':
      return fired(state, event.data.alerts, at);
    case 'AlertsResolved':
      return resolved(state, event.data.alerts, event.data.learnt, at);
    case 'GroupTruncated':
      return { ...state, hidden: event.data.hidden };
    case 'GroupShownWhole':
      return { ...state, hidden: 0 };
    case 'RunLinked':
      return state.runs.includes(event.data.runId) ? state : { ...state, runs: [...state.runs, event.data.runId], runRefused: null };
    case 'RunNotStarted':
      return { ...state, runRefused: again(state.runRefused, event.data.because, event.data.retryAt) };
    case 'RunTold':
      return { ...state, toTellSince: event.data.firing === state.firing > 0 ? null : state.toTellSince };
    case 'CloseHeld':
      return { ...state, held: again(state.held, event.data.say, event.data.retryAt) };
    case 'IncidentClosed':
      return { ...state, closed: { at, by: event.data.by, because: event.data.because } };
    default:
      return state;
  }
}

function again(before: Retry | null, say: string, retryAt: number): Retry {
  return { say, retryAt, tries: (before?.tries ?? 0) + 1 };
}

function fired(state: IncidentState, records: readonly AlertRecord[], at: number): IncidentState {
  const alerts = new Map(state.alerts);
  let { firing, refires } = state;
  for (const record of records) {
    const before = alerts.get(record.fingerprint);
    if (before !== undefined && !before.firing) refires += 1;
    if (before?.firing !== true) firing += 1;
    alerts.set(record.fingerprint, tracked(record));
  }
  // Only the change from quiet to firing is news to the run, and only if something told it of the quiet before.
  const wasQuiet = state.firing === 0 && firing > 0;
  return { ...state, alerts, firing, refires, held: null, quietSince: null, toTellSince: wasQuiet && state.runbook !== null ? at : state.toTellSince };
}

function resolved(state: IncidentState, ends: readonly AlertEnd[], learnt: Learnt, at: number): IncidentState {
  const alerts = new Map(state.alerts);
  let { firing } = state;
  let ended = 0;
  for (const end of ends) {
    const before = alerts.get(end.fingerprint);
    if (before === undefined || !before.firing) continue;
    alerts.set(end.fingerprint, { ...before, firing: false, endsAt: end.endsAt });
    firing -= 1;
    ended += 1;
  }
  const quiet = firing === 0;
  return {
    ...state,
    alerts,
    firing,
    quietSince: quiet ? (state.quietSince ?? at) : null,
    // Quiet again before the run heard of the fire: what it will hear is the close.
    toTellSince: quiet ? null : state.toTellSince,
    polledAway: state.polledAway + (learnt === 'poll' ? ended : 0),
  };
}

function tracked(record: AlertRecord): TrackedAlert {
  return { ...record, labels: inertLabels(record.labels), annotations: inertLabels(record.annotations), firing: true, endsAt: null };
}

/** The ends of alerts that an event tells of. */
export function endsIn(event: IncidentEvent): readonly AlertEnd[] {
  if (event.type === 'AlertsResolved') return event.data.alerts;
  return event.type === 'IncidentClosed' ? event.data.ends : [];
}

/** Nothing that is known of it fires, and nothing of it is hidden. Whether it is really over, the bot may have to look. */
export function isQuiet(state: IncidentState): boolean {
  return state.closed === null && state.firing === 0 && state.hidden === 0;
}

export type NextWork = { readonly work: 'start-run' | 'tell-run' | 'close'; readonly dueAt: number };

/** What the bot still has to do for it, and when. One thing at a time, the oldest first: the run is started before it is told anything. */
export function nextWork(state: IncidentState): NextWork | undefined {
  if (state.closed !== null) return undefined;
  const todo: NextWork[] = [];
  if (state.runbook !== null && state.runs.length === 0) todo.push({ work: 'start-run', dueAt: state.runRefused?.retryAt ?? state.openedAt });
  if (state.toTellSince !== null && state.runs.length > 0) todo.push({ work: 'tell-run', dueAt: state.toTellSince });
  if (isQuiet(state)) todo.push({ work: 'close', dueAt: Math.max(state.quietSince ?? 0, state.held?.retryAt ?? 0) });
  return todo.reduce<NextWork | undefined>((first, work) => (first === undefined || work.dueAt < first.dueAt ? work : first), undefined);
}

/** What a run's expressions see as `alert`: the alert that opened the incident, firing while any of them may fire. */
export function factsOf(state: IncidentState): AlertFacts {
  const first = state.alerts.values().next().value;
  const firing = state.firing > 0 || state.hidden > 0;
  return {
    firing,
    resolved: !firing,
    labels: first?.labels ?? inertLabels({}),
    annotations: first?.annotations ?? inertLabels({}),
    startsAt: first === undefined ? '' : isoTime(first.startsAt),
  };
}
