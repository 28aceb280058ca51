/** The approvals of the simulated Cordum: listing, deciding, repairing (recordings `approvals_*`, `approve_*`, `reject_*`, `repair_approval`). */
import type { Json, JsonObject } from '#kernel/json.ts';
import { contextOf, findJob, jobsByUpdate, micros, POLICY_SNAPSHOT, setState, type Job, type World } from './model.ts';
import { API, type Answer, limitOf, problem, route, type Route } from './routing.ts';
import { rejectApproval, startJob } from './scheduler.ts';
import { jobRecord } from './shapes.ts';

/** With a static key and no principal of its own. */
const NOBODY = 'system/unknown';

export const approvalRoutes: readonly Route[] = [
  route('GET', `${API}/approvals`, list),
  route('POST', `${API}/approvals/{id}/approve`, (world, id, _query, { body }) => decide(world, id, (job) => approve(world, job, body ?? {}))),
  route('POST', `${API}/approvals/{id}/reject`, (world, id, _query, { body }) => decide(world, id, (job) => reject(world, job, text(body, 'reason')))),
  route('POST', `${API}/approvals/{id}/repair`, (world, id, _query, { body }) => repair(world, id, body?.['apply'] === true)),
];

function list(world: World, _id: string, query: URLSearchParams): Answer {
  const resolved = query.get('include_resolved') !== 'false';
  const jobs = jobsByUpdate(world).filter((job) => job.tenant === world.tenant && (job.state === 'APPROVAL_REQUIRED' || (resolved && job.approval?.['approval_by'] !== undefined)));
  const limit = limitOf(query, 100);
  // By state, those that wait first, and within a state the oldest first, as recorded (approvals_list_pending).
  const order = (job: Job): number => (job.state === 'APPROVAL_REQUIRED' ? 0 : job.state === 'PENDING' ? 1 : 2);
  const items = jobs.toSorted((a, b) => order(a) - order(b) || a.updatedAtMs - b.updatedAtMs).slice(0, limit).map((job) => item(world, job));
  const last = jobs.at(-1);
  return { status: 200, json: { items, next_cursor: last !== undefined && jobs.length >= limit ? micros(last.updatedAtMs) - 1 : null } };
}

function item(world: World, job: Job): JsonObject {
  const { approval = {}, decision, labels } = job;
  const required = decision?.decision === 'REQUIRE_APPROVAL';
  const step = labels['step_id'] === undefined ? undefined : (labels['step_name'] ?? labels['step_id']);
  const title = step === undefined ? `Review ${job.topic}` : `Approve ${step}`;
  const by = approval['approval_by'];
  const input = contextOf(world, job);
  return {
    approval_actionability: approval['approval_actionability'] ?? '',
    ...(approval['approval_decision'] === undefined ? {} : { approval_decision: approval['approval_decision'] }),
    approval_ref: required ? job.id : '',
    approval_required: required,
    approval_revision: approval['approval_revision'] ?? 0,
    approval_status: approval['approval_status'] ?? '',
    constraints: null,
    context_ptr: `redis://ctx:${job.id}`,
    decision: decision?.decision ?? '',
    decision_summary: {
      source: 'workflow_payload', completeness: 'partial', context_status: 'available', title, subject: title, why: decision?.reason ?? '',
      ...(step === undefined ? {} : { next_effect: `Approve to continue ${step}.` }), missing_fields: ['business_context'],
    },
    ...(step === undefined ? {} : { gate_type: 'workflow_approval' }),
    // The record of a list of approvals names no trace.
    job: Object.fromEntries(Object.entries(jobRecord(job)).filter(([name]) => name !== 'trace_id')),
    job_hash: decision?.jobHash ?? '',
    ...(input === null ? {} : { job_input: input }),
    policy_reason: decision?.reason ?? '',
    policy_rule_id: decision?.ruleId ?? '',
    policy_snapshot: POLICY_SNAPSHOT,
    ...(by === undefined ? {} : { resolution: approval['approval_reason'] ?? '', resolved_at: approval['approval_at'] ?? 0, resolved_by: by, resolved_comment: approval['approval_note'] ?? '' }),
    ...(step === undefined
      ? {}
      : { step_name: step, workflow_id: labels['workflow_id'] ?? '', workflow_name: labels['workflow_name'] ?? '', workflow_run_id: labels['run_id'] ?? '', workflow_step_id: labels['step_id'] ?? '' }),
  };
}

/** A busy lock is written without a status line, so HTTP says 200 (reference/cordum.md §1.6). */
function decide(world: World, id: string, then: (job: Job) => Answer): Answer {
  if (world.installation.lockedApprovals.has(id)) return { status: 200, json: { error: 'approval in progress; retry', status: 409, code: 'approval_retryable_lock', retryable: true } };
  const job = findJob(world, id);
  if (job === undefined) return problem(404, 'job not found');
  if (job.tenant !== world.tenant) return problem(403, 'tenant access denied');
  if (world.installation.ownJobs.has(id)) return { status: 403, json: { code: 'self_approval_denied', error: 'self-approval not permitted', status: 403 } };
  return then(job);
}

function approve(world: World, job: Job, body: JsonObject): Answer {
  const approval = job.approval ?? {};
  if (approval['approval_status'] === 'approved') {
    return { status: 200, json: { approved_at: approval['approval_at'] ?? 0, approved_by: approval['approval_by'] ?? '', job_id: job.id, status: 'already_approved', trace_id: job.traceId } };
  }
  if (job.state !== 'APPROVAL_REQUIRED') return conflict('approval already resolved', 'approval_already_resolved');
  const note = text(body, 'note');
  job.approval = {
    approval_actionability: 'resolved', approval_at: micros(world.clock.now()), approval_by: NOBODY, approval_decision: 'approve', approval_job_hash: job.decision?.jobHash ?? '',
    ...(note === '' ? {} : { approval_note: note }), approval_policy_snapshot: POLICY_SNAPSHOT, approval_reason: text(body, 'reason'), approval_revision: 2, approval_role: 'admin', approval_status: 'approved',
  };
  job.labels = { ...job.labels, approval_granted: 'true', ...(note === '' ? {} : { approval_note: note }), approval_reason: text(body, 'reason'), 'cordum.bus_msg_id': `approval:${job.id}` };
  if (job.decision !== undefined) job.decision = { ...job.decision, decision: 'ALLOW', reason: 'approval granted' };
  setState(world, job, 'PENDING');
  // The approval is stored before the job is published: with NATS away it stands, and the answer is 502.
  if (world.down.has('nats')) return problem(502, 'failed to publish approval');
  startJob(world, job);
  return { status: 200, json: { job_id: job.id, trace_id: job.traceId } };
}

function reject(world: World, job: Job, reason: string): Answer {
  const approval = job.approval ?? {};
  if (approval['approval_status'] === 'rejected') return { status: 200, json: { job_id: job.id, rejected_at: approval['approval_at'] ?? 0, rejected_by: approval['approval_by'] ?? '', status: 'already_rejected' } };
  if (job.state !== 'APPROVAL_REQUIRED') return conflict('approval already resolved', 'approval_already_resolved');
  rejectApproval(world, job, reason);
  return { status: 200, json: { job_id: job.id } };
}

function repair(world: World, id: string, apply: boolean): Answer {
  return decide(world, id, (job) => {
    const kind = world.installation.repairable.get(id);
    const shown: Record<string, Json> = {
      applied: apply && kind !== undefined,
      apply,
      approval: recordOf(job),
      job_id: id,
      plan: { job_id: id, kind: kind ?? 'none', repairable: kind !== undefined, current_state: job.state, topic: job.topic, request_hash: job.decision?.jobHash ?? '' },
      repairable: kind !== undefined,
      state: job.state,
      trace_id: job.traceId,
    };
    if (!apply) return { status: 200, json: shown };
    if (kind === undefined) return { status: 409, json: { ...shown, code: 'not_repairable', error: 'approval does not require repair', status: 409 } };
    world.installation.repairable.delete(id);
    return { status: 200, json: shown };
  });
}

/** The stored record, in its own names. */
function recordOf(job: Job): JsonObject {
  const approval = job.approval ?? {};
  const rejected = approval['approval_decision'] === 'reject';
  return {
    approved_by: approval['approval_by'] ?? '', approved_role: approval['approval_role'] ?? '', approved_at: approval['approval_at'] ?? 0, reason: approval['approval_reason'] ?? '',
    policy_snapshot: POLICY_SNAPSHOT, job_hash: job.decision?.jobHash ?? '', status: approval['approval_status'] ?? '', actionability: approval['approval_actionability'] ?? '',
    revision: approval['approval_revision'] ?? 0, decision: approval['approval_decision'] ?? '', publish_status: 'published', publish_target: rejected ? 'dlq' : 'submit', published_at: approval['approval_at'] ?? 0,
  };
}

function conflict(error: string, code: string): Answer {
  return { status: 409, json: { code, error, status: 409 } };
}

function text(body: JsonObject | undefined, name: string): string {
  const value = body?.[name];
  return typeof value === 'string' ? value : '';
}
