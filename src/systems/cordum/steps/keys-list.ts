import { defineRead, succeed, z } from '#step-kit/index.ts';
import { daysSince, daysUntil, unreadableNote } from '../fields.ts';
import { NEVER_DAYS } from '../license.ts';
import { patiently } from '../patience.ts';
import { Cordum } from '../system.ts';

const MOST = 1_000;
const key = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.object({ name: z.string() })),
  createdAt: z.string(),
  /** −1 when the time of its making is not known. */
  ageDays: z.int(),
  everUsed: z.boolean(),
  lastUsedAt: z.string(),
  /** −1 when it was never used. */
  lastUsedDays: z.int(),
  usageCount: z.int(),
  expires: z.boolean(),
  expiresAt: z.string(),
  /** Negative once it has passed; 99999 for a key without an end. */
  daysLeft: z.int(),
});

export const keysList = defineRead({
  name: 'cordum.keys.list',
  summary: 'Lists the API keys that Cordum manages: how old, when last used, when they end. Never the keys themselves.',
  input: z.object({}),
  output: z.object({
    /** The oldest first. */
    items: z.array(key),
    total: z.int(),
    oldestDays: z.int(),
    /** False where this Cordum manages no keys; keys from its environment are never listed. `why` says what it answered. */
    available: z.boolean(),
    why: z.string(),
    truncated: z.boolean(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Which keys are due',
      with: {},
      output: {
        items: [
          {
            id: 'k-1', name: 'runbook-bot', scopes: [{ name: 'admin' }], createdAt: '2026-05-01T08:00:00.000Z', ageDays: 203, everUsed: true,
            lastUsedAt: '2026-11-20T19:00:00.000Z', lastUsedDays: 0, usageCount: 4211, expires: false, expiresAt: '', daysLeft: 99_999,
          },
        ],
        total: 1, oldestDays: 203, available: true, why: '', truncated: false, note: '',
      },
    },
  ],
  async run(_input, ctx) {
    const answer = await patiently(ctx, () => ctx.use(Cordum).managedKeys({ signal: ctx.signal }));
    // Recording auth_keys: 503 where no store for keys is configured. With Redis away everything is 429, so the two are told apart.
    if (!answer.ok) return answer.failure.reason === 'unavailable' ? succeed({ items: [], total: 0, oldestDays: 0, available: false, why: answer.failure.message, truncated: false, note: '' }) : answer;
    const all = answer.value.items
      .map((item) => ({
        ...item,
        scopes: [...item.scopes],
        ageDays: item.createdAt === '' ? -1 : daysSince(item.createdAt, ctx.now()),
        everUsed: item.lastUsedAt !== '',
        lastUsedDays: item.lastUsedAt === '' ? -1 : daysSince(item.lastUsedAt, ctx.now()),
        expires: item.expiresAt !== '',
        daysLeft: item.expiresAt === '' ? NEVER_DAYS : daysUntil(item.expiresAt, ctx.now()),
      }))
      .toSorted((a, b) => b.ageDays - a.ageDays || (a.id < b.id ? -1 : 1));
    const items = all.slice(0, MOST);
    return succeed({ items, total: all.length, oldestDays: Math.max(0, ...all.map((item) => item.ageDays)), available: true, why: '', truncated: all.length > items.length, note: unreadableNote(answer.value.unreadable) });
  },
});
