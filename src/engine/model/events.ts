/**
 * Everything that can be written of a run. Shapes are for ever: an old journal must fold tomorrow, so a field may be added
 * but not renamed. Times of events are in their envelope (`Recorded.at`).
 */
import type { Failure } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { Capacity, Item, ItemEnd, Tier } from '#step-kit/index.ts';

export const TRIGGER_KINDS = ['alert', 'api', 'slack', 'console', 'cli', 'schedule'] as const;

export interface RunTrigger {
  readonly kind: (typeof TRIGGER_KINDS)[number];
  /** The principal on whose behalf it runs; for an alert `alertmanager`. */
  readonly requester: string;
}

/** What expressions see as `alert`. For a run that no alert started nothing fires: `resolved` is true. */
export interface AlertFacts {
  readonly firing: boolean;
  readonly resolved: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** ISO 8601, or empty. */
  readonly startsAt: string;
}

/** The plan as it was shown; `digest` binds runbook revision, step, input, target, tier, items and capacity. */
export interface PlanRecord {
  readonly summary: string;
  readonly uses: string;
  readonly input: JsonObject;
  readonly items: readonly Item[];
  readonly capacity?: Capacity;
  readonly notes: readonly string[];
  readonly digest: string;
}

export interface Needs {
  readonly approvers: number;
  readonly roles: readonly string[];
  /** Principal ids that may not decide. */
  readonly excluded: readonly string[];
}

export interface FindingRecord {
  readonly severity: 'info' | 'warning' | 'critical';
  readonly say: string;
  readonly recommends?: string;
}

/** Where the whole of an output is that was too large for its event. */
export interface ArtifactRecord {
  /** By the digest of its text; null when it could not be kept. */
  readonly id: string | null;
  /** Of the whole output, as JSON. */
  readonly bytes: number;
  /** What was left out of the event. */
  readonly note: string;
}

export interface WaveCount {
  readonly index: number;
  readonly size: number;
  readonly done: number;
  readonly returned: number;
  readonly failed: number;
  readonly unknown: number;
}

export type RunEvent =
  | { type: 'RunStarted'; data: { runId: string; runbook: string; revision: string; target: string; trigger: RunTrigger; incidentId: string | null; inputs: JsonObject; dryRun: boolean; alert: AlertFacts; /** The Idempotency-Key that it was started with, and the digest of what was asked. */ command?: { key: string; digest: string } } }
  | { type: 'AlertChanged'; data: { alert: AlertFacts } }
  | { type: 'StepStarted'; data: { step: string; attempt: number; iterations?: readonly Json[] } }
  | { type: 'StepSucceeded'; data: { step: string; output: JsonObject; /** Set when the output was cut. */ artifact?: ArtifactRecord } }
  | { type: 'StepFailed'; data: { step: string; failure: Failure; /** Set when it will be tried again. */ retryAt?: number } }
  | { type: 'StepSkipped'; data: { step: string; because: string } }
  | { type: 'Diagnosed'; data: { findings: readonly FindingRecord[]; /** What could not be seen, a sentence each. */ unknowns: readonly string[] } }
  | { type: 'OfferSkipped'; data: { offer: string; because: string } }
  | { type: 'OfferOpened'; data: { offer: string; title: string; /** It waits for its form. */ needsInputs: boolean } }
  | { type: 'PlanRequested'; data: { offer: string; inputs: JsonObject; requester: string } }
  | { type: 'PlanFailed'; data: { offer: string; failure: Failure } }
  | { type: 'NothingToDo'; data: { offer: string; because: string } }
  /** A dry run: the plan is shown and nothing is offered. */
  | { type: 'PlanComputed'; data: { offer: string; plan: PlanRecord } }
  | { type: 'ApprovalRequested'; data: { approval: string; offer: string; title: string; tier: Tier; plan: PlanRecord; needs: Needs; expiresAt: number; requester: string; /** Set when drift voided an earlier one. */ replaces?: string; /** What moved, a sentence each. */ moved?: readonly string[] } }
  | { type: 'DecisionRecorded'; data: { approval: string; principal: string; decision: 'approve' | 'deny'; digest: string; reason: string | null; via: string; /** Set when it was given before the plan, for this window. */ ahead?: { id: string; at: string; from: string; to: string } } }
  /** Nobody has approved it ahead, or what was given does not hold: why. */
  | { type: 'AheadLooked'; data: { approval: string; because: string | null } }
  | { type: 'ApprovalApproved'; data: { approval: string } }
  | { type: 'ApprovalDenied'; data: { approval: string; by: string; reason: string | null } }
  | { type: 'ApprovalExpired'; data: { approval: string } }
  | { type: 'ApprovalWithdrawn'; data: { approval: string; because: string } }
  /** The plan was computed again and equals the approved one: the approval is used, once and for ever. */
  | { type: 'ApprovalRedeemed'; data: { approval: string; approvedBy: readonly string[]; target: string; uses: string } }
  | { type: 'WaveStarted'; data: { approval: string; index: number; items: readonly string[] } }
  | { type: 'EffectIntended'; data: { key: string; approval: string; item: string; wave: number; target: string; uses: string } }
  | { type: 'EffectSucceeded'; data: { key: string; result: JsonObject; /** `probe`: a lost call was found to have landed. */ learnt?: 'probe' } }
  | { type: 'EffectFailed'; data: { key: string; failure: Failure; learnt?: 'probe'; /** A probe is certain that nothing has landed, so the item is open again under the same approval. */ again?: true } }
  /** The item moved since it was approved, or was claimed elsewhere: nothing was sent. */
  | { type: 'EffectSkipped'; data: { approval: string; item: string; wave: number; because: string } }
  /** Nobody can tell whether the call landed. A person settles it. */
  | { type: 'EffectUnknown'; data: { key: string; evidence: string } }
  | { type: 'EffectSettled'; data: { key: string; outcome: 'applied' | 'notApplied'; by: string; reason: string } }
  | { type: 'WaveChecked'; data: { approval: string; wave: WaveCount; ends: Readonly<Record<string, ItemEnd>>; halted: boolean; because: string } }
  | { type: 'ApplyHalted'; data: { approval: string; because: string } }
  | { type: 'Verified'; data: { approval: string; outcome: 'passed' | 'failed' | 'unknown'; say: string; target: string; uses: string } }
  | { type: 'UndoOffered'; data: { offer: string; of: string; uses: string; input: JsonObject; title: string } }
  | { type: 'CancelRequested'; data: { by: string; reason: string | null } }
  | { type: 'RunEnded'; data: { status: 'succeeded' | 'failed' | 'cancelled'; because: string } }
  /** After the end: what this effect held for the time of the run only is let go, or is no longer the bot's to let go. */
  | { type: 'EffectReleased'; data: { key: string; outcome: 'released' | 'gone' | 'changed' | 'lost'; say: string } };

export type RunEventType = RunEvent['type'];
export type EventOf<Type extends RunEventType> = Extract<RunEvent, { type: Type }>['data'];
