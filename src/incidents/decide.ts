/** What a notification changes. Pure: state and entries in, events and a receipt out. */
import type { NotifiedAlert } from '#operations/operations.ts';
import type { Labels } from '#kernel/labels.ts';
import type { AlertEnd, AlertRecord, IncidentEvent } from './events.ts';
import { isQuiet, type IncidentState, type TrackedAlert } from './state.ts';

/** More alerts than this are not kept in one incident; they count as hidden, so it is not closed on their account. */
const ALERTS_PER_INCIDENT_MAX = 10_000;

export interface Entry {
  readonly alert: NotifiedAlert;
  /** The runbook that its labels trigger now. */
  readonly runbook: string | null;
}

/** The part of a notification that concerns one target and one set of group labels. No fingerprint occurs twice. */
export interface GroupPart {
  readonly family: string;
  readonly target: string;
  readonly groupLabels: Labels;
  readonly entries: readonly Entry[];
  readonly truncatedAlerts: number;
  /** Nothing in the whole notification fires. */
  readonly allResolved: boolean;
}

/** The newest end that is known of a fingerprint of a target, and the incident that it ended. */
export interface KnownEnd {
  readonly staleBefore: number;
  readonly incident: string | null;
}

export interface Change {
  readonly incident: string;
  readonly events: readonly IncidentEvent[];
}

export interface Remembered {
  readonly target: string;
  readonly fingerprint: string;
  readonly staleBefore: number;
}

export interface Outcome {
  readonly changes: readonly Change[];
  readonly remembered: readonly Remembered[];
  readonly duplicates: number;
  readonly incidents: readonly string[];
}

interface Situation {
  /** The open incidents of the family. */
  readonly open: readonly IncidentState[];
  lastEnd(fingerprint: string): KnownEnd | undefined;
  newId(): string;
}

interface Draft {
  readonly fired: AlertRecord[];
  readonly refired: AlertRecord[];
  readonly resolved: AlertEnd[];
  overflow: number;
}

export function decideGroup(part: GroupPart, situation: Situation): Outcome {
  const drafts = new Map<IncidentState, Draft>();
  const openings = new Map<string | null, AlertRecord[]>();
  const remembered: Remembered[] = [];
  const incidents = new Set<string>();
  let duplicates = 0;
  for (const entry of part.entries) {
    const home = homeOf(situation.open, entry);
    const known = home?.alerts.get(entry.alert.fingerprint);
    const end = situation.lastEnd(entry.alert.fingerprint);
    if (home !== undefined) incidents.add(home.id);
    else if (typeof end?.incident === 'string') incidents.add(end.incident);
    const verdict = entry.alert.status === 'firing' ? judgeFiring(entry.alert, known, end) : judgeResolved(entry.alert, known, end);
    if (verdict === 'remember') remembered.push({ target: part.target, fingerprint: entry.alert.fingerprint, staleBefore: endOf(entry.alert) });
    if (verdict === 'nothing' || verdict === 'remember') duplicates += 1;
    else if (home === undefined) pushTo(openings, entry.runbook, recordOf(entry.alert));
    else place(draftOf(drafts, home), home, entry.alert, verdict);
  }
  const opened = [...openings].map(([runbook, alerts]) => opening(part, situation.newId(), runbook, alerts));
  for (const change of opened) incidents.add(change.incident);
  const news = remembered.length > 0 || [...drafts.values()].some((draft) => draft.resolved.length > 0);
  const changes = situation.open.map((state) => ({ incident: state.id, events: eventsOf(part, state, drafts.get(state), news) }));
  return { changes: [...changes.filter((change) => change.events.length > 0), ...opened], remembered, duplicates, incidents: [...incidents] };
}

type Verdict = 'nothing' | 'remember' | 'fire' | 'refire' | 'resolve';

/**
 * An alert stays with the incident that already has it, even when a reloaded runbook now claims it: otherwise every
 * change of a trigger would open a second incident for the same problem and leave the first without its resolve.
 */
function homeOf(open: readonly IncidentState[], entry: Entry): IncidentState | undefined {
  const holders = open.filter((state) => state.alerts.has(entry.alert.fingerprint));
  return holders.find((state) => state.alerts.get(entry.alert.fingerprint)?.firing === true) ?? holders[0] ?? open.find((state) => state.runbook === entry.runbook);
}

function judgeFiring(alert: NotifiedAlert, known: TrackedAlert | undefined, end: KnownEnd | undefined): Verdict {
  if (known?.firing === true) return 'nothing';
  if (end !== undefined && alert.startsAt < end.staleBefore) return 'nothing';
  return known === undefined ? 'fire' : 'refire';
}

/** A late copy of an earlier resolve must not end an alert that has fired again since. */
function judgeResolved(alert: NotifiedAlert, known: TrackedAlert | undefined, end: KnownEnd | undefined): Verdict {
  const endsAt = endOf(alert);
  if (end !== undefined && endsAt <= end.staleBefore) return 'nothing';
  if (known?.firing === true) return endsAt < known.startsAt ? 'nothing' : 'resolve';
  return 'remember';
}

/** The schema of notifications asks for an end of every resolved alert; its start is the least that can be said. */
function endOf(alert: NotifiedAlert): number {
  return alert.endsAt ?? alert.startsAt;
}

function place(draft: Draft, home: IncidentState, alert: NotifiedAlert, verdict: 'fire' | 'refire' | 'resolve'): void {
  if (verdict === 'resolve') draft.resolved.push({ fingerprint: alert.fingerprint, endsAt: endOf(alert), staleBefore: endOf(alert) });
  else if (verdict === 'refire') draft.refired.push(recordOf(alert));
  else if (home.alerts.size + draft.fired.length < ALERTS_PER_INCIDENT_MAX) draft.fired.push(recordOf(alert));
  else draft.overflow += 1;
}

function eventsOf(part: GroupPart, state: IncidentState, draft: Draft | undefined, news: boolean): readonly IncidentEvent[] {
  const events: IncidentEvent[] = [];
  if (draft !== undefined && draft.fired.length > 0) events.push({ type: 'AlertsFired', data: { alerts: draft.fired } });
  if (draft !== undefined && draft.refired.length > 0) events.push({ type: 'AlertsRefired', data: { alerts: draft.refired } });
  if (draft !== undefined && draft.resolved.length > 0) events.push({ type: 'AlertsResolved', data: { alerts: draft.resolved, learnt: 'notification' } });
  const hidden = part.truncatedAlerts + (draft?.overflow ?? 0);
  if (hidden > 0) {
    if (hidden !== state.hidden) events.push({ type: 'GroupTruncated', data: { hidden } });
  } else if (showsWhole(part, state, draft, news)) {
    events.push({ type: 'GroupShownWhole', data: { learnt: 'notification' } });
  }
  return events;
}

/**
 * A notification that is not truncated, in which nothing fires, lifts the doubt about hidden alerts. It must tell of an end that was not
 * known before (a slow peer's copy of an older one proves nothing), and nothing that is known may still fire after it.
 */
function showsWhole(part: GroupPart, state: IncidentState, draft: Draft | undefined, news: boolean): boolean {
  return state.hidden > 0 && part.allResolved && news && state.firing === (draft?.resolved.length ?? 0);
}

function opening(part: GroupPart, id: string, runbook: string | null, alerts: readonly AlertRecord[]): Change {
  const kept = alerts.slice(0, ALERTS_PER_INCIDENT_MAX);
  const hidden = part.truncatedAlerts + alerts.length - kept.length;
  const data = { incidentId: id, family: part.family, target: part.target, runbook, groupLabels: part.groupLabels, alerts: kept, hidden };
  return { incident: id, events: [{ type: 'IncidentOpened', data }] };
}

function recordOf(alert: NotifiedAlert): AlertRecord {
  const { fingerprint, labels, annotations, startsAt, generatorURL } = alert;
  return { fingerprint, labels, annotations, startsAt, generatorURL };
}

function draftOf(drafts: Map<IncidentState, Draft>, state: IncidentState): Draft {
  const draft = drafts.get(state) ?? { fired: [], refired: [], resolved: [], overflow: 0 };
  drafts.set(state, draft);
  return draft;
}

function pushTo(lists: Map<string | null, AlertRecord[]>, key: string | null, record: AlertRecord): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [record]);
  else list.push(record);
}

/** A person's close. Alerts that still fire end with it: their repeats are stale until they start anew. */
export function decideClose(state: IncidentState, by: string, because: string, now: number): IncidentEvent {
  const ends = [...state.alerts.values()].filter((alert) => alert.firing).map(({ fingerprint }) => ({ fingerprint, endsAt: now, staleBefore: now }));
  return { type: 'IncidentClosed', data: { by, because, ends } };
}

export function decideSelfClose(state: IncidentState, because: string): readonly IncidentEvent[] {
  return isQuiet(state) ? [{ type: 'IncidentClosed', data: { by: 'bot', because, ends: [] } }] : [];
}

/**
 * Alertmanager has not listed the alert twice: its resolve was lost. The end is put right after the start, so that any later start
 * fires again whatever the clocks say, and only copies of the lost firing are stale.
 */
export function decideGone(state: IncidentState, gone: ReadonlyMap<string, { readonly startsAt: number; readonly absentSince: number }>): readonly IncidentEvent[] {
  const alerts: AlertEnd[] = [];
  for (const [fingerprint, { startsAt, absentSince }] of gone) {
    const known = state.alerts.get(fingerprint);
    if (known?.firing === true && known.startsAt === startsAt) alerts.push({ fingerprint, endsAt: Math.max(absentSince, startsAt), staleBefore: startsAt + 1 });
  }
  return alerts.length === 0 ? [] : [{ type: 'AlertsResolved', data: { alerts, learnt: 'poll' } }];
}
