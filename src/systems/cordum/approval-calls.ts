/** The calls on approvals, and how their answers are read (recordings `approvals_*`, `approve_*`, `reject_*`, `repair_approval`, `job_get_approval*`). */
import { z } from 'zod';
import type { Result } from '#kernel/failure.ts';
import { cutText } from '#kernel/text.ts';
import type { ApprovalContext, ApprovalRow, ApprovalState, Decided, Repair } from './approval-records.ts';
import { type Calls, pathWith, queryOf, type ReadCall, shown, type WriteCall } from './calls.ts';
import { epoch, named, rows, type Rows, said } from './fields.ts';
import { flag, number, text, whole } from './schema.ts';

const MOST_NAMES = 50;
const LONGEST_REASON = 500;

export interface ApprovalCalls {
  /** At most 500, the ones that wait first. */
  approvals(page: { readonly limit: number; readonly pendingOnly: boolean }, call?: ReadCall): Promise<Result<Rows<ApprovalRow> & { readonly more: boolean }>>;
  /** The approval as its job tells it. */
  approval(jobId: string, call?: ReadCall): Promise<Result<ApprovalState>>;
  /** Not there in v0.9.7. */
  approvalContext(jobId: string, call?: ReadCall): Promise<Result<ApprovalContext>>;
  decideApproval(jobId: string, decision: 'approve' | 'reject', why: { readonly reason: string; readonly note: string }, call: WriteCall): Promise<Result<Decided>>;
  /** What a repair would do; changes nothing. */
  repairPlan(jobId: string, call?: ReadCall): Promise<Result<Repair>>;
  repairApproval(jobId: string, note: string, call: WriteCall): Promise<Result<Repair>>;
}

export function approvalsOf({ read, ask, write }: Calls): ApprovalCalls {
  const repairPath = (jobId: string): string | undefined => pathWith('/api/v1/approvals/', jobId, '/repair');
  return {
    approvals: (page, call) => read('list approvals', `/api/v1/approvals${queryOf({ limit: page.limit, include_resolved: page.pendingOnly ? false : undefined })}`, listAnswer, call),
    approval: (jobId, call) => read(`show the approval of ${shown(jobId)}`, pathWith('/api/v1/jobs/', jobId), stateAnswer, call),
    approvalContext: (jobId, call) => read(`show the context of the approval of ${shown(jobId)}`, pathWith('/api/v1/approvals/', jobId, '/context'), contextAnswer, call),
    decideApproval: (jobId, decision, why, call) =>
      write(`${decision} ${shown(jobId)}`, 'POST', pathWith('/api/v1/approvals/', jobId, `/${decision}`), decidedAnswer, { ...call, body: { reason: cutText(why.reason, LONGEST_REASON), note: cutText(why.note, LONGEST_REASON) } }),
    repairPlan: (jobId, call) => ask(`say what is wrong with the approval of ${shown(jobId)}`, repairPath(jobId), { apply: false }, repairAnswer, call),
    repairApproval: (jobId, note, call) => write(`repair the approval of ${shown(jobId)}`, 'POST', repairPath(jobId), repairAnswer, { ...call, body: { apply: true, note: cutText(note, LONGEST_REASON) } }),
  };
}

const summary = z.object({ title: said, why: said, next_effect: said }).catch({ title: '', why: '', next_effect: '' });

const row = z
  .object({
    job: z.object({ id: z.string().min(1), state: text, topic: text, tenant: text, updated_at: epoch }),
    approval_status: text, approval_actionability: text, approval_decision: text, approval_revision: whole, policy_rule_id: text, policy_reason: said,
    policy_snapshot: text, job_hash: text, submitted_by: said, resolved_by: said, resolved_at: epoch, resolution: said, workflow_id: text,
    workflow_name: said, workflow_run_id: text, workflow_step_id: text, step_name: said, gate_type: text, decision_summary: summary,
  })
  .transform(
    (raw): ApprovalRow => ({
      jobId: raw.job.id,
      state: raw.job.state,
      topic: raw.job.topic,
      tenant: raw.job.tenant,
      status: raw.approval_status,
      actionable: raw.approval_actionability === 'actionable',
      actionability: raw.approval_actionability,
      decision: raw.approval_decision,
      revision: raw.approval_revision,
      ruleId: raw.policy_rule_id,
      policyReason: raw.policy_reason,
      policySnapshot: raw.policy_snapshot,
      jobHash: raw.job_hash,
      submittedBy: raw.submitted_by,
      resolvedBy: raw.resolved_by,
      resolvedAt: raw.resolved_at,
      resolution: raw.resolution,
      workflowId: raw.workflow_id,
      workflowName: raw.workflow_name,
      runId: raw.workflow_run_id,
      stepId: raw.workflow_step_id,
      stepName: raw.step_name,
      gateType: raw.gate_type,
      title: raw.decision_summary.title,
      why: raw.decision_summary.why,
      nextEffect: raw.decision_summary.next_effect,
      changedAt: raw.job.updated_at,
    }),
  );
const listAnswer = z.object({ items: rows(row), next_cursor: z.unknown().optional() }).transform((raw) => ({ ...raw.items, more: raw.next_cursor !== null && raw.next_cursor !== undefined }));

const stateAnswer = z
  .object({
    id: z.string().min(1), state: text, topic: text, tenant: text, trace_id: text, approval_status: text, approval_actionability: text, approval_decision: text,
    approval_revision: whole, approval_required: flag, approval_by: said, approval_at: epoch, approval_reason: said, approval_note: said, safety_job_hash: text,
    safety_snapshot: text, safety_decision: text, safety_rule_id: text, safety_reason: said, workflow_id: text, run_id: text, step_id: text,
  })
  .transform(
    (raw): ApprovalState => ({
      jobId: raw.id,
      state: raw.state,
      topic: raw.topic,
      tenant: raw.tenant,
      traceId: raw.trace_id,
      status: raw.approval_status,
      actionable: raw.approval_actionability === 'actionable',
      actionability: raw.approval_actionability,
      decision: raw.approval_decision,
      revision: raw.approval_revision,
      required: raw.approval_required,
      resolvedBy: raw.approval_by,
      resolvedAt: raw.approval_at,
      reason: raw.approval_reason,
      note: raw.approval_note,
      jobHash: raw.safety_job_hash,
      policySnapshot: raw.safety_snapshot,
      safetyDecision: raw.safety_decision,
      ruleId: raw.safety_rule_id,
      policyReason: raw.safety_reason,
      workflowId: raw.workflow_id,
      runId: raw.run_id,
      stepId: raw.step_id,
    }),
  );

const names = named(MOST_NAMES);
const radius = z.object({ systems: names, namespaces: names, resources: names, scope_description: said }).catch({ systems: [], namespaces: [], resources: [], scope_description: '' });
/** From Cordum's document (§1.6), not recorded: the summary may be text or an object. */
const anyText = z.unknown().optional().transform((raw) => cutText(typeof raw === 'string' ? raw : raw === null || raw === undefined ? '' : JSON.stringify(raw), LONGEST_REASON));
const contextAnswer = z
  .object({ blast_radius: radius, prior_approvals: z.array(z.unknown()).nullish().catch([]), rollback_hint: said, policy_snapshot_summary: anyText, time_remaining_ms: number.catch(0) })
  .transform(
    (raw): ApprovalContext => ({
      systems: raw.blast_radius.systems,
      namespaces: raw.blast_radius.namespaces,
      resources: raw.blast_radius.resources,
      scope: raw.blast_radius.scope_description,
      rollbackHint: raw.rollback_hint,
      policySummary: raw.policy_snapshot_summary,
      priorApprovals: raw.prior_approvals?.length ?? 0,
      remainingSeconds: Math.max(0, Math.trunc(raw.time_remaining_ms / 1_000)),
    }),
  );

const decidedAnswer = z
  .object({ job_id: z.string().min(1), status: text, approved_by: said, rejected_by: said, approved_at: epoch, rejected_at: epoch })
  .transform((raw): Decided => ({ already: raw.status.startsWith('already_'), by: raw.approved_by || raw.rejected_by, at: raw.approved_at || raw.rejected_at }));

const repairAnswer = z
  .object({
    repairable: flag, applied: flag, state: text,
    plan: z.object({ kind: text, repairable: flag, current_state: text, topic: text, request_hash: text }).nullish(),
    approval: z.object({ revision: whole, status: text }).nullish(),
  })
  .transform(
    (raw): Repair => ({
      repairable: raw.repairable,
      applied: raw.applied,
      kind: raw.plan?.kind ?? '',
      state: raw.state,
      topic: raw.plan?.topic ?? '',
      requestHash: raw.plan?.request_hash ?? '',
      revision: raw.approval?.revision ?? 0,
      status: raw.approval?.status ?? '',
    }),
  );
