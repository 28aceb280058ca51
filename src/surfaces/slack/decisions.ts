/** A yes or no from Slack, and what the person hears of it: nothing when the card says it all. */
import type { ApprovalView } from '#engine/model/views.ts';
import type { Decide } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';
import { outcomeOf, type ClickWorld, type Outcome } from './outcome.ts';

/** The second click of a double click is no mistake and changes nothing: it is answered with the decision as it was recorded. */
export function decideAs(world: ClickWorld, principal: Principal, approvalId: string, request: Decide): Promise<Outcome> {
  return world.inTurn(approvalId, () => decideNow(world, principal, approvalId, request));
}

async function decideNow({ operations }: ClickWorld, principal: Principal, approvalId: string, request: Decide): Promise<Outcome> {
  const before = await operations.approval(approvalId);
  const answer = await operations.decide(principal, approvalId, request);
  if (answer.ok) return isRecorded(before, principal, request) ? { say: repeatedSentence(answer.value, request), decided: answer.value } : {};
  const now = (await operations.approval(approvalId)) ?? before;
  const subjectId = now?.incidentId ?? now?.runId;
  return { ...outcomeOf(answer, subjectId), ...(now === undefined || now.status === 'pending' || now.decisions.length === 0 ? {} : { decided: now }) };
}

function isRecorded(before: ApprovalView | undefined, principal: Principal, request: Decide): boolean {
  return before?.decisions.some((one) => one.principal === principal.id && one.decision === request.decision) === true;
}

function repeatedSentence(approval: ApprovalView, request: Decide): string {
  return `You have ${request.decision === 'approve' ? 'approved' : 'denied'} this already, and it counts once. The approval is ${approval.status}.`;
}
