import { defineRead, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { jobDetail } from '../records.ts';
import { Cordum } from '../system.ts';

export const jobsGet = defineRead({
  name: 'cordum.jobs.get',
  summary: 'Reads one job in detail.',
  input: z.object({ jobId: z.string().min(1) }),
  output: jobDetail,
  examples: [
    {
      title: 'Why a job failed',
      with: { jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7' },
      output: {
        jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7', state: 'FAILED', topic: 'job.default', tenant: 'default', traceId: 'c33e31a6-1f55-48d7-ad13-a3bd9ef5c1ac',
        attempts: 50, contextPresent: true, submittedAt: '2026-11-20T19:24:08Z', processedBy: 'cordum-scheduler', completedAt: '2026-11-20T19:24:38Z',
        errorCode: 'max_scheduling_retries', errorMessage: 'max scheduling retries exceeded (attempts=50)', lastState: 'FAILED',
        safetyDecision: 'ALLOW', safetyReason: '', approvalStatus: '', workflowId: '', runId: '', stepId: '', labels: [],
      },
    },
  ],
  run: (input, ctx) => patiently(ctx, () => ctx.use(Cordum).job(input.jobId, { signal: ctx.signal })),
});
