/** Using an approval: guards, the whole plan once more, and only if nothing has moved the first effect may follow. */
import { canonicalJson } from '#kernel/digest.ts';
import type { Json } from '#kernel/json.ts';
import { breakerVerdict, loopVerdict } from '#policy/breaker.ts';
import { frozenAt } from '#policy/freeze.ts';
import { isWrite, type Item } from '#step-kit/index.ts';
import { whatEnds } from '../model/decide-offers.ts';
import type { RunEvent } from '../model/events.ts';
import { approvalOf, type ApprovalState, type RunState } from '../model/state.ts';
import { planFor, requestApproval } from './plan.ts';
import { offerOf, stateOf, writingOf, type Work } from './work.ts';

/** Differences that are named on the card; more than these are counted. */
const MOVED_SHOWN_MAX = 10;

export async function redeem(work: Work, approvalId: string): Promise<void> {
  const { world } = work;
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const events = guard(work, run, approval) ?? (await compare(work, run, approval));
  // Stopped while it was looking: what it saw says nothing. The approval stands, and the next process takes it up.
  if (work.signal.aborted) return;
  const redeems = events(run).some((event) => event.type === 'ApprovalRedeemed');
  const owner = { run: run.id, approval: approval.id };
  const holder = redeems ? world.claims.take(run.target, approval.plan.items.map((item) => item.key), owner) : undefined;
  await work.actor.record((now) => {
    const current = now.approvals.get(approvalId);
    // Denied, withdrawn or expired while the plan was computed: then that stands.
    if (current?.status !== 'approved') return [];
    const ended = whatEnds(now, work.runbook, current, standing(work));
    if (ended !== undefined) return [ended];
    // Another run may have been redeemed meanwhile, so the breakers are asked again.
    const stopped = guard(work, now, current);
    if (stopped !== undefined) return stopped(now);
    if (holder !== undefined) return [withdraw(approvalId, `run ${holder} is changing some of the same items`)];
    return events(now);
  });
  const after = approvalOf(await stateOf(work), approvalId);
  if (after.status !== 'redeemed') world.claims.release(approvalId);
}

type Outcome = (run: RunState) => RunEvent[];

function standing({ world }: Work): Parameters<typeof whatEnds>[3] {
  const now = world.clock.now();
  return { now, killSwitch: world.killSwitch.state().on, freeze: frozenAt(world.policy(), now) };
}

function guard(work: Work, run: RunState, approval: ApprovalState): Outcome | undefined {
  const { limits } = work.world.policy();
  const history = work.world.ledger.applies();
  const now = work.world.clock.now();
  for (const verdict of [breakerVerdict(history.filter(({ uses }) => !isAside(work, uses)), limits, run.target, now), loopVerdict(history.filter((entry) => entry.verified === undefined), limits, { target: run.target, uses: approval.plan.uses }, now)]) {
    if (!verdict.allowed) return () => [withdraw(approval.id, verdict.because)];
  }
  return undefined;
}

function isAside({ world }: Work, uses: string): boolean {
  const step = world.steps.get(uses);
  return step !== undefined && isWrite(step) && step.aside === true;
}

async function compare(work: Work, run: RunState, approval: ApprovalState): Promise<Outcome> {
  const offer = offerOf(run, approval.offer);
  const writing = writingOf(work, run, offer);
  const plan = writing.ok ? await planFor(work, run, writing.value) : writing;
  if (!plan.ok) return () => [withdraw(approval.id, `the plan could not be computed again: ${plan.failure.message}`)];
  if (plan.value.digest === approval.plan.digest) {
    return (now) => [{ type: 'ApprovalRedeemed', data: { approval: approval.id, approvedBy: approversOf(now, approval.id), target: run.target, uses: approval.plan.uses } }];
  }
  const moved = whatMoved(approval.plan.items, plan.value.items);
  const voided = withdraw(approval.id, `the plan has moved since it was approved: ${moved.join('; ')}`);
  if (plan.value.items.length === 0) return () => [voided, { type: 'NothingToDo', data: { offer: offer.id, because: [plan.value.summary, ...plan.value.notes].join(' ') } }];
  return (now) => (writing.ok ? [voided, requestApproval(work, now, offer.id, writing.value, plan.value, { approval: approval.id, moved })] : [voided]);
}

function withdraw(approval: string, because: string): RunEvent {
  return { type: 'ApprovalWithdrawn', data: { approval, because } };
}

function approversOf(run: RunState, approval: string): string[] {
  return approvalOf(run, approval).decisions.filter((d) => d.decision === 'approve').map((d) => d.principal);
}

/** A sentence for each item that went, came or changed. */
function whatMoved(before: readonly Item[], after: readonly Item[]): string[] {
  const old = new Map(before.map((item) => [item.key, item]));
  const fresh = new Map(after.map((item) => [item.key, item]));
  const moved: string[] = [];
  for (const item of before) if (!fresh.has(item.key)) moved.push(`${item.title} no longer qualifies`);
  for (const item of after) {
    const was = old.get(item.key);
    if (was === undefined) moved.push(`${item.title} is new`);
    else if (!sameItem(was, item)) moved.push(`${item.title} has changed`);
  }
  if (moved.length === 0) return ['the plan is made up differently'];
  return moved.length <= MOVED_SHOWN_MAX ? moved : [...moved.slice(0, MOVED_SHOWN_MAX), `and ${moved.length - MOVED_SHOWN_MAX} more`];
}

export function sameItem(a: Item, b: Item): boolean {
  return canonicalJson([a.current, a.next] as Json) === canonicalJson([b.current, b.next] as Json);
}
