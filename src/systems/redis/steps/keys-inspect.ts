import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { plain } from '../failure.ts';
import { unseen } from '../every.ts';
import { FAMILIES, type Family, familyOf, LONGEST_KEY, prefixOf } from '../key-families.ts';
import { findKeys, keyRow, lookAt } from '../key-look.ts';
import { Redis } from '../system.ts';

const MOST_ASKED = 30;

export const keysInspect = defineRead({
  name: 'redis.keys.inspect',
  summary: "Shows type, size and time to live of Cordum's own keys, by name or `prefix*`, and small values such as holders and counters.",
  input: z.object({
    /** Names, or `prefix*`. Only keys of the allow-list are shown; see the README of the system. */
    keys: z.array(z.string().min(1).max(LONGEST_KEY)).min(1, 'there is nothing to look at: the list of keys is empty').max(MOST_ASKED),
    /** At most this many keys in all. */
    limit: z.int().min(1).max(500).default(100),
  }),
  output: z.object({
    items: z.array(keyRow),
    /** How many of them exist. */
    existing: z.int(),
    truncated: z.boolean(),
    unseen: z.array(unseen),
    note: z.string(),
  }),
  examples: [
    {
      title: 'How many failures has the safety breaker counted',
      with: { keys: ['cordum:cb:safety:failures'] },
      output: {
        items: [
          { key: 'cordum:cb:safety:failures', family: 'cordum:cb:safety:failures', kind: 'breaker', exists: true, type: 'string', typeAsExpected: true, size: 1, ttlSeconds: 21, expires: true, expectedTtlSeconds: 30, ttl: 'expected', value: '3', valueShown: true, count: 3, at: '', ageSeconds: 0 },
        ],
        existing: 1,
        truncated: false,
        unseen: [],
        note: '',
      },
    },
  ],
  timeoutMs: 60_000,
  async run({ keys, limit }, ctx) {
    const wrong = keys.find((key) => familyOf(key) === undefined && prefixOf(key) === undefined);
    if (wrong !== undefined) return fail('refused', `"${wrong.slice(0, 100)}" is none of the keys that may be looked at. Allowed are ${FAMILIES.map(({ name }) => name).join(', ')}.`);
    const survey = await ctx.use(Redis).survey(ctx);
    if (!survey.ok) return plain(survey.failure);
    const named = new Map<string, Family>();
    const missing: z.output<typeof unseen>[] = [];
    let whole = true;
    for (const key of keys) {
      const family = familyOf(key);
      const prefix = prefixOf(key);
      if (family !== undefined) named.set(key, family);
      else if (prefix !== undefined) {
        const found = await findKeys(prefix, () => true, limit, survey.value, ctx);
        if (!found.ok) return plain(found.failure);
        for (const one of found.value.keys) named.set(one.key, one.family);
        missing.push(...found.value.missing);
        whole &&= found.value.whole;
      }
    }
    const chosen = [...named].slice(0, limit);
    const looks = await Promise.all(chosen.map(async ([key, family]) => ({ key, look: await lookAt(key, family, survey.value, ctx) })));
    const failed = looks.flatMap(({ key, look }) => (look.ok ? [] : [{ key, failure: look.failure }]));
    const [first] = failed;
    if (first !== undefined && failed.length === looks.length) return plain(first.failure);
    const items = looks.flatMap(({ look }) => (look.ok ? [look.value] : []));
    const truncated = !whole || named.size > chosen.length || failed.length > 0;
    return succeed({
      items,
      existing: items.filter((item) => item.exists).length,
      truncated,
      unseen: [...missing, ...failed.map(({ key, failure }) => ({ address: key, say: failure.message }))],
      note: truncated ? 'There may be more keys than are shown.' : '',
    });
  },
});
