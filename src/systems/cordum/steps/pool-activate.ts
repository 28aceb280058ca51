import { defineWrite, type ItemEnd, succeed, z } from '#step-kit/index.ts';
import { POOL_NAME, poolNow, poolStatus } from '../pool-effects.ts';
import { Cordum } from '../system.ts';

export const poolActivate = defineWrite({
  name: 'cordum.pool.activate',
  summary: 'Makes one draining or inactive pool active: it takes jobs again.',
  tier: 'R1',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ pool: z.string().regex(POOL_NAME) }),
  output: z.object({ status: z.string(), activatedAt: z.string() }),
  examples: [{ title: 'After a restart of its workers', with: { pool: 'demo-mock-bank' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.pool) return succeed({ summary: 'It is not the pool to activate.', items: [] });
    const now = await poolNow(input.pool, ctx);
    if (!now.ok) return now;
    const { declared, load } = now.value;
    if (declared.status === 'active') return succeed({ summary: `The pool ${declared.name} is active already.`, items: [] });
    return succeed({
      summary: `Make the pool ${declared.name} active again: it is ${declared.status} and has ${load?.workers.length ?? 0} workers.`,
      // A drain becomes inactivity by itself, so which of the two it is does not make it another change.
      items: [{ key: declared.name, title: `Activate the pool ${declared.name}`, current: { active: false }, next: { status: 'active' } }],
      notes: (load?.workers.length ?? 0) === 0 ? ['No worker of the pool is online: it will take jobs that nobody runs.'] : [],
    });
  },
  async apply(item, _input, ctx) {
    const activated = await ctx.use(Cordum).activatePool(item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    return activated.ok ? succeed({ status: activated.value.status || 'active', activatedAt: new Date(ctx.now()).toISOString() }) : activated;
  },
  async probe(item, _input, ctx) {
    const pool = await poolStatus(item.key, ctx);
    if (!pool.ok) return { landed: 'unknown', evidence: `The pool ${item.key} cannot be seen. ${pool.failure.message}`, failure: pool.failure };
    const { status } = pool.value;
    if (status !== 'active') return { landed: 'notApplied', evidence: `The pool ${item.key} is ${status}.` };
    return { landed: 'applied', result: { status, activatedAt: new Date(ctx.intendedAt).toISOString() }, evidence: `The pool ${item.key} is active; just before the call it was not.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const said: string[] = [];
    for (const { item } of applied) {
      const pool = await poolStatus(item.key, ctx);
      if (!pool.ok) return pool;
      ends[item.key] = pool.value.status === 'active' ? 'done' : 'returned';
      said.push(`The pool ${item.key} is ${pool.value.status}.`);
    }
    return succeed({ ends, say: said.join(' ') });
  },
});
