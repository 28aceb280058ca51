import type { Tier } from '#step-kit/index.ts';
import type { Policy, Principal, Verdict } from './model.ts';
import { hasMembers } from './roles.ts';
import { deny, inOneOf, listOf, type Denial } from './verdict.ts';

/** What an approval needs; it is written into the request for it, so later changes of the policy do not loosen it. */
export interface ApprovalNeeds {
  readonly approvers: number;
  readonly roles: readonly string[];
  /** Principal ids that may not approve. */
  readonly excluded: readonly string[];
}

export interface Decision {
  readonly principal: string;
  readonly decision: 'approve' | 'deny';
}

export type NeedsAnswer = { readonly ok: true; readonly needs: ApprovalNeeds; readonly validForMs: number } | { readonly ok: false; readonly denied: Denial };

/**
 * Who must approve a write of this tier. Nobody could: denied, so that an empty list never means everybody.
 * `credentialRoles` are the roles that configured credentials carry; a role may have its members only there.
 */
export function needsFor(tier: Tier, policy: Policy, requester: string, credentialRoles: ReadonlySet<string> = new Set()): NeedsAnswer {
  const rule = policy.tiers[tier];
  if (rule === undefined) return { ok: false, denied: deny('no-approvers', `the policy does not name ${tier}, so nobody can approve it`) };
  if (rule.roles.length === 0 || !(rule.approvers >= 1)) return { ok: false, denied: deny('no-approvers', `the policy names no approvers for ${tier}`) };
  const peopled = rule.roles.filter((role) => {
    const members = Object.hasOwn(policy.roles, role) ? policy.roles[role] : undefined;
    return credentialRoles.has(role) || (members !== undefined && hasMembers(members));
  });
  if (peopled.length === 0) return { ok: false, denied: deny('no-approvers', `${listOf(rule.roles)} has no members, so nobody can approve ${tier}`) };
  return { ok: true, needs: { approvers: rule.approvers, roles: rule.roles, excluded: rule.excludeRequester ? [requester] : [] }, validForMs: rule.validForMs };
}

export interface DecisionRequest {
  readonly principal: Principal;
  readonly roles: readonly string[];
  readonly unreachable: readonly string[];
  readonly tier: Tier;
  readonly needs: ApprovalNeeds;
  readonly decision: 'approve' | 'deny';
  readonly reason?: string | undefined;
  readonly confirm?: string | undefined;
  /** The target's name: what must be typed for R3. */
  readonly target: string;
  /** Those recorded so far. */
  readonly decisions: readonly Decision[];
}

/**
 * Whether this person may record this decision. A repetition of one's own decision is `already-decided`: whoever wants to
 * answer it kindly looks for it first. Who has approved may still deny, since stopping is always safe.
 */
export function mayDecide(request: DecisionRequest): Verdict {
  const { principal, tier, needs, decision } = request;
  if (principal.kind !== 'human') return deny('not-human', `${principal.id} is automation; only people decide`);
  if (needs.roles.length === 0 || !(needs.approvers >= 1)) return deny('no-approvers', 'no approvers are named for this, so nobody can decide it');
  const member = inOneOf(principal, request, needs.roles, `decide on ${tier}`);
  if (!member.allowed) return member;
  if (decision === 'approve' && needs.excluded.includes(principal.id)) return deny('is-requester', `${principal.id} asked for this; somebody else must approve it`);
  if (request.decisions.some((recorded) => recorded.principal === principal.id && recorded.decision === decision)) return deny('already-decided', `${principal.id} has decided this already, and counts once`);
  if (request.decisions.some((recorded) => recorded.decision === 'deny')) return deny('already-decided', 'this has been denied already');
  return tier === 'R3' && decision === 'approve' ? stepUp(request, member) : member;
}

/** R3 is never one click. */
function stepUp({ confirm, target, reason }: DecisionRequest, member: Verdict): Verdict {
  const reasoned = reason !== undefined && reason.trim() !== '';
  if (confirm === undefined || confirm !== target) return deny('needs-confirmation', `type the name of the target, ${target}, ${reasoned ? '' : 'and give a reason '}to approve R3`);
  if (!reasoned) return deny('needs-reason', 'give a reason to approve R3');
  return member;
}

/** Whether enough distinct people who are not excluded have approved, and nobody has denied. */
export function quorum(decisions: readonly Decision[], needs: ApprovalNeeds): boolean {
  if (!(needs.approvers >= 1) || decisions.some(({ decision }) => decision === 'deny')) return false;
  const people = new Set(decisions.map(({ principal }) => principal).filter((id) => !needs.excluded.includes(id)));
  return people.size >= needs.approvers;
}

