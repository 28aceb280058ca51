/** An intent without an outcome: finds whether its call landed, and puts it to a person when nobody can tell. */
import { waitUntil } from '#kernel/clock.ts';
import type { ProbeAnswer, WriteStep } from '#step-kit/index.ts';
import { approvalOf, type ApprovalState, type EffectState, type RunState } from '../model/state.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import { recordOutcome } from './effect.ts';
import { tidyText } from './plan.ts';
import { approvedStep, stateOf, type Work } from './work.ts';

/** Waits between probes, ms; the last one repeats until the lost call can no longer land. */
const PROBE_AGAIN_MS = [0, 2_000, 5_000, 10_000, 20_000] as const;
/** A call for one item that is lost this often, although nothing landed, is a failure. */
const LOST_MAX = 3;
/** Probes that still could not see anything after that; then a person is asked. */
const BLIND_PROBES_MAX = 3;

export async function probeEffect(work: Work, key: string): Promise<void> {
  const { clock } = work.world;
  const run = await stateOf(work);
  const effect = run.effects.get(key);
  if (effect?.status !== 'intended') return;
  const approval = approvalOf(run, effect.approval);
  const step = approvedStep(work, approval);
  // The call went out some time after its intent, at the latest just now: then this process lost its answer, or it was
  // cut off with the process before. So its time to land begins now, not at the intent.
  const landsUntil = clock.now() + step.landsWithinMs;
  let blind = 0;
  for (let i = 0; !work.signal.aborted; i += 1) {
    await waitUntil(clock, clock.now() + (PROBE_AGAIN_MS[Math.min(i, PROBE_AGAIN_MS.length - 1)] ?? 0), work.signal);
    // The probe must begin after the last moment at which the call can land; what it sees then is final.
    const late = clock.now() >= landsUntil;
    const answer = await ask(work, run, approval, step, effect);
    if (work.signal.aborted) return;
    if (answer.landed === 'applied') return recordOutcome(work, key, { ok: true, value: answer.result }, 'probe');
    if (answer.landed === 'notApplied' && late) {
      return notLanded(work, key, answer.evidence);
    }
    if (late && answer.landed === 'unknown') blind += 1;
    if (blind >= BLIND_PROBES_MAX) return giveUp(work, key, answer.evidence);
  }
}

async function ask(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, effect: EffectState): Promise<ProbeAnswer> {
  const item = approval.plan.items.find((planned) => planned.key === effect.item);
  if (item === undefined) return { landed: 'unknown', evidence: 'the item is not in the plan' };
  const answer = await limited(work.world.clock, { what: `the probe of ${item.title}`, timeoutMs: stepTimeoutMs(step), outer: work.signal }, async (signal) => ({
    ok: true as const,
    value: await step.probe(item, approval.plan.input, { ...contextFor(work.world, run.target, signal), idempotencyKey: effect.key, intendedAt: effect.intendedAt }),
  }));
  return answer.ok ? answer.value : { landed: 'unknown', evidence: answer.failure.message };
}

/** Nothing has happened and nothing can happen any more, so the item is as open as before; but not for ever. */
async function notLanded(work: Work, key: string, evidence: string): Promise<void> {
  const failure = { reason: 'unreachable', message: `the call was lost and has not landed: ${tidyText(work, evidence)}`, landed: 'no' } as const;
  await work.actor.record((now) => {
    const effect = now.effects.get(key);
    if (effect?.status !== 'intended') return [];
    const lost = (approvalOf(now, effect.approval).lost.get(effect.item) ?? 0) + 1;
    return [{ type: 'EffectFailed', data: lost < LOST_MAX ? { key, failure, learnt: 'probe', again: true } : { key, failure, learnt: 'probe' } }];
  });
}

async function giveUp(work: Work, key: string, evidence: string): Promise<void> {
  await work.actor.record((now) => {
    if (now.effects.get(key)?.status !== 'intended') return [];
    return [{ type: 'EffectUnknown', data: { key, evidence: tidyText(work, evidence) } }];
  });
}
