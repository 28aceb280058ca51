/** Whether somebody has approved ahead what has just been planned. Asked once for each approval that is requested. */
import { aheadDigest } from '../model/ahead.ts';
import type { RunEvent } from '../model/events.ts';
import { approvalOf, type ApprovalState, type RunState } from '../model/state.ts';
import type { AheadAnswer, AheadDecision } from '../ports.ts';
import { approvedStep, stateOf, type Work } from './work.ts';

export async function lookAhead(work: Work, approvalId: string): Promise<void> {
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const answer = await ask(work, run, approval);
  // Stopped meanwhile: the next process asks again, and is given the same.
  if (work.signal.aborted) return;
  if ('because' in answer) {
    await work.actor.record((now) => (isOpen(now, approvalId) ? [{ type: 'AheadLooked', data: { approval: approvalId, because: answer.because } }] : []));
    return;
  }
  const { decisions } = answer;
  const by = decisions.at(-1)?.principal ?? 'bot';
  await work.actor.change<never>(by, (now) => ({ events: isOpen(now, approvalId) ? [...decisions.map((one) => recorded(approval, one)), { type: 'ApprovalApproved', data: { approval: approvalId } }] : [] }));
}

async function ask({ world, ...work }: Work, run: RunState, approval: ApprovalState): Promise<AheadAnswer> {
  const step = approvedStep({ world, ...work }, approval);
  if (step.ahead === undefined || approval.tier !== 'R1') return { because: null };
  const { uses, input, items } = approval.plan;
  return world.ahead.take({ runId: run.id, approval: approval.id, target: run.target, uses, subject: step.ahead(input), digest: aheadDigest({ uses, target: run.target, input, items }), tier: approval.tier, needs: approval.needs });
}

/** Denied, withdrawn or expired meanwhile, or somebody has decided on the card: then that stands. */
function isOpen(run: RunState, approvalId: string): boolean {
  const approval = run.approvals.get(approvalId);
  return approval?.status === 'pending' && !approval.lookedAhead && approval.decisions.length === 0;
}

function recorded({ id, plan }: ApprovalState, { principal, via, reason, ahead }: AheadDecision): RunEvent {
  return { type: 'DecisionRecorded', data: { approval: id, principal, decision: 'approve', digest: plan.digest, reason, via, ahead } };
}
