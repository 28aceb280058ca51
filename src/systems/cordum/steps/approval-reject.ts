import { defineWrite, z } from '#step-kit/index.ts';
import { applyDecision, decisionReason, planDecision, probeDecision, verifyDecision } from '../approval-effects.ts';

export const approvalReject = defineWrite({
  name: 'cordum.approval.reject',
  summary: "Rejects one job that waits at Cordum for an approval: it ends as denied and goes to the DLQ.",
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
  examples: [{ title: 'Turn a job down', with: { jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', reason: 'checked with the owner' } }],
  plan: (input, ctx) => planDecision('reject', input.jobId, ctx),
  apply: (item, input, ctx) => applyDecision('reject', item, decisionReason(input.reason, ctx.runId), ctx),
  probe: (item, _input, ctx) => probeDecision('reject', item, ctx),
  verify: (applied, _input, ctx) => verifyDecision('reject', applied, ctx),
});
