import { defineRead, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';
import { workflowRow } from '../workflow-records.ts';

/** Cordum lists so many and says nothing of more. */
const MOST = 100;

export const workflowsList = defineRead({
  name: 'cordum.workflows.list',
  summary: 'Lists the workflows with the topics that they use.',
  input: z.object({}),
  output: z.object({ items: z.array(workflowRow), total: z.int(), truncated: z.boolean(), note: z.string() }),
  examples: [
    {
      title: 'Which workflows there are',
      with: {},
      output: {
        items: [{ id: 'wf-fail', name: 'Failing', version: '1', timeoutSeconds: 0, stepCount: 1, topics: [{ name: 'job.demo-mock-bank.transfer' }], updatedAt: '2026-11-20T19:20:47.180Z' }],
        total: 1, truncated: false, note: '',
      },
    },
  ],
  async run(_input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).workflows({ signal: ctx.signal }));
    if (!answer.ok) return answer;
    const { items, unreadable } = answer.value;
    return succeed({ items: items.slice(0, MOST), total: Math.min(items.length, MOST), truncated: items.length + unreadable >= MOST, note: unreadableNote(unreadable) });
  },
});
