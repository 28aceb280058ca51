import { type AppliedItem, defineWrite, fail, type Failure, type Item, type ItemEnd, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { listRuns } from '../run-listing.ts';
import { Cordum } from '../system.ts';
import type { RunDetail, RunRow } from '../workflow-records.ts';
import { field } from '../words.ts';

/** Ends from which a repetition makes sense. A run that succeeded has had its effects. */
const BAD_ENDS: ReadonlySet<string> = new Set(['failed', 'denied', 'timed_out', 'cancelled']);
const STEP_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
/** Both clocks may differ by so much. */
const SKEW_MS = 5 * 60_000;

export const workflowRunRerun = defineWrite({
  name: 'cordum.workflow-run.rerun',
  summary: 'Runs one workflow run that ended badly again, from its start or from one step, as a new run.',
  tier: 'R2',
  rate: { perSecond: 2, perHour: 200 },
  landsWithinMs: 60_000,
  timeoutMs: 90_000,
  input: z.object({
    runId: z.string().min(1),
    /** Empty: from the start. What this step depends on must have succeeded, or Cordum refuses. */
    fromStep: z.union([z.literal(''), z.string().regex(STEP_ID)]).default(''),
  }),
  output: z.object({ newRunId: z.string(), startedAt: z.string() }),
  examples: [{ title: 'Again from the step that failed', with: { runId: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71', fromStep: 't' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.runId) return succeed({ summary: 'It is not the run to repeat.', items: [] });
    const run = await patiently(ctx, () => ctx.use(Cordum).run(input.runId, { signal: ctx.signal }));
    if (!run.ok) return run;
    const { status, ended, steps, workflowId } = run.value;
    if (!ended) return succeed({ summary: `The run has not ended: it is ${status || 'in an unknown state'}.`, items: [] });
    if (!BAD_ENDS.has(status)) return succeed({ summary: `The run ${status}: repeating it would have its effects a second time.`, items: [] });
    if (input.fromStep !== '' && !steps.some((step) => step.stepId === input.fromStep)) return succeed({ summary: `The run has no step ${input.fromStep}.`, items: [] });
    const repeats = await repeatsOf(run.value, ctx);
    if (!repeats.ok) return repeats;
    const standing = repeats.value.find((one) => !one.ended || one.status === 'succeeded');
    if (standing !== undefined) return succeed({ summary: `The run was already repeated as ${standing.runId} (${standing.status || 'state unknown'}).`, items: [] });
    const done = steps.filter((step) => step.status === 'succeeded').length;
    return succeed({
      summary: `Run ${workflowId} again ${input.fromStep === '' ? `from its start: ${done} of ${steps.length} steps had succeeded and run once more` : `from step ${input.fromStep}`}.`,
      items: [itemOf(run.value, input.fromStep, repeats.value)],
    });
  },
  async apply(item, input, ctx) {
    // Cordum has no guard of its own: two calls make two runs (reference/cordum.md §1.8).
    const runs = await listRuns(ctx.use(Cordum), ctx, { sinceMs: startOf(item) - SKEW_MS });
    if (!runs.ok) return fail(runs.failure.reason, `Not repeated, because earlier repetitions could not be looked up. ${runs.failure.message}`, 'no');
    const known = knownRepeats(item);
    const other = runs.value.runs.find((run) => isRepeat(run, item.key) && !known.has(run.runId));
    if (other !== undefined) return fail('conflict', `Not repeated: it was already repeated as ${other.runId} (${other.status || 'state unknown'}).`, 'no');
    const started = await ctx.use(Cordum).rerun(item.key, input.fromStep, { principal: ctx.approvedBy, signal: ctx.signal });
    return started.ok ? succeed({ newRunId: started.value.runId, startedAt: new Date(ctx.now()).toISOString() }) : started;
  },
  probe: (item, _input, ctx) => probeRerun(item, ctx),
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const one of applied) {
      const { end, say, failure } = await endOf(one, ctx);
      if (failure !== undefined) return { ok: false, failure };
      ends[one.item.key] = end;
      said.push(say);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});

function itemOf(run: RunDetail, fromStep: string, repeats: readonly RunRow[]): Item {
  return {
    key: run.runId,
    title: `Run ${run.workflowId} again (${run.runId})`,
    current: { workflowId: run.workflowId, status: run.status, failedStep: run.failedStep, error: run.error.slice(0, 300), createdAt: run.createdAt, repeats: repeats.map((one) => one.runId).toSorted() },
    next: { action: 'a new run of the same workflow with the same input', fromStep },
  };
}

async function repeatsOf(run: RunRow, ctx: PlanContext): Promise<Result<readonly RunRow[]>> {
  const runs = await listRuns(ctx.use(Cordum), ctx, { sinceMs: Date.parse(run.createdAt) - SKEW_MS });
  return runs.ok ? succeed(runs.value.runs.filter((one) => isRepeat(one, run.runId))) : runs;
}

/** A dry repetition runs nothing. */
function isRepeat(run: RunRow, of: string): boolean {
  return run.rerunOf === of && !run.dryRun;
}

function knownRepeats(item: Item): ReadonlySet<string> {
  const current: unknown = item.current;
  const read = z.object({ repeats: z.array(z.string()) }).safeParse(current);
  return new Set(read.success ? read.data.repeats : []);
}

function startOf(item: Item): number {
  return Date.parse(field(item.current, 'createdAt')) || 0;
}

async function probeRerun(item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const runs = await listRuns(ctx.use(Cordum), ctx, { sinceMs: ctx.intendedAt - SKEW_MS });
  if (!runs.ok) return { landed: 'unknown', evidence: `Whether a repetition of ${item.key} exists cannot be seen. ${runs.failure.message}`, failure: runs.failure };
  const known = knownRepeats(item);
  const [first, ...others] = runs.value.runs.filter((run) => isRepeat(run, item.key) && !known.has(run.runId));
  if (first === undefined && runs.value.cutShort) return { landed: 'unknown', evidence: `Cordum lists no repetition of ${item.key} among the ${runs.value.runs.length} runs that changed last, but more have changed since the call.` };
  if (first === undefined) return { landed: 'notApplied', evidence: `Cordum lists no new repetition of ${item.key} among the ${runs.value.runs.length} runs that changed last.` };
  const more = others.length === 0 ? '' : ` There are ${others.length} more, so somebody else repeated it as well.`;
  return { landed: 'applied', result: { newRunId: first.runId, startedAt: first.createdAt }, evidence: `Cordum lists ${first.runId} (${first.status || 'state unknown'}) as a repetition of it; just before the call there was none.${more}` };
}

async function endOf({ item, result }: AppliedItem, ctx: StepContext): Promise<{ end: ItemEnd; say: string; failure?: Failure }> {
  const newRunId = field(result, 'newRunId');
  if (newRunId === '') return { end: 'unknown', say: `Which run repeats ${item.key} is not known.` };
  const run = await patiently(ctx, () => ctx.use(Cordum).run(newRunId, { signal: ctx.signal }));
  if (!run.ok) return run.failure.reason === 'notFound' ? { end: 'unknown', say: `Cordum does not know the run ${newRunId} any more.` } : { end: 'unknown', say: '', failure: run.failure };
  const { status, ended, failedStep, error, waitingStep } = run.value;
  if (status === 'succeeded') return { end: 'done', say: `${newRunId} succeeded.` };
  if (!ended) return { end: status === '' ? 'unknown' : 'pending', say: `${newRunId} is ${status || 'in an unknown state'}${waitingStep === '' ? '' : ` at step ${waitingStep}`}.` };
  return { end: status === 'cancelled' ? 'failed' : 'returned', say: `${newRunId} ${status}${failedStep === '' ? '' : ` at step ${failedStep}`}${error === '' ? '' : `: ${error}`}.` };
}
