import { defineRead, succeed, z } from '#step-kit/index.ts';
import { newestJobs } from '../job-listing.ts';
import { jobRow, type JobRow } from '../records.ts';
import { Cordum } from '../system.ts';

/** core/model/job.go. */
const JOB_STATES = ['PENDING', 'APPROVAL_REQUIRED', 'SCHEDULED', 'DISPATCHED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DENIED', 'OUTPUT_QUARANTINED'] as const;

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
