import { defineRead, succeed, z } from '#step-kit/index.ts';
import { listJobs, shownJob } from '../jobs.ts';
import { isObjectName } from '../resources.ts';
import { Kubernetes } from '../system.ts';

export const jobsList = defineRead({
  name: 'kubernetes.jobs.list',
  summary: 'Lists Jobs of the namespace, newest first, and how they ended.',
  input: z.object({
    /** Only those that came from this CronJob. */
    cronjob: z.string().refine(isObjectName, 'the name of a CronJob').optional(),
    limit: z.int().min(1).max(500).default(50),
  }),
  output: z.object({
    items: z.array(shownJob),
    /** How many there are, shown or not. */
    total: z.int(),
    complete: z.int(),
    failed: z.int(),
    running: z.int(),
    truncated: z.boolean(),
  }),
  examples: [
    {
      title: 'The last backups of Redis',
      with: { cronjob: 'cordum-redis-backup', limit: 5 },
      output: {
        items: [
          { name: 'cordum-redis-backup-29402878', cronjob: 'cordum-redis-backup', outcome: 'failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit', startedAt: '2026-11-20T19:58:00Z', finishedAt: '2026-11-20T20:04:10Z', ageSeconds: 600, active: 0, succeeded: 0, failed: 7 },
        ],
        total: 1,
        complete: 0,
        failed: 1,
        running: 0,
        truncated: false,
      },
    },
  ],
  async run(input, ctx) {
    const listed = await listJobs(ctx.use(Kubernetes), input.cronjob, ctx.now(), { signal: ctx.signal });
    if (!listed.ok) return listed;
    const { items, truncated } = listed.value;
    const having = (outcome: string): number => items.filter((one) => one.outcome === outcome).length;
    return succeed({ items: items.slice(0, input.limit), total: items.length, complete: having('complete'), failed: having('failed'), running: having('running'), truncated: truncated || items.length > input.limit });
  },
});
