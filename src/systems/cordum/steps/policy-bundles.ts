import { defineRead, succeed, z } from '#step-kit/index.ts';
import { unreadableNote } from '../fields.ts';
import { patiently } from '../patience.ts';
import { policyDigest } from '../policy-effects.ts';
import { policyBundle } from '../policy-records.ts';
import { Cordum } from '../system.ts';

export const policyBundles = defineRead({
  name: 'cordum.policy.bundles',
  summary: 'Lists the policy bundles: which are on, who changed them last, and a digest that tells whether the policy has moved.',
  input: z.object({}),
  output: z.object({
    items: z.array(policyBundle),
    total: z.int(),
    enabled: z.int(),
    updatedAt: z.string(),
    /** Equal for equal policies, whatever their times and authors. */
    digest: z.string(),
    note: z.string(),
  }),
  examples: [
    {
      title: 'Which bundles are on',
      with: {},
      output: {
        items: [
          {
            id: 'secops/demo', enabled: true, source: 'secops', author: 'rec', message: 'first', version: '', createdAt: '2026-11-20T19:19:59.000Z',
            updatedAt: '2026-11-20T19:19:59.000Z', sha256: '056bb31f404a4d18e525b808e84fb6708278f561e80c3519337877ba1c6873f9', ruleCount: 1,
          },
        ],
        total: 1, enabled: 1, updatedAt: '2026-11-20T19:19:59.000Z', digest: '9f2c0f7d5b0a3a8e1c9e7b8f4d6a2c1e0f9d8b7a6c5e4d3f2b1a09f8e7d6c5b4', note: '',
      },
    },
  ],
  async run(_input, ctx) {
    const bundles = await patiently(ctx, () => ctx.use(Cordum).policyBundles({ signal: ctx.signal }));
    if (!bundles.ok) return bundles;
    const { items, states, updatedAt, unreadable } = bundles.value;
    return succeed({ items: [...items], total: items.length, enabled: items.filter((item) => item.enabled).length, updatedAt, digest: policyDigest(states), note: unreadableNote(unreadable) });
  },
});
