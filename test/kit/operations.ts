/**
 * The one door, in memory, for tests of surfaces. It answers from `state`, records every call, and refuses when told to.
 * It decides nothing: the policy and the engine have tests of their own.
 */
import type { ApprovalView, IncidentView, RunSummary, RunView, TimelineEntry } from '#engine/model/views.ts';
import type { Answer, AuditEntry, Change, DrillView, KillSwitchView, NoticeView, NotificationReceipt, Operations, Page, PageQuery, Problem, RunbookView, ScheduleView, StepReference } from '#operations/operations.ts';
import { APPROVAL_ID, approvalView, auditEntry, drillApproval, drillView, incidentView, INCIDENT_ID, runbookView, RUN_ID, runView, stepReference, timelineEntry } from './views.ts';

export interface RecordedCall {
  readonly operation: keyof Operations;
  readonly args: readonly unknown[];
}

export interface FakeState {
  incidents: IncidentView[];
  runs: RunView[];
  approvals: ApprovalView[];
  /** Timelines by run id. */
  timelines: Map<string, TimelineEntry[]>;
  /** Whole answers of steps, as JSON text by their id. */
  artifacts: Map<string, string>;
  runbooks: RunbookView[];
  steps: StepReference[];
  drills: DrillView[];
  schedules: ScheduleView[];
  notices: NoticeView[];
  audit: AuditEntry[];
  killSwitch: KillSwitchView;
  ready: { ready: boolean; because?: string };
  receipt: NotificationReceipt;
  roles: string[];
}

export interface FakeOperations extends Operations {
  readonly calls: RecordedCall[];
  readonly state: FakeState;
  /** The calls of one operation, as their arguments. */
  callsOf(operation: keyof Operations): readonly (readonly unknown[])[];
  /** From now on this operation answers with the problem; undefined makes it answer again. */
  refuse(operation: keyof Operations, problem: Problem | undefined): void;
  /** From now on this operation rejects (or throws), as when the journal cannot be read. */
  breakDown(operation: keyof Operations, error: Error | undefined): void;
  /** Tells the listeners of `onChange`. */
  emit(change: Change): void;
  /** Adds an entry to a run's timeline, as the next version, and tells the listeners. */
  addTimeline(runId: string, entry?: Partial<TimelineEntry>): void;
  listenerCount(): number;
}

const AT = '2026-03-01T10:05:00.000Z';

export function createFakeOperations(initial: Partial<FakeState> = {}): FakeOperations {
  const state: FakeState = {
    incidents: [incidentView()],
    runs: [runView()],
    approvals: [approvalView()],
    timelines: new Map([[RUN_ID, [timelineEntry()]]]),
    artifacts: new Map(),
    runbooks: [runbookView()],
    steps: [stepReference()],
    drills: [drillView()],
    schedules: [],
    notices: [],
    audit: [auditEntry()],
    killSwitch: { on: false, by: null, reason: null, at: null },
    ready: { ready: true },
    receipt: { accepted: 1, duplicates: 0, incidents: [INCIDENT_ID] },
    roles: [],
    ...initial,
  };
  const calls: RecordedCall[] = [];
  const refusals = new Map<keyof Operations, Problem>();
  const breakdowns = new Map<keyof Operations, Error>();
  const listeners = new Set<(change: Change) => void>();

  const record = (operation: keyof Operations, ...args: readonly unknown[]): void => {
    calls.push({ operation, args });
    const error = breakdowns.get(operation);
    if (error !== undefined) throw error;
  };
  const answer = <T>(operation: keyof Operations, what: string, value: () => T | undefined): Answer<T> => {
    const problem = refusals.get(operation);
    if (problem !== undefined) return { ok: false, problem };
    const found = value();
    return found === undefined ? { ok: false, problem: { code: 'not-found', message: `There is no such ${what}.` } } : { ok: true, value: found };
  };
  const emit = (happened: Change): void => {
    for (const listener of [...listeners]) listener(happened);
  };

  return {
    calls,
    state,
    callsOf: (operation) => calls.filter((call) => call.operation === operation).map((call) => call.args),
    refuse: (operation, problem) => void (problem === undefined ? refusals.delete(operation) : refusals.set(operation, problem)),
    breakDown: (operation, error) => void (error === undefined ? breakdowns.delete(operation) : breakdowns.set(operation, error)),
    emit,
    addTimeline(runId, entry = {}) {
      const timeline = state.timelines.get(runId) ?? [];
      const added = timelineEntry({ version: timeline.length + 1, ...entry });
      state.timelines.set(runId, [...timeline, added]);
      emit({ kind: 'run', id: runId, incidentId: byId(state.runs, runId)?.incidentId ?? null, types: [added.type] });
    },
    listenerCount: () => listeners.size,

    async receiveAlerts(notification) {
      record('receiveAlerts', notification);
      return state.receipt;
    },
    async startRun(principal, request) {
      record('startRun', principal, request);
      return answer('startRun', 'runbook', () => (state.runbooks.some((one) => one.name === request.runbook) ? summaryOf(state.runs[0] ?? runView()) : undefined));
    },
    async cancelRun(principal, runId, reason) {
      record('cancelRun', principal, runId, reason);
      return answer('cancelRun', 'run', () => change(state.runs, runId, { status: 'cancelled', endedAt: AT }, summaryOf));
    },
    async planOffer(principal, runId, offerId, inputs) {
      record('planOffer', principal, runId, offerId, inputs);
      return answer('planOffer', 'offer', () => byId(state.runs, runId)?.offers.find((offer) => offer.id === offerId));
    },
    async decide(principal, approvalId, decision) {
      record('decide', principal, approvalId, decision);
      const decided = { principal: principal.id, decision: decision.decision, reason: decision.reason ?? null, via: principal.via, at: AT };
      return answer('decide', 'approval', () =>
        change(state.approvals, approvalId, { status: decision.decision === 'approve' ? 'approved' : 'denied', decisions: [decided] }, (view) => view),
      );
    },
    async settleEffect(principal, runId, effectKey, outcome, reason) {
      record('settleEffect', principal, runId, effectKey, outcome, reason);
      return answer('settleEffect', 'effect', () => byId(state.runs, runId));
    },
    async closeIncident(principal, incidentId, reason) {
      record('closeIncident', principal, incidentId, reason);
      return answer('closeIncident', 'incident', () => change(state.incidents, incidentId, { status: 'closed', closedAt: AT, closedBy: principal.id, closedBecause: reason }, (view) => view));
    },
    async setKillSwitch(principal, on, reason) {
      record('setKillSwitch', principal, on, reason);
      return answer('setKillSwitch', 'kill switch', () => (state.killSwitch = { on, by: principal.id, reason, at: AT }));
    },

    async incidents(query) {
      record('incidents', query);
      return page(state.incidents.filter((one) => query.status === undefined || one.status === query.status), query);
    },
    async incident(id) {
      record('incident', id);
      return byId(state.incidents, id);
    },
    async runs(query) {
      record('runs', query);
      const wanted = state.runs.filter((one) => (query.status === undefined || one.status === query.status) && (query.incidentId === undefined || one.incidentId === query.incidentId));
      return page(wanted.map(summaryOf), query);
    },
    async run(id) {
      record('run', id);
      return byId(state.runs, id);
    },
    async runEvents(id, afterVersion = 0) {
      record('runEvents', id, afterVersion);
      return state.timelines.get(id)?.filter((entry) => entry.version > afterVersion);
    },
    async approvals(query) {
      record('approvals', query);
      return page(state.approvals.filter((one) => query.status === undefined || one.status === query.status), query);
    },
    async approval(id) {
      record('approval', id);
      return byId(state.approvals, id);
    },
    async artifact(id) {
      record('artifact', id);
      return state.artifacts.get(id);
    },
    runbooks() {
      record('runbooks');
      return state.runbooks;
    },
    steps() {
      record('steps');
      return state.steps;
    },
    async drills() {
      record('drills');
      return state.drills;
    },
    async approveDrill(principal, drill, request) {
      record('approveDrill', principal, drill, request);
      return answer('approveDrill', 'drill', () => (state.drills.some(({ name }) => name === drill) ? drillApproval({ drill, by: principal.id, via: principal.via, reason: request.reason ?? null, ...(request.from === undefined ? {} : { from: request.from }), ...(request.to === undefined ? {} : { to: request.to }) }) : undefined));
    },
    async revokeDrillApproval(principal, drill, id, reason) {
      record('revokeDrillApproval', principal, drill, id, reason);
      return answer('revokeDrillApproval', 'approval', () => drillApproval({ drill, id, status: 'revoked', revokedBy: principal.id, revokedReason: reason ?? null }));
    },
    async drillApprovals(drill) {
      record('drillApprovals', drill);
      return state.drills.find(({ name }) => name === drill)?.approvals;
    },
    async notices() {
      record('notices');
      return state.notices;
    },
    async schedules() {
      record('schedules');
      return state.schedules;
    },
    async audit(query) {
      record('audit', query);
      const after = state.audit.filter((entry) => entry.position > (query.after ?? 0));
      const items = after.slice(0, query.limit ?? 50);
      return { items, next: items.length < after.length ? (items.at(-1)?.position ?? null) : null };
    },
    killSwitch() {
      record('killSwitch');
      return state.killSwitch;
    },
    async rolesOf(principal) {
      record('rolesOf', principal);
      return [...principal.roles, ...state.roles];
    },
    async ready() {
      record('ready');
      return state.ready;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

export const CANNED_IDS = { incident: INCIDENT_ID, run: RUN_ID, approval: APPROVAL_ID };

function byId<T extends { readonly id: string }>(list: readonly T[], id: string): T | undefined {
  return list.find((one) => one.id === id);
}

function change<T extends { readonly id: string }, Out>(list: T[], id: string, changes: Partial<T>, view: (value: T) => Out): Out | undefined {
  const at = list.findIndex((one) => one.id === id);
  const found = list[at];
  if (found === undefined) return undefined;
  const changed = { ...found, ...changes };
  list[at] = changed;
  return view(changed);
}

function summaryOf(run: RunView): RunSummary {
  const { id, incidentId, runbook, title, revision, target, status, because, trigger, dryRun, startedAt, endedAt } = run;
  return { id, incidentId, runbook, title, revision, target, status, because, trigger, dryRun, startedAt, endedAt };
}

/** Newest first; the cursor is the last id of the page before. */
function page<T extends { readonly id: string }>(all: readonly T[], query: PageQuery): Page<T> {
  const sorted = all.toSorted((a, b) => (a.id < b.id ? 1 : -1)).filter((one) => query.cursor === undefined || one.id < query.cursor);
  const items = sorted.slice(0, query.limit ?? 50);
  return { items, nextCursor: items.length < sorted.length ? (items.at(-1)?.id ?? null) : null };
}
