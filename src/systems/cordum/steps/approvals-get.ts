import { defineRead, succeed, z } from '#step-kit/index.ts';
import { approvalContext, type ApprovalContext, approvalState } from '../approval-records.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const NO_CONTEXT: ApprovalContext = { systems: [], namespaces: [], resources: [], scope: '', rollbackHint: '', policySummary: '', priorApprovals: 0, remainingSeconds: 0 };

export const approvalsGet = defineRead({
  name: 'cordum.approvals.get',
  summary: 'Reads the approval of one job: what policy says, who decided, and what it would touch where Cordum tells.',
  input: z.object({ jobId: z.string().min(1) }),
  output: approvalState.extend({
    context: approvalContext,
    /** Whether Cordum gave the context: v0.9.7 does not have it, and then `context` is empty. */
    contextSeen: z.boolean(),
    /** One sentence for a person. */
    say: z.string(),
  }),
  examples: [
    {
      title: 'What is being asked',
      with: { jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da' },
      output: {
        jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', state: 'APPROVAL_REQUIRED', topic: 'job.bank-executors.process', tenant: 'default',
        traceId: 'a576c88f-209b-4121-867d-d1b66b479d2c', status: 'pending', actionable: true, actionability: 'actionable', decision: '', revision: 1, required: true,
        resolvedBy: '', resolvedAt: '', reason: '', note: '', jobHash: '90177046ec612f28b7021af19194097fcc722f27f9266bffd88775f7db33c117',
        policySnapshot: '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101', safetyDecision: 'REQUIRE_APPROVAL', ruleId: 'bank-executor-approval',
        policyReason: 'Financial execution actions require explicit human authorization.', workflowId: '', runId: '', stepId: '',
        context: { systems: [], namespaces: [], resources: [], scope: '', rollbackHint: '', policySummary: '', priorApprovals: 0, remainingSeconds: 0 },
        contextSeen: false, say: 'job.bank-executors.process waits for a decision: Financial execution actions require explicit human authorization.',
      },
    },
  ],
  async run(input, ctx) {
    const client = ctx.use(Cordum);
    const call = { signal: ctx.signal };
    const [approval, context] = await Promise.all([patiently(ctx, () => client.approval(input.jobId, call)), patiently(ctx, () => client.approvalContext(input.jobId, call))]);
    if (!approval.ok) return approval;
    const { topic, status, actionable, policyReason, resolvedBy, state } = approval.value;
    const say = actionable
      ? `${topic} waits for a decision: ${policyReason || 'no reason given.'}`
      : `${topic} is ${status || 'in need of no approval'}${resolvedBy === '' ? '' : ` (by ${resolvedBy})`}; its state is ${state || 'unknown'}.`;
    return succeed({ ...approval.value, context: context.ok ? context.value : NO_CONTEXT, contextSeen: context.ok, say });
  },
});
