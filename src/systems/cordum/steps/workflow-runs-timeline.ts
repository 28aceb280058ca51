import { defineRead, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { timelineEvent } from '../workflow-records.ts';

const BAD: ReadonlySet<string> = new Set(['failed', 'denied', 'timed_out']);

export const workflowRunsTimeline = defineRead({
  name: 'cordum.workflow-runs.timeline',
  summary: 'Reads what happened in a workflow run, oldest first.',
  input: z.object({ runId: z.string().min(1), limit: z.int().min(1).max(500).default(200) }),
  output: z.object({
    items: z.array(timelineEvent),
    total: z.int(),
    /** The first step that failed, was denied or timed out; empty when none did. */
    firstBadStep: z.string(),
    firstBadMessage: z.string(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'How a run came to fail',
      with: { runId: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71' },
      output: {
        items: [
          { at: '2026-11-20T19:22:27.691Z', type: 'step_completed', stepId: 't', jobId: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71:t@1', status: 'failed', message: 'upstream bank API returned 503' },
        ],
        total: 1, firstBadStep: 't', firstBadMessage: 'upstream bank API returned 503', truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).timeline(input.runId, input.limit, { signal: ctx.signal }));
    if (!answer.ok) return answer;
    const items = answer.value.items.slice(0, input.limit);
    const bad = items.find((event) => event.stepId !== '' && BAD.has(event.status));
    return succeed({
      items,
      total: items.length,
      firstBadStep: bad?.stepId ?? '',
      firstBadMessage: bad?.message ?? '',
      truncated: answer.value.items.length + answer.value.unreadable >= input.limit,
      note: unreadableNote(answer.value.unreadable),
    });
  },
});
