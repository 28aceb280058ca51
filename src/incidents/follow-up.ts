/** The one next thing of an incident, after its webhook was answered: see `nextWork`. */
import type { IndexEntry } from '#engine/ports.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import { decideSelfClose } from './decide.ts';
import type { IncidentEvent } from './events.ts';
import type { Lanes } from './lanes.ts';
import type { AlertFeed, RunLink } from './ports.ts';
import { factsOf, isQuiet, nextWork, type IncidentState, type Retry } from './state.ts';
import { alertViewOf } from './view.ts';

/** A thing that did not go through is tried again after this long, and then after twice as long, up to the longest. */
const RETRY_MS = 30_000;
const RETRY_MAX_MS = 300_000;

export interface FollowUpParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly lanes: Lanes;
  readonly feed: AlertFeed;
  readonly runs: RunLink;
  stateOf(row: IndexEntry): Promise<IncidentState | undefined>;
}

export function createFollowUp(parts: FollowUpParts): (row: IndexEntry) => Promise<'worked' | 'idle'> {
  const { clock, lanes, log, runs } = parts;

  function note(state: IncidentState, decide: (now: IncidentState) => readonly IncidentEvent[], before?: (now: IncidentState) => Promise<void>): Promise<void> {
    return lanes.submit(state.family, {
      target: state.target,
      fingerprints: [],
      incident: state.id,
      ...(before === undefined ? {} : { before: (open) => beforeOf(open, state.id, before) }),
      decide: ({ named }) => ({
        actor: 'bot',
        changes: named === undefined ? [] : [{ incident: state.id, events: decide(named) }],
        remembered: [],
        value: undefined,
      }),
    });
  }

  async function startRun(state: IncidentState, runbook: string): Promise<void> {
    const retryAt = Math.trunc(clock.now()) + pauseAfter(state.runRefused);
    let event: IncidentEvent;
    try {
      const runId = await runs.ensureRun({ id: state.id, target: state.target, runbook, alert: factsOf(state) });
      event = runId === undefined ? refused(`runbook ${runbook} is not to be had now.`, retryAt) : { type: 'RunLinked', data: { runId } };
    } catch (error) {
      log.error({ incident: state.id, runbook, error }, 'the run of an incident could not be started');
      event = refused('it could not be stored, or the runbook failed to start.', retryAt);
    }
    await note(state, (now) => (event.type === 'RunLinked' || (now.closed === null && now.runs.length === 0) ? [event] : []));
  }

  async function tellRun(state: IncidentState): Promise<void> {
    const facts = factsOf(state);
    for (const run of state.runs) {
      await runs.alertChanged(run, facts);
      await note(state, () => [{ type: 'RunTold', data: { runId: run, firing: facts.firing } }]);
    }
  }

  async function close(state: IncidentState): Promise<void> {
    const say = await objection(parts, state);
    if (say !== undefined) {
      const retryAt = Math.trunc(clock.now()) + pauseAfter(state.held);
      return note(state, (now) => (isQuiet(now) ? [{ type: 'CloseHeld', data: { say, retryAt } }] : []));
    }
    // It may have fired and resolved again while the bot looked: then what it saw is too old to close on.
    const same = (now: IncidentState): boolean => isQuiet(now) && now.refires === state.refires && now.alerts.size === state.alerts.size;
    const tellFirst = async (now: IncidentState): Promise<void> => {
      if (same(now)) for (const run of now.runs) await runs.alertChanged(run, factsOf(now));
    };
    await note(state, (now) => (same(now) ? decideSelfClose(now, closedBecause(now)) : []), tellFirst);
  }

  return async (row) => {
    const state = await parts.stateOf(row);
    const next = state === undefined ? undefined : nextWork(state);
    if (state === undefined || next === undefined || next.dueAt > clock.now()) return 'idle';
    if (next.work === 'start-run' && state.runbook !== null) await startRun(state, state.runbook);
    else await (next.work === 'tell-run' ? tellRun(state) : close(state));
    return 'worked';
  };
}

/** Asks the bot's own eyes where the bot feeds the alert. Undefined: nothing speaks against closing. */
async function objection({ feed, log }: FollowUpParts, state: IncidentState): Promise<string | undefined> {
  for (const alert of [...state.alerts.values()].map(alertViewOf)) {
    if (!feed.feeds(state.target, alert)) continue;
    const answer = await feed.reread(state.target, alert).catch((error: unknown) => {
      log.error({ incident: state.id, error }, 'an alert could not be read again');
      return { seen: false, because: 'looking again failed unexpectedly' } as const;
    });
    if (answer === 'not-ours') continue;
    if (!answer.seen) return `Alertmanager says resolved, but the bot cannot see whether it is over: ${answer.because.replace(/\.+$/, '')}.`;
    if (answer.stillHolds === true) return `Alertmanager says resolved, but ${answer.say}.`;
  }
  return undefined;
}

async function beforeOf(open: readonly IncidentState[], id: string, before: (now: IncidentState) => Promise<void>): Promise<void> {
  const now = open.find((state) => state.id === id);
  if (now !== undefined) await before(now);
}

function refused(because: string, retryAt: number): IncidentEvent {
  return { type: 'RunNotStarted', data: { because, retryAt } };
}

function pauseAfter(before: Retry | null): number {
  return Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** (before?.tries ?? 0));
}

function closedBecause(state: IncidentState): string {
  const many = state.alerts.size === 1 ? 'Its alert has resolved' : `All its ${state.alerts.size} alerts have resolved`;
  return state.polledAway > 0 ? `${many} or are no longer listed by Alertmanager.` : `${many}.`;
}
