/** What becomes of a submitted job: policy, a worker, an end. Everything happens on the clock, nothing by itself. */
import { deadLetter } from './dlq.ts';
import { activeJobsOf, isTerminal, micros, POLICY_SNAPSHOT, setState, workersOfPool, type Job, type Outcome, type World } from './model.ts';
import { BLOCKED_TRANSFER, type Policy } from './topics.ts';

/** From submission to the scheduler's first look at the job. */
const PICKUP_MS = 50;
/** The scheduler comes back after this long when the kernel, NATS or its store is away. */
const DEFER_MS = 5_000;
/** Between two looks for a worker; fifty of them are the recorded 25 minutes. */
const BACKOFF_MS = 30_000;
const MOST_ATTEMPTS = 50;
/** A job that runs longer is set to TIMEOUT, without an entry in the queue. */
const RUN_TIMEOUT_MS = 15 * 60_000;
const DEFAULT_RUN_MS = 300;

export function startJob(world: World, job: Job): void {
  world.later(PICKUP_MS, () => consider(world, job));
}

function consider(world: World, job: Job): void {
  if (job.state !== 'PENDING') return;
  if (world.down.has('scheduler') || world.down.has('kernel') || world.down.has('nats') || world.down.has('redis')) {
    return world.later(DEFER_MS, () => consider(world, job));
  }
  const topic = world.topics.get(job.topic);
  if (topic === undefined) return deadLetter(world, job, { status: 'JOB_STATUS_FAILED', reason: 'unknown topic', reasonCode: 'unknown_topic' });
  const { outcome, afterMs } = outcomeOf(world, job);
  decide(world, job, outcome === 'deny' ? (job.policy?.decision === 'DENY' ? job.policy : BLOCKED_TRANSFER) : (job.policy ?? topic.policy));
  if (job.decision?.decision === 'DENY') {
    return deadLetter(world, job, { status: 'JOB_STATUS_DENIED', reason: job.decision.reason, reasonCode: 'safety_denied' });
  }
  if (job.decision?.decision === 'REQUIRE_APPROVAL') return setState(world, job, 'APPROVAL_REQUIRED');
  if (outcome === 'noWorker') {
    job.attempts = Math.max(1, job.attempts);
    return world.later(afterMs, () => giveUp(world, job));
  }
  dispatch(world, job, topic.pool, outcome, afterMs);
}

function dispatch(world: World, job: Job, pool: string, outcome: Outcome, afterMs: number): void {
  job.attempts += 1;
  const worker = workersOfPool(world, pool).toSorted((a, b) => activeJobsOf(world, a.id) - activeJobsOf(world, b.id))[0];
  if (worker === undefined) {
    if (job.attempts >= MOST_ATTEMPTS) return giveUp(world, job);
    return world.later(BACKOFF_MS, () => consider(world, job));
  }
  job.workerId = worker.id;
  setState(world, job, 'RUNNING');
  world.later(outcome === 'hang' ? RUN_TIMEOUT_MS : afterMs, () => end(world, job, outcome));
}

function end(world: World, job: Job, outcome: Outcome): void {
  if (job.state !== 'RUNNING') return;
  if (outcome === 'hang') return setState(world, job, 'TIMEOUT');
  if (job.workerId === undefined || !world.workers.has(job.workerId)) {
    // The worker died with the job in its hands: nobody answers, and only the timeout ends it.
    return world.later(RUN_TIMEOUT_MS, () => end(world, job, 'hang'));
  }
  switch (outcome) {
    case 'fail':
      return deadLetter(world, job, { status: 'JOB_STATUS_FAILED', reason: 'upstream bank API returned 503', reasonCode: 'worker_error', attempts: job.attempts });
    case 'failFatal':
      return deadLetter(world, job, { status: 'JOB_STATUS_FAILED_FATAL', reason: 'account number failed checksum', reasonCode: 'invalid_input', attempts: job.attempts });
    case 'failRetryable':
      return setState(world, job, 'FAILED');
    default:
      succeed(world, job);
  }
}

function succeed(world: World, job: Job): void {
  setState(world, job, 'SUCCEEDED');
  job.result = { echo_topic: job.topic, ok: true, worker: job.workerId ?? '' };
  job.output = {
    output_decision: 'ALLOW',
    output_safety: {
      decision: 'ALLOW',
      policy_snapshot: POLICY_SNAPSHOT,
      original_ptr: `redis://res:${job.id}`,
      checked_at: micros(world.clock.now()),
      check_duration_ms: 1,
      phase: 'async',
    },
  };
}

function giveUp(world: World, job: Job): void {
  if (isTerminal(job.state)) return;
  job.attempts = MOST_ATTEMPTS;
  deadLetter(world, job, { status: 'JOB_STATUS_FAILED', reason: `max scheduling retries exceeded (attempts=${MOST_ATTEMPTS})`, reasonCode: 'max_scheduling_retries', attempts: MOST_ATTEMPTS });
}

/** What the kernel says of the job, with what that leaves on it. An approval once granted stays with the labels, retries included. */
export function decide(world: World, job: Job, policy: Policy, atMs: number = world.clock.now()): void {
  const granted = policy.decision === 'REQUIRE_APPROVAL' && job.labels['approval_granted'] === 'true';
  const decision = granted ? 'ALLOW' : policy.decision;
  const asks = policy.decision === 'REQUIRE_APPROVAL';
  job.decision = {
    decision,
    reason: granted ? 'approval granted' : policy.reason,
    ruleId: policy.ruleId,
    jobHash: asks ? (job.decision?.jobHash ?? world.hex(64)) : '',
    checkedAtMs: atMs,
  };
  if (decision === 'REQUIRE_APPROVAL') job.approval = { approval_actionability: 'actionable', approval_revision: 1, approval_status: 'pending' };
}

/** Rejects a job that waits for an approval, as an administrator does in Cordum itself. */
export function rejectApproval(world: World, job: Job, reason: string, atMs: number = world.clock.now()): void {
  job.approval = {
    approval_actionability: 'resolved',
    approval_at: micros(atMs),
    approval_by: 'system/unknown',
    approval_decision: 'reject',
    approval_job_hash: job.decision?.jobHash ?? '',
    approval_policy_snapshot: POLICY_SNAPSHOT,
    approval_reason: reason,
    approval_revision: 2,
    approval_role: 'admin',
    approval_status: 'rejected',
  };
  deadLetter(world, job, { status: 'JOB_STATUS_DENIED', reason, reasonCode: 'approval_rejected', atMs });
}

function outcomeOf(world: World, job: Job): { outcome: Outcome; afterMs: number } {
  const names = [job.id, job.labels['retry_of_job'] ?? '', job.topic, '*'];
  for (const name of names) {
    const set = world.outcomes.get(name);
    if (set !== undefined) return set;
  }
  return { outcome: 'succeed', afterMs: DEFAULT_RUN_MS };
}
