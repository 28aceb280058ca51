import { defineRead, succeed, z } from '#step-kit/index.ts';
import { secondsSince } from '../fields.ts';
import { patiently } from '../patience.ts';
import { outputStats } from '../policy-records.ts';
import { Cordum } from '../system.ts';

export const outputPolicyStats = defineRead({
  name: 'cordum.output-policy.stats',
  summary: 'Tells how many results of jobs the output policy has checked and quarantined in 24 hours.',
  input: z.object({}),
  output: outputStats.extend({
    /** Whether anything was checked in 24 hours: without checks, no quarantine means nothing. */
    active: z.boolean(),
    /** How long ago the last check was; 0 when there never was one. */
    lastCheckSeconds: z.int(),
  }),
  examples: [
    {
      title: 'How much is held back',
      with: {},
      output: { checks24h: 1, quarantined24h: 0, quarantinedShare: 0, averageLatencyMs: 1, lastCheckAt: '2026-11-20T19:19:16.000Z', active: true, lastCheckSeconds: 600 },
    },
  ],
  async run(_input, ctx) {
    const stats = await patiently(ctx, () => ctx.use(Cordum).outputStats({ signal: ctx.signal }));
    if (!stats.ok) return stats;
    return succeed({ ...stats.value, active: stats.value.checks24h > 0, lastCheckSeconds: secondsSince(stats.value.lastCheckAt, ctx.now()) });
  },
});
