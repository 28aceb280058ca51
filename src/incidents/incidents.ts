/**
 * Incidents: one per problem. Alertmanager delivers at least once, from several peers, late and cut short; here that becomes
 * exactly one incident with exactly one run, open until it is really over. DESIGN section 2.
 */
import type { IncidentView } from '#engine/model/views.ts';
import type { Journal } from '#engine/ports.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Ids } from '#kernel/ids.ts';
import type { Log } from '#kernel/log.ts';
import type { Answer, Notification, NotificationReceipt } from '#operations/operations.ts';
import { closeByPerson } from './closing.ts';
import { decideGone, decideGroup, type GroupPart, type Outcome } from './decide.ts';
import type { IncidentEvent } from './events.ts';
import { createFollowUp } from './follow-up.ts';
import { boundedEnds, partsOf, type Routing } from './intake.ts';
import { createLanes, type Decision } from './lanes.ts';
import { createLedger } from './ledger.ts';
import { createListing, type Listing } from './listing.ts';
import { createPoll, type Absent } from './poll.ts';
import type { AlertFeed, AlertmanagerApi, RunLink } from './ports.ts';
import type { IncidentState } from './state.ts';
import { createWorker } from './worker.ts';

export interface IncidentParts extends Routing {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly feed: AlertFeed;
  readonly api: AlertmanagerApi;
  readonly runs: RunLink;
}

export interface Incidents extends Listing {
  /** Durable when it resolves, also when it adds nothing. Rejects when the journal cannot store it. Works before `start`. */
  receive(notification: Notification): Promise<NotificationReceipt>;
  /** By a person, with a reason. Alerts that still fire end with it. Rejects when the journal cannot store it. */
  close(principalId: string, incidentId: string, reason: string): Promise<Answer<IncidentView>>;
  /** Begins to start runs, to close what is over, and to compare with Alertmanager. Takes up what an earlier process left. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export function createIncidents(parts: IncidentParts): Incidents {
  const { journal, clock, ids, log, runs, feed } = parts;
  const ledger = createLedger(journal, log);
  const lanes = createLanes(ledger, clock, (atMs) => worker.dueAt(atMs));
  const stateOf = async (family: string, id: string): Promise<IncidentState | undefined> => {
    const { open } = ledger.cached(family) ?? (await ledger.load(family));
    return (open.find(({ state }) => state.id === id) ?? (await ledger.incident(id)))?.state;
  };
  const followUp = createFollowUp({ clock, log, lanes, feed, runs, stateOf: ({ key, id }) => stateOf(key ?? '', id) });
  const worker = createWorker({ journal, clock, log, step: followUp });
  const targets = parts.targets.map(({ name }) => name);
  const poll = createPoll({ journal, clock, log, targets, api: parts.api, stateOf: ({ family }, id) => stateOf(family, id), gone });

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

  return {
    ...createListing(journal, ledger),
    async receive(notification) {
      const outcomes = await Promise.all(partsOf(boundedEnds(notification, clock.now()), parts).map(receivePart));
      return {
        accepted: notification.alerts.length,
        duplicates: outcomes.reduce((sum, { duplicates }) => sum + duplicates, 0),
        incidents: [...new Set(outcomes.flatMap(({ incidents }) => incidents))],
      };
    },
    close: (principalId, incidentId, reason) => closeByPerson({ ledger, lanes, runs }, principalId, incidentId, reason),
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
