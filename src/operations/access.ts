/** Roles and refusals, as all operations use them. */
import type { Principal, Verdict } from '#policy/model.ts';
import { rolesOf, type HeldRoles } from '#policy/roles.ts';
import type { Context } from './context.ts';
import type { Problem, ProblemCode } from './operations.ts';

export interface Refused {
  readonly ok: false;
  readonly problem: Problem;
}

export function refuse(code: ProblemCode, message: string, field?: string): Refused {
  return { ok: false, problem: field === undefined ? { code, message } : { code, message, field } };
}

/** What a denial of the policy becomes: `forbidden`, with the rule that says no. */
export function refusal(verdict: Extract<Verdict, { allowed: false }>): Refused {
  return { ok: false, problem: { code: 'forbidden', message: verdict.because, rule: verdict.rule } };
}

export async function heldRoles(ctx: Context, principal: Principal): Promise<HeldRoles> {
  const policy = ctx.policy();
  const asksSlack = principal.slackUser !== undefined && Object.values(policy.roles).some((members) => members.slackGroups.length > 0);
  return rolesOf(principal, policy, asksSlack ? await ctx.slackGroups() : new Map());
}

/** Refuses with the reason, and records that somebody tried. */
export async function permitted(ctx: Context, principal: Principal, action: string, subject: string, rule: (held: HeldRoles) => Verdict): Promise<Refused | undefined> {
  const verdict = rule(await heldRoles(ctx, principal));
  if (verdict.allowed) return undefined;
  const refused = refusal(verdict);
  ctx.audit.refused(principal.id, action, subject, refused.problem);
  return refused;
}
