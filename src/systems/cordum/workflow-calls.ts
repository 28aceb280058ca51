/** The calls on workflows and runs, and how their answers are read (recordings `workflow_*`, `workflows_*`). */
import { z } from 'zod';
import type { Result } from '#kernel/failure.ts';
import { type Calls, pathWith, queryOf, type ReadCall, shown, type WriteCall } from './calls.ts';
import { instant, rows, type Rows, said } from './fields.ts';
import { flag, number, text, timeMs, whole } from './schema.ts';
import type { DryRunStep, RunDetail, RunRow, RunStep, TimelineEvent, WorkflowRow } from './workflow-records.ts';

/** Steps of one run or workflow that are read. */
const MOST_STEPS = 500;
const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'denied', 'cancelled', 'timed_out']);
const BAD: ReadonlySet<string> = new Set(['failed', 'denied', 'timed_out']);

export interface RunPage {
  readonly limit: number;
  /** Inclusive: runs that changed at or before it. */
  readonly untilMicros?: number;
}

export interface WorkflowCalls {
  /** At most 100: Cordum gives no more. */
  workflows(call?: ReadCall): Promise<Result<Rows<WorkflowRow>>>;
  /** The runs of all workflows, most recently changed first. */
  runs(page: RunPage, call?: ReadCall): Promise<Result<Rows<RunRow> & { readonly nextMicros: number | undefined }>>;
  run(runId: string, call?: ReadCall): Promise<Result<RunDetail>>;
  timeline(runId: string, limit: number, call?: ReadCall): Promise<Result<Rows<TimelineEvent>>>;
  dryRun(workflowId: string, environment: string, call?: ReadCall): Promise<Result<Rows<DryRunStep>>>;
  /** No guard at Cordum: two calls make two runs. */
  rerun(runId: string, fromStep: string, call: WriteCall): Promise<Result<{ readonly runId: string }>>;
  cancelRun(workflowId: string, runId: string, call: WriteCall): Promise<Result<null>>;
}

export function workflowsOf({ read, ask, write, writeBlind }: Calls): WorkflowCalls {
  return {
    workflows: (call) => read('list workflows', '/api/v1/workflows', workflowsAnswer, call),
    runs: (page, call) => read('list workflow runs', `/api/v1/workflow-runs${queryOf({ limit: page.limit, cursor: page.untilMicros })}`, runsAnswer, call),
    run: (runId, call) => read(`show the workflow run ${shown(runId)}`, pathWith('/api/v1/workflow-runs/', runId), runAnswer, call),
    timeline: (runId, limit, call) => read(`show the timeline of the workflow run ${shown(runId)}`, pathWith('/api/v1/workflow-runs/', runId, `/timeline?limit=${limit}`), timelineAnswer, call),
    dryRun: (workflowId, environment, call) => ask(`try the workflow ${shown(workflowId)} dry`, pathWith('/api/v1/workflows/', workflowId, '/dry-run'), { input: {}, environment }, dryRunAnswer, call),
    rerun: (runId, fromStep, call) => write(`run ${shown(runId)} again`, 'POST', pathWith('/api/v1/workflow-runs/', runId, '/rerun'), startedAnswer, { ...call, body: fromStep === '' ? {} : { from_step: fromStep } }),
    cancelRun(workflowId, runId, call) {
      const before = pathWith('/api/v1/workflows/', workflowId, '/runs/');
      return writeBlind(`cancel the workflow run ${shown(runId)}`, 'POST', before === undefined ? undefined : pathWith(before, runId, '/cancel'), call);
    },
  };
}

/** An object by step id as a list, bounded. */
function listed(raw: unknown): [string, unknown][] {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? Object.entries(raw).slice(0, MOST_STEPS) : [];
}

const workflowItem = z
  .object({ id: z.string().min(1), name: said, version: text, timeout_sec: whole, steps: z.unknown().optional(), updated_at: instant })
  .transform((raw): WorkflowRow => {
    const steps = listed(raw.steps);
    const topics = steps.flatMap(([, step]) => {
      const read = z.object({ topic: z.string().min(1) }).safeParse(step);
      return read.success ? [read.data.topic] : [];
    });
    return { id: raw.id, name: raw.name, version: raw.version, timeoutSeconds: raw.timeout_sec, stepCount: steps.length, topics: [...new Set(topics)].toSorted().map((name) => ({ name })), updatedAt: raw.updated_at };
  });
const workflowsAnswer = rows(workflowItem);

/** An error is an object with a message, or text, or null. */
const errorText = z.union([z.object({ message: said }).transform((raw) => raw.message), said, z.unknown().transform((raw) => (raw === undefined ? '' : JSON.stringify(raw).slice(0, 500)))]).optional().transform((value) => value ?? '');

const stepShape = z.object({ step_id: text, status: text, attempts: whole, job_id: text, error: errorText, started_at: instant, completed_at: instant });

function stepsOf(raw: unknown): RunStep[] {
  const steps = listed(raw).flatMap(([id, value]): RunStep[] => {
    const read = stepShape.safeParse(value);
    if (!read.success) return [];
    const { data } = read;
    return [
      {
        stepId: data.step_id || id,
        status: data.status,
        attempts: data.attempts,
        jobId: data.job_id,
        error: data.error,
        startedAt: data.started_at,
        completedAt: data.completed_at,
        durationSeconds: data.started_at === '' || data.completed_at === '' ? 0 : Math.max(0, Math.round((timeMs(data.completed_at) - timeMs(data.started_at)) / 1_000)),
      },
    ];
  });
  // Steps that never started stand last.
  return steps.toSorted((a, b) => (timeMs(a.startedAt) || Number.MAX_SAFE_INTEGER) - (timeMs(b.startedAt) || Number.MAX_SAFE_INTEGER) || (a.stepId < b.stepId ? -1 : 1));
}

const runShape = z.object({
  id: z.string().min(1), workflow_id: text, status: text, created_at: instant, started_at: instant, completed_at: instant, updated_at: instant, error: errorText,
  steps: z.unknown().optional(), rerun_of: text, rerun_step: text, dry_run: flag, triggered_by: said,
});

function detailOf(raw: z.output<typeof runShape>): RunDetail {
  const steps = stepsOf(raw.steps);
  const failed = steps.find((step) => BAD.has(step.status));
  return {
    runId: raw.id,
    workflowId: raw.workflow_id,
    status: raw.status,
    ended: ENDED.has(raw.status),
    createdAt: raw.created_at,
    startedAt: raw.started_at,
    completedAt: raw.completed_at,
    updatedAt: raw.updated_at,
    failedStep: failed?.stepId ?? '',
    failedJobId: failed?.jobId ?? '',
    error: raw.error || (failed?.error ?? ''),
    waitingStep: steps.find((step) => step.status === 'waiting')?.stepId ?? '',
    stepCount: steps.length,
    rerunOf: raw.rerun_of,
    dryRun: raw.dry_run,
    triggeredBy: raw.triggered_by,
    steps,
    rerunStep: raw.rerun_step,
  };
}
const runAnswer = runShape.transform(detailOf);
const runItem = runShape.transform((raw): RunRow => {
  const { steps: _steps, rerunStep: _rerunStep, ...row } = detailOf(raw);
  return row;
});
/** `next_cursor` is the last row's change in µs, less one. */
const runsAnswer = z.object({ items: rows(runItem), next_cursor: number }).transform((raw) => ({ ...raw.items, nextMicros: raw.next_cursor > 0 && Number.isSafeInteger(raw.next_cursor) ? raw.next_cursor : undefined }));

const timelineItem = z
  .object({ time: instant, type: text, step_id: text, job_id: text, status: text, message: said })
  .transform((raw): TimelineEvent => ({ at: raw.time, type: raw.type, stepId: raw.step_id, jobId: raw.job_id, status: raw.status, message: raw.message }));
const timelineAnswer = rows(timelineItem);

const dryRunItem = z
  .object({ step_id: z.string().min(1), step_name: said, step_type: text, decision: text, reason: said, rule_id: text })
  .transform((raw): DryRunStep => ({ stepId: raw.step_id, stepName: raw.step_name, stepType: raw.step_type, decision: raw.decision, reason: raw.reason, ruleId: raw.rule_id }));
const dryRunAnswer = z.object({ steps: rows(dryRunItem) }).transform((raw) => raw.steps);

const startedAnswer = z.object({ run_id: z.string().min(1) }).transform((raw) => ({ runId: raw.run_id }));
