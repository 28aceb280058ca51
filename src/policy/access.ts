import type { Tier } from '#step-kit/index.ts';
import type { Policy, Principal, Verdict } from './model.ts';
import type { HeldRoles } from './roles.ts';
import { allow, deny, inOneOf } from './verdict.ts';

/** Any authenticated principal reads. These are the rest: what it takes to start, stop, settle and close. */

export function mayStart(principal: Principal, held: HeldRoles, policy: Policy): Verdict {
  // No credential comes in this way: whoever writes the configuration has said that it may. What it offers still waits for people.
  if (principal.via === 'schedule') return allow(`${principal.id} starts what the configuration says`);
  return inAnyTier(principal, held, policy, 'start a run');
}

export function mayCancel(principal: Principal, held: HeldRoles, policy: Policy): Verdict {
  return inAnyTier(principal, held, policy, 'cancel a run');
}

/** Switches the kill switch on: stopping needs any role that a tier names, and automation may stop as well. */
export function mayKill(principal: Principal, held: HeldRoles, policy: Policy): Verdict {
  return inAnyTier(principal, held, policy, 'stop all writes');
}

/** Switches the kill switch off: only people of the R3 roles let writes happen again. */
export function mayRearm(principal: Principal, held: HeldRoles, policy: Policy): Verdict {
  return forPeople(principal, 'let writes happen again') ?? inTier(principal, held, policy, 'R3', 'let writes happen again');
}

export function mayClose(principal: Principal, held: HeldRoles, policy: Policy): Verdict {
  return forPeople(principal, 'close an incident') ?? inAnyTier(principal, held, policy, 'close an incident');
}

/** Settles an unknown effect: the judgement of a person who could have approved it. */
export function maySettle(principal: Principal, held: HeldRoles, policy: Policy, tier: Tier): Verdict {
  return forPeople(principal, 'settle an effect') ?? inTier(principal, held, policy, tier, `settle an effect of ${tier}`);
}

function forPeople(principal: Principal, what: string): Verdict | undefined {
  return principal.kind === 'human' ? undefined : deny('not-human', `${principal.id} is automation; only people ${what}`);
}

function inTier(principal: Principal, held: HeldRoles, policy: Policy, tier: Tier, what: string): Verdict {
  const roles = policy.tiers[tier]?.roles ?? [];
  if (roles.length === 0) return deny('no-approvers', `the policy names no role for ${tier}, so nobody may ${what}`);
  return inOneOf(principal, held, roles, what);
}

function inAnyTier(principal: Principal, held: HeldRoles, policy: Policy, what: string): Verdict {
  const roles = [...new Set(Object.values(policy.tiers).flatMap((rule) => rule.roles))];
  if (roles.length === 0) return deny('no-approvers', `the policy names no role for any tier, so nobody may ${what}`);
  return inOneOf(principal, held, roles, what);
}
