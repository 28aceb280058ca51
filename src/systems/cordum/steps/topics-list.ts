import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { topicRow } from '../records.ts';
import { Cordum } from '../system.ts';

export const topicsList = defineRead({
  name: 'cordum.topics.list',
  summary: 'Lists the registered topics and the pool that each is mapped to.',
  input: z.object({}),
  output: z.object({
    items: z.array(topicRow),
    total: z.int(),
    /** With an empty registry Cordum accepts any topic. */
    registryEmpty: z.boolean(),
  }),
  examples: [
    {
      title: 'Which pool serves which topic',
      with: {},
      output: { items: [{ name: 'job.bank-executors.process', pool: 'bank-executors', status: 'active', activeWorkerCount: 0 }], total: 1, registryEmpty: false },
    },
  ],
  async run(_input, ctx) {
    const topics = await patiently(ctx, () => ctx.use(Cordum).topics({ signal: ctx.signal }));
    return topics.ok ? succeed({ items: [...topics.value.items], total: topics.value.items.length, registryEmpty: topics.value.registryEmpty }) : topics;
  },
});
