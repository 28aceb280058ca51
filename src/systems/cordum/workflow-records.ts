/** What steps hand out about workflows and their runs. */
import { z } from '#step-kit/index.ts';

export const workflowRow = z.object({
  id: z.string(),
  name: z.string(),
  version: z.string(),
  /** 0: without a limit. */
  timeoutSeconds: z.int(),
  stepCount: z.int(),
  /** The topics that its steps submit to. */
  topics: z.array(z.object({ name: z.string() })),
  updatedAt: z.string(),
});
export type WorkflowRow = z.output<typeof workflowRow>;

export const runStep = z.object({
  stepId: z.string(),
  /** `pending`, `running`, `waiting`, `succeeded`, `failed`, `denied`, `cancelled`, `timed_out` or `skipped`. */
  status: z.string(),
  attempts: z.int(),
  jobId: z.string(),
  error: z.string(),
  startedAt: z.string(),
  completedAt: z.string(),
  /** From start to end; 0 while it runs or when it never started. */
  durationSeconds: z.int(),
});
export type RunStep = z.output<typeof runStep>;

export const runRow = z.object({
  runId: z.string(),
  workflowId: z.string(),
  /** The same words as of steps, without `skipped`. */
  status: z.string(),
  /** Whether it has ended, however it did. */
  ended: z.boolean(),
  createdAt: z.string(),
  startedAt: z.string(),
  completedAt: z.string(),
  updatedAt: z.string(),
  /** The first step that failed, was denied or timed out; empty when none did. */
  failedStep: z.string(),
  failedJobId: z.string(),
  error: z.string(),
  /** The step that it waits at, for an approval or a delay; empty when it waits at none. */
  waitingStep: z.string(),
  stepCount: z.int(),
  /** Of which run it is a repetition; empty when of none. */
  rerunOf: z.string(),
  dryRun: z.boolean(),
  triggeredBy: z.string(),
});
export type RunRow = z.output<typeof runRow>;

/** A run with its steps, in the order in which they started. */
export interface RunDetail extends RunRow {
  readonly steps: RunStep[];
  readonly rerunStep: string;
}

/** A job that takes a step of a failed run back. */
export const compensation = z.object({ jobId: z.string(), topic: z.string(), state: z.string(), workerId: z.string(), updatedAt: z.string(), error: z.string() });
export type Compensation = z.output<typeof compensation>;

export const timelineEvent = z.object({ at: z.string(), type: z.string(), stepId: z.string(), jobId: z.string(), status: z.string(), message: z.string() });
export type TimelineEvent = z.output<typeof timelineEvent>;

export const dryRunStep = z.object({
  stepId: z.string(),
  stepName: z.string(),
  stepType: z.string(),
  /** `ALLOW`, `DENY`, `REQUIRE_APPROVAL`, `THROTTLE`, `ALLOW_WITH_CONSTRAINTS`, `N/A`, `ERROR` or `UNKNOWN`. */
  decision: z.string(),
  reason: z.string(),
  ruleId: z.string(),
});
export type DryRunStep = z.output<typeof dryRunStep>;
