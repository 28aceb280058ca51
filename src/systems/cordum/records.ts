/** The records that Cordum steps hand to expressions and to each other: flat, typed, camelCase, times as ISO 8601 and as ms. */
import { z } from '#step-kit/index.ts';

/** One dead-lettered job. `createdAt` is empty and `createdAtMs` 0 when Cordum gave no readable time. */
export const dlqEntry = z.object({
  jobId: z.string(),
  topic: z.string(),
  /** Cordum's enum name, such as `JOB_STATUS_FAILED`. */
  status: z.string(),
  reason: z.string(),
  /** Empty when Cordum gave none. */
  reasonCode: z.string(),
  lastState: z.string(),
  /** Scheduling attempts, not executions. */
  attempts: z.int(),
  createdAt: z.string(),
  createdAtMs: z.int(),
});
export type DlqEntry = z.output<typeof dlqEntry>;

/** An entry with the sentence that says why it counts as safe, unsafe or unknown. */
export const judgedEntry = dlqEntry.extend({ why: z.string() });
export type JudgedEntry = z.output<typeof judgedEntry>;

/** A row of the job list, of a worker's jobs or of a trace. */
export const jobRow = z.object({
  jobId: z.string(),
  /** Empty when no worker has had the job. */
  workerId: z.string(),
  traceId: z.string(),
  state: z.string(),
  topic: z.string(),
  tenant: z.string(),
  attempts: z.int(),
  safetyDecision: z.string(),
  safetyReason: z.string(),
  /** Empty in traces: Cordum leaves the time out there. */
  updatedAt: z.string(),
  updatedAtMs: z.int(),
});
export type JobRow = z.output<typeof jobRow>;

export const label = z.object({ name: z.string(), value: z.string() });

/** One job in detail. Text is empty where Cordum says nothing. */
export const jobDetail = z.object({
  jobId: z.string(),
  state: z.string(),
  topic: z.string(),
  tenant: z.string(),
  traceId: z.string(),
  attempts: z.int(),
  /** Whether its input is still stored; Cordum keeps it for 24 hours. */
  contextPresent: z.boolean(),
  /** When it was submitted, as its input says. */
  submittedAt: z.string(),
  /** Who wrote the result. Cordum's gateway writes `cordum-scheduler` for every dead-lettered job, also for one that a worker ran. */
  processedBy: z.string(),
  completedAt: z.string(),
  /** These three only while the job stands in the DLQ. */
  errorCode: z.string(),
  errorMessage: z.string(),
  lastState: z.string(),
  safetyDecision: z.string(),
  safetyReason: z.string(),
  approvalStatus: z.string(),
  workflowId: z.string(),
  runId: z.string(),
  stepId: z.string(),
  labels: z.array(label),
});
export type JobDetail = z.output<typeof jobDetail>;

export const workerRow = z.object({
  workerId: z.string(),
  pool: z.string(),
  region: z.string(),
  type: z.string(),
  activeJobs: z.int(),
  maxParallelJobs: z.int(),
  /** Percent. */
  cpuLoad: z.number(),
  memoryLoad: z.number(),
  capabilities: z.array(z.string()),
});
export type WorkerRow = z.output<typeof workerRow>;

export const poolRow = z.object({
  name: z.string(),
  workers: z.int(),
  activeJobs: z.int(),
  /** Jobs that its workers can run at the same time. */
  capacity: z.int(),
  utilization: z.number(),
});
export type PoolRow = z.output<typeof poolRow>;

export const topicRow = z.object({
  name: z.string(),
  pool: z.string(),
  /** `active`, `deprecated` or `disabled`. */
  status: z.string(),
  activeWorkerCount: z.int(),
});
export type TopicRow = z.output<typeof topicRow>;

export const breaker = z.object({
  /** `CLOSED`, `OPEN`, or `UNKNOWN` when Cordum did not say (only admins see breakers). */
  state: z.string(),
  failures: z.int(),
});

/** A running process of Cordum; only admins see them, and only gateway, scheduler and workflow engine register. */
export const replica = z.object({ service: z.string(), id: z.string(), version: z.string(), startedAt: z.string(), ttlRemainingMs: z.int() });

export const clusterStatus = z.object({
  version: z.string(),
  uptimeSeconds: z.int(),
  natsConnected: z.boolean(),
  natsStatus: z.string(),
  redisOk: z.boolean(),
  workers: z.int(),
  /** Of at most the 500 newest jobs of the tenant. */
  pipeline: z.object({ pending: z.int(), dispatched: z.int(), running: z.int(), succeeded: z.int(), failed: z.int(), denied: z.int() }),
  inputBreaker: breaker,
  outputBreaker: breaker,
  /** When the scheduler last wrote down which workers it sees; empty when not told. */
  workersSeenAt: z.string(),
  licensePlan: z.string(),
  /** −1 when not told. A jammed pipeline may be this limit: pending jobs without workers count. */
  maxConcurrentJobs: z.int(),
  replicas: z.array(replica),
  /** Whether the fields for admins were in the answer. Cordum shares one cached answer between all roles. */
  adminFieldsSeen: z.boolean(),
});
export type ClusterStatus = z.output<typeof clusterStatus>;
