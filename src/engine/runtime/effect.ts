/**
 * One effect: wait for its turn, look at the item once more, write the intent, call, write the outcome. Every refusal before
 * the intent means that nothing was sent; every doubt after it goes to the probe.
 */
import { isoTime, waitUntil } from '#kernel/clock.ts';
import { isTransient, type Failure, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { toJson } from '#kernel/json.ts';
import { checkCapacity } from '#policy/caps.ts';
import { lowerRate, nextSlot } from '#policy/rate.ts';
import type { GivenApproval, Item, WriteStep } from '#step-kit/index.ts';
import type { RunEvent } from '../model/events.ts';
import { effectKey } from '../model/scope.ts';
import { approvalOf, type ApprovalState, type RunState } from '../model/state.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import type { Slot } from './ledger.ts';
import { tidy, tidyItem, tidyText } from './plan.ts';
import { sameItem } from './redeem.ts';
import { approvedStep, stateOf, type Work } from './work.ts';

/** Tries of a call (or of its re-check) that certainly did not land: a refused connection, a 429. */
const TRIES_MAX = 3;
/** What one effect returned, as JSON text: a few ids and a time. */
const RESULT_CHARS_MAX = 64 * 1024;
/** Wait before the next such try, ms; doubles each time. */
const TRY_AGAIN_MS = 1_000;

export async function applyEffect(work: Work, approvalId: string, itemKey: string, wave: number): Promise<void> {
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const item = approval.plan.items.find((planned) => planned.key === itemKey);
  if (item === undefined || approval.halted !== undefined) return;
  const step = approvedStep(work, approval);
  const slot = await turn(work, run, step);
  if (slot === undefined) return;
  let intent: string | undefined;
  try {
    intent = await intend(work, run, approval, step, item, wave);
  } finally {
    slot.release();
  }
  if (intent === undefined) return;
  const outcome = await call(work, run, approval, step, item, intent);
  if (!outcome.ok && outcome.failure.landed !== 'no') {
    work.world.log.warn({ run: run.id, effect: intent, failure: outcome.failure }, 'the answer of a write was lost; probing');
    return;
  }
  await recordOutcome(work, intent, outcome);
}

/** Looks at the item once more and writes the intent. Its key; undefined when nothing may be sent. */
async function intend(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, item: Item, wave: number): Promise<string | undefined> {
  const moved = await recheck(work, run, approval, step, item);
  if (mustNotWrite(work)) return undefined;
  if (moved !== undefined) {
    await work.actor.record((now) => (isOpen(now, approval.id, item.key) ? [{ type: 'EffectSkipped', data: { approval: approval.id, item: item.key, wave, because: moved } }] : []));
    return undefined;
  }
  const key = effectKey(approval.id, item.key);
  let won = false;
  await work.actor.record((now) => {
    // The append at the version that this was decided on is the fence: whoever loses it does not call.
    won = isOpen(now, approval.id, item.key) && !mustNotWrite(work);
    return won ? [{ type: 'EffectIntended', data: { key, approval: approval.id, item: item.key, wave, target: now.target, uses: step.name } }] : [];
  });
  return won && (await intended(work, key)) ? key : undefined;
}

/** Records an outcome unless there is one already. */
export async function recordOutcome(work: Work, key: string, outcome: Result<JsonObject>, learnt?: 'probe'): Promise<void> {
  const how = learnt === undefined ? {} : { learnt };
  await work.actor.record((now): RunEvent[] => {
    if (now.effects.get(key)?.status !== 'intended') return [];
    if (outcome.ok) return [{ type: 'EffectSucceeded', data: { key, result: resultOf(work, outcome.value), ...how } }];
    return [{ type: 'EffectFailed', data: { key, failure: tidy(work, outcome.failure), ...how } }];
  });
}

/** What an effect returned, as it is kept. The change has been made, so an answer that is too large must not stop its record. */
function resultOf(work: Work, result: JsonObject): JsonObject {
  const { length } = JSON.stringify(result);
  return length > RESULT_CHARS_MAX ? { cut: `the answer had ${length} characters` } : (work.world.redact(result) as JsonObject);
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

/** Waits until the rate of this step on this target has room, and takes the place. Undefined: stopped meanwhile. */
async function turn(work: Work, run: RunState, step: WriteStep): Promise<Slot | undefined> {
  const { world } = work;
  const rate = lowerRate(step.rate, world.policy().limits.rates[step.name]);
  for (;;) {
    if (mustNotWrite(work)) return undefined;
    const now = world.clock.now();
    const at = rate === undefined ? now : nextSlot(world.ledger.intents(run.target, step.name), rate, now);
    if (at <= now) return world.ledger.reserve(run.target, step.name);
    // Short naps, so that the kill switch and a cancel are noticed while the rate makes us wait.
    await waitUntil(world.clock, Math.min(at, now + TRY_AGAIN_MS), work.signal);
    const current = (await work.actor.read())?.run;
    if (current?.cancel !== undefined) return undefined;
  }
}

/** Why the item must be left alone, or undefined when it is still as it was approved. What cannot be told is left alone. */
async function recheck(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, item: Item): Promise<string | undefined> {
  const plan = await patiently(work, () => true, () =>
    limited(work.world.clock, { what: `the re-check of ${item.title}`, timeoutMs: stepTimeoutMs(step), outer: work.signal }, (signal) =>
      step.plan(approval.plan.input, { ...contextFor(work.world, run.target, signal), only: item.key }),
    ),
  );
  if (!plan.ok) return `it could not be looked at again: ${tidy(work, plan.failure).message}`;
  const now = plan.value.items.find((candidate) => candidate.key === item.key);
  if (now === undefined) return tidyText(work, ['it no longer qualifies', ...(plan.value.notes ?? [])].join(': '));
  // Waves count what they take; only a fresh look knows how much serves now.
  const spare = plan.value.capacity === undefined ? undefined : checkCapacity(plan.value.capacity, 1, work.world.policy().limits.capacityMax);
  if (spare?.allowed === false) return `taking it would go below the floor: ${spare.because}`;
  return sameItem(tidyItem(work, now), item) ? undefined : 'it has changed since it was approved';
}

function call(work: Work, run: RunState, approval: ApprovalState, step: WriteStep, item: Item, key: string): Promise<Result<JsonObject>> {
  const { world } = work;
  // A write is tried again only when it is certain that the last try did nothing.
  return patiently(work, (failure) => failure.landed === 'no', async (): Promise<Result<JsonObject>> => {
    if (mustNotWrite(work)) return { ok: false, failure: { reason: 'refused', message: 'the kill switch is on: nothing was sent', landed: 'no' } };
    const answer = await limited(world.clock, { what: step.name, timeoutMs: stepTimeoutMs(step), outer: work.signal, landed: 'maybe' }, (signal) =>
      step.apply(item, approval.plan.input, { ...contextFor(world, run.target, signal), idempotencyKey: key, approvedBy: approval.approvedBy ?? 'unknown', approvals: givenOf(approval), runId: run.id }),
    );
    return answer.ok ? { ok: true, value: toJson(answer.value) as JsonObject } : answer;
  });
}

function givenOf({ decisions }: ApprovalState): GivenApproval[] {
  return decisions.flatMap(({ principal, decision, reason, at, ahead }) => (decision === 'approve' ? [{ by: principal, at: ahead?.at ?? isoTime(at), reason, window: ahead === undefined ? null : { from: ahead.from, to: ahead.to } }] : []));
}

/** Again, after a while, when that is harmless and the trouble may pass. */
async function patiently<T>(work: Work, harmless: (failure: Failure) => boolean, attempt: () => Promise<Result<T>>): Promise<Result<T>> {
  for (let tries = 1; ; tries += 1) {
    const result = await attempt();
    if (result.ok || tries >= TRIES_MAX || work.signal.aborted || !isTransient(result.failure) || !harmless(result.failure)) return result;
    await waitUntil(work.world.clock, work.world.clock.now() + TRY_AGAIN_MS * 2 ** (tries - 1), work.signal);
  }
}
