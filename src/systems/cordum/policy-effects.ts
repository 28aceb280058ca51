/** What publishing a bundle and rolling back have in common: what the policy is, by digest, and whether the kernel has taken it up. */
import { digestOf } from '#kernel/digest.ts';
import { type AppliedItem, type Item, type ItemEnd, type Result, type StepContext, succeed, type UndoStep, type VerifyAnswer } from '#step-kit/index.ts';
import { secondsSince } from './fields.ts';
import { patiently, type Waiting } from './patience.ts';
import type { Bundles, BundleState } from './policy-records.ts';
import { Cordum } from './system.ts';
import { field } from './words.ts';

/** Cordum tells nobody of a change: the kernel takes it up at its next reload (SAFETY_POLICY_RELOAD_INTERVAL), usually within half a minute. */
const KERNEL_TAKES_UP_S = 180;

/** Equal for equal policies, whatever their times and authors. */
export function policyDigest(states: readonly BundleState[]): string {
  return digestOf(states.map(({ id, enabled, content }) => ({ id, enabled, content: content.trimEnd() })));
}

/** A bundle as it stands in an item: readable, and moved when its text moved. */
export function shownBundles(states: readonly BundleState[]): { id: string; enabled: boolean; content: string }[] {
  return states.map(({ id, enabled, content }) => ({ id, enabled, content: digestOf(content.trimEnd()).slice(0, 16) }));
}

export interface PolicyNow {
  readonly bundles: Bundles;
  /** The hash that the kernel serves; empty when it cannot be seen. */
  readonly kernel: string;
}

export async function policyNow(ctx: Waiting & Pick<StepContext, 'use'>): Promise<Result<PolicyNow>> {
  const client = ctx.use(Cordum);
  const call = { signal: ctx.signal };
  const [bundles, kernel] = await Promise.all([patiently(ctx, () => client.policyBundles(call)), patiently(ctx, () => client.kernelSnapshots(call))]);
  if (!bundles.ok) return bundles;
  return succeed({ bundles: bundles.value, kernel: kernel.ok ? (kernel.value[0] ?? '') : '' });
}

/** Done once the stored policy is as planned and the kernel serves another hash than before; a kernel that never does is unknown. */
export async function verifyPolicy(applied: readonly AppliedItem[], asPlanned: (item: Item, now: PolicyNow) => boolean, ctx: StepContext): Promise<Result<VerifyAnswer>> {
  const now = await policyNow(ctx);
  if (!now.ok) return now;
  const ends: Record<string, ItemEnd> = {};
  const sentences: string[] = [];
  for (const { item, result } of applied) {
    const { end, say } = endOf(asPlanned(item, now.value), field(item.current, 'kernelSnapshot'), now.value.kernel, secondsSince(field(result, 'changedAt'), ctx.now()));
    ends[item.key] = end;
    sentences.push(say);
  }
  return succeed({ ends, say: sentences.join(' ') });
}

function endOf(asPlanned: boolean, before: string, kernel: string, ageSeconds: number): { readonly end: ItemEnd; readonly say: string } {
  if (!asPlanned) return { end: 'returned', say: 'The stored policy is not as planned: somebody changed it again.' };
  if (kernel !== '' && kernel !== before) return { end: 'done', say: `The policy is stored, and the safety kernel now serves ${shownHash(kernel)}.` };
  if (ageSeconds < KERNEL_TAKES_UP_S) return { end: 'pending', say: 'The policy is stored; the safety kernel has not taken it up yet.' };
  const still = kernel === '' ? 'its snapshot cannot be seen' : `it still serves ${shownHash(kernel)}`;
  return { end: 'unknown', say: `The policy is stored, but the safety kernel has not been seen to take it up (${still}): either nothing that decides has changed, or it does not reload (SAFETY_POLICY_RELOAD_INTERVAL).` };
}

/** `<hash of the file>|cfg:<hash of the bundles>`: with bundles only the second part moves (seen on V0.9.9.1), so each is shown. */
function shownHash(kernel: string): string {
  return kernel.split('|').slice(0, 2).map((part) => part.slice(0, part.startsWith('cfg:') ? 16 : 12)).join('|');
}

/** Back to the snapshot that Cordum took before the change, when it named one. */
export function undoPolicy(applied: readonly AppliedItem[]): UndoStep | undefined {
  const snapshotId = field(applied[0]?.result, 'snapshotBefore');
  if (snapshotId === '') return undefined;
  return { uses: 'cordum.policy.rollback', with: { snapshotId, reason: 'undo of a policy change' }, title: `Roll the policy back to ${snapshotId}, as it was before` };
}
