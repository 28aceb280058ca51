import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { workerRow } from '../records.ts';
import { Cordum } from '../system.ts';

export const workersList = defineRead({
  name: 'cordum.workers.list',
  summary: 'Lists the workers that the scheduler sees.',
  input: z.object({
    /** Only workers of this pool. Empty: of all. */
    pool: z.string().default(''),
  }),
  output: z.object({ items: z.array(workerRow), total: z.int() }),
  examples: [
    {
      title: 'Who works for one pool',
      with: { pool: 'demo-mock-bank' },
      output: {
        items: [{ workerId: 'bank-1', pool: 'demo-mock-bank', region: 'local', type: 'cpu', activeJobs: 0, maxParallelJobs: 4, cpuLoad: 7.5, memoryLoad: 21, capabilities: ['bank.transfer'] }],
        total: 1,
      },
    },
  ],
  async run(input, ctx) {
    const workers = await patiently(ctx, () => ctx.use(Cordum).workers({ signal: ctx.signal }));
    if (!workers.ok) return workers;
    const items = workers.value.filter((worker) => input.pool === '' || worker.pool === input.pool);
    return succeed({ items, total: items.length });
  },
});
