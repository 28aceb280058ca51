import { defineWrite, z } from '#step-kit/index.ts';
import { applyDecision, decisionReason, planDecision, probeDecision, verifyDecision } from '../approval-effects.ts';

export const approvalApprove = defineWrite({
  name: 'cordum.approval.approve',
  summary: "Approves one job that waits at Cordum for an approval. Cordum refuses when the bot's own key submitted it.",
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
  examples: [{ title: 'Let a checked job go on', with: { jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', reason: 'checked with the owner' } }],
  plan: (input, ctx) => planDecision('approve', input.jobId, ctx),
  apply: (item, input, ctx) => applyDecision('approve', item, decisionReason(input.reason, ctx.runId), ctx),
  probe: (item, _input, ctx) => probeDecision('approve', item, ctx),
  verify: (applied, _input, ctx) => verifyDecision('approve', applied, ctx),
});
