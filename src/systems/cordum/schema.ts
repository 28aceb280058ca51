/**
 * Reads what Cordum answers (v0.9, as recorded) into the records of `records.ts`. Only the fields that we use are read;
 * unknown ones are ignored and absent ones become empty, because Cordum leaves zero values out (`omitempty`).
 */
import { z } from 'zod';
import { parseJson } from '#kernel/json.ts';
import { cutText } from '#kernel/text.ts';
import type { ClusterStatus, DlqEntry, JobDetail, JobRow, PoolRow, TopicRow, WorkerRow } from './records.ts';

/** Labels of one job that we look at; the rest is cut, so that a hostile job cannot fill the journal. */
const MOST_LABELS = 100;
const LONGEST_LABEL = 1_000;
/** From v0.9.9 on the gateway puts prompt and payload of a job, up to 64 KiB each, into labels: that is input, and not for a journal. */
const INPUT_LABELS = '_content.';
/** Those that speak against a retry are always read, wherever they stand among the others. */
const DECISIVE_LABELS: ReadonlySet<string> = new Set(['workflow_id', 'run_id', 'retry_of_job', 'dlq_entry', 'approval_granted']);

export const text = z.string().nullish().transform((value) => value ?? '');
export const number = z.number().nullish().transform((value) => value ?? 0);
export const whole = number.transform((value) => {
  const cut = Math.trunc(value);
  return Number.isSafeInteger(cut) ? cut : 0;
});
export const flag = z.boolean().nullish().transform((value) => value ?? false);

/** Milliseconds of an RFC 3339 time, or 0 when it is none. */
export function timeMs(time: string): number {
  const ms = Date.parse(time);
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

export function isoOrEmpty(ms: number): string {
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : '';
}

const dlqItem = z
  .object({ job_id: z.string().min(1), topic: text, status: text, reason: text, reason_code: text, last_state: text, attempts: whole, created_at: text })
  .transform(
    (raw): DlqEntry => ({
      jobId: raw.job_id,
      topic: raw.topic,
      status: raw.status,
      reason: raw.reason,
      reasonCode: raw.reason_code,
      lastState: raw.last_state,
      attempts: raw.attempts,
      createdAt: isoOrEmpty(timeMs(raw.created_at)),
      createdAtMs: timeMs(raw.created_at),
    }),
  );

/** `next_cursor` says neither that there is more nor that there is not, so `dlq-listing.ts` finds its own way. */
export const dlqPageAnswer = z.object({ items: z.array(dlqItem).nullish().transform((items) => items ?? []) });

export const retryAnswer = z.object({ job_id: z.string().min(1) }).transform((raw) => ({ newJobId: raw.job_id }));

const jobItem = z
  .object({ id: z.string().min(1), worker_id: text, trace_id: text, updated_at: number, state: text, topic: text, tenant: text, attempts: whole, safety_decision: text, safety_reason: text })
  .transform((raw): JobRow => {
    const updatedAtMs = Math.max(0, Math.trunc(raw.updated_at / 1_000)); // Cordum gives microseconds, and 0 in traces.
    return {
      jobId: raw.id,
      workerId: raw.worker_id,
      traceId: raw.trace_id,
      state: raw.state,
      topic: raw.topic,
      tenant: raw.tenant,
      attempts: raw.attempts,
      safetyDecision: raw.safety_decision,
      safetyReason: raw.safety_reason,
      updatedAt: isoOrEmpty(updatedAtMs),
      updatedAtMs,
    };
  });

export const cancelAnswer = z.object({ state: text });

export const jobsAnswer = z.object({ items: z.array(jobItem).nullish().transform((items) => items ?? []) });

/** An unknown trace is 200 with an empty list. */
export const traceAnswer = z.array(jobItem).nullish().transform((rows) => rows ?? []);

const labels = z.unknown().optional().transform((raw) => {
  if (typeof raw !== 'object' || raw === null) return [];
  return Object.entries(raw)
    .filter(([name]) => !name.startsWith(INPUT_LABELS))
    .toSorted(([a], [b]) => Number(DECISIVE_LABELS.has(b)) - Number(DECISIVE_LABELS.has(a)))
    .slice(0, MOST_LABELS)
    .map(([name, value]) => ({ name, value: cutText(typeof value === 'string' ? value : JSON.stringify(value), LONGEST_LABEL) }));
});
/** The input of a job may be any JSON; of the usual shape we read when it was submitted. */
const context = z.unknown().optional().transform((raw) => {
  const read = z.object({ created_at: z.string() }).safeParse(raw);
  return { present: raw !== null && raw !== undefined, submittedAt: read.success ? read.data.created_at : '' };
});
/** A worker's own result may be any JSON as well. */
const result = z.object({ processed_by: text, completed_at: text }).catch({ processed_by: '', completed_at: '' });

export const jobAnswer = z
  .object({
    id: z.string().min(1), state: text, topic: text, tenant: text, trace_id: text, attempts: whole, context, result, error_code: text,
    error_message: text, last_state: text, safety_decision: text, safety_reason: text, approval_status: text, workflow_id: text,
    run_id: text, step_id: text, labels,
  })
  .transform(
    (raw): JobDetail => ({
      jobId: raw.id,
      state: raw.state,
      topic: raw.topic,
      tenant: raw.tenant,
      traceId: raw.trace_id,
      attempts: raw.attempts,
      contextPresent: raw.context.present,
      submittedAt: raw.context.submittedAt,
      processedBy: raw.result.processed_by,
      completedAt: raw.result.completed_at,
      errorCode: raw.error_code,
      errorMessage: raw.error_message,
      lastState: raw.last_state,
      safetyDecision: raw.safety_decision,
      safetyReason: raw.safety_reason,
      approvalStatus: raw.approval_status,
      workflowId: raw.workflow_id,
      runId: raw.run_id,
      stepId: raw.step_id,
      labels: raw.labels,
    }),
  );

export const texts = z.array(z.string()).nullish().transform((items) => items ?? []);

export const workerItem = z
  .object({ worker_id: z.string().min(1), pool: text, region: text, type: text, active_jobs: whole, max_parallel_jobs: whole, cpu_load: number, memory_load: number, capabilities: texts })
  .transform(
    (raw): WorkerRow => ({
      workerId: raw.worker_id,
      pool: raw.pool,
      region: raw.region,
      type: raw.type,
      activeJobs: raw.active_jobs,
      maxParallelJobs: raw.max_parallel_jobs,
      cpuLoad: raw.cpu_load,
      memoryLoad: raw.memory_load,
      capabilities: raw.capabilities,
    }),
  );
export const workersAnswer = z.object({ items: z.array(workerItem).nullish().transform((items) => items ?? []) });

const poolItem = z
  .object({ name: z.string(), workers: whole, active_jobs: whole, capacity: whole, utilization: number })
  .transform((raw): PoolRow => ({ name: raw.name, workers: raw.workers, activeJobs: raw.active_jobs, capacity: raw.capacity, utilization: raw.utilization }));
export const poolsAnswer = z.object({ items: z.array(poolItem).nullish().transform((items) => items ?? []) });

const topicItem = z
  .object({ name: z.string(), pool: text, status: text, active_worker_count: whole })
  .transform((raw): TopicRow => ({ name: raw.name, pool: raw.pool, status: raw.status, activeWorkerCount: raw.active_worker_count }));
export const topicsAnswer = z
  .object({ items: z.array(topicItem).nullish().transform((items) => items ?? []), registry_empty: flag })
  .transform((raw) => ({ items: raw.items, registryEmpty: raw.registry_empty }));

const breakerItem = z
  .object({ state: text, failures: whole })
  .nullish()
  .transform((raw) => ({ state: raw?.state === undefined || raw.state === '' ? 'UNKNOWN' : raw.state, failures: raw?.failures ?? -1 }));
const replicaItem = z.object({ service: text, id: text, version: text, started_at: text, ttl_remaining_ms: number }).transform((raw) => ({
  service: raw.service,
  id: raw.id,
  version: raw.version,
  startedAt: raw.started_at,
  ttlRemainingMs: Math.trunc(raw.ttl_remaining_ms / 1_000_000), // Named ms, given in nanoseconds.
}));
const noPipeline = { pending: 0, dispatched: 0, running: 0, succeeded: 0, failed: 0, denied: 0 };

export const statusAnswer = z
  .object({
    build: z.object({ version: text }).nullish(),
    uptime_seconds: whole,
    nats: z.object({ connected: flag, status: text }).nullish(),
    redis: z.object({ ok: flag }).nullish(),
    workers: z.object({ count: whole }).nullish(),
    pipeline: z.object({ pending: whole, dispatched: whole, running: whole, succeeded: whole, failed: whole, denied: whole }).nullish(),
    license: z.object({ plan: text, limits: z.object({ max_concurrent_jobs: z.number().nullish() }).nullish() }).nullish(),
    instance_id: z.string().nullish(),
    circuit_breakers: z.object({ input: breakerItem, output: breakerItem }).nullish(),
    snapshot_meta: z.object({ captured_at: text }).nullish(),
    replicas: z.record(z.string(), z.array(replicaItem)).nullish(),
  })
  .transform(
    (raw): ClusterStatus => ({
      version: raw.build?.version ?? '',
      uptimeSeconds: raw.uptime_seconds,
      natsConnected: raw.nats?.connected ?? false,
      natsStatus: raw.nats?.status ?? '',
      redisOk: raw.redis?.ok ?? false,
      workers: raw.workers?.count ?? 0,
      pipeline: raw.pipeline ?? noPipeline,
      inputBreaker: raw.circuit_breakers?.input ?? { state: 'UNKNOWN', failures: -1 },
      outputBreaker: raw.circuit_breakers?.output ?? { state: 'UNKNOWN', failures: -1 },
      workersSeenAt: raw.snapshot_meta?.captured_at ?? '',
      licensePlan: raw.license?.plan ?? '',
      maxConcurrentJobs: Math.trunc(raw.license?.limits?.max_concurrent_jobs ?? -1),
      replicas: Object.values(raw.replicas ?? {}).flat(),
      adminFieldsSeen: raw.instance_id !== undefined && raw.instance_id !== null,
    }),
  );

const checkStatus = z.union([z.string(), z.object({ status: z.string() }).transform((raw) => raw.status), z.unknown().transform((raw) => JSON.stringify(raw) ?? '')]);
/** `/readyz` (from Cordum's sources; not in the recordings): the shape of a check varies between versions. */
export const readyzAnswer = z
  .object({ status: text, checks: z.record(z.string(), checkStatus).nullish() })
  .transform((raw) => ({ status: raw.status, checks: Object.entries(raw.checks ?? {}).map(([name, status]) => ({ name, status: status.slice(0, 200) })) }));

const LONGEST_HEALTH = 200;
const healthAnswer = z.object({ status: z.string().min(1), nats: text, redis: text });

/** v0.9.7 answers `ok`; v0.9.9 answers JSON that names NATS and Redis. */
export function healthInWords(body: string): string {
  const read = healthAnswer.safeParse(parseJson(body));
  if (!read.success) return body.trim().slice(0, LONGEST_HEALTH);
  const parts = Object.entries({ nats: read.data.nats, redis: read.data.redis }).filter(([, said]) => said !== '');
  return `${read.data.status}${parts.length === 0 ? '' : ` (${parts.map(([name, said]) => `${name} ${said}`).join(', ')})`}`.slice(0, LONGEST_HEALTH);
}

/** The envelope of an error. */
export const errorAnswer = z.object({ error: z.string(), code: z.string().optional(), limit: z.string().optional(), message: z.string().optional() });
