/**
 * The one door. Slack, console, API, CLI, schedules and alerts change state only here: every operation takes the
 * authenticated principal, checks the policy, and answers only when the journal has it.
 */
import type { Json, JsonObject } from '#kernel/json.ts';
import type { ApprovalStatus, ApprovalView, IncidentView, InputFieldView, OfferView, RunStatus, RunSummary, RunView, TimelineEntry } from '#engine/model/views.ts';
import type { AheadStatus } from '#engine/model/ahead.ts';
import type { DenyRule, Principal } from '#policy/model.ts';

/** Why an operation was not carried out. `code` is stable; surfaces map it to a status, a sentence or an exit code. */
export const PROBLEM_CODES = [
  'not-found',
  'forbidden', // `rule` says which rule of the policy
  'stale-digest', // the plan has moved since: look at it again
  'already-decided', // by others, or the approval is no longer pending
  'expired',
  'withdrawn',
  'invalid',
  'conflict', // another writer won, or the same Idempotency-Key with another body
  'kill-switch',
  'frozen',
  'not-open', // the run or incident has ended
  'unavailable', // the journal cannot store it
] as const;
export type ProblemCode = (typeof PROBLEM_CODES)[number];

export interface Problem {
  readonly code: ProblemCode;
  readonly message: string;
  readonly rule?: DenyRule;
  /** For `invalid`: the field, as a dotted path. */
  readonly field?: string;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

export const PAGE_MAX = 200;

export interface PageQuery {
  readonly cursor?: string;
  /** 1 to PAGE_MAX, default 50. */
  readonly limit?: number;
}

export interface StartRun {
  readonly runbook: string;
  /** Default: the only target, or the last one configured when its match is `{}`. */
  readonly target?: string;
  readonly inputs?: JsonObject;
  readonly dryRun?: boolean;
  /** Same key and same body: the run that was started then. Same key, other body: `conflict`. Kept per principal. */
  readonly idempotencyKey?: string;
}

export interface Decide {
  readonly decision: 'approve' | 'deny';
  /** The whole digest, as shown with the plan. */
  readonly digest: string;
  readonly reason?: string;
  /** R3: the target's name, typed. */
  readonly confirm?: string;
}

export interface KillSwitchView {
  /** `true`: every write is stopped. */
  readonly on: boolean;
  readonly by: string | null;
  readonly reason: string | null;
  readonly at: string | null;
}

export interface RunbookView {
  readonly name: string;
  readonly title: string;
  readonly owner: string;
  readonly revision: string;
  readonly triggers: readonly string[];
  /** What may be given when it is started. */
  readonly inputs: readonly InputFieldView[];
  readonly steps: readonly { readonly id: string; readonly uses: string }[];
  readonly offers: readonly { readonly id: string; readonly uses: string; readonly tier: string }[];
  /** Mistakes of the file as it now is on disk; the last good version stays in use. */
  readonly problems: readonly string[];
}

export interface AuditEntry {
  readonly position: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
  readonly detail: Json;
}

export interface StepReference {
  readonly name: string;
  readonly summary: string;
  readonly kind: 'read' | 'write';
  readonly tier: string;
  /** JSON Schema. */
  readonly input: JsonObject;
  readonly output: JsonObject;
}

/** A configured restore drill, with what its evidence says. */
export interface DrillView extends DrillFacts {
  /** When its schedules next start it, with jitter and blackouts; null: none does. */
  readonly nextAt: string | null;
  /** Given ahead, and neither used nor over. */
  readonly approvals: readonly DrillApprovalView[];
}

/** One person's approval of a drill, for a window. */
export interface DrillApprovalView {
  readonly id: string;
  readonly drill: string;
  readonly target: string;
  /** `waiting`: its window has not begun; `open`: a run that plans now uses it. */
  readonly status: AheadStatus;
  readonly by: string;
  readonly via: string;
  readonly reason: string | null;
  readonly at: string;
  readonly from: string;
  readonly to: string;
  /** Of the configuration that was approved. */
  readonly digest: string;
  /** The run that has used it. */
  readonly runId: string | null;
  readonly revokedBy: string | null;
  readonly revokedReason: string | null;
}

export interface ApproveAhead {
  /** RFC 3339 with a zone. Default of both: the next slot of the schedule, an hour before and after it. */
  readonly from?: string;
  readonly to?: string;
  readonly reason?: string;
  /** The same request again adds nothing. */
  readonly idempotencyKey?: string;
}

/** What a schedule has to tell: that it will be due, or that nothing was started. */
export interface NoticeFacts {
  /** `ntc_…`, made of schedule, slot and kind. */
  readonly id: string;
  readonly kind: 'week' | 'day' | 'missed';
  readonly schedule: string;
  readonly drill: string | null;
  readonly runbook: string;
  /** When it is due, or was. */
  readonly dueAt: string;
  readonly at: string;
  /** Missed: why nothing was started. */
  readonly because: string | null;
  /** Worth telling still. */
  readonly live: boolean;
}

export interface NoticeView extends NoticeFacts {
  readonly drillView: DrillView | null;
  /** Approvals that hold at `dueAt`. */
  readonly approvals: readonly DrillApprovalView[];
}

/** What configuration and evidence say of a drill. */
export interface DrillFacts {
  readonly name: string;
  /** Whose live systems it compares with; null: with none. */
  readonly target: string | null;
  readonly backups: string;
  readonly choice: 'latest' | 'random';
  /** Whether one of its stores has not passed for more than 100 days, or never. */
  readonly overdue: boolean;
  readonly stores: readonly DrillStoreView[];
}

export interface DrillStoreView {
  readonly store: string;
  readonly lastStatus: 'passed' | 'failed' | 'never';
  readonly lastAt: string | null;
  readonly lastAgeSeconds: number | null;
  /** Of the last one: its backup, how old that was, what a restore would lose and how long it took. */
  readonly backup: string | null;
  readonly backupAgeSeconds: number | null;
  readonly rpoSeconds: number | null;
  readonly rtoSeconds: number | null;
  readonly failed: readonly { readonly name: string; readonly detail: string }[];
  readonly bundle: string | null;
  readonly lastPassedAt: string | null;
  readonly passedAgeSeconds: number | null;
}

/** A configured schedule, with what the journal knows of it. */
export interface ScheduleView {
  readonly name: string;
  readonly runbook: string;
  readonly drill: string | null;
  readonly target: string | null;
  readonly cron: string;
  readonly timeZone: string;
  /** With its jitter, and moved out of a blackout. */
  readonly nextAt: string | null;
  /** The moment of the cron expression that was last dealt with. */
  readonly lastSlot: string | null;
  readonly lastRunId: string | null;
  /** Why no run was started for it. */
  readonly lastMissedBecause: string | null;
}

/** What came with an Alertmanager notification, read by its schema. */
export interface Notification {
  /** `alertmanager`, `alertmanager-poll`. */
  readonly source: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly truncatedAlerts: number;
  readonly alerts: readonly NotifiedAlert[];
}

export interface NotifiedAlert {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** ms since the epoch. */
  readonly startsAt: number;
  /** ms since the epoch; absent while firing. */
  readonly endsAt?: number;
  readonly generatorURL: string;
  readonly fingerprint: string;
}

export interface NotificationReceipt {
  /** Alerts read. */
  readonly accepted: number;
  /** Of these, how many added nothing new. */
  readonly duplicates: number;
  /** Ids of the incidents that they belong to. */
  readonly incidents: readonly string[];
}

/** What has changed, told after the commit. It names the subject; its view is read through the operations. */
export interface Change {
  readonly kind: 'run' | 'incident' | 'control' | 'notice';
  readonly id: string;
  readonly incidentId: string | null;
  readonly types: readonly string[];
}

export interface Operations {
  /** Durable when it resolves. Rejects only when the journal cannot store (the surface answers 503). */
  receiveAlerts(notification: Notification): Promise<NotificationReceipt>;

  startRun(principal: Principal, request: StartRun): Promise<Answer<RunSummary>>;
  cancelRun(principal: Principal, runId: string, reason?: string): Promise<Answer<RunSummary>>;
  /** Plans an offer: the first time for one with a form, or again after expiry, withdrawal, failure or drift. */
  planOffer(principal: Principal, runId: string, offerId: string, inputs: JsonObject): Promise<Answer<OfferView>>;
  /** Order of refusals: 404, then `forbidden` with the rule, then `stale-digest` or `already-decided`. Repeating one's own recorded decision succeeds. */
  decide(principal: Principal, approvalId: string, decision: Decide): Promise<Answer<ApprovalView>>;
  settleEffect(principal: Principal, runId: string, effectKey: string, outcome: 'applied' | 'notApplied', reason: string): Promise<Answer<RunView>>;
  closeIncident(principal: Principal, incidentId: string, reason: string): Promise<Answer<IncidentView>>;
  /** Approves the next run of a drill within a window, whose plan is then taken as approved: once, and only while everything still holds. */
  approveDrill(principal: Principal, drill: string, request: ApproveAhead): Promise<Answer<DrillApprovalView>>;
  revokeDrillApproval(principal: Principal, drill: string, id: string, reason?: string): Promise<Answer<DrillApprovalView>>;
  setKillSwitch(principal: Principal, on: boolean, reason: string): Promise<Answer<KillSwitchView>>;

  incidents(query: PageQuery & { readonly status?: 'open' | 'closed' }): Promise<Page<IncidentView>>;
  incident(id: string): Promise<IncidentView | undefined>;
  runs(query: PageQuery & { readonly status?: RunStatus; readonly incidentId?: string }): Promise<Page<RunSummary>>;
  run(id: string): Promise<RunView | undefined>;
  /** The timeline after `afterVersion`. */
  runEvents(id: string, afterVersion?: number): Promise<readonly TimelineEntry[] | undefined>;
  approvals(query: PageQuery & { readonly status?: ApprovalStatus }): Promise<Page<ApprovalView>>;
  approval(id: string): Promise<ApprovalView | undefined>;
  /** The whole answer of a step, as JSON text without secrets; undefined when there is none of this id, or none any more. */
  artifact(id: string): Promise<string | undefined>;
  runbooks(): readonly RunbookView[];
  steps(): readonly StepReference[];
  /** The configured restore drills, as their evidence is now. */
  drills(): Promise<readonly DrillView[]>;
  /** All that were given ahead, newest first; undefined: there is no such drill. */
  drillApprovals(drill: string): Promise<readonly DrillApprovalView[] | undefined>;
  /** Reminders of drills that will be due, and what schedules have missed lately. */
  notices(): Promise<readonly NoticeView[]>;
  schedules(): Promise<readonly ScheduleView[]>;
  audit(query: { readonly after?: number; readonly limit?: number }): Promise<{ readonly items: readonly AuditEntry[]; readonly next: number | null }>;
  killSwitch(): KillSwitchView;
  /** The roles of a principal, by its credential and by the policy. Throws nothing; an unreachable group is no role. */
  rolesOf(principal: Principal): Promise<readonly string[]>;
  /** Journal writable and runbooks loaded; never the targets. */
  ready(): Promise<{ readonly ready: boolean; readonly because?: string }>;
  onChange(listener: (change: Change) => void): () => void;
}
