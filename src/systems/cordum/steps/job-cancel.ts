import { defineWrite, fail, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const ENDS: ReadonlySet<string> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED', 'TIMEOUT', 'DENIED', 'OUTPUT_QUARANTINED']);
/** With a worker, or on the way to one. */
const STARTED: ReadonlySet<string> = new Set(['DISPATCHED', 'RUNNING']);

export const jobCancel = defineWrite({
  name: 'cordum.job.cancel',
  summary: 'Cancels one job that has not ended. A worker that has begun may finish it all the same.',
  tier: 'R2',
  rate: { perSecond: 10, perHour: 2_000 },
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ jobId: z.string().min(1) }),
  output: z.object({ cancelledAt: z.string(), state: z.string() }),
  examples: [{ title: 'A job that waits for a worker that will never come', with: { jobId: '5094872e-4122-4d5c-a45a-2da5688bd571' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.jobId) return succeed({ summary: 'It is not the job to cancel.', items: [] });
    const job = await patiently(ctx, () => ctx.use(Cordum).job(input.jobId, { signal: ctx.signal }));
    if (!job.ok) return job;
    const { state, topic, runId, stepId } = job.value;
    if (ENDS.has(state)) return succeed({ summary: `The job has ended already: ${state}.`, items: [] });
    const started = STARTED.has(state);
    return succeed({
      summary: started
        ? `Cancel a job that a worker has (${state}): Cordum forgets it, but the word to stop can be lost on its way (core NATS), and what it has done stays done.`
        : `Cancel a job that no worker has yet (${state || 'state unknown'}).`,
      items: [{ key: input.jobId, title: `Cancel ${input.jobId} (${topic || 'no topic'})`, current: { topic, started, runId, stepId }, next: { state: 'CANCELLED' } }],
      notes: runId === '' ? [] : [`It is step ${stepId || '(unknown)'} of the workflow run ${runId}, which goes on without it: cancelling the run may be what is wanted.`],
    });
  },
  async apply(item, _input, ctx) {
    const cancelled = await ctx.use(Cordum).cancelJob(item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    if (!cancelled.ok) return cancelled;
    const { state } = cancelled.value;
    // Never 409: a job that has ended is answered with 200 and its state (recording job_cancel_terminal).
    if (state !== 'CANCELLED') return fail('conflict', `Not cancelled: ${item.key} had already ended as ${state || 'unknown'}.`, 'no');
    return succeed({ cancelledAt: new Date(ctx.now()).toISOString(), state });
  },
  async probe(item, _input, ctx) {
    const job = await patiently(ctx, () => ctx.use(Cordum).job(item.key, { signal: ctx.signal }));
    if (!job.ok) return { landed: 'unknown', evidence: `The job ${item.key} cannot be seen. ${job.failure.message}`, failure: job.failure };
    const { state } = job.value;
    if (state === 'CANCELLED') return { landed: 'applied', result: { cancelledAt: new Date(ctx.intendedAt).toISOString(), state }, evidence: 'Cordum shows the job as CANCELLED; just before the call it had not ended.' };
    return { landed: 'notApplied', evidence: ENDS.has(state) ? `The job ended by itself: ${state}.` : `The job is still ${state || 'in an unknown state'}.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const job = await patiently(ctx, () => ctx.use(Cordum).job(item.key, { signal: ctx.signal }));
      if (!job.ok) return job;
      // A worker that did not hear of it may still report its end.
      ends[item.key] = job.value.state === 'CANCELLED' ? 'done' : ENDS.has(job.value.state) ? 'failed' : 'returned';
      said.push(`${item.key} is ${job.value.state || 'in an unknown state'}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});
