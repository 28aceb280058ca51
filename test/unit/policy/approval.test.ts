import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mayDecide, needsFor, quorum, type ApprovalNeeds, type Decision, type DecisionRequest } from '#policy/approval.ts';
import { EMPTY_POLICY } from '#policy/defaults.ts';
import type { Policy, Principal, RoleMembers, TierRule } from '#policy/model.ts';

const members = (more: Partial<RoleMembers> = {}): RoleMembers => ({ principals: [], slackUsers: [], slackGroups: [], emails: [], oidcGroups: [], ...more });
const rule = (more: Partial<TierRule> = {}): TierRule => ({ approvers: 1, roles: ['sre'], excludeRequester: false, validForMs: 900_000, ...more });
const policy = (tiers: Policy['tiers'], roles: Policy['roles'] = { sre: members({ principals: ['ann'] }) }): Policy => ({ ...EMPTY_POLICY, tiers, roles });
const human = (id: string, more: Partial<Principal> = {}): Principal => ({ id, kind: 'human', roles: [], via: 'api', ...more });

function ask(more: Partial<DecisionRequest> = {}): DecisionRequest {
  return { principal: human('ann'), roles: ['sre'], unreachable: [], tier: 'R1', needs: { approvers: 1, roles: ['sre'], excluded: [] }, decision: 'approve', target: 'prod', decisions: [], ...more };
}
const ruleOf = (request: DecisionRequest): string => {
  const verdict = mayDecide(request);
  return verdict.allowed ? 'allowed' : verdict.rule;
};

describe('what an approval needs', () => {
  test('comes from the rule of its tier, and excludes the requester where the rule says so', () => {
    expect(needsFor('R2', policy({ R2: rule({ excludeRequester: true, approvers: 2 }) }), 'ann')).toEqual({ ok: true, needs: { approvers: 2, roles: ['sre'], excluded: ['ann'] }, validForMs: 900_000 });
    expect(needsFor('R1', policy({ R1: rule() }), 'ann')).toMatchObject({ ok: true, needs: { excluded: [] } });
  });

  test.each<[string, Policy]>([
    ['there is no policy', EMPTY_POLICY],
    ['the tier is not named', policy({ R2: rule() })],
    ['the tier names no role', policy({ R1: rule({ roles: [] }) })],
    ['it asks for no approvers', policy({ R1: rule({ approvers: 0 }) })],
    ['the number of approvers is none', policy({ R1: rule({ approvers: Number.NaN }) })],
    ['its roles have no members', policy({ R1: rule() }, { sre: members() })],
    ['its roles do not exist', policy({ R1: rule({ roles: ['toString', '__proto__'] }) })],
  ])('nobody can approve when %s', (_what, of) => {
    expect(needsFor('R1', of, 'ann')).toMatchObject({ ok: false, denied: { allowed: false, rule: 'no-approvers' } });
  });

  test('a role that only credentials carry has members', () => {
    expect(needsFor('R1', policy({ R1: rule() }, {}), 'ann', new Set(['sre']))).toMatchObject({ ok: true });
  });
});

describe('who may decide', () => {
  test.each<[string, Partial<DecisionRequest>, string]>([
    ['a member', {}, 'allowed'],
    ['automation in the role', { principal: human('ci', { kind: 'automation' }) }, 'not-human'],
    ['automation that denies', { principal: human('ci', { kind: 'automation' }), decision: 'deny' }, 'not-human'],
    ['a person without the role', { roles: ['dev'] }, 'not-in-role'],
    ['a person without the role who denies', { roles: [], decision: 'deny' }, 'not-in-role'],
    ['a person whose group cannot be read', { roles: [], unreachable: ['sre'] }, 'identity-unreachable'],
    ['a person who is a member in another way than the unreadable group', { unreachable: ['sre'] }, 'allowed'],
    ['anybody when no role is named', { needs: { approvers: 1, roles: [], excluded: [] } }, 'no-approvers'],
    ['anybody when nobody need approve', { needs: { approvers: 0, roles: ['sre'], excluded: [] } }, 'no-approvers'],
    ['the requester where excluded', { needs: { approvers: 1, roles: ['sre'], excluded: ['ann'] } }, 'is-requester'],
    ['the requester who denies where excluded', { needs: { approvers: 1, roles: ['sre'], excluded: ['ann'] }, decision: 'deny' }, 'allowed'],
    ['a person for the second time', { decisions: [{ principal: 'ann', decision: 'approve' }] }, 'already-decided'],
    ['a person who approved and now denies', { decisions: [{ principal: 'ann', decision: 'approve' }], decision: 'deny' }, 'allowed'],
    ['a person after a denial', { decisions: [{ principal: 'bob', decision: 'deny' }] }, 'already-decided'],
    ['an R3 approver with one click', { tier: 'R3' }, 'needs-confirmation'],
    ['an R3 approver who mistypes the target', { tier: 'R3', confirm: 'Prod', reason: 'disk' }, 'needs-confirmation'],
    ['an R3 approver without a reason', { tier: 'R3', confirm: 'prod', reason: ' \n' }, 'needs-reason'],
    ['an R3 approver with both', { tier: 'R3', confirm: 'prod', reason: 'disk gone' }, 'allowed'],
    ['an R3 denier with one click', { tier: 'R3', decision: 'deny' }, 'allowed'],
  ])('%s: %#', (_who, more, expected) => {
    expect(ruleOf(ask(more))).toBe(expected);
  });

  test('every refusal says why in a sentence that names whom it is about', () => {
    const verdict = mayDecide(ask({ roles: [] }));
    expect(verdict.because).toBe('ann is not in sre, which it takes to decide on R1; the policy file says who is');
  });
});

describe('quorum', () => {
  const users = ['ann', 'bob', 'cid'];
  const sequences = (length: number): Decision[][] =>
    length === 0 ? [[]] : sequences(length - 1).flatMap((rest) => users.flatMap((principal) => (['approve', 'deny'] as const).map((decision) => [...rest, { principal, decision }])));

  test('over every course of up to four attempts by three people, it takes that many distinct others and no denial', () => {
    let met = 0;
    for (const approvers of [1, 2, 3]) {
      for (const excluded of [[], ['ann']]) {
        const needs: ApprovalNeeds = { approvers, roles: ['sre'], excluded };
        for (let length = 0; length <= 4; length += 1) {
          for (const attempts of sequences(length)) met += playThrough(attempts, needs) ? 1 : 0;
        }
      }
    }
    expect(met).toBeGreaterThan(0);
  });

  function playThrough(attempts: readonly Decision[], needs: ApprovalNeeds): boolean {
    const recorded: Decision[] = [];
    for (const { principal, decision } of attempts) {
      if (mayDecide(ask({ principal: human(principal), needs, decision, decisions: recorded })).allowed) recorded.push({ principal, decision });
    }
    const firstDenial = attempts.findIndex(({ decision }) => decision === 'deny');
    const people = new Set(attempts.filter(({ decision }) => decision === 'approve').map(({ principal }) => principal));
    for (const id of needs.excluded) people.delete(id);
    const expected = firstDenial === -1 && people.size >= needs.approvers;
    expect(quorum(recorded, needs), JSON.stringify({ attempts, needs })).toBe(expected);
    expect(recorded.filter(({ principal, decision }) => decision === 'approve' && needs.excluded.includes(principal))).toEqual([]);
    return expected;
  }

  test('is never met by requesters, duplicates or too few, whatever was recorded', () => {
    const decisions = fc.array(fc.record({ principal: fc.constantFrom('req', 'ann', 'bob', 'cid'), decision: fc.constant('approve' as const) }));
    fc.assert(
      fc.property(decisions, fc.integer({ min: -1, max: 4 }), (recorded, approvers) => {
        const met = quorum(recorded, { approvers, roles: ['sre'], excluded: ['req'] });
        const others = new Set(recorded.map(({ principal }) => principal).filter((id) => id !== 'req')).size;
        return met === (approvers >= 1 && others >= approvers);
      }),
    );
  });

  test('of automation alone is never reached: none of its decisions is recorded', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ci', 'alertmanager', 'cron')), (ids) => {
        const recorded: Decision[] = [];
        for (const id of ids) if (mayDecide(ask({ principal: human(id, { kind: 'automation' }), decisions: recorded })).allowed) recorded.push({ principal: id, decision: 'approve' });
        return !quorum(recorded, { approvers: 1, roles: ['sre'], excluded: [] });
      }),
    );
  });
});
