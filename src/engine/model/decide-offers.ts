/** Offers up to the redemption of their approval: planning, expiry, withdrawal, and the second computation of the plan. */
import type { Runbook } from '#language/runbook.ts';
import type { Facts, Move, Next } from './move.ts';
import { ruleOf } from './decide-apply.ts';
import type { RunEvent } from './events.ts';
import type { ApprovalState, OfferState, RunState } from './state.ts';

export function decideOffers(run: RunState, runbook: Runbook, facts: Facts): Next {
  const events: RunEvent[] = [];
  const moves: Move[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  const over = whyNoMore(run, runbook, facts);
  for (const offer of run.offers.values()) {
    if (offer.status === 'form' || offer.status === 'planning') {
      const withdrawn = over ?? (run.dryRun && offer.status === 'form' ? 'a dry run cannot fill in its form' : undefined);
      if (withdrawn !== undefined) events.push({ type: 'OfferSkipped', data: { offer: offer.id, because: withdrawn } });
      else if (offer.status === 'planning') moves.push({ id: `plan:${offer.id}`, do: 'plan', offer: offer.id });
      continue;
    }
    const approval = openApproval(run, offer);
    if (approval === undefined) continue;
    const ended = endOfApproval(approval, over, facts);
    if (ended !== undefined) events.push(ended);
    else {
      dueAt = Math.min(dueAt, approval.expiresAt, overAt(run, runbook));
      if (approval.status === 'approved') moves.push({ id: `redeem:${approval.id}`, do: 'redeem', approval: approval.id });
      else if (mayBeGivenAhead(runbook, approval)) moves.push({ id: `ahead:${approval.id}`, do: 'ahead', approval: approval.id });
    }
  }
  if (events.length > 0) return { events, moves: [] };
  // A freeze that begins withdraws what is pending then.
  if (Number.isFinite(dueAt)) dueAt = Math.min(dueAt, facts.freezeBeginsAt ?? dueAt);
  return Number.isFinite(dueAt) ? { events: [], moves, dueAt } : { events: [], moves };
}

/** Only what its step and its tier allow, and only while nobody has decided on it. */
function mayBeGivenAhead(runbook: Runbook, { offer, tier, plan, lookedAhead, decisions }: ApprovalState): boolean {
  const rule = ruleOf(runbook, offer);
  return rule?.uses.ahead !== undefined && rule.uses.name === plan.uses && tier === 'R1' && !lookedAhead && decisions.length === 0;
}

function openApproval(run: RunState, offer: OfferState): ApprovalState | undefined {
  const approval = offer.approvalId === undefined ? undefined : run.approvals.get(offer.approvalId);
  return approval?.status === 'pending' || approval?.status === 'approved' ? approval : undefined;
}

/** What ends an approval that is still open, now. Asked once more in the very append that would redeem it. */
export function whatEnds(run: RunState, runbook: Runbook, approval: ApprovalState, facts: Standing): RunEvent | undefined {
  return endOfApproval(approval, whyNoMore(run, runbook, facts), facts);
}

type Standing = Pick<Facts, 'now' | 'killSwitch' | 'freeze'>;

function endOfApproval(approval: ApprovalState, over: string | undefined, facts: Standing): RunEvent | undefined {
  if (approval.expiresAt <= facts.now) return { type: 'ApprovalExpired', data: { approval: approval.id } };
  if (over !== undefined) return { type: 'ApprovalWithdrawn', data: { approval: approval.id, because: over } };
  if (facts.freeze !== undefined) return { type: 'ApprovalWithdrawn', data: { approval: approval.id, because: `a change freeze is on: ${facts.freeze.reason}` } };
  if (approval.status === 'approved' && facts.killSwitch) return { type: 'ApprovalWithdrawn', data: { approval: approval.id, because: 'the kill switch is on' } };
  return undefined;
}

/** Why no offer of this run may be pending any longer. An apply that has begun is another matter: it finishes. */
function whyNoMore(run: RunState, runbook: Runbook, facts: Standing): string | undefined {
  if (run.cancel !== undefined) return `the run was cancelled by ${run.cancel.by}`;
  if (run.trigger.kind === 'alert' && run.alert.resolved) return 'the alert has resolved';
  if (overAt(run, runbook) <= facts.now) return 'the time of the run is over';
  return undefined;
}

function overAt(run: RunState, runbook: Runbook): number {
  return run.startedAt + runbook.done.withinMs;
}
