import { defineRead, succeed, z } from '#step-kit/index.ts';
import { Cordum } from '../system.ts';

export const healthGet = defineRead({
  name: 'cordum.health.get',
  summary: 'Asks the gateway whether it is healthy and ready. An unreachable Cordum is an answer here, not a failure.',
  input: z.object({}),
  output: z.object({
    /** `/health` answered ok and nothing at `/readyz` speaks against it. */
    healthy: z.boolean(),
    /** Anything answered at all. */
    reachable: z.boolean(),
    /** What `/health` answered, or why it did not. */
    health: z.string(),
    /** `yes`, `no`, or `unknown` where `/readyz` is absent or gave no readable answer. */
    ready: z.enum(['yes', 'no', 'unknown']),
    checks: z.array(z.object({ name: z.string(), status: z.string() })),
    /** One sentence for a person. */
    say: z.string(),
  }),
  examples: [
    {
      title: 'Is Cordum up',
      with: {},
      output: { healthy: true, reachable: true, health: 'ok', ready: 'unknown', checks: [], say: 'Cordum answers "ok".' },
    },
  ],
  async run(_input, ctx) {
    const client = ctx.use(Cordum);
    const call = { signal: ctx.signal };
    const [health, readyz] = await Promise.all([client.health(call), client.readyz(call)]);
    if (!health.ok && health.failure.reason === 'cancelled') return health;
    const ready: 'yes' | 'no' | 'unknown' = readyz.ok ? (readyz.value.ready ? 'yes' : 'no') : 'unknown';
    const reachable = [health, readyz].some((answer) => answer.ok || (answer.failure.reason !== 'unreachable' && answer.failure.reason !== 'timeout'));
    const saidHealth = health.ok ? `Cordum answers "${health.value}".` : health.failure.message;
    const saidReady = !readyz.ok || readyz.value.ready ? '' : ` It is not ready: ${readyz.value.checks.map((check) => `${check.name} ${check.status}`).join(', ') || readyz.value.status}.`;
    return succeed({
      healthy: health.ok && ready !== 'no',
      reachable,
      health: health.ok ? health.value : health.failure.message,
      ready,
      checks: readyz.ok ? [...readyz.value.checks] : [],
      say: saidHealth + saidReady,
    });
  },
});
