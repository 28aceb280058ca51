import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { loadPolicy } from '#config/policy.ts';
import { DEFAULT_LIMITS } from '#policy/defaults.ts';

const fixture = readFileSync(new URL('../../fixtures/config/policy.yaml', import.meta.url), 'utf8');
const linesOf = (text: string, roles: string[] = []): readonly string[] => {
  const loaded = loadPolicy(text, 'p.yaml', new Set(roles));
  return loaded.ok ? loaded.warnings : loaded.problems;
};
const ROLES = 'roles: { ops: { principals: [ann] } }\n';

describe('a policy file', () => {
  test('is read with what DESIGN says of each tier where it says nothing else', () => {
    expect(loadPolicy(fixture, 'p.yaml')).toEqual({
      ok: true,
      warnings: [],
      policy: {
        roles: {
          oncall: { principals: ['alice'], slackUsers: [], slackGroups: ['S01'], emails: [], oidcGroups: [] },
          admins: { principals: ['bob', 'local:root'], slackUsers: ['U01'], slackGroups: [], emails: ['c@example.com'], oidcGroups: ['admins'] },
        },
        tiers: {
          R1: { approvers: 1, roles: ['oncall', 'admins'], excludeRequester: false, validForMs: 900_000 },
          R2: { approvers: 1, roles: ['oncall'], excludeRequester: true, validForMs: 3_600_000 },
          R3: { approvers: 3, roles: ['admins'], excludeRequester: false, validForMs: 900_000 },
        },
        limits: {
          rates: { ...DEFAULT_LIMITS.rates, 'cordum.dlq.delete': { perSecond: 0.5, perHour: 100 } },
          capacityMax: 2,
          breaker: { failures: 1, withinMs: 7_200_000 },
          loop: { applies: 2, withinMs: 1_800_000 },
        },
        freeze: [{ fromMs: Date.UTC(2026, 11, 23, 17), untilMs: Date.UTC(2027, 0, 2, 8), reason: 'year end' }],
      },
    });
  });

  test('R3 takes two people, and not the requester, unless it says more', () => {
    const loaded = loadPolicy(`${ROLES}tiers: { R3: { roles: [ops] } }`, 'p.yaml');
    expect(loaded.ok && loaded.policy.tiers.R3).toEqual({ approvers: 2, roles: ['ops'], excludeRequester: true, validForMs: 900_000 });
    expect(loaded.ok && loaded.policy.limits).toEqual(DEFAULT_LIMITS);
  });

  test('may name roles that only API keys carry', () => {
    expect(linesOf('tiers: { R1: { roles: [ci] } }', ['ci'])).toEqual([]);
  });

  test('is warned of when a tier has no members', () => {
    expect(linesOf('roles: { ops: {} }\ntiers:\n  R1: { roles: [ops] }')).toEqual(['p.yaml:3 tiers.R1.roles: none of these roles has a member, so nobody can approve R1']);
  });

  test.each<[string, string, string]>([
    ['R3 with one approver', `${ROLES}tiers: { R3: { roles: [ops], approvers: 1 } }`, 'p.yaml:2 tiers.R3.approvers: expected 2 or more: R3 destroys or replaces data, and one person alone must not be able to'],
    ['R2 approved by its requester', `${ROLES}tiers: { R2: { roles: [ops], excludeRequester: false } }`, 'p.yaml:2 tiers.R2.excludeRequester: expected true: whoever asks for an R2 change must not approve it as well'],
    ['a role that nobody has defined', `${ROLES}tiers: { R1: { roles: [op] } }`, 'p.yaml:2 tiers.R1.roles[0]: expected a role that `roles` or an API key names; did you mean "ops"?'],
    ['a role of the prototype', `${ROLES}tiers: { R1: { roles: [constructor] } }`, 'p.yaml:2 tiers.R1.roles[0]: expected a role that `roles` or an API key names; known: ops'],
    ['a tier without roles', `${ROLES}tiers: { R1: { roles: [] } }`, 'p.yaml:2 tiers.R1.roles: expected at least one role: with none, nobody could approve'],
    ['a tier that leaves its roles out', `${ROLES}tiers: { R1: {} }`, 'p.yaml:2 tiers.R1.roles: missing: expected the roles that may approve'],
    ['no approvers', `${ROLES}tiers: { R1: { roles: [ops], approvers: 0 } }`, 'p.yaml:2 tiers.R1.approvers: expected a whole number from 1 to 10'],
    ['half an approver', `${ROLES}tiers: { R1: { roles: [ops], approvers: 1.5 } }`, 'p.yaml:2 tiers.R1.approvers: expected a whole number from 1 to 10'],
    ['an approval that lasts too long', `${ROLES}tiers: { R1: { roles: [ops], validFor: 61m } }`, 'p.yaml:2 tiers.R1.validFor: expected at most 60m'],
    ['a duration without unit', `${ROLES}tiers: { R1: { roles: [ops], validFor: 15 } }`, 'p.yaml:2 tiers.R1.validFor: expected a duration such as 15m'],
    ['a tier that does not exist', 'tiers: { R4: { roles: [ops] } }', 'p.yaml:1 tiers.R4: unknown key; did you mean "R1"?'],
    ['a misspelt member list', 'roles:\n  ops: { slackUser: [U1] }', 'p.yaml:2 roles.ops.slackUser: unknown key; did you mean "slackUsers"?'],
    ['a Slack name for a Slack id', 'roles: { ops: { slackUsers: ["@ann"] } }', 'p.yaml:1 roles.ops.slackUsers[0]: expected a Slack user id, such as U012AB3CD'],
    ['a role whose name is no word', 'roles: { Ops Team: { principals: [ann] } }', 'p.yaml:1 roles.Ops Team: expected a role name of a-z, 0-9, - and _'],
    ['a freeze that ends before it begins', 'freeze: [{ from: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z", reason: x }]', 'p.yaml:1 freeze[0].until: expected a time after `from`'],
    ['a freeze in local time', 'freeze: [{ from: "2026-01-02T00:00:00", until: "2026-02-01T00:00:00Z", reason: x }]', 'p.yaml:1 freeze[0].from: expected a time with its offset, such as 2026-12-24T00:00:00Z'],
    ['a rate of none', 'limits: { rates: { cordum.dlq.retry: { perSecond: 0, perHour: 1 } } }', 'p.yaml:1 limits.rates.cordum.dlq.retry.perSecond: expected a number above 0'],
    ['a list', '- roles', 'p.yaml:1: expected keys and values'],
  ])('is refused with %s', (_what, text, line) => {
    expect(linesOf(text)).toEqual([line]);
  });
});
