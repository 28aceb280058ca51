import { defineRead, z } from '#step-kit/index.ts';
import { listDlq, WHOLE_DLQ } from '../dlq-listing.ts';
import { dlqEntry } from '../records.ts';
import { Cordum } from '../system.ts';

export const dlqList = defineRead({
  name: 'cordum.dlq.list',
  summary: 'Lists the dead-lettered jobs of the tenant, newest first.',
  input: z.object({
    /** At most this many entries. */
    limit: z.int().min(1).max(WHOLE_DLQ).default(1_000),
  }),
  output: z.object({
    items: z.array(dlqEntry),
    /** How many entries `items` holds. */
    total: z.int(),
    /** Whether there may be more than `items` shows; `note` says why. */
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'What is in the DLQ',
      with: { limit: 1000 },
      output: {
        items: [
          {
            jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7',
            topic: 'job.default',
            status: 'JOB_STATUS_FAILED',
            reason: 'max scheduling retries exceeded (attempts=50)',
            reasonCode: 'max_scheduling_retries',
            lastState: 'FAILED',
            attempts: 50,
            createdAt: '2026-11-20T19:24:38.864Z',
            createdAtMs: 1795202678864,
          },
        ],
        total: 1,
        truncated: false,
        note: 'Entries whose job metadata has expired (after 7 days) are hidden by Cordum and not listed.',
      },
    },
  ],
  timeoutMs: 120_000,
  run: (input, ctx) => listDlq(ctx.use(Cordum), input.limit, ctx),
});
