/** Fills the sandbox with a dead-letter queue such as an operator finds one: mostly one cause, and a bit of everything else. */
import { deadLetter, type Death } from './dlq.ts';
import { addJob, secondsTime, uuid, type Job } from './model.ts';
import { decide, rejectApproval } from './scheduler.ts';
import type { Sandbox } from './server.ts';
import { BLOCKED_TRANSFER, type Policy } from './topics.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** From submission to `max_scheduling_retries`. */
const SCHEDULING_MS = 25 * MINUTE_MS;
const TRANSFER = 'job.demo-mock-bank.transfer';
const NOTIFY = 'job.notification-service.process';

export interface DeadJob {
  readonly id?: string;
  readonly traceId?: string;
  readonly topic?: string;
  /** `max_scheduling_retries` unless told. */
  readonly reasonCode?: string;
  readonly reason?: string;
  readonly status?: Death['status'];
  readonly state?: Death['state'];
  /** How long ago the job was dead-lettered. One minute unless told. */
  readonly ageMs?: number;
  readonly attempts?: number;
  /** The worker that ran it; its id stands in the trace and nowhere else. */
  readonly workerId?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly policy?: Policy;
  readonly contextExpired?: boolean;
}

/** Puts one dead-lettered job there, with the job, its trace and its entry as Cordum leaves them. */
export function addDeadJob(sandbox: Sandbox, dead: DeadJob = {}): Job {
  const { world } = sandbox;
  const atMs = world.clock.now() - (dead.ageMs ?? MINUTE_MS);
  const reasonCode = dead.reasonCode ?? 'max_scheduling_retries';
  const neverScheduled = reasonCode === 'max_scheduling_retries';
  const topic = dead.topic ?? TRANSFER;
  const submittedAtMs = atMs - (neverScheduled ? SCHEDULING_MS : 2_000);
  const job = addJob(world, {
    topic,
    submittedAtMs,
    policy: dead.policy,
    labels: dead.labels ?? {},
    capability: topic === TRANSFER ? 'bank.transfer' : '',
    context: {
      adapter_id: '', context: { amount: 100 }, created_at: secondsTime(submittedAtMs), priority: '', prompt: 'transfer 100',
      tenant_id: world.tenant, topic,
    },
    ...(dead.id === undefined ? {} : { id: dead.id }),
    ...(dead.traceId === undefined ? {} : { traceId: dead.traceId }),
  });
  if (dead.contextExpired === true) job.contextUntilMs = submittedAtMs;
  job.workerId = dead.workerId;
  const policy = dead.policy ?? world.topics.get(topic)?.policy;
  if (policy !== undefined) decide(world, job, policy, submittedAtMs);
  if (reasonCode === 'approval_rejected') {
    rejectApproval(world, job, dead.reason ?? 'no budget', atMs);
    return job;
  }
  const attempts = dead.attempts ?? (neverScheduled ? 50 : undefined);
  job.attempts = attempts ?? 0;
  deadLetter(world, job, {
    status: dead.status ?? 'JOB_STATUS_FAILED',
    reason: dead.reason ?? 'max scheduling retries exceeded (attempts=50)',
    reasonCode,
    atMs,
    ...(attempts === undefined ? {} : { attempts }),
    ...(dead.state === undefined ? {} : { state: dead.state }),
  });
  return job;
}

export interface Seeded {
  /** Jobs that never reached a worker, whose input is there and whose pool has workers again. */
  readonly safe: readonly string[];
  readonly others: readonly string[];
  /** Entries by reason code; the empty code is under ''. */
  readonly byReason: Readonly<Record<string, number>>;
}

type Part = readonly [of240: number, safe: boolean, make: (sandbox: Sandbox, at: number) => DeadJob];

/** What else is in a queue of 240; the rest are safe `max_scheduling_retries`. */
const MIXTURE: readonly Part[] = [
  [18, true, () => ({ topic: NOTIFY, reasonCode: 'dispatch_failed', reason: 'publish job to pool notification-service: nats: no response from stream', attempts: 1 })],
  [2, true, () => ({ topic: NOTIFY, reasonCode: 'schema_registry_unavailable', reason: 'schema registry unavailable' })],
  [14, false, () => ({ reasonCode: 'safety_denied', status: 'JOB_STATUS_DENIED', reason: BLOCKED_TRANSFER.reason, policy: BLOCKED_TRANSFER })],
  [6, false, () => ({ topic: 'job.bank-executors.process', reasonCode: 'approval_rejected', reason: 'no budget' })],
  [4, false, () => ({ reasonCode: 'output_quarantined', status: 'JOB_STATUS_DENIED', state: 'OUTPUT_QUARANTINED', reason: 'secret detected in output', attempts: 1, workerId: 'bank-1' })],
  [6, false, () => ({ topic: 'job.legacy-reports.nightly', reasonCode: 'unknown_topic', reason: 'unknown topic' })],
  [20, false, (_sandbox, at) => ({ reasonCode: 'worker_error', reason: 'upstream bank API returned 503', attempts: 1, workerId: at % 2 === 0 ? 'bank-1' : 'bank-2' })],
  [5, false, () => ({ reasonCode: 'invalid_input', status: 'JOB_STATUS_FAILED_FATAL', reason: 'account number failed checksum', attempts: 1, workerId: 'bank-2' })],
  [2, false, () => ({ reasonCode: 'redelivery_dlq_retry', reason: 'terminal state redelivery' })],
  [5, false, workflowStep],
  [1, false, retriedBefore],
  [1, false, () => ({ contextExpired: true })],
  [1, false, () => ({ ageMs: 26 * HOUR_MS })],
  [1, false, approvedBefore],
  // A publish whose acknowledgement was lost: the scheduler gave up on a job that a worker had already run.
  [1, false, () => ({ workerId: 'bank-1' })],
  [1, false, () => ({ reasonCode: '', reason: 'worker panic: index out of range', attempts: 1, workerId: 'bank-2' })],
];
const MIXTURE_OF = 240;
/** The workers came back together, so the scheduler gave their jobs up in bursts of one second. */
const BURST = 6;

/**
 * Dead-letters `count` jobs. For 240 about 150 of them are safe to retry, and every rule against a retry has an example.
 * Brings up the workers of the pools concerned: they had died, and are back.
 */
export function seedDlq(sandbox: Sandbox, count = MIXTURE_OF): Seeded {
  for (const [id, pool] of [['bank-1', 'demo-mock-bank'], ['bank-2', 'demo-mock-bank'], ['notif-1', 'notification-service']] as const) sandbox.addWorker({ id, pool });
  const safe: string[] = [];
  const others: string[] = [];
  let made = 0;
  for (const [of240, isSafe, make] of MIXTURE) {
    for (let left = Math.floor((of240 * count) / MIXTURE_OF); left > 0; left -= 1) {
      const job = addDeadJob(sandbox, { ageMs: 3 * MINUTE_MS + made * 61_000, ...make(sandbox, made) });
      (isSafe ? safe : others).push(job.id);
      made += 1;
    }
  }
  for (let at = 0; made < count; at += 1, made += 1) {
    const burst = Math.floor(at / BURST);
    safe.push(addDeadJob(sandbox, { ageMs: 4 * MINUTE_MS + burst * 40_000 - (at % BURST) }).id);
  }
  const byReason: Record<string, number> = {};
  for (const entry of sandbox.world.dlq.values()) byReason[entry.reason_code ?? ''] = (byReason[entry.reason_code ?? ''] ?? 0) + 1;
  return { safe, others, byReason };
}

function workflowStep(sandbox: Sandbox): DeadJob {
  const run = uuid(sandbox.world);
  return { id: `${run}:transfer@1`, traceId: run, labels: { workflow_id: 'wf-demo', run_id: run, step_id: 'transfer' } };
}

function retriedBefore(sandbox: Sandbox): DeadJob {
  const original = uuid(sandbox.world);
  return {
    id: `${original}-retry-${sandbox.world.hex(8)}`,
    traceId: `dlq-retry-${original}`,
    labels: { dlq_entry: original, retry: 'true', retry_of_job: original },
  };
}

function approvedBefore(sandbox: Sandbox): DeadJob {
  const id = uuid(sandbox.world);
  return { id, topic: 'job.compliance-agents.process', labels: { approval_granted: 'true', approval_reason: 'looks fine', 'cordum.bus_msg_id': `approval:${id}` } };
}
