import { defineWrite, succeed, z } from '#step-kit/index.ts';
import { policyNow, undoPolicy, verifyPolicy } from '../policy-effects.ts';
import { Cordum } from '../system.ts';

/** Ids look like `secops/demo`. Cordum takes an empty list of them for "all", so there is always exactly one. */
const BUNDLE_ID = /^[A-Za-z0-9][A-Za-z0-9._/~-]{0,199}$/;

export const policyPublish = defineWrite({
  name: 'cordum.policy.publish',
  summary: 'Switches one policy bundle on. The safety kernel takes it up at its next reload.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ bundleId: z.string().regex(BUNDLE_ID), reason: z.string().min(1).max(500) }),
  output: z.object({ changedAt: z.string(), snapshotBefore: z.string(), snapshotAfter: z.string() }),
  examples: [{ title: 'Switch a reviewed bundle on', with: { bundleId: 'secops/demo', reason: 'reviewed by security' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== input.bundleId) return succeed({ summary: 'It is not the bundle to publish.', items: [] });
    const now = await policyNow(ctx);
    if (!now.ok) return now;
    const bundle = now.value.bundles.items.find((one) => one.id === input.bundleId);
    if (bundle === undefined) return succeed({ summary: `There is no policy bundle ${input.bundleId}.`, items: [] });
    if (bundle.enabled) return succeed({ summary: `The policy bundle ${input.bundleId} is on already.`, items: [] });
    const { id, sha256, ruleCount, version, updatedAt } = bundle;
    return succeed({
      summary: `Switch the policy bundle ${id} on, with ${ruleCount} ${ruleCount === 1 ? 'rule' : 'rules'}: they decide on every job from the next reload of the safety kernel.`,
      items: [{ key: id, title: `Publish ${id}`, current: { enabled: false, sha256, ruleCount, version, updatedAt, kernelSnapshot: now.value.kernel }, next: { enabled: true } }],
    });
  },
  async apply(item, input, ctx) {
    const changed = await ctx.use(Cordum).publishBundle(item.key, { author: ctx.approvedBy, message: input.reason }, { principal: ctx.approvedBy, signal: ctx.signal });
    return changed.ok ? succeed({ changedAt: new Date(ctx.now()).toISOString(), ...changed.value }) : changed;
  },
  async probe(item, _input, ctx) {
    const now = await policyNow(ctx);
    if (!now.ok) return { landed: 'unknown', evidence: `Whether ${item.key} is on cannot be seen. ${now.failure.message}`, failure: now.failure };
    const bundle = now.value.bundles.items.find((one) => one.id === item.key);
    if (bundle === undefined) return { landed: 'unknown', evidence: `The policy bundle ${item.key} is gone.` };
    if (!bundle.enabled) return { landed: 'notApplied', evidence: `The policy bundle ${item.key} is still off.` };
    return { landed: 'applied', result: { changedAt: new Date(ctx.intendedAt).toISOString(), snapshotBefore: '', snapshotAfter: '' }, evidence: `The policy bundle ${item.key} is on (changed ${bundle.updatedAt || 'at an unknown time'}); just before the call it was off.` };
  },
  verify: (applied, _input, ctx) => verifyPolicy(applied, (item, now) => now.bundles.items.some((one) => one.id === item.key && one.enabled), ctx),
  undo: (applied) => undoPolicy(applied),
});
