import { defineRead, succeed, z } from '#step-kit/index.ts';
import { workerCredential } from '../admin-records.ts';
import { daysSince, unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const MOST = 1_000;

export const credentialsList = defineRead({
  name: 'cordum.credentials.list',
  summary: 'Lists the credentials of workers: for what, how old, revoked or not. Never the secret itself.',
  input: z.object({}),
  output: z.object({
    /** The oldest first. */
    items: z.array(workerCredential.extend({ /** −1 when the time of its making is not known. */ ageDays: z.int() })),
    total: z.int(),
    /** Not revoked. */
    active: z.int(),
    /** The age of the oldest that is not revoked; 0 when there is none. */
    oldestActiveDays: z.int(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Which credentials are old',
      with: {},
      output: {
        items: [
          {
            workerId: 'bank-1', agentId: '', packId: '', allowedPools: [{ name: 'demo-mock-bank' }], allowedTopics: [], createdBy: 'alice',
            createdAt: '2026-08-01T08:00:00.000Z', revoked: false, revokedAt: '', ageDays: 111,
          },
        ],
        total: 1, active: 1, oldestActiveDays: 111, truncated: false, note: '',
      },
    },
  ],
  async run(_input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).workerCredentials({ signal: ctx.signal }));
    if (!answer.ok) return answer;
    const all = answer.value.items
      .map((item) => ({ ...item, ageDays: item.createdAt === '' ? -1 : daysSince(item.createdAt, ctx.now()) }))
      .toSorted((a, b) => b.ageDays - a.ageDays || (a.workerId < b.workerId ? -1 : 1));
    const active = all.filter((item) => !item.revoked);
    const items = all.slice(0, MOST);
    return succeed({ items, total: all.length, active: active.length, oldestActiveDays: Math.max(0, ...active.map((item) => item.ageDays)), truncated: all.length > items.length, note: unreadableNote(answer.value.unreadable) });
  },
});
