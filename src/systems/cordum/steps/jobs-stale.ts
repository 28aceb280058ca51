import { defineRead, succeed, z } from '#step-kit/index.ts';
import { secondsSince } from '../fields.ts';
import { newestJobs, REMEMBERED_JOBS } from '../job-listing.ts';
import { jobRow, type JobRow } from '../records.ts';
import { Cordum } from '../system.ts';

/** What the shipped timeouts say (reference/cordum.md §4.1, ConfigMap cordum-timeouts). */
const DISPATCH_S = 300;
const RUNNING_S = 900;
/** On the way to a worker. A job that waits for an approval waits for a person and is not stale. */
const BEFORE_DISPATCH: ReadonlySet<string> = new Set(['PENDING', 'SCHEDULED', 'DISPATCHED']);

const staleJob = jobRow.extend({ ageSeconds: z.int(), limitSeconds: z.int() });

export const jobsStale = defineRead({
  name: 'cordum.jobs.stale',
  summary: 'Finds jobs that have not moved for longer than the limits: before dispatch, and running.',
  input: z.object({
    /** For PENDING, SCHEDULED and DISPATCHED jobs. */
    dispatchSeconds: z.int().min(1).max(86_400).default(DISPATCH_S),
    runningSeconds: z.int().min(1).max(604_800).default(RUNNING_S),
    limit: z.int().min(1).max(REMEMBERED_JOBS).default(200),
  }),
  output: z.object({
    /** The oldest first. */
    items: z.array(staleJob),
    total: z.int(),
    byState: z.array(z.object({ state: z.string(), count: z.int(), oldestSeconds: z.int() })),
    byTopic: z.array(z.object({ topic: z.string(), count: z.int(), oldestSeconds: z.int() })),
    oldestSeconds: z.int(),
    /** How many jobs were looked through. */
    scanned: z.int(),
    /** There may be more: Cordum lists only the 1,000 jobs that changed last, and stale jobs are those that did not. */
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What is stuck',
      with: {},
      output: {
        items: [
          {
            jobId: 'f510e053-e99f-4d48-8885-7389dce41fd5', workerId: '', traceId: '0de19744-be49-4f15-8fd4-086129db3683', state: 'PENDING', topic: 'job.default', tenant: 'default',
            attempts: 11, safetyDecision: 'ALLOW', safetyReason: '', updatedAt: '2026-11-20T19:17:54.112Z', updatedAtMs: 1795202274112, ageSeconds: 640, limitSeconds: 300,
          },
        ],
        total: 1, byState: [{ state: 'PENDING', count: 1, oldestSeconds: 640 }], byTopic: [{ topic: 'job.default', count: 1, oldestSeconds: 640 }], oldestSeconds: 640,
        scanned: 17, truncated: false, note: '',
      },
    },
  ],
  timeoutMs: 60_000,
  async run(input, ctx) {
    const jobs = await newestJobs(ctx.use(Cordum), ctx, () => false);
    if (!jobs.ok) return jobs;
    const limitOf = (job: JobRow): number => (BEFORE_DISPATCH.has(job.state) ? input.dispatchSeconds : job.state === 'RUNNING' ? input.runningSeconds : 0);
    const stale = jobs.value
      .map((job) => ({ ...job, ageSeconds: secondsSince(job.updatedAt, ctx.now()), limitSeconds: limitOf(job) }))
      .filter((job) => job.limitSeconds > 0 && job.ageSeconds > job.limitSeconds)
      .toSorted((a, b) => b.ageSeconds - a.ageSeconds);
    const items = stale.slice(0, input.limit);
    const full = jobs.value.length >= REMEMBERED_JOBS;
    return succeed({
      items,
      total: stale.length,
      byState: groups(stale, (job) => job.state).map(({ name, ...rest }) => ({ state: name, ...rest })),
      byTopic: groups(stale, (job) => job.topic).slice(0, 50).map(({ name, ...rest }) => ({ topic: name, ...rest })),
      oldestSeconds: stale[0]?.ageSeconds ?? 0,
      scanned: jobs.value.length,
      truncated: full || stale.length > items.length,
      note: full ? `Cordum lists only the ${REMEMBERED_JOBS} jobs that changed last, of all tenants: older stuck jobs are not seen here. Its Redis knows them (job:index:<state>).` : '',
    });
  },
});

function groups(jobs: readonly { readonly ageSeconds: number; readonly state: string; readonly topic: string }[], by: (job: { state: string; topic: string }) => string): { name: string; count: number; oldestSeconds: number }[] {
  return [...Map.groupBy(jobs, by)]
    .map(([name, group]) => ({ name, count: group.length, oldestSeconds: Math.max(...group.map((job) => job.ageSeconds)) }))
    .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
