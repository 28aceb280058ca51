/** The states in which the exchanges on approvals, policy, workflows and the rest were recorded. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { addJob } from '#systems/cordum/sandbox/model.ts';
import { decide, rejectApproval } from '#systems/cordum/sandbox/scheduler.ts';
import type { Prepare, Stage } from './contract-cases.ts';
import { type Recording, recordedItems } from './recordings.ts';

const nothing: Prepare = () => {};
const all = (names: readonly string[], prepare: Prepare): Record<string, Prepare> => Object.fromEntries(names.map((name) => [name, prepare]));

function bodyOf<T = JsonObject>({ recordings }: Stage, name: string): T {
  const found = recordings.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no recording ${name}`);
  return found.body as T;
}

/** A job that waits for an approval, with the id and topic of the recording. */
function waits(stage: Stage, id: string, topic: string, more: { readonly labels?: Record<string, string>; readonly context?: Json; readonly capability?: string; readonly atMs?: number; readonly idempotencyKey?: string; readonly traceId?: string } = {}) {
  const { world } = stage.sandbox;
  const gate = topic === 'job.cordum.approval-gate';
  const job = addJob(world, { id, topic, labels: more.labels ?? {}, context: more.context ?? null, capability: more.capability ?? '', idempotencyKey: more.idempotencyKey ?? '', ...(more.traceId === undefined ? {} : { traceId: more.traceId }) });
  const policy = gate ? { decision: 'REQUIRE_APPROVAL' as const, ruleId: 'workflow-approval-gate', reason: 'Workflow approval gates require explicit human authorization.' } : world.topics.get(topic)?.policy;
  if (policy === undefined) throw new Error(`the sandbox has no policy for ${topic}`);
  decide(world, job, policy);
  job.state = 'APPROVAL_REQUIRED';
  if (more.atMs !== undefined) job.updatedAtMs = more.atMs;
  return job;
}

/** The jobs of a recorded list of approvals, each with what it was asked with. */
const approvalsOf: Prepare = (stage) => {
  for (const item of recordedItems<JsonObject>(stage.recordings, stage.recording.name)) {
    const recorded = item['job'] as JsonObject;
    const gate = item['gate_type'] !== undefined;
    const text = (from: JsonObject, name: string): string => (typeof from[name] === 'string' ? from[name] : '');
    const labels = gate
      ? { step_id: text(item, 'workflow_step_id'), step_name: text(item, 'step_name'), workflow_id: text(item, 'workflow_id'), workflow_name: text(item, 'workflow_name'), run_id: text(item, 'workflow_run_id') }
      : undefined;
    const job = waits(stage, text(recorded, 'id'), text(recorded, 'topic'), {
      context: item['job_input'] ?? null, capability: text(recorded, 'capability'), atMs: Number(recorded['updated_at']) / 1_000, idempotencyKey: text(recorded, 'idempotency_key'),
      ...(labels === undefined ? {} : { labels }), ...(text(recorded, 'trace_id') === '' ? {} : { traceId: text(recorded, 'trace_id') }),
    });
    if (item['approval_decision'] === 'reject') rejectApproval(stage.sandbox.world, job, text(item, 'resolution'), Number(recorded['updated_at']) / 1_000);
  }
};

function idInPath({ path }: Recording): string {
  return decodeURIComponent(/\/approvals\/([^/]+)/.exec(path)?.[1] ?? '');
}

const waitsForDecision: Prepare = (stage) => {
  const id = idInPath(stage.recording);
  waits(stage, id, id.startsWith('8f896f5c') ? 'job.compliance-agents.process' : id.includes(':') ? 'job.cordum.approval-gate' : 'job.bank-executors.process');
};

const approvedBefore: Prepare = async (stage) => {
  await waitsForDecision(stage);
  const id = idInPath(stage.recording);
  const job = stage.sandbox.job(id);
  if (job === undefined) throw new Error('nothing waits');
  job.state = 'PENDING';
  job.approval = { approval_status: 'approved', approval_by: 'system/unknown', approval_at: 1_795_202_361_049_806 };
};

const rejectedBefore: Prepare = async (stage) => {
  await waitsForDecision(stage);
  const job = stage.sandbox.job(idInPath(stage.recording));
  if (job !== undefined) rejectApproval(stage.sandbox.world, job, 'no budget');
};

const bundlesAsRecorded: Prepare = (stage) => {
  const { installation } = stage.sandbox.world;
  const listed = bodyOf<{ bundles: Record<string, JsonObject>; updated_at: string }>(stage, 'policy_bundles_list');
  installation.bundles = listed.bundles;
  installation.bundlesUpdatedAt = listed.updated_at;
};

const runsOf = (...names: readonly string[]): Prepare => (stage) => {
  for (const name of names.length === 0 ? [stage.recording.name] : names) {
    const body = bodyOf<JsonObject | { items: JsonObject[] } | JsonObject[]>(stage, name);
    const runs: JsonObject[] = Array.isArray(body) ? body : 'items' in body && Array.isArray(body.items) ? (body.items as JsonObject[]) : [body as JsonObject];
    for (const run of runs) stage.sandbox.world.installation.runs.set(String(run['id']), run);
  }
};
const workflowsAsRecorded: Prepare = (stage) => void (stage.sandbox.world.installation.workflows = [...bodyOf<JsonObject[]>(stage, 'workflows_list')]);
const runOfPath: Prepare = (stage) => {
  const id = /\/(?:workflow-runs|runs)\/([^/]+)/.exec(stage.recording.path)?.[1] ?? '';
  stage.sandbox.world.installation.runs.set(id, { id, workflow_id: 'wf-fail', status: 'failed', updated_at: '2026-11-20T19:20:47.222645704Z', steps: { t: { step_id: 't', status: 'failed' } } });
};
const timelineOf: Prepare = (stage) => {
  const id = /\/workflow-runs\/([^/]+)/.exec(stage.recording.path)?.[1] ?? '';
  stage.sandbox.world.installation.timelines.set(id, stage.recording.body as unknown as JsonObject[]);
};

export const MORE_CASES: Readonly<Record<string, Prepare>> = {
  ...all(['approvals_empty', 'approve_404', 'policy_bundles_empty', 'policy_bundle_snapshots_empty', 'policy_snapshots', 'policy_snapshots_after_bundle', 'policy_snapshots_after_publish', 'workflows_empty', 'workflow_runs_empty'], nothing),
  ...all(['workflow_get_404', 'workflow_run_get_404', 'workflow_rerun_404', 'workflow_run_cancel_404', 'workflow_dry_run_404', 'license', 'policy_rollback_bad'], nothing),
  ...all(['approvals_list_pending', 'approvals_list_workflow_gate'], approvalsOf),
  ...all(['approve_job', 'approve_workflow_gate', 'reject_job', 'reject_retried_approval'], waitsForDecision),
  approve_job_again: approvedBefore,
  repair_approval: rejectedBefore,
  ...all(
    ['allow', 'deny', 'require_human', 'no_rule'].flatMap((what) => ['evaluate', 'simulate', 'explain'].map((question) => `policy_${question}_${what}`)),
    nothing,
  ),
  ...all(['policy_evaluate_constraints', 'policy_evaluate_bundle_rule', 'policy_evaluate_missing_topic', 'policy_evaluate_other_tenant', 'policy_evaluate_unknown_field', 'policy_evaluate_after_publish_deny'], nothing),
  ...all(['kernel_down_policy_evaluate', 'kernel_down_later_policy_evaluate'], (stage) => stage.sandbox.down('kernel')),
  nats_down_policy_evaluate: (stage) => stage.sandbox.down('nats'),
  redis_down_policy_evaluate: (stage) => stage.sandbox.down('redis'),
  scheduler_down_policy_evaluate: (stage) => stage.sandbox.down('scheduler'),
  policy_bundles_list: bundlesAsRecorded,
  policy_publish: bundlesAsRecorded,
  policy_bundle_snapshots_list: (stage) => {
    stage.sandbox.world.installation.snapshots = recordedItems<{ id: string; created_at: string; note: string }>(stage.recordings, 'policy_bundle_snapshots_list').map((one) => ({ id: one.id, createdAt: one.created_at, note: one.note, bundles: {} }));
  },
  ...all(['policy_audit', 'policy_audit_empty'], (stage) => void (stage.sandbox.world.installation.audit = recordedItems<JsonObject>(stage.recordings, stage.recording.name))),
  policy_output_stats: (stage) => void (stage.sandbox.world.installation.outputStats = stage.recording.body as JsonObject),
  ...all(['workflows_list', 'workflow_get', 'workflow_dry_run'], workflowsAsRecorded),
  // The recorded list was taken while this workflow was there.
  workflow_dry_run_denied: workflowsAsRecorded,
  ...all(
    ['workflow_rerun2_result', 'workflow_run2_done', 'workflow_run2_failed', 'workflow_run2_waiting_approval', 'workflow_run_after_step_dlq_retry', 'workflow_run_get_cancelled', 'workflow_run_get_denied', 'workflow_run_get_failed', 'workflow_run_get_waiting_approval', 'workflow_runs_all', 'workflow_runs_of_workflow'],
    runsOf(),
  ),
  ...all(['workflow_rerun', 'workflow_rerun2', 'workflow_rerun_bad_step', 'workflow_rerun_from_step_dry', 'workflow_run_cancel'], runOfPath),
  ...all(['workflow_run2_timeline_done', 'workflow_run2_timeline_failed', 'workflow_run2_timeline_waiting', 'workflow_run_timeline_denied', 'workflow_run_timeline_failed', 'workflow_run_timeline_waiting_approval'], timelineOf),
  ...all(['config_get', 'config_get_system_default'], (stage) => void (stage.sandbox.world.installation.config = { ...(stage.recording.body as Record<string, JsonObject>) })),
  config_effective: (stage) => void (stage.sandbox.world.installation.config = { ...(stage.recording.body as { data: Record<string, JsonObject> }).data }),
  ...all(['license_usage', 'license_usage_after'], (stage) => void (stage.sandbox.world.installation.licenseUsage = stage.recording.body as JsonObject)),
  admin_locks: (stage) => void (stage.sandbox.world.installation.locks = (stage.recording.body as { locks: JsonObject[] }).locks),
};

const authoring = 'the bot writes no policy and no workflow, so the sandbox takes none';
const starting = 'the bot starts no run of its own, it repeats one';
/** What is recorded of these subjects and not played, each with its reason. */
export const MORE_NOT_COVERED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['policy_bundle_get', 'policy_bundle_get_404', 'policy_bundle_put', 'policy_bundle_put_bad_yaml', 'policy_bundle_simulate', 'policy_bundle_snapshot_capture', 'workflow_create', 'workflow_create_3mb', 'workflow_create_denied',
      'workflow_create_failing', 'workflow_create_invalid_dep', 'workflow_delete', 'config_set_bad', 'policy_rules', 'policy_rules_after_publish', 'policy_output_rules', 'workflow_run_chat'].map((name) => [name, authoring]),
  ),
  ...Object.fromEntries(['workflow_run_start', 'workflow_run_start_404', 'workflow_run_start_denied', 'workflow_run_start_failing', 'workflow_run_start_query_dry', 'workflow_run2_start', 'workflow_run2_start_failing'].map((name) => [name, starting])),
  policy_evaluate_3mb: 'the bot asks with a few hundred bytes',
  policy_evaluate_oversized_12mb: 'the bot asks with a few hundred bytes',
  policy_evaluate_bad_json: 'the bot sends JSON; the recording does not hold what was sent',
  approvals_list_after: 'its order mixes the states of jobs in a way that one recording does not explain; the fields are those of the other lists',
};
