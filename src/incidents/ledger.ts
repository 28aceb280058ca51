/**
 * What incidents keep in memory of the journal: the open incidents of a family and the newest end of a fingerprint. Both are
 * bounded, loaded when they are first asked for, changed only by what the journal has stored, and forgotten when in doubt.
 */
import type { Appended, Append, Journal, NewEvent, Recorded } from '#engine/ports.ts';
import type { Log } from '#kernel/log.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { Remembered } from './decide.ts';
import type { IncidentEvent } from './events.ts';
import { createKnownEnds, NO_END, type Ends, type KnownEnds } from './known-ends.ts';
import { createOpenFamilies } from './open-families.ts';
import { createRecent } from './recent.ts';
import { alertStream, endRow, incidentRow, incidentStream, type EndSummary } from './rows.ts';
import { endsIn, evolve, type Folded, type IncidentState } from './state.ts';

/** Alerts of open incidents that are kept folded in memory, over all of them. */
const TRACKED_ALERTS_MAX = 50_000;
/** Open incidents of one family: one a runbook. More than this are not looked at. */
const FAMILY_MAX = 200;

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

export interface Ledger {
  /** Learns which families have open incidents and which alerts have ended, so that a new alert need not ask. The journal must have no other writer. */
  survey(): Promise<void>;
  cached(family: string): Family | undefined;
  load(family: string): Promise<Family>;
  /** Folded from the journal, open or closed. */
  incident(id: string): Promise<Folded | undefined>;
  readonly ends: Pick<KnownEnds, 'cached' | 'load'>;
  /** Resolves when all of it is durable. A conflict means that nothing may be concluded: load and decide again. Rejects when it cannot be stored. */
  store(family: Family, writes: readonly Write[], remembered: readonly Remembered[], ends: Ends): Promise<'stored' | 'conflict'>;
}

export function createLedger(journal: Journal, log: Log): Ledger {
  const families = createRecent<Family>(TRACKED_ALERTS_MAX);
  const openFamilies = createOpenFamilies(journal);
  const ends = createKnownEnds(journal);

  async function incident(id: string): Promise<Folded | undefined> {
    return fold(await journal.read(incidentStream(id)));
  }

  function keep(family: Family): Family {
    families.set(family.key, family, 1 + family.open.reduce((sum, { state }) => sum + state.alerts.size, 0));
    return family;
  }

  function settle(family: Family, writes: readonly Write[], newEnds: NewEnds): void {
    const open = new Map(family.open.map((folded) => [folded.state.id, folded]));
    for (const { before, after, events } of writes) {
      if (after.closed !== null) open.delete(after.id);
      else open.set(after.id, { state: after, version: (before?.version ?? 0) + events.length });
    }
    if (open.size > 0) openFamilies.opened(family.key);
    else openFamilies.emptied(family.key);
    keep({ key: family.key, open: [...open.values()] });
    for (const { target, fingerprint, end } of newEnds.values()) ends.set(target, fingerprint, end);
  }

  /** Nobody knows what of it was stored: the journal is asked next time. */
  function forget(family: Family, newEnds: NewEnds): void {
    families.delete(family.key);
    openFamilies.opened(family.key);
    for (const { target, fingerprint } of newEnds.values()) ends.forget(target, fingerprint);
  }

  return {
    async survey() {
      await Promise.all([openFamilies.survey(), ends.survey()]);
    },
    cached: (key) => families.get(key) ?? (openFamilies.isQuiet(key) ? { key, open: [] } : undefined),
    incident,
    ends,
    async load(key) {
      const rows = await journal.query({ kind: 'incident', key, open: true, limit: FAMILY_MAX });
      const open = (await Promise.all(rows.map(({ id }) => incident(id)))).filter((folded) => folded !== undefined && folded.state.closed === null) as Folded[];
      return keep({ key, open: open.toSorted((a, b) => (a.state.id < b.state.id ? -1 : 1)) });
    },
    async store(family, writes, remembered, known) {
      const newEnds: NewEnds = new Map();
      const appends = [...writes.map((write) => incidentAppend(write, known, newEnds)), ...remembered.map((one) => endAppend(one, known, newEnds))];
      const outcomes = await Promise.allSettled(appends.map((append) => journal.append(append)));
      const failed = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failed !== undefined) {
        forget(family, newEnds);
        throw failed.reason;
      }
      const appended = outcomes.map((outcome) => (outcome as PromiseFulfilledResult<Appended>).value);
      if (appended.every(({ ok }) => ok)) {
        settle(family, writes, newEnds);
        return 'stored';
      }
      log.warn({ family: family.key }, 'another writer changed an incident; deciding again on what it wrote');
      forget(family, newEnds);
      remembered.forEach(({ target, fingerprint }, i) => {
        const answer = appended[writes.length + i];
        if (answer?.ok === false) ends.set(target, fingerprint, { ...(known.get(fingerprint) ?? NO_END), version: answer.actualVersion });
      });
      return 'conflict';
    },
  };
}

type NewEnds = Map<string, { readonly target: string; readonly fingerprint: string; readonly end: EndSummary }>;

function incidentAppend(write: Write, known: Ends, newEnds: NewEnds): Append {
  const { after } = write;
  const stream = incidentStream(after.id);
  const index = [incidentRow(after)];
  for (const { event } of write.events) {
    for (const { fingerprint, staleBefore } of endsIn(event)) {
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
