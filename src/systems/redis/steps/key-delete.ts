import { type AppliedItem, defineWrite, fail, type Plan, type Result, succeed, type VerifyAnswer, z } from '#step-kit/index.ts';
import { plain } from '../failure.ts';
import { FAMILIES, type Family, familyOf, LONGEST_KEY } from '../key-families.ts';
import { isSame, itemOf, landedOf, LARGEST_DELETED_BYTES, notesOn, readDoomed } from '../key-delete.ts';
import type { RedisClient } from '../client.ts';
import type { Watch } from '../observe.ts';
import { Redis } from '../system.ts';

export const keyDelete = defineWrite({
  name: 'redis.key.delete',
  summary: "Deletes one named key of Cordum's locks, breaker and rate-limit counters or caches, if it still holds what was approved.",
  tier: 'R2',
  rate: { perSecond: 1, perHour: 60 },
  // A command that is lost on the way is dropped with its connection, and a server that hangs reads it before it answers the
  // next question; half a minute covers what the network may still hold.
  landsWithinMs: 30_000,
  timeoutMs: 60_000,
  input: z.object({
    /** The whole name. Never data of jobs, configuration or the DLQ. */
    key: z.string().min(1).max(LONGEST_KEY),
  }),
  output: z.object({ deletedAt: z.string() }),
  examples: [{ title: 'A lock that its holder has left behind', with: { key: 'cordum:scheduler:job:9b73b5cb-b545-4252-807c-1187631a3bd7' } }],
  plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.key) return Promise.resolve(succeed({ summary: 'It is not the key to delete.', items: [] }));
    return planOf(ctx.use(Redis), input.key, ctx);
  },
  async apply(item, _input, ctx) {
    const family = deletable(item.key);
    if (family === undefined) return notAllowed(item.key);
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return plain(survey.failure, 'no');
    const now = await readDoomed(item.key, family, survey.value, ctx);
    if (!now.ok) return plain(now.failure, 'no');
    if (now.value === undefined) return fail('conflict', `Not deleted: ${item.key} is gone already.`, 'no');
    if (now.value.value === undefined || !isSame(item, now.value)) return fail('conflict', `Not deleted: ${item.key} is not what was approved any more.`, 'no');
    const deleted = await survey.value.keys.deleteIfSame(item.key, { value: now.value.value, expires: now.value.row.expires }, ctx);
    if (!deleted.ok) return plain(deleted.failure, landedOf(deleted.failure.why));
    if (deleted.value === 'absent') return fail('conflict', `Not deleted: ${item.key} went away by itself a moment before.`, 'no');
    if (deleted.value === 'changed') return fail('conflict', `Not deleted: ${item.key} changed a moment before.`, 'no');
    return succeed({ deletedAt: new Date(ctx.now()).toISOString() });
  },
  async probe(item, _input, ctx) {
    const family = deletable(item.key);
    const survey = await ctx.use(Redis).survey(ctx);
    if (family === undefined) return { landed: 'unknown', evidence: `${item.key} is none of the keys that may be deleted.` };
    if (!survey.ok) return { landed: 'unknown', evidence: `Whether ${item.key} is still there cannot be seen. ${survey.failure.message}`, failure: plain(survey.failure).failure };
    const now = await readDoomed(item.key, family, survey.value, ctx);
    if (!now.ok) return { landed: 'unknown', evidence: `Whether ${item.key} is still there cannot be seen. ${now.failure.message}`, failure: plain(now.failure).failure };
    if (now.value === undefined) return { landed: 'applied', result: { deletedAt: new Date(ctx.intendedAt).toISOString() }, evidence: `${item.key} is gone: deleted, or expired by itself, which comes to the same.` };
    if (now.value.value !== undefined && isSame(item, now.value)) return { landed: 'notApplied', evidence: `${item.key} is still there, as it was.` };
    return { landed: 'unknown', evidence: `${item.key} is there, but is not what it was: deleted and taken again, or changed and never deleted.` };
  },
  async verify(applied, _input, ctx) {
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return plain(survey.failure);
    const ends: VerifyAnswer['ends'][string][] = [];
    const says: string[] = [];
    for (const one of applied) {
      const seen = await endOf(one, survey.value, ctx);
      if (!seen.ok) return seen;
      ends.push(seen.value.end);
      says.push(seen.value.say);
    }
    return succeed({ ends: Object.fromEntries(applied.map(({ item }, at) => [item.key, ends[at] ?? 'unknown'])), say: says.join(' ') });
  },
});

function deletable(key: string): Family | undefined {
  const family = familyOf(key);
  return family?.deletable === true ? family : undefined;
}

function notAllowed(key: string): { ok: false; failure: ReturnType<typeof fail>['failure'] } {
  const allowed = FAMILIES.filter((family) => family.deletable).map(({ name }) => name);
  return fail('refused', `"${key.slice(0, 100)}" may not be deleted. Allowed are ${allowed.join(', ')}.`, 'no');
}

async function planOf(client: RedisClient, key: string, watch: Watch): Promise<Result<Plan>> {
  const family = deletable(key);
  if (family === undefined) return plain(notAllowed(key).failure);
  const survey = await client.survey(watch);
  if (!survey.ok) return plain(survey.failure);
  const now = await readDoomed(key, family, survey.value, watch);
  if (!now.ok) return plain(now.failure);
  if (now.value === undefined) return succeed({ summary: `There is no key ${key}.`, items: [] });
  if (now.value.value === undefined) {
    const what = now.value.row.type === 'string' ? `larger than ${LARGEST_DELETED_BYTES} bytes` : `a ${now.value.row.type}`;
    return fail('refused', `${key} is ${what}, and not what Cordum keeps there. It is not deleted: look at it by hand.`);
  }
  const { row } = now.value;
  return succeed({ summary: `Delete ${key}. ${notesOn(row, family).join(' ')}`, items: [itemOf(key, family, now.value)], notes: notesOn(row, family) });
}

async function endOf({ item }: AppliedItem, survey: Parameters<typeof readDoomed>[2], watch: Watch): Promise<Result<{ readonly end: VerifyAnswer['ends'][string]; readonly say: string }>> {
  const family = deletable(item.key);
  if (family === undefined) return succeed({ end: 'unknown', say: `${item.key} is none of the keys that may be deleted.` });
  const now = await readDoomed(item.key, family, survey, watch);
  if (!now.ok) return plain(now.failure);
  if (now.value === undefined) return succeed({ end: 'done', say: `${item.key} is gone.` });
  // A rate-limit counter is not told apart by its value: it is there again with the next request.
  if (now.value.value !== undefined && isSame(item, now.value) && family.kind !== 'rateLimit') return succeed({ end: 'returned', say: `${item.key} is back, as it was.` });
  return succeed({ end: 'done', say: `${item.key} was deleted and has been made anew${family.kind === 'lock' ? `: ${now.value.row.value} holds it now, for ${now.value.row.ttlSeconds} s` : ''}.` });
}
