import { didYouMean } from '#kernel/hints.ts';
import { TIERS, type Tier } from '#step-kit/index.ts';
import { DEFAULT_LIMITS } from '#policy/defaults.ts';
import type { Limits, Policy, TierRule } from '#policy/model.ts';
import { hasMembers } from '#policy/roles.ts';
import { policyShape, type PolicyYaml } from './policy-shape.ts';
import { mistakesOf, readYaml, type Mistake } from './source.ts';

export type LoadedPolicy = { readonly ok: true; readonly policy: Policy; readonly warnings: readonly string[] } | { readonly ok: false; readonly problems: readonly string[] };

/** What DESIGN §2 says of each tier: a policy file may ask for more, never for less. */
const TIER_DEFAULTS: Readonly<Record<Tier, { readonly approvers: number; readonly excludeRequester: boolean }>> = {
  R1: { approvers: 1, excludeRequester: false },
  R2: { approvers: 1, excludeRequester: true },
  R3: { approvers: 2, excludeRequester: true },
};

/** Reads the text of a policy file. `credentialRoles` are roles that exist because API keys carry them. */
export function loadPolicy(text: string, file: string, credentialRoles: ReadonlySet<string> = new Set()): LoadedPolicy {
  const read = readYaml(file, text);
  if (!read.ok) return read;
  const { yaml } = read;
  const parsed = policyShape.safeParse(yaml.value);
  if (!parsed.success) return { ok: false, problems: yaml.lines(mistakesOf(policyShape, yaml.value, parsed.error.issues)) };
  const mistakes = [...tierMistakes(parsed.data, credentialRoles), ...freezeMistakes(parsed.data)];
  if (mistakes.length > 0) return { ok: false, problems: yaml.lines(mistakes) };
  return { ok: true, policy: toPolicy(parsed.data), warnings: yaml.lines(emptyTiers(parsed.data, credentialRoles)) };
}

function tierMistakes({ tiers, roles }: PolicyYaml, credentialRoles: ReadonlySet<string>): Mistake[] {
  const known = new Set([...Object.keys(roles), ...credentialRoles]);
  const mistakes: Mistake[] = [];
  for (const tier of TIERS) {
    const rule = tiers[tier];
    if (rule === undefined) continue;
    rule.roles.forEach((role, i) => {
      if (!known.has(role)) mistakes.push({ path: ['tiers', tier, 'roles', i], expected: ['expected a role that `roles` or an API key names', didYouMean(role, known)].filter((part) => part !== undefined).join('; ') });
    });
    if (tier === 'R3' && (rule.approvers ?? 2) < 2) mistakes.push({ path: ['tiers', tier, 'approvers'], expected: 'expected 2 or more: R3 destroys or replaces data, and one person alone must not be able to' });
    if (tier === 'R2' && rule.excludeRequester === false) mistakes.push({ path: ['tiers', tier, 'excludeRequester'], expected: 'expected true: whoever asks for an R2 change must not approve it as well' });
  }
  return mistakes;
}

function freezeMistakes({ freeze }: PolicyYaml): Mistake[] {
  return freeze.flatMap(({ from, until }, i) => (until > from ? [] : [{ path: ['freeze', i, 'until'], expected: 'expected a time after `from`' }]));
}

function emptyTiers({ tiers, roles }: PolicyYaml, credentialRoles: ReadonlySet<string>): Mistake[] {
  return TIERS.flatMap((tier) => {
    const rule = tiers[tier];
    const peopled = rule?.roles.some((role) => {
      const members = roles[role];
      return credentialRoles.has(role) || (members !== undefined && hasMembers(members));
    });
    return rule === undefined || peopled === true ? [] : [{ path: ['tiers', tier, 'roles'], expected: `none of these roles has a member, so nobody can approve ${tier}` }];
  });
}

function toPolicy({ roles, tiers, limits, freeze }: PolicyYaml): Policy {
  const rules = Object.fromEntries(
    TIERS.flatMap((tier): [Tier, TierRule][] => {
      const rule = tiers[tier];
      if (rule === undefined) return [];
      const { approvers, excludeRequester } = TIER_DEFAULTS[tier];
      return [[tier, { approvers: rule.approvers ?? approvers, roles: rule.roles, excludeRequester: rule.excludeRequester ?? excludeRequester, validForMs: rule.validFor }]];
    }),
  );
  return { roles, tiers: rules, limits: toLimits(limits), freeze: freeze.map(({ from, until, reason }) => ({ fromMs: from, untilMs: until, reason })) };
}

function toLimits({ rates, capacityMax, breaker, loop }: PolicyYaml['limits']): Limits {
  return {
    rates: { ...DEFAULT_LIMITS.rates, ...rates },
    capacityMax: capacityMax ?? DEFAULT_LIMITS.capacityMax,
    breaker: breaker === undefined ? DEFAULT_LIMITS.breaker : { failures: breaker.failures, withinMs: breaker.within },
    loop: loop === undefined ? DEFAULT_LIMITS.loop : { applies: loop.applies, withinMs: loop.within },
  };
}
