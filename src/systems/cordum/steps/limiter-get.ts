import { defineRead, succeed, z } from '#step-kit/index.ts';
import { limiter } from '../admin-records.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

export const limiterGet = defineRead({
  name: 'cordum.limiter.get',
  summary: 'Says whether the gateway that answers shares its rate limit with the others (in Redis) or counts by itself.',
  input: z.object({}),
  output: limiter.extend({ shared: z.boolean(), say: z.string() }),
  examples: [
    {
      title: 'One limit for all gateways',
      with: {},
      output: { mode: 'redis', instance: 'vm', gateways: 1, entitledPerSecond: 500, shared: true, say: 'The gateway vm counts requests in Redis, together with the others.' },
    },
  ],
  async run(_input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).limiter({ signal: ctx.signal }));
    if (!answer.ok) return answer;
    const { mode, instance } = answer.value;
    const who = `The gateway${instance === '' ? '' : ` ${instance}`}`;
    const say = mode === 'redis' ? `${who} counts requests in Redis, together with the others.` : mode === 'memory' ? `${who} counts requests by itself.` : `${who} does not tell how it counts requests; a key with role admin is told.`;
    return succeed({ ...answer.value, shared: mode === 'redis', say });
  },
});
