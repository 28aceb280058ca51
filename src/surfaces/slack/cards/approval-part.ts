import type { ApprovalView, PlanView } from '#engine/model/views.ts';
import { shortDigest } from '#kernel/digest.ts';
import { ACTIONS, approvalValue } from './actions.ts';
import { button, confirmation, context, section, type Block, type Button, type Part } from './blocks.ts';
import { planLine } from './plan-line.ts';
import { escaped, inert, moment, mrkdwn, person, plain } from './text.ts';

/** The card shows this many items of a plan; all of them are in the thread. */
const EXTRACT_ITEMS = 5;
const EXTRACT_LINE_MAX = 280;

/** A pending approval: what would change, who may say so, until when, and the two buttons. */
export function pendingApproval(approval: ApprovalView): readonly Part[] {
  const head: Part = { rank: 1, blocks: [section(plain(`${approval.title}\n${approval.plan.summary}`, 900)), context(mrkdwn(termsOf(approval)))] };
  const extract: Part = { rank: 3, needs: head, blocks: [section(plain(planExtract(approval.plan), 1_500)), ...remarksOf(approval)] };
  const buttons = buttonsOf(approval);
  const press: Part = { rank: 1, needs: head, blocks: buttons.length === 0 ? [] : [{ type: 'actions', elements: buttons }] };
  return [head, extract, press];
}

/** What was decided: by whom, when, on which plan; of an approval that nobody decided, why it is over. */
export function decidedApproval(approval: ApprovalView): readonly Block[] {
  const digest = `plan \`${escaped(shortDigest(approval.plan.digest), 12)}\``;
  const lines = decisionsOf(approval).map((line) => `${line}, ${digest}`);
  if (approval.because !== null && approval.status !== 'denied') lines.push(escaped(approval.because, 300));
  return lines.length === 0 ? [] : [context(mrkdwn(lines.join('\n')))];
}

function termsOf(approval: ApprovalView): string {
  const { approvers, roles, excluded } = approval.needs;
  const who = `${approvers === 1 ? 'one approver' : `${approvers} different people`} from ${roles.slice(0, 5).map((role) => escaped(role, 40)).join(', ') || 'nobody: no role is named'}`;
  const not = excluded.length === 0 ? '' : `, but not ${excluded.slice(0, 5).map(person).join(', ')}`;
  const lines = [
    `Tier *${approval.tier}* on ${escaped(approval.target, 60)} · asked for by ${person(approval.requester)} · plan \`${escaped(shortDigest(approval.plan.digest), 12)}\` · open until ${moment(approval.expiresAt)}`,
    `Needs ${who}${not}.`,
    ...decisionsOf(approval),
  ];
  return lines.join('\n');
}

function decisionsOf(approval: ApprovalView): readonly string[] {
  return approval.decisions.slice(-4).map((decision) => {
    const reason = decision.reason === null ? '' : `: “${escaped(decision.reason, 200)}”`;
    return `${decision.decision === 'approve' ? 'Approved' : 'Denied'} by ${person(decision.principal)} (${escaped(decision.via, 20)}) ${moment(decision.at)}${decision.ahead === undefined ? '' : `, ahead on ${moment(decision.ahead.at)}`}${reason}`;
  });
}

/** The first items with their current and new values, and how many more there are. */
export function planExtract(plan: PlanView): string {
  const more = plan.changes.length - EXTRACT_ITEMS;
  const lines = plan.changes.slice(0, EXTRACT_ITEMS).map((change) => `• ${planLine(change, EXTRACT_LINE_MAX)}`);
  if (more > 0) lines.push(`… and ${more} more: the whole plan is in the thread`);
  return lines.join('\n');
}

function remarksOf(approval: ApprovalView): readonly Block[] {
  const ahead = approval.because === null ? [] : [`Approved ahead, but it does not count: ${inert(approval.because, 300)}`];
  const lines = [...ahead, ...approval.moved.slice(0, 3).map((say) => `Moved since it was last approved: ${inert(say, 200)}`), ...approval.plan.notes.slice(0, 3).map((note) => inert(note, 200))];
  return lines.length === 0 ? [] : [context(plain(lines.join('\n'), 900))];
}

function buttonsOf(approval: ApprovalView): readonly Button[] {
  const value = approvalValue(approval.id, approval.plan.digest);
  if (value === undefined) return [];
  const what = `${approval.title} on ${approval.target}. Plan ${shortDigest(approval.plan.digest)}, ${approval.plan.changes.length} item(s).`;
  const approve =
    approval.tier === 'R3'
      ? button(ACTIONS.approveForm, 'Approve…', { value, style: 'danger' })
      : button(ACTIONS.approve, 'Approve', { value, style: 'primary', confirm: confirmation('Approve this change?', what, 'Approve', 'primary') });
  const deny = button(ACTIONS.deny, 'Deny', { value, confirm: confirmation('Deny this change?', what, 'Deny', 'danger') });
  return [approve, deny];
}
