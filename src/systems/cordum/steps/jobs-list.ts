import { defineRead, type Result, succeed, z } from '#step-kit/index.ts';
import type { CordumClient } from '../client.ts';
import { patiently, type Waiting } from '../patience.ts';
import { jobRow, type JobRow } from '../records.ts';
import { Cordum } from '../system.ts';

const PAGE_SIZE = 500;
/** core/model/job.go. */
const JOB_STATES = ['PENDING', 'APPROVAL_REQUIRED', 'SCHEDULED', 'DISPATCHED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DENIED', 'OUTPUT_QUARANTINED'] as const;

/** Cordum remembers the newest 1,000 jobs of all tenants; pages may overlap or be thinned out by other tenants' jobs. */
const MOST_PAGES = 6;

export const jobsList = defineRead({
  name: 'cordum.jobs.list',
  summary: 'Lists the newest jobs, optionally of one state or topic.',
  input: z.object({
    /** Empty: every state. A misspelt one would find nothing, which reads like an all-clear. */
    state: z.enum(['', ...JOB_STATES]).default(''),
    topic: z.string().default(''),
    limit: z.int().min(1).max(1_000).default(100),
  }),
  output: z.object({
    items: z.array(jobRow),
    total: z.int(),
    /** How many jobs were looked through. Cordum remembers no more than the newest 1,000. */
    scanned: z.int(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'Recent failures',
      with: { state: 'FAILED', limit: 20 },
      output: {
        items: [
          {
            jobId: '1be20cdc-177f-4257-bfe0-0b05e0c4fdee', workerId: '', traceId: '46fbb8bc-61f4-4b52-9cce-60fe5bb27320', state: 'FAILED',
            topic: 'job.notification-service.process', tenant: 'default', attempts: 0, safetyDecision: '', safetyReason: '',
            updatedAt: '2026-11-20T19:25:36.032Z', updatedAtMs: 1795202736032,
          },
        ],
        total: 1,
        scanned: 5,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const newest = await newestJobs(ctx.use(Cordum), ctx, (found) => found.filter((job) => matches(job, input)).length > input.limit);
    if (!newest.ok) return newest;
    const matching = newest.value.filter((job) => matches(job, input));
    const items = matching.slice(0, input.limit);
    return succeed({ items, total: items.length, scanned: newest.value.length, truncated: matching.length > items.length });
  },
});

function matches(job: JobRow, wanted: { readonly state: string; readonly topic: string }): boolean {
  return (wanted.state === '' || job.state === wanted.state.toUpperCase()) && (wanted.topic === '' || job.topic === wanted.topic);
}

/**
 * Cordum takes the newest jobs first and filters afterwards, and then gives no cursor: filtering there would hide most
 * matches (v0.9, `jobs_list_state_*` in the recordings). So we filter here and page by the jobs' own times.
 */
async function newestJobs(client: CordumClient, ctx: Waiting, enough: (found: JobRow[]) => boolean): Promise<Result<JobRow[]>> {
  const seen = new Map<string, JobRow>();
  let untilMicros: number | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const at = untilMicros;
    const page = await patiently(ctx, () => client.jobs({ limit: PAGE_SIZE, ...(at === undefined ? {} : { untilMicros: at }) }, { signal: ctx.signal }));
    if (!page.ok) return page;
    const before = seen.size;
    for (const job of page.value) if (!seen.has(job.jobId)) seen.set(job.jobId, job);
    const found = [...seen.values()];
    const oldestMs = Math.min(...page.value.map((job) => job.updatedAtMs).filter((ms) => ms > 0));
    if (seen.size === before || enough(found) || !Number.isFinite(oldestMs)) return succeed(found);
    // Inclusive and a little too late: pages then overlap, and no job of the same millisecond is passed over.
    untilMicros = oldestMs * 1_000 + 999;
  }
  return succeed([...seen.values()]);
}
