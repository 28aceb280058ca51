/** Jobs, how they ended, and which CronJob they belong to. */
import { type Result, succeed, z } from '#step-kit/index.ts';
import type { Call, KubernetesClient } from './client.ts';
import { conditionOf, job, type Job } from './records.ts';
import { ageSeconds, message } from './words.ts';

/** Backups run hourly and keep two of each; this many are somebody else's. */
const MOST_JOBS = 1_000;

export const shownJob = z.object({
  name: z.string(),
  /** The CronJob that it came from; empty: none. */
  cronjob: z.string(),
  outcome: z.enum(['complete', 'failed', 'running', 'suspended']),
  /** Why it failed, by Kubernetes' own word. */
  reason: z.string(),
  message: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  /** Since it was created. */
  ageSeconds: z.int(),
  active: z.int(),
  succeeded: z.int(),
  failed: z.int(),
});
export type ShownJob = z.output<typeof shownJob>;

/** Newest first. Jobs of a CronJob carry labels with their own name only, so the owner is what tells (recording jobs_list). */
export async function listJobs(client: KubernetesClient, cronjob: string | undefined, nowMs: number, call: Call): Promise<Result<{ items: ShownJob[]; truncated: boolean }>> {
  const listed = await client.list('jobs', job, { most: MOST_JOBS }, call);
  if (!listed.ok) return listed;
  const items = listed.value.items
    .filter(({ metadata }) => cronjob === undefined || cronJobOf(metadata) === cronjob)
    .toSorted((a, b) => Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp))
    .map((one) => showJob(one, nowMs));
  return succeed({ items, truncated: listed.value.truncated });
}

export function showJob(one: Job, nowMs: number): ShownJob {
  const { metadata, spec, status } = one;
  const complete = conditionOf(status.conditions, 'Complete');
  // Before Failed stands FailureTarget, seconds earlier; it is decided then already.
  const failed = ['Failed', 'FailureTarget'].map((type) => conditionOf(status.conditions, type)).find((condition) => condition?.status === 'True');
  const done = complete?.status === 'True';
  return {
    name: metadata.name,
    cronjob: cronJobOf(metadata),
    outcome: done ? 'complete' : failed !== undefined ? 'failed' : spec.suspend ? 'suspended' : 'running',
    reason: done ? '' : (failed?.reason ?? ''),
    message: done ? '' : message(failed?.message ?? ''),
    startedAt: status.startTime,
    finishedAt: status.completionTime || (failed?.lastTransitionTime ?? ''),
    ageSeconds: ageSeconds(nowMs, metadata.creationTimestamp),
    active: status.active,
    succeeded: status.succeeded,
    failed: status.failed,
  };
}

function cronJobOf(metadata: Job['metadata']): string {
  return metadata.ownerReferences.find(({ kind, controller }) => kind === 'CronJob' && controller)?.name ?? '';
}
