/**
 * Incidents: one per problem. Alertmanager delivers at least once, from several peers, late and cut short; here that becomes
 * exactly one incident with exactly one run, open until it is really over. DESIGN section 2.
 */
import type { IndexEntry, Journal } from '#engine/ports.ts';
import type { IncidentView } from '#engine/model/views.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Ids } from '#kernel/ids.ts';
import type { Log } from '#kernel/log.ts';
import type { Answer, Notification, NotificationReceipt, Page, PageQuery, ProblemCode } from '#operations/operations.ts';
import { decideClose, decideGone, decideGroup, type GroupPart, type Outcome } from './decide.ts';
import type { IncidentEvent } from './events.ts';
import { createFollowUp } from './follow-up.ts';
import { partsOf, type Routing } from './intake.ts';
import { createLanes, type Decision } from './lanes.ts';
import { createLedger } from './ledger.ts';
import { createPoll, type Absent } from './poll.ts';
import type { AlertFeed, AlertmanagerApi, RunLink } from './ports.ts';
import { factsOf, type IncidentState } from './state.ts';
import { viewOf } from './view.ts';
import { createWorker } from './worker.ts';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;
const REASON_MAX = 2_000;

export interface IncidentParts extends Routing {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly feed: AlertFeed;
  readonly api: AlertmanagerApi;
  readonly runs: RunLink;
}

export interface IncidentQuery extends PageQuery {
  readonly status?: 'open' | 'closed';
}

export interface Incidents {
  /** Durable when it resolves, also when it adds nothing. Rejects when the journal cannot store it. Works before `start`. */
  receive(notification: Notification): Promise<NotificationReceipt>;
  /** By a person, with a reason. Alerts that still fire end with it. Rejects when the journal cannot store it. */
  close(principalId: string, incidentId: string, reason: string): Promise<Answer<IncidentView>>;
  view(id: string): Promise<IncidentView | undefined>;
  /** Newest first. */
  list(query: IncidentQuery): Promise<Page<IncidentView>>;
  /** Begins to start runs, to close what is over, and to compare with Alertmanager. Takes up what an earlier process left. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createIncidents(parts: IncidentParts): Incidents {
  const { journal, clock, ids, log, runs, feed } = parts;
  const ledger = createLedger(journal, log);
  const lanes = createLanes(ledger, clock, (atMs) => worker.dueAt(atMs));
  const stateById = async (id: string): Promise<IncidentState | undefined> => (await ledger.incident(id))?.state;
  const stateOf = async (family: string, id: string): Promise<IncidentState | undefined> =>
    (ledger.cached(family) ?? (await ledger.load(family))).open.find(({ state }) => state.id === id)?.state ?? stateById(id);
  const followUp = createFollowUp({ clock, log, lanes, feed, runs, stateOf: (row: IndexEntry) => stateOf(row.key ?? '', row.id) });
  const worker = createWorker({ journal, clock, log, step: followUp });
  const poll = createPoll({ journal, clock, log, targets: parts.targets.map(({ name }) => name), api: parts.api, stateOf: ({ family }, id) => stateOf(family, id), gone });

  function receivePart(part: GroupPart): Promise<Outcome> {
    return lanes.submit(part.family, {
      target: part.target,
      fingerprints: part.entries.map(({ alert }) => alert.fingerprint),
      decide: ({ open, lastEnd }): Decision<Outcome> => {
        const outcome = decideGroup(part, { open, lastEnd, newId: () => ids.next('inc') });
        return { actor: 'alertmanager', changes: outcome.changes, remembered: outcome.remembered, value: outcome };
      },
    });
  }

  async function receive(notification: Notification): Promise<NotificationReceipt> {
    const outcomes = await Promise.all(partsOf(notification, parts).map(receivePart));
    return {
      accepted: notification.alerts.length,
      duplicates: outcomes.reduce((sum, { duplicates }) => sum + duplicates, 0),
      incidents: [...new Set(outcomes.flatMap(({ incidents }) => incidents))],
    };
  }

  async function gone(state: IncidentState, alerts: ReadonlyMap<string, Absent>, whole: boolean): Promise<void> {
    await lanes.submit(state.family, {
      target: state.target,
      fingerprints: [...alerts.keys()],
      incident: state.id,
      decide: ({ named }): Decision<undefined> => {
        const open = named !== undefined && named.closed === null;
        const events: IncidentEvent[] = open ? [...decideGone(named, alerts)] : [];
        if (open && whole && named.hidden > 0) events.push({ type: 'GroupShownWhole', data: { learnt: 'poll' } });
        return { actor: 'bot', changes: [{ incident: state.id, events }], remembered: [], value: undefined };
      },
    });
  }

  async function close(principalId: string, incidentId: string, reason: string): Promise<Answer<IncidentView>> {
    const because = reason.trim();
    if (because === '' || because.length > REASON_MAX) return problem('invalid', `A reason of 1 to ${REASON_MAX} characters is needed.`, 'reason');
    const found = await stateById(incidentId);
    if (found === undefined) return problem('not-found', `There is no incident ${incidentId}.`);
    const closed = await lanes.submit(found.family, {
      target: found.target,
      fingerprints: [...found.alerts.keys()],
      incident: incidentId,
      before: (open) => tellBeforeClose(open, incidentId),
      decide: ({ named, now }): Decision<boolean> => {
        const open = named !== undefined && named.closed === null;
        const changes = open ? [{ incident: incidentId, events: [decideClose(named, principalId, because, now)] }] : [];
        return { actor: principalId, changes, remembered: [], value: open };
      },
    });
    const view = await viewById(incidentId);
    return closed && view !== undefined ? { ok: true, value: view } : problem('not-open', `Incident ${incidentId} is closed.`);
  }

  /** Nothing is done for a closed incident any more, so what its runs still wait to hear is said first. */
  async function tellBeforeClose(open: readonly IncidentState[], id: string): Promise<void> {
    const state = open.find((one) => one.id === id);
    if (state === undefined || state.toTellSince === null) return;
    for (const run of state.runs) await runs.alertChanged(run, factsOf(state));
  }

  async function viewById(id: string): Promise<IncidentView | undefined> {
    const state = await stateById(id);
    return state === undefined ? undefined : viewOf(state);
  }

  async function list(query: IncidentQuery): Promise<Page<IncidentView>> {
    const limit = Math.min(PAGE_MAX, Math.max(1, query.limit ?? PAGE_DEFAULT));
    const rows = await journal.query({
      kind: 'incident',
      limit: limit + 1,
      ...(query.status === undefined ? {} : { open: query.status === 'open' }),
      ...(query.cursor === undefined ? {} : { before: query.cursor }),
    });
    const page = rows.slice(0, limit);
    const views = await Promise.all(page.map(({ id }) => viewById(id)));
    return { items: views.filter((view) => view !== undefined), nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  return {
    receive,
    close,
    view: viewById,
    list,
    async start() {
      await ledger.survey();
      worker.start();
      poll.start();
    },
    async stop() {
      await Promise.all([worker.stop(), poll.stop()]);
    },
  };
}

function problem(code: ProblemCode, message: string, field?: string): { readonly ok: false; readonly problem: { code: ProblemCode; message: string; field?: string } } {
  return { ok: false, problem: field === undefined ? { code, message } : { code, message, field } };
}
