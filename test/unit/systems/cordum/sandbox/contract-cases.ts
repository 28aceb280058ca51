import type { Json, JsonObject } from '#kernel/json.ts';
import { putEntry } from '#systems/cordum/sandbox/dlq.ts';
import { addJob, type DlqEntry, type Job, type JobState, type NewJob, type Outcome } from '#systems/cordum/sandbox/model.ts';
import { retryEntry } from '#systems/cordum/sandbox/retry.ts';
import { rejectApproval, startJob } from '#systems/cordum/sandbox/scheduler.ts';
import type { Sandbox } from '#systems/cordum/sandbox/server.ts';
import { BLOCKED_TRANSFER } from '#systems/cordum/sandbox/topics.ts';
import type { VirtualClock } from '../../../../kit/clock.ts';
import { recordedItems, type Recording } from './recordings.ts';

export interface Stage {
  readonly sandbox: Sandbox;
  readonly clock: VirtualClock;
  readonly recording: Recording;
  readonly recordings: readonly Recording[];
}

/** Brings the sandbox into the state in which the exchange was recorded. Answers the path to ask, when an id of its own stands in it. */
export type Prepare = (stage: Stage) => Promise<string | void> | string | void;

const TRANSFER = 'job.demo-mock-bank.transfer';
const WORKERS = { 'bank-1': 'demo-mock-bank', 'notif-1': 'notification-service', 'bank-2': 'demo-mock-bank' } as const;

const nothing: Prepare = () => {};

/** The queue as one or more recordings list it. */
const queueOf = (...names: string[]): Prepare => ({ sandbox, recording, recordings }) => {
  for (const name of names.length === 0 ? [recording.name] : names) recordedItems(recordings, name).forEach((entry) => putRecorded(sandbox, entry));
};

function putRecorded(sandbox: Sandbox, entry: DlqEntry): void {
  addJob(sandbox.world, { id: entry.job_id, topic: entry.topic ?? '' });
  putEntry(sandbox.world, entry);
}

/** Seven entries within one second, below the recorded ones. */
const sameSecond: Prepare = async (stage) => {
  await queueOf('dlq_list_max_scheduling_retries')(stage);
  for (let at = 0; at < 7; at += 1) {
    putRecorded(stage.sandbox, {
      job_id: `synthetic-0${at}`, topic: 'job.default', status: 'JOB_STATUS_FAILED', reason: 'synthetic', reason_code: 'worker_error',
      last_state: 'FAILED', attempts: 1, created_at: at === 0 ? '2026-11-20T18:00:00Z' : `2026-11-20T18:00:00.00${at}Z`,
    });
  }
};

/** The jobs that a recorded list shows. */
const jobsOf = (name?: string): Prepare => ({ sandbox, recording, recordings }) => {
  for (const row of recordedItems<JsonObject>(recordings, name ?? recording.name)) {
    const text = (field: string): string => (typeof row[field] === 'string' ? row[field] : '');
    const job = addJob(sandbox.world, {
      id: text('id'), traceId: text('trace_id'), topic: text('topic'), capability: text('capability'), idempotencyKey: text('idempotency_key'),
      actorId: text('actor_id'), actorType: text('actor_type'),
      ...(row['risk_tags'] === undefined ? {} : { riskTags: row['risk_tags'] as string[] }),
    });
    job.state = text('state') as JobState;
    job.attempts = Number(row['attempts'] ?? 0);
    job.workerId = text('worker_id');
    job.updatedAtMs = Number(row['updated_at']) / 1_000;
    const decision = text('safety_decision') as 'ALLOW' | 'DENY' | 'REQUIRE_APPROVAL' | '';
    if (decision !== '') job.decision = { decision, reason: text('safety_reason'), ruleId: text('safety_rule_id'), jobHash: '', checkedAtMs: 0 };
  }
};

const workers = (...ids: (keyof typeof WORKERS)[]): Prepare => ({ sandbox }) => ids.forEach((id) => sandbox.addWorker({ id, pool: WORKERS[id] }));
const away = (part: 'redis' | 'nats' | 'kernel' | 'scheduler', then: Prepare = nothing): Prepare => async (stage) => {
  await then(stage);
  await stage.sandbox.down(part);
};

/** Submits a job as the recorded one was, lets it run to `outcome` on a worker, and waits `forMs`. */
async function ran({ sandbox, clock }: Stage, wanted: Partial<NewJob>, outcome: Outcome, worker: string | undefined = 'bank-1', forMs = 1_000): Promise<Job> {
  if (worker !== undefined) sandbox.addWorker({ id: worker, pool: 'demo-mock-bank' });
  const job = addJob(sandbox.world, { topic: TRANSFER, ...wanted });
  sandbox.setOutcome(job.id, outcome);
  startJob(sandbox.world, job);
  await clock.advance(forMs);
  return job;
}

/** What the recorded detail tells of the submission. */
function asRecorded(recording: Recording): Partial<NewJob> {
  const body = recording.body as JsonObject;
  return {
    topic: String(body['topic']), capability: String(body['capability']), idempotencyKey: String(body['idempotency_key']),
    actorId: String(body['actor_id']), actorType: String(body['actor_type']), context: body['context'] as Json,
    traceId: String(body['trace_id']), id: String(body['id']),
  };
}

const detail = (outcome: Outcome, worker: string | undefined = 'bank-1', forMs?: number): Prepare => async (stage) => {
  await ran(stage, asRecorded(stage.recording), outcome, worker, forMs);
};

/** Fails a job, retries its entry, and answers the id of the job that the retry made. */
async function failedAndRetried(stage: Stage, wanted: Partial<NewJob>, before: (id: string) => void = () => {}): Promise<string> {
  const job = await ran(stage, wanted, 'fail', 'bank-2');
  before(job.id);
  return retried(stage, job.id);
}

async function retried(stage: Stage, id: string): Promise<string> {
  stage.sandbox.setOutcome(id, 'fail');
  const answered = retryEntry(stage.sandbox.world, id);
  if (!('newId' in answered)) throw new Error(`the retry was refused: ${answered.refused}`);
  await stage.clock.advance(1_000);
  return answered.newId;
}

/** The detail of the job that a retry made: its own fields are Cordum's work, the original's are the recorded ones. */
const detailOfRetry = (labels: Record<string, string> = {}): Prepare => async (stage) => {
  const { topic: _topic, ...wanted } = asRecorded(stage.recording);
  const originalId = /^(.*)-retry-[0-9a-f]{8}$/.exec(String(wanted.id))?.[1] ?? '';
  return `/api/v1/jobs/${await failedAndRetried(stage, { ...wanted, id: originalId, labels })}`;
};

const WORKFLOW = { run_id: '74f32900-18ad-43e5-b831-9ee8fc81ae65', step_id: 't', workflow_id: 'wf-fail' };

const entryOfPath: Prepare = async (stage) => {
  const id = decodeURIComponent(/\/dlq\/([^/?]+)/.exec(stage.recording.path)?.[1] ?? '');
  await ran(stage, { id }, 'fail');
};

const waitsForApproval: Prepare = async (stage) => {
  const id = /\/jobs\/([^/]+)/.exec(stage.recording.path)?.[1] ?? '';
  const topic = stage.recording.name.includes('approval2') ? 'job.compliance-agents.process' : 'job.bank-executors.process';
  const wanted = stage.recording.name.startsWith('job_get') ? asRecorded(stage.recording) : { id, topic };
  await ran(stage, wanted, 'succeed', undefined);
};

const rejected: Prepare = async (stage) => {
  rejectApproval(stage.sandbox.world, await ran(stage, asRecorded(stage.recording), 'succeed', undefined), 'no budget');
};

const CONSTANT = [
  'health', 'health_no_key', 'api_v1_health', 'auth_bad_key_401', 'auth_bearer_key', 'auth_config', 'auth_keys', 'auth_missing_key_401', 'not_found_route',
  'method_not_allowed', 'metrics_on_http_port', 'dlq_list_empty', 'dlq_list_1', 'dlq_page_1', 'dlq_page_empty', 'dlq_delete_missing', 'dlq_delete_again',
  'dlq_get_single_405', 'dlq_bulk_retry_absent', 'dlq_retry_404', 'dlq_retry_with_body', 'dlq_retry_twice_404', 'dlq_retry_other_tenant', 'jobs_list_empty',
  'jobs_list_tenant_param', 'job_get_404', 'job_cancel_404', 'traces_404', 'worker_get_404', 'workers_empty', 'pools_list', 'topics_list', 'schemas_list', 'tenant_missing',
  'tenant_missing_bad_key', 'tenant_other', 'status_idle',
];
const QUEUES = [
  'dlq_list_2', 'dlq_list_3', 'dlq_list_4', 'dlq_list_after_outages', 'dlq_list_after_workflows', 'dlq_list_max_scheduling_retries',
  'dlq_list_workflow_step_failed', 'dlq_resurrected_after_gateway_restart', 'restart_0_dlq_two_entries', 'restart_1_dlq_after_delete_and_retry',
  'restart_2_dlq_after_gateway_restart', 'restart_3_dlq_after_scheduler_restart', 'resurrect_0_before', 'resurrect_1_after_delete',
  'resurrect_2_after_graceful_gateway_restart', 'resurrect_3_after_sigkill_gateway_restart',
];
const all = (names: readonly string[], prepare: Prepare): Record<string, Prepare> => Object.fromEntries(names.map((name) => [name, prepare]));
const outages = (part: 'kernel' | 'scheduler' | 'nats' | 'redis', prefix: string = part): Record<string, Prepare> => ({
  ...all(['api_health', 'health', 'dlq_retry'].map((what) => `${prefix}_down_${what}`), away(part)),
  [`${prefix}_down_dlq`]: away(part, part === 'redis' ? nothing : queueOf()),
  [`${prefix}_down_jobs`]: away(part, part === 'redis' ? nothing : jobsOf()),
  [`${prefix}_down_status`]: away(part, workers('bank-1', 'notif-1', 'bank-2')),
  [`${prefix}_down_workers`]: away(part, workersAsRecorded),
});

/** Go lists the workers in no order of its own: the recorded one is taken. */
function workersAsRecorded(stage: Stage): void {
  const body = stage.recording.body as { items?: { worker_id: keyof typeof WORKERS }[] };
  for (const { worker_id: id } of body.items ?? []) stage.sandbox.addWorker({ id, pool: WORKERS[id] });
}

const laterOutages = Object.fromEntries(Object.entries(outages('kernel')).map(([name, prepare]) => [name.replace('_down_', '_down_later_'), prepare]));

export const CASES: Readonly<Record<string, Prepare>> = {
  ...all(CONSTANT, nothing),
  ...all(QUEUES, queueOf()),
  ...all(['dlq_page_2', 'dlq_list_limit_1', 'dlq_list_cursor_ignored', 'dlq_page_walk_1', 'dlq_page_walk_2'], queueOf('dlq_list_2')),
  ...all(
    ['0', '1795202361', '1795202361058', '1795202361058874', 'abc', 'm1'].map((cursor) => `dlq_page_cursor_${cursor}`),
    queueOf('dlq_list_max_scheduling_retries'),
  ),
  ...all(['dlq_page_limit_0', 'dlq_page_limit_100000', 'dlq_list_with_index_only_ghost'], queueOf('dlq_list_max_scheduling_retries')),
  ...all([1, 2, 3, 4, 5, 6].map((at) => `dlq_page_same_second_${at}`), sameSecond),
  dlq_list_meta_expired: async (stage) => {
    await queueOf('dlq_list_4', 'dlq_list_meta_expired')(stage);
    stage.sandbox.expireMeta('c6cb1cf1-2854-4525-b7ff-7081dba3088a-retry-70e99309');
  },
  ...all(['dlq_retry_ok', 'dlq_retry_workflow_step', 'dlq_retry_of_approval_rejected', 'dlq_delete_ok'], entryOfPath),
  dlq_resurrected_retry_again: async (stage) => {
    await entryOfPath(stage);
    const [id = ''] = stage.sandbox.entryIds();
    await retried(stage, id);
    stage.sandbox.resurrect(id);
  },
  ...all(['dlq_retry_meta_expired', 'dlq_delete_meta_expired'], async (stage) => {
    await entryOfPath(stage);
    stage.sandbox.expireMeta(stage.sandbox.entryIds()[0] ?? '');
  }),
  dlq_retry_ctx_expired: async (stage) => {
    await entryOfPath(stage);
    stage.sandbox.expireContext(stage.sandbox.entryIds()[0] ?? '');
  },
  ...all(['job_get_outcome_fail'], detail('fail')),
  job_get_outcome_fatal: detail('failFatal'),
  job_get_outcome_hang: detail('hang'),
  job_get_hang_after_timeout: detail('hang', 'bank-1', 16 * 60_000),
  job_get_outcome_ok: detail('succeed', 'bank-2'),
  job_get_outcome_retryable: detail('failRetryable'),
  job_get_max_scheduling_retries: async (stage) => void (await ran(stage, asRecorded(stage.recording), 'succeed', undefined, 26 * 60_000)),
  job_get_noworker: async (stage) => void (await ran(stage, { ...asRecorded(stage.recording), labels: { env: 'test' } }, 'succeed', undefined)),
  ...all(['job_get_approval', 'job_get_approval2', 'job_decisions_approval', 'job_decisions_approval2'], waitsForApproval),
  job_get_after_reject: rejected,
  job_decisions_noworker: async (stage) => void (await ran(stage, { id: '5094872e-4122-4d5c-a45a-2da5688bd571', topic: 'job.default' }, 'succeed', undefined)),
  job_get_after_dlq_retry: detailOfRetry(),
  job_get_retried_workflow_step: detailOfRetry(WORKFLOW),
  job_get_dlq_retry_ctx_expired: async (stage) => {
    const { topic: _topic, ...wanted } = asRecorded(stage.recording);
    const id = /^(.*)-retry-[0-9a-f]{8}$/.exec(String(wanted.id))?.[1] ?? '';
    return `/api/v1/jobs/${await failedAndRetried(stage, { ...wanted, id, labels: WORKFLOW, context: { amount: 1 } }, (one) => stage.sandbox.expireContext(one))}`;
  },
  job_get_dlq_retry_meta_expired: async (stage) => `/api/v1/jobs/${await failedAndRetried(stage, {}, (id) => stage.sandbox.expireMeta(id))}`,
  job_get_original_after_retry: async (stage) => void (await failedAndRetried(stage, asRecorded(stage.recording))),
  job_get_meta_expired: async (stage) => {
    const id = decodeURIComponent(stage.recording.path.split('/').at(-1) ?? '');
    await ran(stage, { id }, 'fail');
    stage.sandbox.expireMeta(id);
  },
  job_cancel_ok: async (stage) => void (await ran(stage, { id: '5094872e-4122-4d5c-a45a-2da5688bd571', topic: 'job.default' }, 'succeed', undefined)),
  job_cancel_terminal: async (stage) => void (await ran(stage, { id: 'e1695726-33f5-44ba-86e5-ff754c0e9a63' }, 'succeed')),
  ...all(['jobs_list_after_submit', 'jobs_list_2', 'jobs_list_jammed', 'jobs_page_1'], jobsOf()),
  jobs_list_bad_cursor: jobsOf('jobs_list_after_submit'),
  jobs_list_filter_state: jobsOf('jobs_list_after_submit'),
  ...all(['jobs_page_2', 'jobs_list_state_DENIED', 'jobs_list_state_FAILED', 'jobs_list_state_PENDING', 'jobs_list_state_TIMEOUT', 'jobs_list_state_lower_failed'], jobsOf('jobs_page_1')),
  trace_get: async (stage) => void (await ran(stage, { traceId: stage.recording.path.split('/').at(-1) ?? '', capability: 'outcome.ok' }, 'succeed', 'bank-2')),
  trace_after_dlq_retry: async (stage) => void (await failedAndRetried(stage, { id: 'c6cb1cf1-2854-4525-b7ff-7081dba3088a', capability: 'outcome.fail' })),
  worker_jobs: async (stage) => void (await ran(stage, { capability: 'outcome.retryable' }, 'failRetryable')),
  ...all(['workers_list', 'workers_after_one_died'], workersAsRecorded),
  ...all(['worker_get', 'pool_get', 'pools_list_with_workers'], workers('bank-1', 'notif-1', 'bank-2')),
  ...all(['status_with_workers', 'status_after', 'status_jammed_by_tier_concurrency'], workers('bank-1', 'notif-1', 'bank-2')),
  ...outages('redis'),
  ...outages('nats'),
  ...outages('kernel'),
  ...laterOutages,
  ...outages('scheduler'),
};

/** A denied workflow step, as `safety_denied` in `dlq_list_after_workflows`: driven through the policy instead of copied. */
export async function deniedJob(stage: Stage): Promise<Job> {
  return ran(stage, { id: '5b7bb8c2-1a9b-4afb-b173-3b814553fb51:t@1', policy: BLOCKED_TRANSFER }, 'succeed');
}
export { ran };
