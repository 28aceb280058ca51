/**
 * Resolves can be lost: Alertmanager restarts without its data, a silence hides the end, the bot is down for too long. So open
 * incidents are compared with what Alertmanager lists. An alert that is absent twice, a minute apart, is over.
 */
import type { IndexEntry, Journal } from '#engine/ports.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import { hasLabels } from '#kernel/labels.ts';
import type { ActiveAlerts, AlertmanagerApi } from './ports.ts';
import { incidentSummary, type IncidentSummary } from './rows.ts';
import type { IncidentState } from './state.ts';

export const POLL_EVERY_MS = 60_000;
/** Two looks at least this far apart must both miss it. */
const ABSENT_FOR_MS = 60_000;
/** A younger Alertmanager may not have heard of its alerts yet: Prometheus sends them again within minutes. */
const UPTIME_MIN_MS = 300_000;
const PAGE = 200;

export interface Absent {
  readonly startsAt: number;
  readonly absentSince: number;
}

export interface PollParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Log;
  readonly targets: readonly string[];
  readonly api: AlertmanagerApi;
  stateOf(summary: IncidentSummary, id: string): Promise<IncidentState | undefined>;
  /** These alerts have gone; `whole`: and nothing else of the incident's group is listed. */
  gone(state: IncidentState, alerts: ReadonlyMap<string, Absent>, whole: boolean): Promise<void>;
}

export interface Poll {
  start(): void;
  stop(): Promise<void>;
}

export function createPoll(parts: PollParts): Poll {
  const { clock, log } = parts;
  /** What is absent, by incident. Rebuilt at each poll, so it holds what is absent now and no more. */
  let marks: MarksOf = new Map();
  let cancelTimer = (): void => {};
  let running = false;
  let polling: Promise<void> = Promise.resolve();

  async function poll(): Promise<void> {
    const listed = await listedByTarget(parts);
    const next: MarksOf = new Map();
    if (listed.size > 0) await eachOpen(parts.journal, (row) => compare(parts, row, listed, { before: marks, next }));
    marks = next;
  }

  function tick(): void {
    polling = poll()
      .catch((error: unknown) => log.warn({ error }, 'open incidents could not be compared with Alertmanager; trying again'))
      .finally(() => {
        if (running) cancelTimer = clock.schedule(clock.now() + POLL_EVERY_MS, tick);
      });
  }

  return {
    start() {
      running = true;
      cancelTimer = clock.schedule(clock.now() + POLL_EVERY_MS, tick);
    },
    async stop() {
      running = false;
      cancelTimer();
      await polling;
    },
  };
}

/** Only what can be believed: an Alertmanager that cannot be asked, or has just started, says nothing about an absence. */
async function listedByTarget({ targets, api, log }: PollParts): Promise<ReadonlyMap<string, ActiveAlerts | 'unsure'>> {
  const out = new Map<string, ActiveAlerts | 'unsure'>();
  for (const target of targets) {
    const answer = await api.active(target);
    if (answer === undefined) continue;
    if (!answer.ok) {
      log.debug({ target, reason: answer.failure.reason }, 'Alertmanager could not be asked for its alerts');
      out.set(target, 'unsure');
    } else if (answer.value.uptimeMs >= UPTIME_MIN_MS) {
      out.set(target, answer.value);
    }
  }
  return out;
}

async function eachOpen(journal: Journal, visit: (row: IndexEntry) => Promise<void>): Promise<void> {
  let before: string | undefined;
  for (;;) {
    const rows = await journal.query({ kind: 'incident', open: true, limit: PAGE, ...(before === undefined ? {} : { before }) });
    for (const row of rows) await visit(row);
    before = rows.at(-1)?.id;
    if (rows.length < PAGE) return;
  }
}

/** By incident: since when an alert of it, or its whole group, is absent, ms since the epoch. */
type MarksOf = Map<string, Map<string, number>>;

interface Marks {
  readonly before: MarksOf;
  readonly next: MarksOf;
}

async function compare(parts: PollParts, row: IndexEntry, listed: ReadonlyMap<string, ActiveAlerts | 'unsure'>, marks: Marks): Promise<void> {
  const summary = incidentSummary.parse(row.summary);
  const active = listed.get(summary.target);
  if (active === undefined) return;
  if (active === 'unsure') return keepMarks(row.id, marks);
  if (summary.hidden === 0 && summary.fingerprints.length === summary.firing && summary.fingerprints.every((one) => active.alerts.has(one))) return;
  const state = await parts.stateOf(summary, row.id);
  if (state === undefined) return;
  const now = parts.clock.now();
  const gone = new Map<string, Absent>();
  for (const { fingerprint, startsAt, firing } of state.alerts.values()) {
    if (!firing || active.alerts.has(fingerprint)) continue;
    const since = mark(marks, state.id, `alert ${fingerprint} ${startsAt}`, now);
    if (now - since >= ABSENT_FOR_MS) gone.set(fingerprint, { startsAt, absentSince: since });
  }
  const whole = state.hidden > 0 && groupIsAbsent(state, active) && now - mark(marks, state.id, 'group', now) >= ABSENT_FOR_MS;
  if (gone.size > 0 || whole) await parts.gone(state, gone, whole);
}

function groupIsAbsent(state: IncidentState, active: ActiveAlerts): boolean {
  for (const labels of active.alerts.values()) if (hasLabels(labels, state.groupLabels)) return false;
  return true;
}

function mark(marks: Marks, incident: string, what: string, now: number): number {
  const since = marks.before.get(incident)?.get(what) ?? now;
  const next = marks.next.get(incident) ?? new Map<string, number>();
  marks.next.set(incident, next.set(what, since));
  return since;
}

/** A look that saw nothing neither confirms an absence nor ends it. */
function keepMarks(incident: string, marks: Marks): void {
  const before = marks.before.get(incident);
  if (before !== undefined) marks.next.set(incident, before);
}
