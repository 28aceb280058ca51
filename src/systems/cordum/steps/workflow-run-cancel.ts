import { defineWrite, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { field } from '../words.ts';

export const workflowRunCancel = defineWrite({
  name: 'cordum.workflow-run.cancel',
  summary: 'Cancels one workflow run: steps that have not ended are cancelled. What they have done stays done.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ runId: z.string().min(1) }),
  output: z.object({ cancelledAt: z.string() }),
  examples: [{ title: 'A run that nobody needs any more', with: { runId: '3335c167-5f57-455b-bb55-7d861d0c6519' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.runId) return succeed({ summary: 'It is not the run to cancel.', items: [] });
    const run = await patiently(ctx, () => ctx.use(Cordum).run(input.runId, { signal: ctx.signal }));
    if (!run.ok) return run;
    const { ended, status, workflowId, createdAt, steps } = run.value;
    if (ended) return succeed({ summary: `The run has ended already: ${status}.`, items: [] });
    const open = steps.filter((step) => step.status === 'running' || step.status === 'waiting').map((step) => step.stepId);
    return succeed({
      summary: `Cancel a run of ${workflowId} that is ${status || 'in an unknown state'}${open.length === 0 ? '' : ` at ${open.slice(0, 5).join(', ')}`}. A worker that has begun may go on: the word to stop can be lost on its way (core NATS).`,
      // The status is no part of the item: a run that waits and one that runs are cancelled alike, and it changes all the time.
      items: [{ key: input.runId, title: `Cancel the run ${input.runId} of ${workflowId}`, current: { workflowId, createdAt, ended: false }, next: { status: 'cancelled' } }],
    });
  },
  async apply(item, _input, ctx) {
    const cancelled = await ctx.use(Cordum).cancelRun(field(item.current, 'workflowId'), item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    return cancelled.ok ? succeed({ cancelledAt: new Date(ctx.now()).toISOString() }) : cancelled;
  },
  async probe(item, _input, ctx) {
    const run = await patiently(ctx, () => ctx.use(Cordum).run(item.key, { signal: ctx.signal }));
    if (!run.ok) return { landed: 'unknown', evidence: `The run ${item.key} cannot be seen. ${run.failure.message}`, failure: run.failure };
    const { status, ended, completedAt } = run.value;
    if (status === 'cancelled') return { landed: 'applied', result: { cancelledAt: completedAt || new Date(ctx.intendedAt).toISOString() }, evidence: `Cordum shows the run as cancelled${completedAt === '' ? '' : ` since ${completedAt}`}.` };
    return { landed: 'notApplied', evidence: ended ? `The run ended by itself: ${status}.` : `The run is still ${status || 'in an unknown state'}.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const run = await patiently(ctx, () => ctx.use(Cordum).run(item.key, { signal: ctx.signal }));
      if (!run.ok) return run;
      ends[item.key] = run.value.status === 'cancelled' ? 'done' : run.value.ended ? 'failed' : 'pending';
      said.push(`${item.key} is ${run.value.status || 'in an unknown state'}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});
