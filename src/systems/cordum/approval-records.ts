/** What steps hand out about the approvals that Cordum itself asks for (not to be confused with the bot's own). */
import { z } from '#step-kit/index.ts';

/** A job that waits for, or has had, a decision. Text is empty where Cordum says nothing. */
export const approvalRow = z.object({
  jobId: z.string(),
  state: z.string(),
  topic: z.string(),
  tenant: z.string(),
  /** `pending`, `approved`, `rejected`, `expired`, `invalidated` or `repaired`. */
  status: z.string(),
  /** Whether a decision would be taken now. */
  actionable: z.boolean(),
  /** `actionable`, `resolved`, `expired`, `invalidated` or `repaired`. */
  actionability: z.string(),
  /** `approve`, `reject`, or empty. */
  decision: z.string(),
  revision: z.int(),
  ruleId: z.string(),
  policyReason: z.string(),
  policySnapshot: z.string(),
  jobHash: z.string(),
  submittedBy: z.string(),
  resolvedBy: z.string(),
  resolvedAt: z.string(),
  resolution: z.string(),
  workflowId: z.string(),
  workflowName: z.string(),
  runId: z.string(),
  stepId: z.string(),
  stepName: z.string(),
  /** `workflow_approval` for a gate in a workflow; empty for an approval that policy demands. */
  gateType: z.string(),
  title: z.string(),
  why: z.string(),
  nextEffect: z.string(),
  /** When the job last changed: for one that waits, since when. */
  changedAt: z.string(),
});
export type ApprovalRow = z.output<typeof approvalRow>;

/** The approval of one job, as the job itself tells it: what decisions are planned, probed and verified by. */
export const approvalState = z.object({
  jobId: z.string(),
  state: z.string(),
  topic: z.string(),
  tenant: z.string(),
  traceId: z.string(),
  /** Empty for a job that never needed an approval. */
  status: z.string(),
  actionable: z.boolean(),
  actionability: z.string(),
  decision: z.string(),
  revision: z.int(),
  required: z.boolean(),
  resolvedBy: z.string(),
  resolvedAt: z.string(),
  reason: z.string(),
  note: z.string(),
  jobHash: z.string(),
  policySnapshot: z.string(),
  /** `ALLOW`, `DENY` or `REQUIRE_APPROVAL`: what policy says of the job now. */
  safetyDecision: z.string(),
  ruleId: z.string(),
  policyReason: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  stepId: z.string(),
});
export type ApprovalState = z.output<typeof approvalState>;

const name = z.object({ name: z.string() });

/** What `/approvals/{id}/context` adds; v0.9.7 does not have it. */
export const approvalContext = z.object({
  systems: z.array(name),
  namespaces: z.array(name),
  resources: z.array(name),
  scope: z.string(),
  rollbackHint: z.string(),
  policySummary: z.string(),
  priorApprovals: z.int(),
  /** 0 when Cordum gave no deadline. */
  remainingSeconds: z.int(),
});
export type ApprovalContext = z.output<typeof approvalContext>;

/** What a decision came to. `already`: somebody else had decided the same before. */
export interface Decided {
  readonly already: boolean;
  readonly by: string;
  readonly at: string;
}

/** What Cordum would repair on an approval, or has repaired. */
export interface Repair {
  readonly repairable: boolean;
  readonly applied: boolean;
  /** What is wrong, in Cordum's word; `none` when nothing is. */
  readonly kind: string;
  readonly state: string;
  readonly topic: string;
  readonly requestHash: string;
  readonly revision: number;
  readonly status: string;
}
