import type { DenyRule, Principal, Verdict } from './model.ts';
import type { HeldRoles } from './roles.ts';

export type Denial = Extract<Verdict, { allowed: false }>;

export function allow(because: string): Verdict {
  return { allowed: true, because };
}

export function deny(rule: DenyRule, because: string): Denial {
  return { allowed: false, rule, because };
}

/** Whether the principal holds one of the roles; `what` completes "… to <what>". */
export function inOneOf(principal: Principal, held: HeldRoles, roles: readonly string[], what: string): Verdict {
  const role = roles.find((wanted) => held.roles.includes(wanted));
  if (role !== undefined) return allow(`${principal.id} is in ${role}`);
  const unseen = roles.filter((wanted) => held.unreachable.includes(wanted));
  if (unseen.length > 0) return deny('identity-unreachable', `the Slack group behind ${listOf(unseen)} cannot be read now, so nobody counts as a member through it; try again, or ${what} as someone who is named in the policy`);
  return deny('not-in-role', `${principal.id} is not in ${listOf(roles)}, which it takes to ${what}; the policy file says who is`);
}

/** `a`, `a or b`, `a, b or c`. */
export function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
