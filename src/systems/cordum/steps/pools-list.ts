import { defineRead, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { poolRow } from '../records.ts';
import { Cordum } from '../system.ts';

export const poolsList = defineRead({
  name: 'cordum.pools.list',
  summary: 'Lists the worker pools that have workers now, with their load.',
  input: z.object({}),
  output: z.object({ items: z.array(poolRow), total: z.int() }),
  examples: [
    {
      title: 'How busy the pools are',
      with: {},
      output: { items: [{ name: 'demo-mock-bank', workers: 2, activeJobs: 0, capacity: 8, utilization: 0 }], total: 1 },
    },
  ],
  async run(_input, ctx) {
    const pools = await patiently(ctx, () => ctx.use(Cordum).pools({ signal: ctx.signal }));
    return pools.ok ? succeed({ items: [...pools.value], total: pools.value.length }) : pools;
  },
});
