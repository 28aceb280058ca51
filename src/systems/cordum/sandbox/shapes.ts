/** How the gateway writes what it knows: records leave zero values out (Go's omitempty), the detail of a job never does. */
import type { Json, JsonObject } from '#kernel/json.ts';
import { entryOf } from './dlq.ts';
import {
  activeJobsOf, contextOf, jobsByUpdate, micros, POLICY_SNAPSHOT, secondsTime, workersOfPool,
  type Job, type JobState, type Worker, type World,
} from './model.ts';

/** The scheduler writes its snapshot of the workers this often. */
const SNAPSHOT_EVERY_MS = 5_000;
/** `/status` counts over at most so many recent jobs. */
const PIPELINE_JOBS = 500;
const REVISION = { version: 'v0.9.7', commit: '580e1c39' };

const PIPELINE: Readonly<Record<JobState, 'pending' | 'dispatched' | 'running' | 'succeeded' | 'failed' | 'denied'>> = {
  PENDING: 'pending', APPROVAL_REQUIRED: 'pending', SCHEDULED: 'pending', DISPATCHED: 'dispatched', RUNNING: 'running', SUCCEEDED: 'succeeded',
  FAILED: 'failed', CANCELLED: 'failed', TIMEOUT: 'failed', OUTPUT_QUARANTINED: 'failed', DENIED: 'denied',
};

/** A job in a list. `inTrace`: there `updated_at` is always 0. */
export function jobRecord(job: Job, inTrace = false): JsonObject {
  return {
    id: job.id,
    ...some('worker_id', job.workerId),
    trace_id: job.traceId,
    updated_at: inTrace ? 0 : micros(job.updatedAtMs),
    state: job.state,
    topic: job.topic,
    tenant: job.tenant,
    ...some('principal', job.actorId),
    ...some('actor_id', job.actorId),
    ...some('actor_type', job.actorType),
    ...some('idempotency_key', job.idempotencyKey),
    ...some('capability', job.capability),
    ...(job.riskTags.length === 0 ? {} : { risk_tags: job.riskTags }),
    ...some('attempts', job.attempts),
    ...some('safety_decision', job.decision?.decision),
    ...some('safety_reason', job.decision?.reason),
    ...some('safety_rule_id', job.decision?.ruleId),
    ...some('safety_snapshot', job.decision && POLICY_SNAPSHOT),
  };
}

export function jobDetail(world: World, job: Job): JsonObject {
  const required = job.decision?.decision === 'REQUIRE_APPROVAL';
  const fields: Record<string, Json> = {
    id: job.id,
    state: job.state,
    trace_id: job.traceId,
    topic: job.topic,
    tenant: job.tenant,
    capability: job.capability,
    idempotency_key: job.idempotencyKey,
    actor_id: job.actorId,
    actor_type: job.actorType,
    attempts: job.attempts,
    labels: job.labels,
    pack_id: '',
    requires: null,
    risk_tags: job.riskTags.length === 0 ? null : job.riskTags,
    context: contextOf(world, job),
    // Present even when nothing is stored under it, as recorded.
    context_ptr: `redis://ctx:${job.id}`,
    result: job.result,
    result_ptr: job.result === null ? '' : `redis://res:${job.id}`,
    workflow_id: job.labels['workflow_id'] ?? '',
    run_id: job.labels['run_id'] ?? '',
    step_id: job.labels['step_id'] ?? '',
    approval_required: required,
    approval_ref: required ? job.id : '',
    safety_decision: job.decision?.decision ?? '',
    safety_reason: job.decision?.reason ?? '',
    safety_rule_id: job.decision?.ruleId ?? '',
    safety_snapshot: job.decision === undefined ? '' : POLICY_SNAPSHOT,
    safety_job_hash: job.decision?.jobHash ?? '',
    safety_constraints: null,
    safety_remediations: null,
    ...job.approval,
    ...job.output,
    ...errorFields(world, job),
  };
  return Object.fromEntries(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Only while the entry is in the queue, and never for a denied job. */
function errorFields(world: World, job: Job): JsonObject {
  if (job.state !== 'FAILED' && job.state !== 'TIMEOUT' && job.state !== 'OUTPUT_QUARANTINED') return {};
  const entry = entryOf(world, job.id);
  if (entry === undefined) return {};
  return { error_code: entry.reason_code ?? '', error_message: entry.reason ?? '', error_status: entry.status ?? '', last_state: entry.last_state ?? '' };
}

export function jobDecisions(job: Job): JsonObject[] {
  if (job.decision === undefined) return [];
  const { decision, reason, ruleId, jobHash, checkedAtMs } = job.decision;
  const asked = decision === 'REQUIRE_APPROVAL' ? { approval_required: true, approval_ref: job.id, job_hash: jobHash } : {};
  const how = asked.approval_required ? pick(job.approval ?? {}, ['approval_status', 'approval_actionability', 'approval_revision']) : {};
  return [{ decision, ...some('reason', reason), rule_id: ruleId, policy_snapshot: POLICY_SNAPSHOT, ...asked, checked_at: micros(checkedAtMs), ...how }];
}

export function workerRecord(world: World, worker: Worker): JsonObject {
  return {
    worker_id: worker.id,
    region: 'local',
    type: 'cpu',
    cpu_load: 7.5,
    ...some('active_jobs', activeJobsOf(world, worker.id)),
    capabilities: worker.capabilities,
    pool: worker.pool,
    max_parallel_jobs: worker.maxParallelJobs,
    labels: worker.labels,
    memory_load: 21,
  };
}

/** `last_heartbeat` is the time of the snapshot, not of the worker's heartbeat: a quirk of the real one. */
export function workerDetail(world: World, worker: Worker): JsonObject {
  return { ...workerRecord(world, worker), active_jobs: activeJobsOf(world, worker.id), gpu_utilization: 0, last_heartbeat: secondsTime(snapshotAtMs(world)) };
}

/** Only pools that have workers are listed. */
export function poolRecords(world: World): JsonObject[] {
  const names = [...new Set([...world.workers.values()].map((worker) => worker.pool))].toSorted();
  return names.map((name) => ({ ...poolLoad(world, name), workers: workersOfPool(world, name).length }));
}

export function poolDetail(world: World, name: string): JsonObject | undefined {
  const workers = workersOfPool(world, name);
  const topics = [...world.topics.values()].filter((topic) => topic.pool === name).map((topic) => topic.name);
  if (workers.length === 0 && topics.length === 0) return undefined;
  return { ...poolLoad(world, name), topics, workers: workers.map((worker) => workerDetail(world, worker)) };
}

function poolLoad(world: World, name: string): { name: string; active_jobs: number; capacity: number; utilization: number } {
  const workers = workersOfPool(world, name);
  const active = workers.reduce((sum, worker) => sum + activeJobsOf(world, worker.id), 0);
  const capacity = workers.reduce((sum, worker) => sum + worker.maxParallelJobs, 0);
  return { name, active_jobs: active, capacity, utilization: capacity === 0 ? 0 : active / capacity };
}

export function topicRecords(world: World): JsonObject[] {
  return [...world.topics.values()].map(({ name, pool }) => {
    const schema = world.installation.inputSchemas.get(name);
    return { name, pool, ...(schema === undefined ? {} : { input_schema_id: schema }), status: 'active', active_worker_count: workersOfPool(world, pool).length };
  });
}

export function status(world: World): JsonObject {
  const nats = world.down.has('nats')
    ? { connected: false, status: 'RECONNECTING', url: '' }
    : { connected: true, status: 'CONNECTED', url: 'nats://127.0.0.1:14222' };
  const breaker = { state: 'CLOSED', failures: 0, fail_threshold: 3, cooldown_remaining_ms: 0 };
  const pipeline = { denied: 0, dispatched: 0, failed: 0, pending: 0, running: 0, succeeded: 0 };
  const mine = jobsByUpdate(world).filter((job) => job.tenant === world.tenant).slice(0, PIPELINE_JOBS);
  for (const job of mine) pipeline[PIPELINE[job.state]] += 1;
  return {
    build: { commit: REVISION.commit, date: 'unknown', version: REVISION.version },
    circuit_breakers: { input: breaker, output: breaker },
    ha_env: { audit_transport: '', redis_min_idle_conns: '', redis_pool_size: '' },
    instance_id: 'vm',
    license: {
      mode: 'community', status: 'active', plan: 'Community', features: ['audit', 'break_glass_admin'],
      limits: { audit_retention_days: 7, max_concurrent_jobs: 3, max_workers: 3, requests_per_second: 500 },
    },
    nats,
    pipeline,
    rate_limiter: { mode: 'redis' },
    redis: { ok: true },
    replicas: {
      'api-gateway': [replica(world, 'api-gateway', 'vm')],
      ...(world.down.has('scheduler') ? {} : { scheduler: [replica(world, 'scheduler', 'vm-b2554c2b')] }),
      'workflow-engine': [replica(world, 'workflow-engine', 'vm')],
    },
    snapshot_meta: { captured_at: secondsTime(snapshotAtMs(world)), writer_id: 'vm-b2554c2b' },
    time: secondsTime(world.clock.now()),
    uptime_seconds: Math.floor((world.clock.now() - world.startedAtMs) / 1_000),
    workers: { count: world.workers.size },
  };
}

/** `ttl_remaining_ms` holds nanoseconds, whatever its name says. */
function replica(world: World, service: string, id: string): JsonObject {
  return { id, service, version: REVISION.version, commit: REVISION.commit, started_at: secondsTime(world.startedAtMs), ttl_remaining_ms: 10_226_000_000 };
}

/** When the scheduler last wrote its snapshot of the workers: every 5 s while it and its buses are up. */
function snapshotAtMs(world: World): number {
  const untilMs = world.snapshotFrozenAtMs ?? world.clock.now();
  return untilMs - ((untilMs - world.startedAtMs) % SNAPSHOT_EVERY_MS);
}

function some(name: string, value: string | number | undefined): JsonObject {
  return value === undefined || value === '' || value === 0 ? {} : { [name]: value };
}

function pick(from: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.flatMap((name) => (from[name] === undefined ? [] : [[name, from[name]]])));
}
