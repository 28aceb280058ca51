import { defineWrite, fail, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { field } from '../words.ts';

export const approvalRepair = defineWrite({
  name: 'cordum.approval.repair',
  summary: 'Repairs one approval whose record and job disagree, as Cordum itself proposes it. It may dispatch or deny the job.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ jobId: z.string().min(1) }),
  output: z.object({ repairedAt: z.string(), state: z.string(), status: z.string() }),
  examples: [{ title: 'An approval that is stuck between two states', with: { jobId: '8f896f5c-f41e-495e-a000-1edbe88ff89c' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.jobId) return succeed({ summary: 'It is not the approval to repair.', items: [] });
    const repair = await patiently(ctx, () => ctx.use(Cordum).repairPlan(input.jobId, { signal: ctx.signal }));
    if (!repair.ok) return repair;
    const { repairable, kind, state, topic, requestHash, revision, status } = repair.value;
    if (!repairable) return succeed({ summary: `Cordum finds nothing to repair (state ${state || 'unknown'}, approval ${status || 'none'}).`, items: [] });
    return succeed({
      summary: `Repair one approval at Cordum (${kind || 'kind unknown'}): Cordum publishes the job or its denial anew where that is what is missing.`,
      items: [
        {
          key: input.jobId,
          title: `Repair the approval of ${input.jobId} (${topic || 'no topic'})`,
          current: { kind, state, status, revision, requestHash },
          next: { action: `what Cordum proposes for "${kind}"` },
        },
      ],
    });
  },
  async apply(item, _input, ctx) {
    const repaired = await ctx.use(Cordum).repairApproval(item.key, `run ${ctx.runId}`, { principal: ctx.approvedBy, signal: ctx.signal });
    if (!repaired.ok) return repaired;
    if (!repaired.value.applied) return fail('conflict', `Cordum did not repair ${item.key}: it is ${repaired.value.status || repaired.value.state || 'unknown'} now.`, 'no');
    return succeed({ repairedAt: new Date(ctx.now()).toISOString(), state: repaired.value.state, status: repaired.value.status });
  },
  async probe(item, _input, ctx) {
    const repair = await patiently(ctx, () => ctx.use(Cordum).repairPlan(item.key, { signal: ctx.signal }));
    if (!repair.ok) return { landed: 'unknown', evidence: `What is wrong with the approval of ${item.key} cannot be seen. ${repair.failure.message}`, failure: repair.failure };
    const { repairable, kind, state, status } = repair.value;
    if (repairable && kind === field(item.current, 'kind')) return { landed: 'notApplied', evidence: `Cordum still proposes the same repair (${kind}).` };
    if (repairable) return { landed: 'unknown', evidence: `Cordum now proposes another repair (${kind}).` };
    return {
      landed: 'applied',
      result: { repairedAt: new Date(ctx.intendedAt).toISOString(), state, status },
      evidence: `Cordum finds nothing to repair any more (state ${state || 'unknown'}, approval ${status || 'unknown'}): this call, or its own reconciler, did it.`,
    };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const repair = await patiently(ctx, () => ctx.use(Cordum).repairPlan(item.key, { signal: ctx.signal }));
      if (!repair.ok) return repair;
      ends[item.key] = repair.value.repairable ? 'returned' : 'done';
      said.push(repair.value.repairable ? `${item.key} needs a repair again (${repair.value.kind}).` : `${item.key} needs no repair: state ${repair.value.state || 'unknown'}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});
