/** What approving and rejecting have in common: plan one decision, make it, and see by the job whether it stands. */
import { type ApplyContext, type AppliedItem, defineWrite, type Item, type ItemEnd, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer, type WriteStep, z } from '#step-kit/index.ts';
import type { ApprovalState } from './approval-records.ts';
import { patiently } from './patience.ts';
import { Cordum } from './system.ts';
import { field } from './words.ts';

export type Decision = 'approve' | 'reject';
const STATUS: Readonly<Record<Decision, string>> = { approve: 'approved', reject: 'rejected' };
/** States in which an approved job has gone on. */
const WAITS: ReadonlySet<string> = new Set(['PENDING', 'APPROVAL_REQUIRED']);

/** The two steps differ in the decision and in their words. */
export function decisionStep(decision: Decision, { summary, title }: { readonly summary: string; readonly title: string }): WriteStep {
  return defineWrite({
    name: `cordum.approval.${decision}`,
    summary,
    tier: 'R2',
    // Our call gives up after 15 s; the gateway waits 2 s for the lock of the job and then for Redis and NATS, seconds each.
    landsWithinMs: 60_000,
    timeoutMs: 60_000,
    input: z.object({
      jobId: z.string().min(1),
      /** Stored by Cordum with the decision. */
      reason: z.string().min(1).max(500),
    }),
    output: z.object({
      decidedAt: z.string(),
      /** Somebody had already decided the same when the call arrived. */
      already: z.boolean(),
      decidedBy: z.string(),
    }),
    examples: [{ title, with: { jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', reason: 'checked with the owner' } }],
    plan: (input, ctx) => planDecision(decision, input.jobId, ctx),
    apply: (item, input, ctx) => applyDecision(decision, item, decisionReason(input.reason, ctx.runId), ctx),
    probe: (item, _input, ctx) => probeDecision(decision, item, ctx),
    verify: (applied, _input, ctx) => verifyDecision(decision, applied, ctx),
  });
}

async function planDecision(decision: Decision, jobId: string, ctx: PlanContext): Promise<Result<Plan>> {
  if (ctx.only !== undefined && ctx.only !== jobId) return succeed({ summary: 'It is not the job to decide on.', items: [] });
  const approval = await patiently(ctx, () => ctx.use(Cordum).approval(jobId, { signal: ctx.signal }));
  if (!approval.ok) return approval;
  const because = notDecidable(approval.value);
  if (because !== undefined) return succeed({ summary: because, items: [], notes: [`${jobId}: ${because}`] });
  return succeed({
    summary: decision === 'approve' ? 'Approve one job at Cordum: it is dispatched to a worker and cannot be called back once it runs.' : 'Reject one job at Cordum: it ends as denied and goes to the DLQ.',
    items: [itemOf(decision, approval.value)],
    ...(decision === 'approve' ? { notes: ['Cordum refuses when the job was submitted with the API key that the bot uses.'] } : {}),
  });
}

function notDecidable(approval: ApprovalState): string | undefined {
  if (approval.status === '' && approval.state !== 'APPROVAL_REQUIRED') return `It needs no approval (state ${approval.state || 'unknown'}).`;
  if (approval.status === 'approved' || approval.status === 'rejected') return `It was already ${approval.status}${approval.resolvedBy === '' ? '' : ` by ${approval.resolvedBy}`}.`;
  if (!approval.actionable || approval.state !== 'APPROVAL_REQUIRED') return `It cannot be decided now: it is ${approval.actionability || approval.status || 'unknown'} (state ${approval.state || 'unknown'}).`;
  return undefined;
}

/** The hash of the job, the policy and the revision are what was decided on: another one is another decision. */
function itemOf(decision: Decision, approval: ApprovalState): Item {
  return {
    key: approval.jobId,
    title: `${decision === 'approve' ? 'Approve' : 'Reject'} ${approval.jobId} (${approval.topic || 'no topic'})`,
    current: {
      state: approval.state, status: approval.status, topic: approval.topic, ruleId: approval.ruleId, policyReason: approval.policyReason, jobHash: approval.jobHash,
      policySnapshot: approval.policySnapshot, revision: approval.revision, workflowId: approval.workflowId, runId: approval.runId,
    },
    next: { status: STATUS[decision] },
  };
}

async function applyDecision(decision: Decision, item: Item, why: { readonly reason: string; readonly note: string }, ctx: ApplyContext): Promise<Result<{ decidedAt: string; already: boolean; decidedBy: string }>> {
  const decided = await ctx.use(Cordum).decideApproval(item.key, decision, why, { principal: ctx.approvedBy, signal: ctx.signal });
  if (!decided.ok) return decided;
  const { already, by, at } = decided.value;
  return succeed({ decidedAt: at || new Date(ctx.now()).toISOString(), already, decidedBy: by || ctx.approvedBy });
}

/** A 502 comes after the approval was stored (reference/cordum.md §1.6): the job tells. */
async function probeDecision(decision: Decision, item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const approval = await patiently(ctx, () => ctx.use(Cordum).approval(item.key, { signal: ctx.signal }));
  if (!approval.ok) return { landed: 'unknown', evidence: `Whether ${item.key} was decided cannot be seen. ${approval.failure.message}`, failure: approval.failure };
  const seen = approval.value;
  if (seen.status === STATUS[decision]) {
    return {
      landed: 'applied',
      result: { decidedAt: seen.resolvedAt || new Date(ctx.intendedAt).toISOString(), already: false, decidedBy: seen.resolvedBy },
      evidence: `Cordum shows it as ${seen.status}${seen.resolvedBy === '' ? '' : ` by ${seen.resolvedBy}`}${seen.resolvedAt === '' ? '' : ` at ${seen.resolvedAt}`}; just before the call it was pending.`,
    };
  }
  if (seen.actionable && String(seen.revision) === revisionOf(item)) return { landed: 'notApplied', evidence: `Cordum still shows it as ${seen.status || 'pending'}, with the same revision.` };
  return { landed: 'unknown', evidence: `Cordum shows it as ${seen.status || 'unknown'} (${seen.actionability || 'unknown'}): neither as it was nor ${STATUS[decision]}.` };
}

function revisionOf(item: Item): string {
  const current: unknown = item.current;
  return typeof current === 'object' && current !== null && 'revision' in current ? String(current.revision) : '';
}

async function verifyDecision(decision: Decision, applied: readonly AppliedItem[], ctx: StepContext): Promise<Result<VerifyAnswer>> {
  const ends: Record<string, ItemEnd> = {};
  const sentences: string[] = [];
  for (const { item } of applied) {
    const approval = await patiently(ctx, () => ctx.use(Cordum).approval(item.key, { signal: ctx.signal }));
    if (!approval.ok) {
      if (approval.failure.reason !== 'notFound') return approval;
      ends[item.key] = 'unknown';
      sentences.push(`${item.key}: Cordum does not know the job any more.`);
      continue;
    }
    const { end, say } = endOf(decision, approval.value);
    ends[item.key] = end;
    sentences.push(`${field(item.current, 'topic') || 'The job'} ${item.key}: ${say}`);
  }
  return succeed({ ends, say: sentences.join(' ') });
}

function endOf(decision: Decision, seen: ApprovalState): { readonly end: ItemEnd; readonly say: string } {
  if (seen.status !== STATUS[decision]) return { end: seen.actionable ? 'returned' : 'failed', say: `Cordum shows it as ${seen.status || 'unknown'}, not as ${STATUS[decision]}.` };
  // The pending replayer submits an approved job again that found no worker, and policy then asks anew (recording job_get_approved_reverted).
  if (decision === 'approve' && WAITS.has(seen.state) && seen.safetyDecision === 'REQUIRE_APPROVAL') {
    return { end: 'returned', say: 'approved, but Cordum asked policy again and it waits for an approval once more: there may be no worker for it.' };
  }
  return { end: 'done', say: `${seen.status}, now ${seen.state || 'in an unknown state'}.` };
}

/** What an author gives for a decision. */
function decisionReason(given: string, runId: string): { readonly reason: string; readonly note: string } {
  return { reason: given, note: `run ${runId}` };
}

