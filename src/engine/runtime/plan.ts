/** Computing a plan: for a new offer, again after expiry, and once more before the first effect. */
import { digestOf } from '#kernel/digest.ts';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import { toJson, type Json } from '#kernel/json.ts';
import { cutText } from '#kernel/text.ts';
import { needsFor } from '#policy/approval.ts';
import { checkCapacity } from '#policy/caps.ts';
import type { Item, Plan } from '#step-kit/index.ts';
import type { PlanRecord, RunEvent } from '../model/events.ts';
import type { RunState } from '../model/state.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import { offerOf, stateOf, writingOf, type Work, type Writing } from './work.ts';

/** Cordum's dead-letter queue holds at most 10,000 entries; nothing that one approval covers is larger. */
const PLAN_ITEMS_MAX = 10_000;
/** The items and the input of a plan, as JSON text: what one event of the journal can hold, with room to spare. */
const PLAN_CHARS_MAX = 6 * 1024 * 1024;
/** What was left out, a sentence each; a step that has more to say puts the rest into one. */
const NOTES_MAX = 100;
/** A message of an outside system, characters: it is shown on a card, and the rest of a huge one tells nobody anything. */
const MESSAGE_CHARS_MAX = 4_000;
/** An approval is never valid for longer than this, whatever the policy says (DESIGN §2). */
const VALID_FOR_MAX_MS = 60 * 60_000;

export async function computePlan(work: Work, offerId: string): Promise<void> {
  const run = await stateOf(work);
  const offer = offerOf(run, offerId);
  const writing = writingOf(work, run, offer);
  const plan = writing.ok ? await planFor(work, run, writing.value) : writing;
  // Stopped while it was looking: the plan is computed again by whoever takes the run up.
  if (work.signal.aborted) return;
  await work.actor.record((now) => {
    if (now.offers.get(offerId)?.status !== 'planning') return [];
    if (!plan.ok) return [{ type: 'PlanFailed', data: { offer: offerId, failure: plan.failure } }];
    if (!writing.ok) return [];
    if (plan.value.items.length === 0) return [{ type: 'NothingToDo', data: { offer: offerId, because: [plan.value.summary, ...plan.value.notes].join(' ') } }];
    if (now.dryRun) return [{ type: 'PlanComputed', data: { offer: offerId, plan: plan.value } }];
    return [requestApproval(work, now, offerId, writing.value, plan.value)];
  });
}

/** The approval that asks for this plan; a tier that nobody may approve is refused here, with the reason. */
export function requestApproval(work: Work, run: RunState, offer: string, writing: Writing, plan: PlanRecord, replaces?: { approval: string; moved: readonly string[] }): RunEvent {
  const policy = work.world.policy();
  const needs = needsFor(writing.tier, policy, run.trigger.requester, work.world.credentialRoles);
  if (!needs.ok) return { type: 'PlanFailed', data: { offer, failure: { reason: 'refused', message: needs.denied.because } } };
  const validForMs = Math.min(needs.validForMs, VALID_FOR_MAX_MS);
  return {
    type: 'ApprovalRequested',
    data: {
      approval: work.world.ids.next('apr'),
      offer,
      title: writing.title,
      tier: writing.tier,
      plan,
      needs: needs.needs,
      expiresAt: work.world.clock.now() + validForMs,
      requester: run.trigger.requester,
      ...(replaces === undefined ? {} : { replaces: replaces.approval, moved: replaces.moved }),
    },
  };
}

/** Calls the step's `plan` and makes a record of it whose digest binds everything that was shown. */
export async function planFor(work: Work, run: RunState, writing: Writing): Promise<Result<PlanRecord>> {
  const { step, tier, input } = writing;
  const answer = await limited(work.world.clock, { what: `the plan of ${step.name}`, timeoutMs: stepTimeoutMs(step), outer: work.signal }, (signal) => step.plan(input, contextFor(work.world, run.target, signal)));
  if (!answer.ok) return { ok: false, failure: tidy(work, answer.failure) };
  const wrong = mistake(answer.value, work.world.policy().limits.capacityMax);
  if (wrong !== undefined) return wrong;
  const items = answer.value.items.map((item) => tidyItem(work, item));
  if (JSON.stringify([input, items]).length > PLAN_CHARS_MAX) return fail('tooLarge', `the plan is over ${PLAN_CHARS_MAX} characters: choose fewer items`);
  const bound = { runbook: run.runbook, revision: run.revision, target: run.target, uses: step.name, tier, input, items: items as unknown as Json, capacity: toJson(answer.value.capacity) };
  return succeed({
    summary: tidyText(work, answer.value.summary),
    uses: step.name,
    input,
    items,
    notes: (answer.value.notes ?? []).slice(0, NOTES_MAX).map((note) => tidyText(work, note)),
    digest: digestOf(bound),
    // A copy: the step may go on counting in its own object, and what was approved must not move with it.
    ...(answer.value.capacity === undefined ? {} : { capacity: { ...answer.value.capacity } }),
  });
}

export function tidyItem(work: Pick<Work, 'world'>, item: Item): Item {
  const { redact } = work.world;
  // The key is the item's name at the target: it is never rewritten, and holds no secret.
  return { key: item.key, title: String(redact(item.title)), current: redact(toJson(item.current)), next: redact(toJson(item.next)) };
}

export function tidy(work: Pick<Work, 'world'>, failure: Failure): Failure {
  return { ...failure, message: tidyText(work, failure.message) };
}

/** Without secrets and no longer than a person reads. */
export function tidyText(work: Pick<Work, 'world'>, text: string): string {
  // What is cut off far away need not be searched for secrets, and may be megabytes; what the cut goes through is, for half a token no longer looks like one.
  return cutText(String(work.world.redact(text.slice(0, 2 * MESSAGE_CHARS_MAX).toWellFormed())), MESSAGE_CHARS_MAX);
}

function mistake(plan: Plan, capacityMax: number): Result<never> | undefined {
  if (plan.items.length > PLAN_ITEMS_MAX) return fail('tooLarge', `the plan has ${plan.items.length} items, at most ${PLAN_ITEMS_MAX} can be approved at once`);
  const keys = new Set<string>();
  for (const { key } of plan.items) {
    if (key === '' || keys.has(key)) return fail('unexpected', `the plan names "${key}" twice or not at all`);
    keys.add(key);
  }
  if (plan.capacity === undefined || plan.items.length === 0) return undefined;
  const spare = checkCapacity(plan.capacity, 1, capacityMax);
  return spare.allowed ? undefined : fail('refused', spare.because);
}
