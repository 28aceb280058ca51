import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { dryRunStep } from '../workflow-records.ts';

/** Recordings workflow_dry_run_denied and workflow_run_get_denied: the same workflow, allowed dry and denied when run. */
const LIMITS = "Cordum's dry run looks at topics alone: it ignores input and environment, and the risk tags of steps, so a step shown as allowed may still be denied when it runs.";

export const workflowsDryRun = defineRead({
  name: 'cordum.workflows.dry-run',
  summary: 'Asks policy about each step of a workflow without running it.',
  input: z.object({
    workflowId: z.string().min(1),
    /** Sent along; Cordum v0.9 does not look at it. */
    environment: z.string().max(100).default(''),
  }),
  output: z.object({
    steps: z.array(dryRunStep),
    total: z.int(),
    denied: z.int(),
    approvals: z.int(),
    /** Steps whose decision is ERROR, UNKNOWN or one that we do not know. */
    undecided: z.int(),
    /** At least one step was looked at, and each is allowed, waits for an approval or needs no decision. */
    passes: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Whether policy lets a workflow through',
      with: { workflowId: 'wf-demo' },
      output: {
        steps: [{ stepId: 'transfer', stepName: 'Transfer', stepType: 'worker', decision: 'ALLOW', reason: '', ruleId: 'bank-transfer-allow' }],
        total: 1, denied: 0, approvals: 0, undecided: 0, passes: true, note: LIMITS,
      },
    },
  ],
  async run(input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).dryRun(input.workflowId, input.environment, { signal: ctx.signal }));
    if (!answer.ok) return answer;
    const { items, unreadable } = answer.value;
    const count = (...decisions: string[]): number => items.filter((step) => decisions.includes(step.decision)).length;
    const denied = count('DENY', 'THROTTLE');
    const approvals = count('REQUIRE_APPROVAL');
    const undecided = unreadable + items.length - denied - approvals - count('ALLOW', 'ALLOW_WITH_CONSTRAINTS', 'N/A');
    return succeed({ steps: [...items], total: items.length, denied, approvals, undecided, passes: items.length > 0 && denied === 0 && undecided === 0, note: LIMITS });
  },
});
