/**
 * One effect: wait for its turn, look at the item once more, write the intent, call, write the outcome. Every refusal before
 * the intent means that nothing was sent; every doubt after it goes to the probe.
 */
import { waitUntil } from '#kernel/clock.ts';
import { isTransient, type Failure, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { toJson } from '#kernel/json.ts';
import { nextSlot } from '#policy/rate.ts';
import type { Item, WriteStep } from '#step-kit/index.ts';
import type { RunEvent } from '../model/events.ts';
import { effectKey } from '../model/scope.ts';
import type { ApprovalState, RunState } from '../model/state.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import { tidy, tidyItem } from './plan.ts';
import { sameItem } from './redeem.ts';
import { approvalOf, approvedStep, stateOf, type Work } from './work.ts';

/** Tries of a call (or of its re-check) that certainly did not land: a refused connection, a 429. */
const TRIES_MAX = 3;
/** Wait before the next such try, ms; doubles each time. */
const TRY_AGAIN_MS = 1_000;

export async function applyEffect(work: Work, approvalId: string, itemKey: string, wave: number): Promise<void> {
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const item = approval.plan.items.find((planned) => planned.key === itemKey);
  if (item === undefined || approval.halted !== undefined) return;
  const step = approvedStep(work, approval);
  if (!(await turn(work, run, step))) return;
  const moved = await recheck(work, run, approval, step, item);
  if (mustNotWrite(work)) return;
  if (moved !== undefined) {
    await work.actor.record((now) => (isOpen(now, approvalId, itemKey) ? [{ type: 'EffectSkipped', data: { approval: approvalId, item: itemKey, wave, because: moved } }] : []));
    return;
  }
  const key = effectKey(approvalId, itemKey);
  let won = false;
  await work.actor.record((now) => {
    // The append at the version that this was decided on is the fence: whoever loses it does not call.
    won = isOpen(now, approvalId, itemKey) && !mustNotWrite(work);
    return won ? [{ type: 'EffectIntended', data: { key, approval: approvalId, item: itemKey, wave, target: now.target, uses: step.name } }] : [];
  });
  if (!won || !(await intended(work, key))) return;
  const outcome = await call(work, run, approval, step, item, key);
  if (!outcome.ok && outcome.failure.landed !== 'no') {
    work.world.log.warn({ run: run.id, effect: key, failure: outcome.failure }, 'the answer of a write was lost; probing');
    return;
  }
  await recordOutcome(work, key, outcome);
}

/** Records an outcome unless there is one already. */
export async function recordOutcome(work: Work, key: string, outcome: Result<JsonObject>, learnt?: 'probe'): Promise<void> {
  const how = learnt === undefined ? {} : { learnt };
  await work.actor.record((now): RunEvent[] => {
    if (now.effects.get(key)?.status !== 'intended') return [];
    if (outcome.ok) return [{ type: 'EffectSucceeded', data: { key, result: work.world.redact(outcome.value) as JsonObject, ...how } }];
    return [{ type: 'EffectFailed', data: { key, failure: tidy(work, outcome.failure), ...how } }];
  });
}

/** Whether our intent is durable. `record` gives up only when the process is stopping, and then nothing may be sent. */
async function intended(work: Work, key: string): Promise<boolean> {
  return (await stateOf(work)).effects.get(key)?.status === 'intended' && !work.signal.aborted;
}

function isOpen(run: RunState, approvalId: string, item: string): boolean {
  const approval = run.approvals.get(approvalId);
  if (approval?.status !== 'redeemed' || approval.halted !== undefined || run.cancel !== undefined) return false;
  return !approval.skipped.has(item) && !run.effects.has(effectKey(approvalId, item));
}

function mustNotWrite(work: Work): boolean {
  return work.signal.aborted || work.world.killSwitch.state().on;
}

/** Waits until the rate of this step on this target has room. `false`: stopped meanwhile. */
async function turn(work: Work, run: RunState, step: WriteStep): Promise<boolean> {
  const { world } = work;
  const limits = [step.rate, world.policy().limits.rates[step.name]].filter((rate) => rate !== undefined);
  for (;;) {
    if (mustNotWrite(work)) return false;
    const now = world.clock.now();
    const at = Math.max(now, ...limits.map((rate) => nextSlot(world.ledger.intents(run.target, step.name), rate, now)));
    if (at <= now) return true;
    // Short naps, so that the kill switch and a cancel are noticed while the rate makes us wait.
    await waitUntil(world.clock, Math.min(at, now + TRY_AGAIN_MS), work.signal);
    const current = (await work.actor.read())?.run;
    if (current?.cancel !== undefined) return false;
  }
}

/** Why the item must be left alone, or undefined when it is still as it was approved. What cannot be told is left alone. */
async function recheck(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, item: Item): Promise<string | undefined> {
  const plan = await patiently(work, () =>
    limited(work.world.clock, { what: `the re-check of ${item.title}`, timeoutMs: stepTimeoutMs(step), outer: work.signal }, (signal) =>
      step.plan(approval.plan.input, { ...contextFor(work.world, run.target, signal), only: item.key }),
    ),
  );
  if (!plan.ok) return `it could not be looked at again: ${tidy(work, plan.failure).message}`;
  const now = plan.value.items.find((candidate) => candidate.key === item.key);
  if (now === undefined) return ['it no longer qualifies', ...(plan.value.notes ?? []).map((note) => String(work.world.redact(note)))].join(': ');
  return sameItem(tidyItem(work, now), item) ? undefined : 'it has changed since it was approved';
}

function call(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, item: Item, key: string): Promise<Result<JsonObject>> {
  const { world } = work;
  return patiently(work, async (): Promise<Result<JsonObject>> => {
    if (mustNotWrite(work)) return { ok: false, failure: { reason: 'refused', message: 'the kill switch is on: nothing was sent', landed: 'no' } };
    const answer = await limited(world.clock, { what: step.name, timeoutMs: stepTimeoutMs(step), outer: work.signal, landed: 'maybe' }, (signal) =>
      step.apply(item, approval.plan.input, { ...contextFor(world, run.target, signal), idempotencyKey: key, approvedBy: approval.approvedBy ?? 'unknown', runId: run.id }),
    );
    return answer.ok ? { ok: true, value: toJson(answer.value) as JsonObject } : answer;
  });
}

/** Again, after a while, when it is certain that the call did nothing and the trouble may pass. */
async function patiently<T>(work: Work, attempt: () => Promise<Result<T>>): Promise<Result<T>> {
  for (let tries = 1; ; tries += 1) {
    const result = await attempt();
    if (result.ok || tries >= TRIES_MAX || work.signal.aborted || !mayRepeat(result.failure)) return result;
    await waitUntil(work.world.clock, work.world.clock.now() + TRY_AGAIN_MS * 2 ** (tries - 1), work.signal);
  }
}

function mayRepeat(failure: Failure): boolean {
  return isTransient(failure) && failure.landed !== 'maybe';
}
