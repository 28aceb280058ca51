import { defineRead, succeed, z } from '#step-kit/index.ts';
import { type Compensations, compensationsOf } from '../compensations.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { compensation, runRow, runStep } from '../workflow-records.ts';

const FAILED: ReadonlySet<string> = new Set(['FAILED', 'DENIED', 'TIMEOUT', 'CANCELLED', 'OUTPUT_QUARANTINED']);

export const workflowRunsGet = defineRead({
  name: 'cordum.workflow-runs.get',
  summary: 'Reads one workflow run with its steps, and for one that ended badly the jobs that take its steps back (saga).',
  input: z.object({ runId: z.string().min(1) }),
  output: runRow.extend({
    /** In the order in which they started; those that never did stand last. */
    steps: z.array(runStep),
    rerunStep: z.string(),
    compensations: z.array(compensation),
    /** Of the compensations: not yet ended, and ended badly. */
    compensationsOpen: z.int(),
    compensationsFailed: z.int(),
    /** Whether compensations could be looked for and all were seen: without that, none means nothing. */
    compensationsSeen: z.boolean(),
    note: z.string(),
    /** One sentence for a person. */
    say: z.string(),
  }),
  examples: [
    {
      title: 'Why a run failed',
      with: { runId: '74f32900-18ad-43e5-b831-9ee8fc81ae65' },
      output: {
        runId: '74f32900-18ad-43e5-b831-9ee8fc81ae65', workflowId: 'wf-fail', status: 'failed', ended: true, createdAt: '2026-11-20T19:22:30.387Z',
        startedAt: '2026-11-20T19:22:30.387Z', completedAt: '2026-11-20T19:22:30.705Z', updatedAt: '2026-11-20T19:22:30.705Z', failedStep: 't',
        failedJobId: '74f32900-18ad-43e5-b831-9ee8fc81ae65:t@1', error: 'upstream bank API returned 503', waitingStep: '', stepCount: 1,
        rerunOf: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71', dryRun: false, triggeredBy: '',
        steps: [
          {
            stepId: 't', status: 'failed', attempts: 1, jobId: '74f32900-18ad-43e5-b831-9ee8fc81ae65:t@1', error: 'upstream bank API returned 503',
            startedAt: '2026-11-20T19:22:30.387Z', completedAt: '2026-11-20T19:22:30.705Z', durationSeconds: 0,
          },
        ],
        rerunStep: '', compensations: [], compensationsOpen: 0, compensationsFailed: 0, compensationsSeen: true, note: '',
        say: 'The run of wf-fail failed at step t: upstream bank API returned 503.',
      },
    },
  ],
  timeoutMs: 60_000,
  async run(input, ctx) {
    const client = ctx.use(Cordum);
    const run = await patiently(ctx, () => client.run(input.runId, { signal: ctx.signal }));
    if (!run.ok) return run;
    const { workflowId, status, failedStep, error, waitingStep, ended } = run.value;
    // Nothing is taken back while a run goes on or after it went well.
    const looks = ended && status !== 'succeeded';
    const found = looks ? await compensationsOf(client, run.value, ctx) : succeed<Compensations>({ items: [], whole: true });
    const items = found.ok ? [...found.value.items] : [];
    const at = failedStep !== '' ? ` at step ${failedStep}` : waitingStep !== '' ? ` at step ${waitingStep}` : '';
    return succeed({
      ...run.value,
      compensations: items,
      compensationsOpen: items.filter((job) => job.state !== 'SUCCEEDED' && !FAILED.has(job.state)).length,
      compensationsFailed: items.filter((job) => FAILED.has(job.state)).length,
      compensationsSeen: found.ok && found.value.whole,
      note: !found.ok ? found.failure.message : found.value.whole ? '' : 'Not every job that may belong to this run was looked at: Cordum remembers the newest 1,000 jobs.',
      say: `The run of ${workflowId} ${ended ? status.replace('_', ' ') : `is ${status || 'in an unknown state'}`}${at}${error === '' ? '' : `: ${error.replace(/\.$/, '')}`}.`,
    });
  },
});
