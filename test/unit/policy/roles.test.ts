import { describe, expect, test } from 'vitest';
import { mayCancel, mayClose, mayKill, mayRearm, maySettle, mayStart } from '#policy/access.ts';
import { EMPTY_POLICY } from '#policy/defaults.ts';
import type { Policy, Principal, RoleMembers, TierRule } from '#policy/model.ts';
import { rolesOf, type HeldRoles, type SlackGroupMembers } from '#policy/roles.ts';

const members = (more: Partial<RoleMembers>): RoleMembers => ({ principals: [], slackUsers: [], slackGroups: [], emails: [], oidcGroups: [], ...more });
const tier = (...roles: string[]): TierRule => ({ approvers: 1, roles, excludeRequester: false, validForMs: 1 });
const who = (more: Partial<Principal> = {}): Principal => ({ id: 'ann', kind: 'human', roles: [], via: 'api', ...more });
const policy: Policy = {
  ...EMPTY_POLICY,
  roles: {
    oncall: members({ principals: ['ann', 'local:root'], slackUsers: ['U1'], emails: ['Bo@Example.com'] }),
    admin: members({ slackGroups: ['S1', 'S2'], oidcGroups: ['admins'] }),
  },
  tiers: { R1: tier('oncall'), R2: tier('oncall', 'admin'), R3: tier('admin') },
};
const groups: SlackGroupMembers = new Map([['S1', new Set(['U7'])], ['S2', new Set(['U8'])]]);

describe('the roles of a principal', () => {
  test.each<[string, Principal, string[]]>([
    ['by its id', who(), ['oncall']],
    ['by its Slack user', who({ id: 'slack:U1', slackUser: 'U1' }), ['oncall']],
    ['by its Slack group', who({ id: 'slack:U8', slackUser: 'U8' }), ['admin']],
    ['by its e-mail address, however it is written', who({ id: 'x', email: 'bo@example.COM' }), ['oncall']],
    ['by an OIDC group', who({ id: 'x', oidcGroups: ['devs', 'admins'] }), ['admin']],
    ['of its credential, joined with those of the policy', who({ roles: ['viewer', 'admin'] }), ['admin', 'oncall', 'viewer']],
    ['by the policy alone when it is local', who({ id: 'local:root', roles: ['admin'] }), ['oncall']],
    ['none when it is local and the policy does not name it', who({ id: 'local:eve', roles: ['admin'] }), []],
    ['none when a Slack id is only its name', who({ id: 'U1' }), []],
    ['none at all', who({ id: 'eve', slackUser: 'U9', email: 'eve@example.com' }), []],
  ])('%s', (_what, principal, roles) => {
    expect(rolesOf(principal, policy, groups)).toEqual({ roles, unreachable: [] });
  });

  test('do not come from a group that cannot be read or was not read, and the answer names them', () => {
    const slack = who({ id: 'slack:U7', slackUser: 'U7' });
    expect(rolesOf(slack, policy, new Map<string, ReadonlySet<string> | 'unreachable'>([['S1', 'unreachable'], ['S2', new Set()]]))).toEqual({ roles: [], unreachable: ['admin'] });
    expect(rolesOf(slack, policy, new Map())).toEqual({ roles: [], unreachable: ['admin'] });
  });

  test('come from the groups that can be read when one of them cannot', () => {
    expect(rolesOf(who({ id: 'slack:U8', slackUser: 'U8' }), policy, new Map<string, ReadonlySet<string> | 'unreachable'>([['S1', 'unreachable'], ['S2', new Set(['U8'])]]))).toEqual({ roles: ['admin'], unreachable: [] });
  });

  test('of somebody who is not on Slack do not depend on groups', () => {
    expect(rolesOf(who({ id: 'eve' }), policy, new Map([['S1', 'unreachable']])).unreachable).toEqual([]);
  });
});

describe('who may do what', () => {
  const oncall: HeldRoles = { roles: ['oncall'], unreachable: [] };
  const admin: HeldRoles = { roles: ['admin'], unreachable: [] };
  const nobody: HeldRoles = { roles: ['viewer'], unreachable: [] };
  const ci = who({ id: 'ci', kind: 'automation' });
  const ask = { start: mayStart, cancel: mayCancel, kill: mayKill, rearm: mayRearm, close: mayClose, settleR1: maySettle1, settleR3: maySettle3 };
  function maySettle1(...args: Parameters<typeof mayStart>) {
    return maySettle(...args, 'R1');
  }
  function maySettle3(...args: Parameters<typeof mayStart>) {
    return maySettle(...args, 'R3');
  }
  const table = (principal: Principal, held: HeldRoles, of = policy): string[] =>
    Object.entries(ask).flatMap(([name, may]) => (may(principal, held, of).allowed ? [name] : []));

  test('members of a role that any tier names start, cancel, stop and close; the tier settles; R3 arms again', () => {
    expect(table(who(), oncall)).toEqual(['start', 'cancel', 'kill', 'close', 'settleR1']);
    expect(table(who(), admin)).toEqual(['start', 'cancel', 'kill', 'rearm', 'close', 'settleR3']);
    expect(table(who(), nobody)).toEqual([]);
  });

  test('automation starts, cancels and stops, but never arms, closes or settles', () => {
    expect(table(ci, admin)).toEqual(['start', 'cancel', 'kill']);
    expect(mayRearm(ci, admin, policy)).toMatchObject({ rule: 'not-human' });
  });

  test('without a policy nobody may do anything', () => {
    expect(table(who(), { roles: ['oncall', 'admin'], unreachable: [] }, EMPTY_POLICY)).toEqual([]);
    expect(mayStart(who(), admin, EMPTY_POLICY)).toMatchObject({ rule: 'no-approvers' });
  });

  test('an unreadable group is given as the reason', () => {
    expect(mayRearm(who(), { roles: ['oncall'], unreachable: ['admin'] }, policy)).toMatchObject({ allowed: false, rule: 'identity-unreachable' });
  });
});
