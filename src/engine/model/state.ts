/** What the events of a run add up to, and the questions that several parts ask of it. Only `evolve` writes it. */
import type { Failure } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { ItemEnd, Tier } from '#step-kit/index.ts';
import type { AlertFacts, ArtifactRecord, EventOf, FindingRecord, Needs, PlanRecord, RunTrigger, WaveCount } from './events.ts';
import type { ApprovalStatus, OfferStatus, StepStatus } from './views.ts';

export interface RunState {
  readonly id: string;
  readonly runbook: string;
  readonly revision: string;
  readonly target: string;
  readonly trigger: RunTrigger;
  readonly incidentId: string | null;
  readonly inputs: JsonObject;
  readonly dryRun: boolean;
  readonly startedAt: number;
  version: number;
  /** When the newest event was written, ms since the epoch. */
  updatedAt: number;
  alert: AlertFacts;
  readonly steps: Map<string, StepState>;
  findings: readonly FindingRecord[];
  unknowns: readonly string[];
  diagnosed: boolean;
  readonly offers: Map<string, OfferState>;
  readonly approvals: Map<string, ApprovalState>;
  readonly effects: Map<string, EffectState>;
  cancel: { readonly by: string; readonly reason: string | null } | undefined;
  ended: { readonly status: 'succeeded' | 'failed' | 'cancelled'; readonly because: string; readonly at: number } | undefined;
}

export interface StepState {
  readonly id: string;
  status: StepStatus;
  attempt: number;
  startedAt: number | undefined;
  endedAt: number | undefined;
  /** The elements of a for-each, fixed when it first started. */
  iterations: readonly Json[] | undefined;
  output: JsonObject | undefined;
  /** Set when the output is not the whole answer. */
  artifact: ArtifactRecord | undefined;
  failure: Failure | undefined;
  retryAt: number | undefined;
  because: string | undefined;
}

export interface OfferState {
  readonly id: string;
  title: string;
  status: OfferStatus;
  because: string | undefined;
  inputs: JsonObject;
  /** The newest approval. */
  approvalId: string | undefined;
  /** Only in a dry run. */
  plan: PlanRecord | undefined;
  /** Set on an undo offer: the step and its input come from the write that it takes back, not from the runbook. */
  readonly undo: { readonly of: string; readonly uses: string; readonly input: JsonObject } | undefined;
}

export interface ApprovalState {
  readonly id: string;
  readonly offer: string;
  readonly title: string;
  readonly tier: Tier;
  readonly plan: PlanRecord;
  readonly needs: Needs;
  readonly requester: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly moved: readonly string[];
  status: ApprovalStatus;
  because: string | undefined;
  readonly decisions: DecisionState[];
  /** It is known that nobody's approval ahead counts for it. */
  lookedAhead: boolean;
  /** The last approver, to whom effects are attributed. */
  approvedBy: string | undefined;
  readonly waves: WaveState[];
  /** Item key → why nothing was sent for it. */
  readonly skipped: Map<string, { readonly because: string; readonly wave: number; readonly at: number }>;
  /** Item key → how often a call for it was lost and certainly did not land. */
  readonly lost: Map<string, number>;
  halted: string | undefined;
  verified: { readonly outcome: 'passed' | 'failed' | 'unknown'; readonly say: string } | undefined;
}

export interface DecisionState {
  readonly principal: string;
  readonly decision: 'approve' | 'deny';
  readonly digest: string;
  readonly reason: string | null;
  readonly via: string;
  readonly at: number;
  readonly ahead: { readonly id: string; readonly at: string; readonly from: string; readonly to: string } | undefined;
}

export interface WaveState {
  readonly index: number;
  readonly items: readonly string[];
  readonly startedAt: number;
  checked: { readonly count: WaveCount; readonly ends: Readonly<Record<string, ItemEnd>>; readonly halted: boolean; readonly at: number } | undefined;
}

export interface EffectState {
  readonly key: string;
  readonly approval: string;
  readonly item: string;
  readonly wave: number;
  readonly intendedAt: number;
  status: 'intended' | 'succeeded' | 'failed' | 'unknown';
  endedAt: number | undefined;
  result: JsonObject | undefined;
  failure: Failure | undefined;
  evidence: string | undefined;
  settledBy: string | undefined;
  /** Set once what it held for the time of the run has been let go, or need not be. */
  released: EventOf<'EffectReleased'>['outcome'] | undefined;
}

export function newStep(id: string): StepState {
  return { id, status: 'pending', attempt: 0, startedAt: undefined, endedAt: undefined, iterations: undefined, output: undefined, artifact: undefined, failure: undefined, retryAt: undefined, because: undefined };
}

export function newOffer(id: string): OfferState {
  return { id, title: id, status: 'skipped', because: undefined, inputs: {}, approvalId: undefined, plan: undefined, undo: undefined };
}

export function approvalOf(run: RunState, id: string): ApprovalState {
  const approval = run.approvals.get(id);
  if (approval === undefined) throw new Error(`run ${run.id} has no approval ${id}`);
  return approval;
}

/** Its apply has begun and has no verdict yet, so its items are claimed. */
export function isUnderWay(approval: ApprovalState): boolean {
  return approval.status === 'redeemed' && approval.verified === undefined;
}

/** Something waits for a person to settle it. */
export function hasUnknownEffect(run: RunState): boolean {
  return run.effects.values().some((effect) => effect.status === 'unknown');
}
