import { defineRead, succeed, z } from '#step-kit/index.ts';
import { approvalRow } from '../approval-records.ts';
import { secondsSince, unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

export const approvalsList = defineRead({
  name: 'cordum.approvals.list',
  summary: "Lists the approvals that Cordum's policy and workflows wait for, and on request those already decided.",
  input: z.object({
    /** Only those that wait for a decision. */
    pendingOnly: z.boolean().default(true),
    limit: z.int().min(1).max(500).default(100),
  }),
  output: z.object({
    items: z.array(approvalRow),
    total: z.int(),
    /** How many of `items` would take a decision now. */
    actionable: z.int(),
    /** How long the oldest of those has waited; 0 when none waits. */
    oldestSeconds: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Who waits for a person',
      with: { limit: 50 },
      output: {
        items: [
          {
            jobId: '6b5d9d52-83a6-4140-af50-2580b9a72d2d:approve@1', state: 'APPROVAL_REQUIRED', topic: 'job.cordum.approval-gate', tenant: 'default', status: 'pending',
            actionable: true, actionability: 'actionable', decision: '', revision: 1, ruleId: 'workflow-approval-gate',
            policyReason: 'Workflow approval gates require explicit human authorization.', policySnapshot: '9588ddf71f3a2dd861cace37202e45ab734a2634ea160b5e81eddfa003476101',
            jobHash: '2a62bfe8f8565f2d41ef4e6a7fe0ebb8b529bfc60fe9b49cbbfd8f7298a733ee', submittedBy: '', resolvedBy: '', resolvedAt: '', resolution: '',
            workflowId: 'wf-demo', workflowName: 'Demo transfer', runId: '6b5d9d52-83a6-4140-af50-2580b9a72d2d', stepId: 'approve', stepName: 'Approve',
            gateType: 'workflow_approval', title: 'Approve Approve', why: 'Workflow approval gates require explicit human authorization.',
            nextEffect: 'Approve to continue Approve.', changedAt: '2026-11-20T19:22:20.669Z',
          },
        ],
        total: 1, actionable: 1, oldestSeconds: 12, truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).approvals({ limit: input.limit, pendingOnly: input.pendingOnly }, { signal: ctx.signal }));
    if (!answer.ok) return answer;
    const { more, unreadable } = answer.value;
    const items = answer.value.items.slice(0, input.limit);
    const waiting = items.filter((item) => item.actionable);
    return succeed({
      items,
      total: items.length,
      actionable: waiting.length,
      oldestSeconds: Math.max(0, ...waiting.map((item) => secondsSince(item.changedAt, ctx.now()))),
      truncated: more || answer.value.items.length > items.length,
      note: unreadableNote(unreadable),
    });
  },
});
