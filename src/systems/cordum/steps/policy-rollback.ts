import { defineWrite, succeed, z } from '#step-kit/index.ts';
import { patiently } from '../patience.ts';
import { policyDigest, policyNow, shownBundles, undoPolicy, verifyPolicy } from '../policy-effects.ts';
import { Cordum } from '../system.ts';
import { field } from '../words.ts';

/** The whole set of bundles is one thing: two changes to it must not run side by side. */
const KEY = 'policy-bundles';
/** `2026-11-20T19:19:59Z-d320eda40f`. */
const SNAPSHOT_ID = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ-[0-9a-f]{6,64}$/;
/** reference/cordum.md §1.7. A rollback takes a snapshot first, which may push the oldest out before it is looked for. */
const KEPT = 10;

export const policyRollback = defineWrite({
  name: 'cordum.policy.rollback',
  summary: 'Puts all policy bundles back to a snapshot. The safety kernel takes it up at its next reload.',
  tier: 'R2',
  landsWithinMs: 60_000,
  timeoutMs: 60_000,
  input: z.object({ snapshotId: z.string().regex(SNAPSHOT_ID), reason: z.string().min(1).max(500) }),
  output: z.object({ changedAt: z.string(), snapshotBefore: z.string(), snapshotAfter: z.string() }),
  examples: [{ title: 'Back to before the last publication', with: { snapshotId: '2026-11-20T19:19:59Z-d320eda40f', reason: 'the new bundle denies everything' } }],
  async plan(input, ctx) {
    if (ctx.only !== undefined && ctx.only !== KEY) return succeed({ summary: 'It is not what is rolled back.', items: [] });
    const client = ctx.use(Cordum);
    const [now, snapshots, target] = await Promise.all([
      policyNow(ctx),
      patiently(ctx, () => client.bundleSnapshots({ signal: ctx.signal })),
      patiently(ctx, () => client.bundleSnapshot(input.snapshotId, { signal: ctx.signal })),
    ]);
    if (!now.ok) return now;
    if (!target.ok) return target.failure.reason === 'notFound' ? succeed({ summary: `Cordum has no policy snapshot ${input.snapshotId}: it keeps ${KEPT}.`, items: [] }) : target;
    const states = now.value.bundles.states;
    if (policyDigest(states) === policyDigest(target.value)) return succeed({ summary: `The policy is as it was in ${input.snapshotId} already.`, items: [] });
    const last = snapshots.ok && snapshots.value.length >= KEPT && snapshots.value.at(-1)?.id === input.snapshotId;
    return succeed({
      summary: `Put ${states.length} policy bundles back to the snapshot ${input.snapshotId}: ${differences(shownBundles(states), shownBundles(target.value))}.`,
      items: [
        {
          key: KEY,
          title: `Roll the policy back to ${input.snapshotId}`,
          current: { digest: policyDigest(states), bundles: shownBundles(states), kernelSnapshot: now.value.kernel },
          next: { snapshotId: input.snapshotId, digest: policyDigest(target.value), bundles: shownBundles(target.value) },
        },
      ],
      notes: last ? [`It is the oldest of the ${KEPT} snapshots that Cordum keeps: the snapshot that a rollback takes first may push it out, and Cordum then answers 404.`] : [],
    });
  },
  async apply(item, input, ctx) {
    const changed = await ctx.use(Cordum).rollbackPolicy(field(item.next, 'snapshotId'), { author: ctx.approvedBy, message: input.reason }, { principal: ctx.approvedBy, signal: ctx.signal });
    return changed.ok ? succeed({ changedAt: new Date(ctx.now()).toISOString(), ...changed.value }) : changed;
  },
  async probe(item, _input, ctx) {
    const now = await policyNow(ctx);
    if (!now.ok) return { landed: 'unknown', evidence: `What the policy is cannot be seen. ${now.failure.message}`, failure: now.failure };
    const digest = policyDigest(now.value.bundles.states);
    if (digest === field(item.next, 'digest')) return { landed: 'applied', result: { changedAt: new Date(ctx.intendedAt).toISOString(), snapshotBefore: '', snapshotAfter: '' }, evidence: 'The bundles are as in the snapshot; just before the call they were not.' };
    if (digest === field(item.current, 'digest')) return { landed: 'notApplied', evidence: 'The bundles are as they were before the call.' };
    return { landed: 'unknown', evidence: 'The bundles are neither as they were nor as in the snapshot: somebody changed them in the meantime.' };
  },
  verify: (applied, _input, ctx) => verifyPolicy(applied, (item, now) => policyDigest(now.bundles.states) === field(item.next, 'digest'), ctx),
  undo: (applied) => undoPolicy(applied),
});

type Shown = ReturnType<typeof shownBundles>;

/** What differs, in words: at most ten bundles by name. */
function differences(now: Shown, then: Shown): string {
  const before = new Map(now.map((bundle) => [bundle.id, bundle]));
  const after = new Map(then.map((bundle) => [bundle.id, bundle]));
  const said = [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((id) => {
    const [was, is] = [before.get(id), after.get(id)];
    if (is === undefined) return [`${id} goes`];
    if (was === undefined) return [`${id} comes back`];
    if (was.enabled !== is.enabled) return [`${id} is switched ${is.enabled ? 'on' : 'off'}`];
    return was.content === is.content ? [] : [`${id} changes`];
  });
  return said.length <= 10 ? said.join(', ') : `${said.slice(0, 10).join(', ')} and ${said.length - 10} more`;
}
