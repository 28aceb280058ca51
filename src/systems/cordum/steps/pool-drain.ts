import { defineWrite, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { drainCapacity, POOL_NAME, poolNow, poolStatus, scarcest } from '../pool-effects.ts';
import { Cordum } from '../system.ts';

export const poolDrain = defineWrite({
  name: 'cordum.pool.drain',
  summary: 'Drains one pool: it takes no new jobs, and becomes inactive once its jobs have ended or the time is up.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({
    pool: z.string().regex(POOL_NAME),
    timeoutSeconds: z.int().min(1).max(86_400).default(300),
    /** How many active pools must be left for each of its topics. 0 lets a topic go without any, which has to be meant. */
    leave: z.int().min(0).max(1_000).default(1),
  }),
  output: z.object({ status: z.string(), startedAt: z.string() }),
  examples: [{ title: 'Before its workers are restarted, though nobody else serves its topic', with: { pool: 'demo-mock-bank', timeoutSeconds: 300, leave: 0 } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.pool) return succeed({ summary: 'It is not the pool to drain.', items: [] });
    const now = await poolNow(input.pool, ctx);
    if (!now.ok) return now;
    const { declared, load } = now.value;
    if (declared.status !== 'active') return succeed({ summary: `The pool ${declared.name} is ${declared.status} already.`, items: [] });
    const { topic, serving } = scarcest(now.value);
    const capacity = drainCapacity(now.value, input.leave);
    const jobs = load?.activeJobs ?? 0;
    const left = topic === '' ? 'It serves no topic.' : serving <= 1 ? `Nobody else serves ${topic}: its jobs wait until the pool is active again.` : `${serving - 1} other active pools serve ${topic}.`;
    return succeed({
      summary: `Drain the pool ${declared.name} (${load?.workers.length ?? 0} workers, ${jobs} running jobs), for at most ${input.timeoutSeconds} s. ${left}`,
      // Jobs and workers come and go, so they are no part of the item.
      items: [{ key: declared.name, title: `Drain the pool ${declared.name}`, current: { status: declared.status, scarcestTopic: topic, serving }, next: { status: 'draining', timeoutSeconds: input.timeoutSeconds } }],
      ...(capacity === undefined ? {} : { capacity }),
      // reference/cordum.md §1.5: checked every 10 s against the scheduler's snapshot of the workers.
      notes: ['Cordum takes a missing snapshot of the workers for "no jobs", and makes the pool inactive at the end of the time even with jobs running.'],
    });
  },
  async apply(item, input, ctx) {
    return ctx.use(Cordum).drainPool(item.key, input.timeoutSeconds, { principal: ctx.approvedBy, signal: ctx.signal });
  },
  async probe(item, _input, ctx) {
    const pool = await poolStatus(item.key, ctx);
    if (!pool.ok) return { landed: 'unknown', evidence: `The pool ${item.key} cannot be seen. ${pool.failure.message}`, failure: pool.failure };
    const { status, drainStartedAt } = pool.value;
    if (status === 'active') return { landed: 'notApplied', evidence: `The pool ${item.key} is still active.` };
    return { landed: 'applied', result: { status, startedAt: drainStartedAt }, evidence: `The pool ${item.key} is ${status}${drainStartedAt === '' ? '' : `, draining since ${drainStartedAt}`}; just before the call it was active.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const pool = await poolStatus(item.key, ctx);
      if (!pool.ok) return pool;
      const { status } = pool.value;
      ends[item.key] = status === 'inactive' ? 'done' : status === 'draining' ? 'pending' : status === 'active' ? 'returned' : 'unknown';
      said.push(`The pool ${item.key} is ${status}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
  undo(applied) {
    const [first] = applied;
    return first === undefined ? undefined : { uses: 'cordum.pool.activate', with: { pool: first.item.key }, title: `Make the pool ${first.item.key} active again` };
  },
});
