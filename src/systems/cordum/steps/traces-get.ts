import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { jobRow } from '../records.ts';
import { Cordum } from '../system.ts';

export const tracesGet = defineRead({
  name: 'cordum.traces.get',
  summary: 'Lists the jobs of a trace, with the worker that had each. A trace that Cordum does not know is empty.',
  input: z.object({ traceId: z.string().min(1) }),
  output: z.object({ items: z.array(jobRow), total: z.int() }),
  examples: [
    {
      title: 'What became of the retries of a job',
      with: { traceId: 'dlq-retry-c6cb1cf1-2854-4525-b7ff-7081dba3088a' },
      output: {
        items: [
          {
            jobId: 'c6cb1cf1-2854-4525-b7ff-7081dba3088a-retry-70e99309', workerId: 'bank-2', traceId: 'dlq-retry-c6cb1cf1-2854-4525-b7ff-7081dba3088a', state: 'FAILED',
            topic: 'job.demo-mock-bank.transfer', tenant: 'default', attempts: 1, safetyDecision: 'ALLOW', safetyReason: '', updatedAt: '', updatedAtMs: 0,
          },
        ],
        total: 1,
      },
    },
  ],
  async run(input, ctx) {
    const rows = await patiently(ctx, () => ctx.use(Cordum).trace(input.traceId, { signal: ctx.signal }));
    return rows.ok ? succeed({ items: [...rows.value], total: rows.value.length }) : rows;
  },
});
