import type { Policy, Principal, RoleMembers } from './model.ts';

/** The roles of one principal, now. */
export interface HeldRoles {
  readonly roles: readonly string[];
  /** Roles that it may hold through a Slack group which could not be read. They do not count; the refusal names them. */
  readonly unreachable: readonly string[];
}

/** Members by group id. A group that is absent counts as unreachable: nobody has read it. */
export type SlackGroupMembers = ReadonlyMap<string, ReadonlySet<string> | 'unreachable'>;

/** Joins the roles that the credential carries with those of the policy. Both lists are sorted. */
export function rolesOf(principal: Principal, policy: Policy, slackGroupMembers: SlackGroupMembers): HeldRoles {
  // A local principal is whoever may read the one-time link: what it may do is the policy's to say, never the link's.
  const roles = new Set(principal.id.startsWith('local:') ? [] : principal.roles);
  const unreachable = new Set<string>();
  for (const [role, members] of Object.entries(policy.roles)) {
    if (roles.has(role)) continue;
    const membership = membershipOf(principal, members, slackGroupMembers);
    if (membership === 'member') roles.add(role);
    if (membership === 'unreachable') unreachable.add(role);
  }
  return { roles: [...roles].toSorted(), unreachable: [...unreachable].toSorted() };
}

export function hasMembers(members: RoleMembers): boolean {
  return [members.principals, members.slackUsers, members.slackGroups, members.emails, members.oidcGroups].some((list) => list.length > 0);
}

function membershipOf(principal: Principal, members: RoleMembers, groups: SlackGroupMembers): 'member' | 'none' | 'unreachable' {
  const { id, slackUser, email, oidcGroups = [] } = principal;
  if (members.principals.includes(id)) return 'member';
  if (email !== undefined && members.emails.some((listed) => listed.toLowerCase() === email.toLowerCase())) return 'member';
  if (oidcGroups.some((group) => members.oidcGroups.includes(group))) return 'member';
  if (slackUser === undefined) return 'none';
  if (members.slackUsers.includes(slackUser)) return 'member';
  let unreadable = false;
  for (const group of members.slackGroups) {
    const users = groups.get(group) ?? 'unreachable';
    if (users === 'unreachable') unreadable = true;
    else if (users.has(slackUser)) return 'member';
  }
  return unreadable ? 'unreachable' : 'none';
}
