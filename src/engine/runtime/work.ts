/** What every move is given, and the few look-ups that several of them share. */
import type { JsonObject } from '#kernel/json.ts';
import type { Failure } from '#kernel/failure.ts';
import type { Runbook } from '#language/runbook.ts';
import { isWrite, type AppliedItem, type Tier, type WriteStep } from '#step-kit/index.ts';
import { effectsOf, ruleOf } from '../model/decide-apply.ts';
import { scopeOf } from '../model/scope.ts';
import type { ApprovalState, OfferState, RunState } from '../model/state.ts';
import type { RunActor } from './actor.ts';
import type { World } from './world.ts';

export interface Work {
  readonly world: World;
  readonly actor: RunActor;
  readonly runbook: Runbook;
  readonly signal: AbortSignal;
}

export interface Writing {
  readonly step: WriteStep;
  readonly tier: Tier;
  readonly input: JsonObject;
  readonly title: string;
}

export async function stateOf(work: Work): Promise<RunState> {
  const read = await work.actor.read();
  if (read === undefined) throw new Error(`run ${work.actor.id} has vanished`);
  return read.run;
}

/** The write step of an offer with its input, evaluated now. */
export function writingOf(work: Work, run: RunState, offer: OfferState): { ok: true; value: Writing } | { ok: false; failure: Failure } {
  if (offer.undo !== undefined) {
    const step = work.world.steps.get(offer.undo.uses);
    if (step === undefined || !isWrite(step)) return invalid(`there is no write step ${offer.undo.uses}`);
    return parsed(step, step.tier, offer.undo.input, offer.title);
  }
  const rule = ruleOf(work.runbook, offer.id);
  if (rule === undefined) return invalid(`the runbook has no offer ${offer.id}`);
  const value = rule.with.evaluate(scopeOf(run, { ...run.inputs, ...offer.inputs }));
  if (!value.ok) return invalid(value.because);
  return parsed(rule.uses, rule.tier, value.value, offer.title);
}

function parsed(step: WriteStep, tier: Tier, value: unknown, title: string): { ok: true; value: Writing } | { ok: false; failure: Failure } {
  const input = step.input.safeParse(value);
  if (input.success) return { ok: true, value: { step, tier, input: input.data as JsonObject, title } };
  const issue = input.error.issues[0];
  return invalid(`the input of ${step.name} is wrong at "${issue?.path.join('.') ?? ''}": ${issue?.message ?? 'no reason given'}`);
}

function invalid(message: string): { ok: false; failure: Failure } {
  return { ok: false, failure: { reason: 'invalid', message } };
}

export function offerOf(run: RunState, id: string): OfferState {
  const offer = run.offers.get(id);
  if (offer === undefined) throw new Error(`run ${run.id} has no offer ${id}`);
  return offer;
}

/** The step of an approved plan. Its input is the one that was approved, not one evaluated anew. */
export function approvedStep(work: Work, approval: ApprovalState): WriteStep {
  const step = work.world.steps.get(approval.plan.uses);
  if (step === undefined || !isWrite(step)) throw new Error(`there is no write step ${approval.plan.uses}`);
  return step;
}

/** The items of an approval whose effects have succeeded, or only those among `items`. */
export function appliedItems(run: RunState, approval: ApprovalState, items?: readonly string[]): AppliedItem[] {
  const planned = new Map(approval.plan.items.map((item) => [item.key, item]));
  const wanted = items === undefined ? undefined : new Set(items);
  const applied: AppliedItem[] = [];
  for (const effect of effectsOf(run, approval)) {
    const item = planned.get(effect.item);
    if (item !== undefined && effect.status === 'succeeded' && (wanted?.has(effect.item) ?? true)) applied.push({ item, result: effect.result ?? {} });
  }
  return applied;
}
