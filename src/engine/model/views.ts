/** The shapes that the API, the console, the CLI and Slack show. Projections of the journal; times are ISO 8601. */
import type { Failure } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { FormField } from '#language/form.ts';
import type { Tier } from '#step-kit/index.ts';
import type { AlertFacts, ArtifactRecord, FindingRecord, Needs, RunTrigger, WaveCount } from './events.ts';

export const RUN_STATUSES = ['queued', 'running', 'waiting', 'succeeded', 'failed', 'cancelled', 'unknown'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
export const APPROVAL_STATUSES = ['pending', 'approved', 'redeemed', 'denied', 'expired', 'withdrawn'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];
export const STEP_STATUSES = ['pending', 'running', 'retrying', 'succeeded', 'failed', 'skipped'] as const;
export type StepStatus = (typeof STEP_STATUSES)[number];
export const OFFER_STATUSES = [
  'skipped', // its condition does not hold, or cannot be told
  'form', // open, waits for its inputs
  'planning',
  'planFailed',
  'nothing', // the plan is empty
  'planned', // dry run: computed and shown, not offered
  'pending', // an approval is open
  'approved', // the whole plan is being computed again before the first effect
  'applying',
  'verifying',
  'done',
  'halted', // stopped between waves, by the wave check, the kill switch or a cancel
  'failed', // verified, and it did not do its job
  'denied',
  'expired',
  'withdrawn',
] as const;
export type OfferStatus = (typeof OFFER_STATUSES)[number];
export const EFFECT_STATUSES = ['intended', 'succeeded', 'failed', 'skipped', 'unknown'] as const;
export type EffectStatus = (typeof EFFECT_STATUSES)[number];

export interface RunSummary {
  readonly id: string;
  readonly incidentId: string | null;
  readonly runbook: string;
  readonly title: string;
  readonly revision: string;
  readonly target: string;
  readonly status: RunStatus;
  readonly because: string | null;
  readonly trigger: RunTrigger;
  readonly dryRun: boolean;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

export interface RunView extends RunSummary {
  readonly alert: AlertFacts;
  readonly inputs: JsonObject;
  readonly steps: readonly StepView[];
  readonly findings: readonly FindingRecord[];
  /** What the diagnosis could not see. */
  readonly unknowns: readonly string[];
  readonly offers: readonly OfferView[];
  readonly effects: readonly EffectView[];
}

export interface StepView {
  readonly id: string;
  readonly uses: string;
  readonly status: StepStatus;
  readonly attempt: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly output: Json;
  /** Set when `output` was cut: where the whole answer is, and what was left out. */
  readonly artifact: ArtifactRecord | null;
  readonly failure: Failure | null;
  readonly because: string | null;
}

export interface OfferView {
  readonly id: string;
  readonly title: string;
  readonly uses: string;
  readonly tier: Tier;
  readonly status: OfferStatus;
  readonly because: string | null;
  /** The newest approval of it, when there is one. */
  readonly approvalId: string | null;
  readonly inputs: readonly InputFieldView[];
  readonly plan: PlanView | null;
  readonly waves: readonly WaveCount[];
  /** Items: planned, and how their effects stand. */
  readonly progress: { readonly total: number; readonly applied: number; readonly failed: number; readonly skipped: number; readonly unknown: number };
  readonly verified: { readonly outcome: 'passed' | 'failed' | 'unknown'; readonly say: string } | null;
}

export interface InputFieldView extends FormField {}

export interface PlanView {
  readonly summary: string;
  readonly changes: readonly { readonly item: string; readonly title: string; readonly current: Json; readonly next: Json }[];
  readonly notes: readonly string[];
  readonly digest: string;
}

export interface EffectView {
  readonly key: string;
  readonly offerId: string;
  readonly item: string;
  readonly wave: number;
  readonly status: EffectStatus;
  readonly intendedAt: string | null;
  readonly endedAt: string | null;
  readonly result: Json;
  readonly failure: Failure | null;
  /** Why it was skipped, or what the probe saw. */
  readonly evidence: string | null;
  readonly settledBy: string | null;
}

export interface ApprovalView {
  readonly id: string;
  readonly runId: string;
  readonly incidentId: string | null;
  readonly offerId: string;
  readonly title: string;
  readonly target: string;
  readonly tier: Tier;
  readonly status: ApprovalStatus;
  readonly because: string | null;
  readonly plan: PlanView;
  readonly needs: Needs;
  readonly requester: string;
  readonly moved: readonly string[];
  readonly decisions: readonly DecisionView[];
  /** What a person must type to approve R3: the target's name. Null for R1 and R2. */
  readonly confirm: string | null;
  readonly requestedAt: string;
  readonly expiresAt: string;
}

export interface DecisionView {
  readonly principal: string;
  readonly decision: 'approve' | 'deny';
  readonly reason: string | null;
  readonly via: string;
  readonly at: string;
  /** It was given before there was a plan, for this window; `at` above is when it was used. */
  readonly ahead?: { readonly id: string; readonly at: string; readonly from: string; readonly to: string };
}

export type IncidentStatus = 'open' | 'closed';

export interface IncidentView {
  readonly id: string;
  readonly status: IncidentStatus;
  readonly title: string;
  readonly severity: string;
  readonly target: string;
  /** Null when no runbook matches: the incident says so in `notes`. */
  readonly runbook: string | null;
  readonly alerts: readonly AlertView[];
  readonly runs: readonly string[];
  /** What a reader should know: truncated notification, no runbook, cannot see whether it is really over. */
  readonly notes: readonly string[];
  readonly openedAt: string;
  readonly closedAt: string | null;
  readonly closedBy: string | null;
  readonly closedBecause: string | null;
}

export interface AlertView {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string | null;
  readonly generatorURL: string;
}

/** A line of a run's or an incident's timeline, as `GET …/events` streams it. */
export interface TimelineEntry {
  readonly version: number;
  readonly at: string;
  readonly actor: string;
  readonly type: string;
  /** One sentence for a person. */
  readonly say: string;
  readonly data: JsonObject;
}
