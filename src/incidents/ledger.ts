/**
 * What incidents keep in memory of the journal: the open incidents of a family and the newest end of a fingerprint. Both are
 * bounded, loaded when they are first asked for, changed only by what the journal has stored, and forgotten when in doubt.
 */
import type { Appended, Append, Journal, NewEvent, Recorded } from '#engine/ports.ts';
import type { Log } from '#kernel/log.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Remembered } from './decide.ts';
import type { IncidentEvent } from './events.ts';
import { createRecent } from './recent.ts';
import { alertId, alertStream, endRow, endSummary, incidentRow, incidentStream, type EndSummary } from './rows.ts';
import { evolve, type Folded, type IncidentState } from './state.ts';

/** Alerts of open incidents that are kept folded in memory, over all of them. */
const TRACKED_ALERTS_MAX = 50_000;
const KNOWN_ENDS_MAX = 50_000;
/** Open incidents of one family: one a runbook. More than this are not looked at. */
const FAMILY_MAX = 200;
/** Families of which it is known that they have open incidents. Beyond this, the journal is asked for each new one. */
const OPEN_FAMILIES_MAX = 100_000;
const PAGE = 200;

const NO_END: EndSummary = { staleBefore: Number.NEGATIVE_INFINITY, incident: null, version: 0 };

export interface Family {
  readonly key: string;
  readonly open: readonly Folded[];
}

/** Events to be stored for one incident. `before` undefined: they open it. `after` is the fold over them, all dated `at`. */
export interface Write {
  readonly at: number;
  readonly before: Folded | undefined;
  readonly after: IncidentState;
  readonly events: readonly { readonly actor: string; readonly event: IncidentEvent }[];
}

export type Ends = ReadonlyMap<string, EndSummary>;

export interface Ledger {
  /** Learns which families have open incidents, so that the first alert of a new one need not ask. The journal must have no other writer. */
  survey(): Promise<void>;
  cached(family: string): Family | undefined;
  load(family: string): Promise<Family>;
  /** Folded from the journal, open or closed. */
  incident(id: string): Promise<Folded | undefined>;
  /** Ends by fingerprint, when all of them are in memory. */
  cachedEnds(target: string, fingerprints: readonly string[]): Ends | undefined;
  loadEnds(target: string, fingerprints: readonly string[]): Promise<Ends>;
  /** Resolves when all of it is durable. A conflict means that nothing may be concluded: load and decide again. Rejects when it cannot be stored. */
  store(family: Family, writes: readonly Write[], remembered: readonly Remembered[], ends: Ends): Promise<'stored' | 'conflict'>;
}

export function createLedger(journal: Journal, log: Log): Ledger {
  const families = createRecent<Family>(TRACKED_ALERTS_MAX);
  const ends = createRecent<EndSummary>(KNOWN_ENDS_MAX);
  /** Every family with an open incident, and perhaps some without. Undefined: not known. */
  let surveyed: Set<string> | undefined;
  let surveying: Set<string> | undefined;
  const endKey = (target: string, fingerprint: string): string => `${target}\n${fingerprint}`;

  async function incident(id: string): Promise<Folded | undefined> {
    return fold(await journal.read(incidentStream(id)));
  }

  async function end(target: string, fingerprint: string): Promise<EndSummary> {
    const row = await journal.find('alert', alertId(target, fingerprint));
    const known = row === undefined ? NO_END : endSummary.parse(row.summary);
    ends.set(endKey(target, fingerprint), known);
    return known;
  }

  function keep(family: Family): void {
    families.set(family.key, family, 1 + family.open.reduce((sum, { state }) => sum + state.alerts.size, 0));
  }

  function settle(family: Family, writes: readonly Write[]): void {
    const open = new Map(family.open.map((folded) => [folded.state.id, folded]));
    for (const { before, after, events } of writes) {
      if (after.closed !== null) open.delete(after.id);
      else open.set(after.id, { state: after, version: (before?.version ?? 0) + events.length });
    }
    if (open.size > 0) noteOpen(family.key);
    else surveyed?.delete(family.key);
    keep({ key: family.key, open: [...open.values()] });
  }

  function noteOpen(family: string): void {
    surveying?.add(family);
    surveyed?.add(family);
    if (surveyed !== undefined && surveyed.size > OPEN_FAMILIES_MAX) surveyed = undefined;
  }

  async function survey(): Promise<void> {
    const found = (surveying = new Set<string>());
    let before: string | undefined;
    for (;;) {
      const rows = await journal.query({ kind: 'incident', open: true, limit: PAGE, ...(before === undefined ? {} : { before }) });
      for (const { key } of rows) if (key !== undefined) found.add(key);
      before = rows.at(-1)?.id;
      if (rows.length < PAGE || found.size > OPEN_FAMILIES_MAX) break;
    }
    if (found.size <= OPEN_FAMILIES_MAX) surveyed = found;
    surveying = undefined;
  }

  return {
    survey,
    cached: (key) => families.get(key) ?? (surveyed?.has(key) === false ? { key, open: [] } : undefined),
    incident,
    async load(key) {
      const rows = await journal.query({ kind: 'incident', key, open: true, limit: FAMILY_MAX });
      const open = (await Promise.all(rows.map((row) => incident(row.id)))).filter((folded) => folded !== undefined && folded.state.closed === null) as Folded[];
      const family = { key, open: open.toSorted((a, b) => (a.state.id < b.state.id ? -1 : 1)) };
      keep(family);
      return family;
    },
    cachedEnds(target, fingerprints) {
      const out = new Map<string, EndSummary>();
      for (const fingerprint of fingerprints) {
        const known = ends.get(endKey(target, fingerprint));
        if (known === undefined) return undefined;
        out.set(fingerprint, known);
      }
      return out;
    },
    async loadEnds(target, fingerprints) {
      const known = await Promise.all(fingerprints.map((fingerprint) => ends.get(endKey(target, fingerprint)) ?? end(target, fingerprint)));
      return new Map(fingerprints.map((fingerprint, i) => [fingerprint, known[i] ?? NO_END]));
    },
    async store(family, writes, remembered, known) {
      const newEnds = new Map<string, { readonly target: string; readonly fingerprint: string; readonly end: EndSummary }>();
      const appends = [...writes.map((write) => incidentAppend(write, known, newEnds)), ...remembered.map((one) => endAppend(one, known, newEnds))];
      const outcomes = await Promise.allSettled(appends.map((append) => journal.append(append)));
      const forget = (): void => {
        families.delete(family.key);
        noteOpen(family.key);
        for (const { target, fingerprint } of newEnds.values()) ends.delete(endKey(target, fingerprint));
      };
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) {
        forget();
        throw failed.reason;
      }
      const appended = outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Appended>).value);
      if (appended.some((one) => !one.ok)) {
        log.warn({ family: family.key }, 'another writer changed an incident; deciding again on what it wrote');
        forget();
        remembered.forEach((one, i) => {
          const answer = appended[writes.length + i];
          const before = known.get(one.fingerprint) ?? NO_END;
          if (answer?.ok === false) ends.set(endKey(one.target, one.fingerprint), { ...before, version: answer.actualVersion });
        });
        return 'conflict';
      }
      settle(family, writes);
      for (const { target, fingerprint, end: newest } of newEnds.values()) ends.set(endKey(target, fingerprint), newest);
      return 'stored';
    },
  };
}

type NewEnds = Map<string, { readonly target: string; readonly fingerprint: string; readonly end: EndSummary }>;

function incidentAppend(write: Write, known: Ends, newEnds: NewEnds): Append {
  const { after } = write;
  const stream = incidentStream(after.id);
  const index = [incidentRow(after)];
  for (const { event } of write.events) {
    const told = event.type === 'AlertsResolved' ? event.data.alerts : event.type === 'IncidentClosed' ? event.data.ends : [];
    for (const { fingerprint, staleBefore } of told) {
      const before = newEnds.get(fingerprint)?.end ?? known.get(fingerprint) ?? NO_END;
      const end = { staleBefore: Math.max(before.staleBefore, staleBefore), incident: after.id, version: before.version };
      newEnds.set(fingerprint, { target: after.target, fingerprint, end });
    }
  }
  for (const { target, fingerprint, end } of newEnds.values()) if (end.incident === after.id) index.push(endRow(target, fingerprint, stream, end));
  return { stream, at: write.at, expectedVersion: write.before?.version ?? 0, events: write.events.map(({ actor, event }) => newEvent(actor, event)), index };
}

function endAppend(one: Remembered, known: Ends, newEnds: NewEnds): Append {
  const { target, fingerprint, staleBefore } = one;
  const before = newEnds.get(fingerprint)?.end ?? known.get(fingerprint) ?? NO_END;
  const end = { staleBefore: Math.max(before.staleBefore, staleBefore), incident: before.incident, version: before.version + 1 };
  newEnds.set(fingerprint, { target, fingerprint, end });
  const stream = alertStream(target, fingerprint);
  const events = [newEvent('alertmanager', { type: 'AlertEndRemembered', data: { target, fingerprint, staleBefore } })];
  return { stream, expectedVersion: before.version, events, index: [endRow(target, fingerprint, stream, end)] };
}

function newEvent(actor: string, event: { readonly type: string; readonly data: JsonObject }): NewEvent {
  return { type: event.type, actor, data: event.data };
}

function fold(events: readonly Recorded[]): Folded | undefined {
  let state: IncidentState | undefined;
  for (const event of events) state = evolve(state, event);
  return state === undefined ? undefined : { state, version: events.length };
}
