/**
 * The jobs by which Cordum takes the steps of a failed run back. Cordum has no route for them: they are ordinary jobs
 * whose id begins with `comp-` (Cordum's source, scheduler/saga.go), and whose labels name the run.
 */
import { type Result, succeed } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';
import { newestJobs, REMEMBERED_JOBS } from './job-listing.ts';
import { patiently, type Waiting } from './patience.ts';
import type { Compensation, RunRow } from './workflow-records.ts';

const PREFIX = 'comp-';
/** Details read to find the ones of one run. */
const MOST_DETAILS = 30;

export interface Compensations {
  readonly items: readonly Compensation[];
  /** Whether all that Cordum remembers was looked at. */
  readonly whole: boolean;
}

export async function compensationsOf(client: CordumClient, run: RunRow, ctx: Waiting): Promise<Result<Compensations>> {
  const jobs = await newestJobs(client, ctx, () => false);
  if (!jobs.ok) return jobs;
  const candidates = jobs.value.filter((job) => job.jobId.startsWith(PREFIX));
  const items: Compensation[] = [];
  for (const job of candidates.slice(0, MOST_DETAILS)) {
    const detail = await patiently(ctx, () => client.job(job.jobId, { signal: ctx.signal }));
    if (!detail.ok) {
      if (detail.failure.reason === 'notFound' || detail.failure.reason === 'forbidden') continue;
      return detail;
    }
    const label = (name: string): string => detail.value.labels.find((one) => one.name === name)?.value ?? '';
    // The labels of the step are kept, so the run is named; an older Cordum names the workflow alone.
    const runOfJob = detail.value.runId || label('run_id');
    const isOfRun = runOfJob === '' ? [run.workflowId, run.runId].includes(label('saga_workflow_id')) : runOfJob === run.runId;
    if (isOfRun) items.push({ jobId: job.jobId, topic: job.topic, state: job.state, workerId: job.workerId, updatedAt: job.updatedAt, error: detail.value.errorMessage.slice(0, 500) });
  }
  return succeed({ items, whole: candidates.length <= MOST_DETAILS && jobs.value.length < REMEMBERED_JOBS });
}
