/** Incidents over a memory journal and virtual time, with a run link, an exporter and an Alertmanager that a test sets. */
import type { Journal } from '#engine/ports.ts';
import type { AlertFacts } from '#engine/model/events.ts';
import { createIncidents, type Incidents, type IncidentParts } from '#incidents/incidents.ts';
import type { AlertFeed, AlertmanagerApi, IncidentForRun, RunLink } from '#incidents/ports.ts';
import { createMemoryJournal } from '#journal/memory.ts';
import { succeed } from '#kernel/failure.ts';
import { silentLog } from '#kernel/log.ts';
import { createVirtualClock, settle, type VirtualClock } from './clock.ts';
import { createTestIds } from './ids.ts';

export interface FakeRuns extends RunLink {
  /** One a call, also when it is repeated. */
  readonly asked: IncidentForRun[];
  /** By incident: the run that was started. */
  readonly started: ReadonlyMap<string, string>;
  readonly told: { readonly runId: string; readonly alert: AlertFacts }[];
  refuse: boolean;
}

export function createFakeRuns(): FakeRuns {
  const started = new Map<string, string>();
  const runs: FakeRuns = {
    asked: [],
    told: [],
    started,
    refuse: false,
    async ensureRun(incident) {
      runs.asked.push(incident);
      if (runs.refuse) return undefined;
      const id = started.get(incident.id) ?? `run_${started.size + 1}`;
      started.set(incident.id, id);
      return id;
    },
    async alertChanged(runId, alert) {
      runs.told.push({ runId, alert });
    },
  };
  return runs;
}

export interface IncidentRig {
  readonly clock: VirtualClock;
  readonly journal: Journal;
  readonly runs: FakeRuns;
  readonly incidents: Incidents;
}

/** No alert is fed by the bot. */
export const NO_FEED: AlertFeed = { feeds: () => false, reread: async () => 'not-ours' };
/** No target has an Alertmanager to ask. */
export const NO_API: AlertmanagerApi = { active: () => undefined };

export function apiOf(active: () => { readonly alerts: Readonly<Record<string, Record<string, string>>>; readonly uptimeMs?: number }): AlertmanagerApi {
  return {
    active: async () => {
      const { alerts, uptimeMs = 3_600_000 } = active();
      return succeed({ alerts: new Map(Object.entries(alerts)), uptimeMs });
    },
  };
}

/** Unless told: one target `prod` for every alert, and the runbook `dlq-overflow` for every alert that has a name. */
export function createIncidentRig(options: Partial<Omit<IncidentParts, 'clock' | 'runs'>> & { clock?: VirtualClock; runs?: FakeRuns } = {}): IncidentRig {
  const clock = options.clock ?? createVirtualClock();
  const journal = options.journal ?? createMemoryJournal({ clock });
  const runs = options.runs ?? createFakeRuns();
  const incidents = createIncidents({
    ids: createTestIds(clock),
    log: silentLog,
    targets: [{ name: 'prod', match: {} }],
    runbookFor: (labels) => (Object.hasOwn(labels, 'alertname') ? 'dlq-overflow' : undefined),
    feed: NO_FEED,
    api: NO_API,
    ...options,
    clock,
    journal,
    runs,
  });
  return { clock, journal, runs, incidents };
}

/** Lets everything happen that can happen without time moving on. */
export async function quiesce(turns = 12): Promise<void> {
  await settle(turns);
}
