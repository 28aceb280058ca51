/**
 * The state of the simulated Cordum and the small changes to it. Facts come from a real gateway of v0.9.x as recorded
 * (`test/fixtures/cordum`) and, where nothing was recorded, from its source code.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { createInstallation, type Installation } from './installation.ts';
import { TOPICS, type Policy, type Topic } from './topics.ts';

export type JobState =
  | 'PENDING' | 'APPROVAL_REQUIRED' | 'SCHEDULED' | 'DISPATCHED' | 'RUNNING'
  | 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'TIMEOUT' | 'DENIED' | 'OUTPUT_QUARANTINED';

const TERMINAL: ReadonlySet<JobState> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DENIED', 'OUTPUT_QUARANTINED']);

/** The parts of an installation that can be away. `gateway` is the listener itself. */
export type Part = 'redis' | 'nats' | 'kernel' | 'scheduler' | 'gateway';

/** How a job ends once it is scheduled. `failRetryable` fails without being dead-lettered, as the real one does. */
export type Outcome = 'succeed' | 'fail' | 'failFatal' | 'failRetryable' | 'deny' | 'hang' | 'noWorker';

/** How long Cordum keeps what a job leaves behind. */
const CONTEXT_TTL_MS = 24 * 3_600_000;
const META_TTL_MS = 7 * 24 * 3_600_000;

/** The hash that stands for the policy in force, as recorded. */
export const POLICY_SNAPSHOT = '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101';

export interface Decision {
  readonly decision: 'ALLOW' | 'DENY' | 'REQUIRE_APPROVAL';
  readonly reason: string;
  readonly ruleId: string;
  /** Of the job, 64 hex; empty unless the decision asks for an approval. */
  readonly jobHash: string;
  readonly checkedAtMs: number;
}

export interface Job {
  readonly id: string;
  readonly traceId: string;
  readonly topic: string;
  /** Empty for a job retried after its original's meta had expired: nobody may read it then. */
  readonly tenant: string;
  readonly capability: string;
  readonly idempotencyKey: string;
  readonly actorId: string;
  readonly actorType: string;
  labels: Readonly<Record<string, string>>;
  readonly riskTags: readonly string[];
  /** What the kernel says of this job, when it is not what its topic's rule says. */
  readonly policy: Policy | undefined;
  state: JobState;
  /** How often the scheduler looked for a worker; executions are not counted anywhere. */
  attempts: number;
  workerId: string | undefined;
  decision: Decision | undefined;
  /** The `approval_*` fields of the job's detail. */
  approval: JsonObject | undefined;
  context: Json;
  result: Json;
  /** The `output_*` fields of the job's detail, for a job that succeeded. */
  output: JsonObject | undefined;
  contextUntilMs: number;
  metaUntilMs: number;
  updatedAtMs: number;
}

/** An entry as it stands in the list; absent fields are those that Go's omitempty leaves out. */
export interface DlqEntry {
  readonly job_id: string;
  readonly topic?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly reason_code?: string;
  readonly last_state?: string;
  readonly attempts?: number;
  /** RFC 3339 in UTC, with up to nine digits of fraction. */
  readonly created_at: string;
}

export interface Worker {
  readonly id: string;
  readonly pool: string;
  readonly capabilities: readonly string[];
  readonly maxParallelJobs: number;
  readonly labels: Readonly<Record<string, string>>;
}

export interface World {
  readonly clock: Clock;
  readonly tenant: string;
  readonly startedAtMs: number;
  readonly jobs: Map<string, Job>;
  readonly dlq: Map<string, DlqEntry>;
  /** What was last published on `sys.job.dlq` for a job: the source of echoes. */
  readonly published: Map<string, DlqEntry>;
  readonly workers: Map<string, Worker>;
  readonly topics: Map<string, Topic>;
  readonly down: Set<Part>;
  /** What does not belong to jobs: policy, workflows, configuration, licence. */
  readonly installation: Installation;
  /** By job id or topic; `*` is every other job. */
  readonly outcomes: Map<string, { readonly outcome: Outcome; readonly afterMs: number }>;
  /** While the scheduler is away its snapshot of the workers stays at this time. */
  snapshotFrozenAtMs: number | undefined;
  /** `length` hex digits: unlike each other, and the same in every run with the same seed. */
  hex(length: number): string;
  /** Runs `act` after `ms` of the clock, unless the sandbox has stopped by then. */
  later(ms: number, act: () => void): void;
  stopTimers(): void;
}

export function createWorld(clock: Clock, tenant: string, seed: string): World {
  let drawn = 0;
  const timers = new Set<() => void>();
  return {
    clock,
    tenant,
    startedAtMs: clock.now(),
    jobs: new Map(),
    dlq: new Map(),
    published: new Map(),
    workers: new Map(),
    topics: new Map(TOPICS.map((topic) => [topic.name, topic])),
    down: new Set(),
    installation: createInstallation(POLICY_SNAPSHOT),
    outcomes: new Map(),
    snapshotFrozenAtMs: undefined,
    hex(length) {
      drawn += 1;
      return createHash('sha256').update(`${seed}/${drawn}`).digest('hex').slice(0, length);
    },
    later(ms, act) {
      const cancel = clock.schedule(clock.now() + ms, () => {
        timers.delete(cancel);
        act();
      });
      timers.add(cancel);
    },
    stopTimers() {
      for (const cancel of timers) cancel();
      timers.clear();
    },
  };
}

export interface NewJob {
  readonly id?: string;
  readonly traceId?: string;
  readonly topic: string;
  readonly tenant?: string;
  readonly capability?: string;
  readonly idempotencyKey?: string;
  readonly actorId?: string;
  readonly actorType?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly riskTags?: readonly string[];
  readonly policy?: Policy | undefined;
  readonly context?: Json;
  /** When it was submitted, ms since the epoch; now unless told. */
  readonly submittedAtMs?: number;
}

/** Stores a job as PENDING. Nothing happens to it until the scheduler is told. */
export function addJob(world: World, wanted: NewJob): Job {
  const atMs = wanted.submittedAtMs ?? world.clock.now();
  const job: Job = {
    id: wanted.id ?? uuid(world),
    traceId: wanted.traceId ?? uuid(world),
    topic: wanted.topic,
    tenant: wanted.tenant ?? world.tenant,
    capability: wanted.capability ?? '',
    idempotencyKey: wanted.idempotencyKey ?? '',
    actorId: wanted.actorId ?? '',
    actorType: wanted.actorType ?? '',
    labels: wanted.labels ?? {},
    riskTags: wanted.riskTags ?? [],
    policy: wanted.policy,
    state: 'PENDING',
    attempts: 0,
    workerId: undefined,
    decision: undefined,
    approval: undefined,
    context: wanted.context ?? null,
    result: null,
    output: undefined,
    contextUntilMs: atMs + CONTEXT_TTL_MS,
    metaUntilMs: atMs + META_TTL_MS,
    updatedAtMs: atMs,
  };
  world.jobs.set(job.id, job);
  return job;
}

/** The job, unless its meta has expired: then Cordum knows it no more. */
export function findJob(world: World, id: string): Job | undefined {
  const job = world.jobs.get(id);
  return job !== undefined && job.metaUntilMs > world.clock.now() ? job : undefined;
}

/** Every job that Cordum still knows, most recently updated first. */
export function jobsByUpdate(world: World): Job[] {
  const nowMs = world.clock.now();
  return [...world.jobs.values()].filter((job) => job.metaUntilMs > nowMs).toSorted((a, b) => b.updatedAtMs - a.updatedAtMs);
}

export function setState(world: World, job: Job, state: JobState): void {
  job.state = state;
  job.updatedAtMs = world.clock.now();
}

export function isTerminal(state: JobState): boolean {
  return TERMINAL.has(state);
}

/** The input of a job while Cordum still has it, else null. */
export function contextOf(world: World, job: Job): Json {
  return job.contextUntilMs > world.clock.now() ? job.context : null;
}

export function workersOfPool(world: World, pool: string): Worker[] {
  return [...world.workers.values()].filter((worker) => worker.pool === pool);
}

export function activeJobsOf(world: World, workerId: string): number {
  let active = 0;
  for (const job of world.jobs.values()) if (job.state === 'RUNNING' && job.workerId === workerId) active += 1;
  return active;
}

export function uuid(world: World): string {
  const hex = world.hex(32);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** RFC 3339 to the second, as most of Cordum's times are. */
export function secondsTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with nanoseconds and without trailing zeros, as Go writes a time; the part below a millisecond is made up. */
export function nanoTime(world: World, ms: number): string {
  const below = String(Number.parseInt(world.hex(6), 16) % 1_000_000).padStart(6, '0');
  return `${new Date(ms).toISOString().slice(0, 23)}${below}`.replace(/\.?0+$/, '') + 'Z';
}

export function micros(ms: number): number {
  return ms * 1_000;
}
