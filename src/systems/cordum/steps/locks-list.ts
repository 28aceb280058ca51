import { defineRead, succeed, z } from '#step-kit/index.ts';
import { lockRow } from '../admin-records.ts';
import { unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

/** Cordum stops scanning there. */
const MOST = 500;

export const locksList = defineRead({
  name: 'cordum.locks.list',
  summary: "Lists the locks that Cordum's services hold in Redis, with what is left of their time. A lock that is there is normal.",
  input: z.object({
    /** Only locks of this type; empty: all but the counters of the rate limiter, which are no locks. */
    type: z.string().regex(/^[a-z_]{0,40}$/).default(''),
  }),
  output: z.object({
    items: z.array(lockRow),
    total: z.int(),
    byType: z.array(z.object({ type: z.string(), count: z.int() })),
    /** The two locks of the scheduler's leader. Both absent in several looks, a minute apart, mean that no scheduler leads. */
    reconcilerHeld: z.boolean(),
    snapshotHeld: z.boolean(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Who leads',
      with: {},
      output: {
        items: [{ key: 'cordum:wf:delay:poller', holder: 'fa280b69-f94f-4285-9cb5-4efe5ad753f0', ttlMs: 4875, type: 'delay_poller' }],
        total: 1, byType: [{ type: 'delay_poller', count: 1 }], reconcilerHeld: false, snapshotHeld: false, truncated: false, note: '',
      },
    },
  ],
  async run(input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).locks({ signal: ctx.signal }));
    if (!answer.ok) return answer;
    const all = answer.value.items;
    const items = all.filter((lock) => (input.type === '' ? lock.type !== 'rate_limit' : lock.type === input.type)).slice(0, MOST);
    const byType = [...Map.groupBy(items, (lock) => lock.type)].map(([type, group]) => ({ type, count: group.length })).toSorted((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1));
    const truncated = all.length + answer.value.unreadable >= MOST;
    return succeed({
      items,
      total: items.length,
      byType,
      reconcilerHeld: all.some((lock) => lock.type === 'reconciler'),
      snapshotHeld: all.some((lock) => lock.type === 'snapshot'),
      truncated,
      // reference/cordum.md §1.12: at most 500, and of a Redis Cluster one node alone.
      note: [truncated ? `Cordum lists at most ${MOST} locks, and the counters of its rate limiter count among them.` : '', unreadableNote(answer.value.unreadable)].filter((said) => said !== '').join(' '),
    });
  },
});
