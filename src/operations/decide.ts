/** Deciding on an approval: the one place where a human's yes or no enters the journal. */
import { shortDigest } from '#kernel/digest.ts';
import type { Change } from '#engine/runtime/actor.ts';
import type { RunEvent } from '#engine/model/events.ts';
import { approvalOf, type ApprovalState, type RunState } from '#engine/model/state.ts';
import { approvalView } from '#engine/model/view.ts';
import type { ApprovalView } from '#engine/model/views.ts';
import { mayDecide, quorum } from '#policy/approval.ts';
import { freezeVerdict } from '#policy/freeze.ts';
import type { Principal } from '#policy/model.ts';
import type { HeldRoles } from '#policy/roles.ts';
import { heldRoles, refusal, refuse, type Refused } from './access.ts';
import type { Context } from './context.ts';
import type { Answer, Decide } from './operations.ts';
import { reasonText } from './reason.ts';

export async function decideApproval(ctx: Context, principal: Principal, approvalId: string, request: Decide): Promise<Answer<ApprovalView>> {
  const entry = await ctx.journal.find('approval', approvalId);
  const runId = entry?.summary['runId'];
  if (typeof runId !== 'string') return refuse('not-found', `there is no approval ${approvalId}`);
  const held = await heldRoles(ctx, principal);
  const result = await ctx.engine.change<Refused>(runId, principal.id, (run) => decideOn(ctx, principal, held, run, approvalId, request));
  if (!result.ok) {
    ctx.audit.refused(principal.id, `approval.${request.decision}`, approvalId, result.refused.problem);
    return result.refused;
  }
  return { ok: true, value: approvalView(result.run, approvalOf(result.run, approvalId)) };
}

/** First who may, then what the approval is now. A recorded decision that is repeated changes nothing and succeeds. */
function decideOn(ctx: Context, principal: Principal, held: HeldRoles, run: RunState, approvalId: string, request: Decide): Change<Refused> {
  const approval = run.approvals.get(approvalId);
  if (approval === undefined) return { refused: refuse('not-found', `there is no approval ${approvalId}`) };
  const { decision, digest } = request;
  const repeated = approval.decisions.some((d) => d.principal === principal.id && d.decision === decision && d.digest === digest);
  const others = approval.decisions.filter((d) => d.principal !== principal.id);
  const verdict = mayDecide({
    principal,
    ...held,
    tier: approval.tier,
    needs: approval.needs,
    decision,
    reason: request.reason,
    confirm: request.confirm,
    target: run.target,
    // Whether it is decided already is said below, by the state of the approval.
    decisions: [],
  });
  if (!verdict.allowed && !(repeated && isStepUp(verdict.rule))) return { refused: refusal(verdict) };
  if (repeated) return { events: [] };
  if (digest !== approval.plan.digest) return { refused: refuse('stale-digest', `the plan is now ${shortDigest(approval.plan.digest)}; look at it again before you decide`) };
  const closed = whyClosed(ctx, run, approval, others);
  if (closed !== undefined) return { refused: closed };
  if (decision === 'deny') return { events: [recorded(principal, approval, request), { type: 'ApprovalDenied', data: { approval: approval.id, by: principal.id, reason: reasonOf(request) } }] };
  const stopped = whyStopped(ctx);
  if (stopped !== undefined) return { refused: stopped };
  if (approval.decisions.some((d) => d.principal === principal.id)) return { refused: refuse('already-decided', 'you have decided this already') };
  const decisions = [...approval.decisions, { principal: principal.id, decision }];
  const events: RunEvent[] = [recorded(principal, approval, request)];
  if (quorum(decisions, approval.needs)) events.push({ type: 'ApprovalApproved', data: { approval: approval.id } });
  return { events };
}

function isStepUp(rule: string): boolean {
  return rule === 'needs-confirmation' || rule === 'needs-reason';
}

function whyClosed(ctx: Context, run: RunState, approval: ApprovalState, others: readonly { readonly principal: string; readonly decision: string }[]): Refused | undefined {
  const by = others.at(-1);
  switch (approval.status) {
    case 'pending':
      if (approval.expiresAt <= ctx.clock.now()) return refuse('expired', 'the approval has expired; plan it again');
      return run.ended === undefined ? undefined : refuse('not-open', 'the run has ended');
    case 'expired':
      return refuse('expired', 'the approval has expired; plan it again');
    case 'withdrawn':
      return refuse('withdrawn', `the approval was withdrawn: ${approval.because ?? 'no reason was given'}`);
    case 'approved':
    case 'redeemed':
    case 'denied':
      return refuse('already-decided', `it is ${approval.status === 'redeemed' ? 'approved, and used,' : approval.status} already${by === undefined ? '' : `: ${by.principal} said ${by.decision}`}`);
  }
}

function whyStopped(ctx: Context): Refused | undefined {
  const kill = ctx.killSwitch.state();
  if (kill.on) return refuse('kill-switch', `the kill switch is on${kill.by === null ? '' : ` (${kill.by}: ${kill.reason ?? ''})`}; nothing can be approved`);
  const freeze = freezeVerdict(ctx.policy(), ctx.clock.now());
  return freeze.allowed ? undefined : refuse('frozen', freeze.because);
}

function recorded(principal: Principal, approval: ApprovalState, request: Decide): RunEvent {
  return { type: 'DecisionRecorded', data: { approval: approval.id, principal: principal.id, decision: request.decision, digest: approval.plan.digest, reason: reasonOf(request), via: principal.via } };
}

function reasonOf(request: Decide): string | null {
  const reason = reasonText(request.reason);
  return reason === '' ? null : reason;
}
