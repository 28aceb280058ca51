import type { Tier } from '#step-kit/index.ts';

/** Who stands behind a request, after authentication. Roles are joined in from the API key and from the policy file. */
export interface Principal {
  /** `alice`, `slack:U123`, `local:root`, `alertmanager`. One human has one principal id per way in, and all count apart. */
  readonly id: string;
  readonly kind: 'human' | 'automation';
  /** Roles that the credential itself carries (an API key's `roles`). */
  readonly roles: readonly string[];
  readonly slackUser?: string;
  readonly email?: string;
  readonly oidcGroups?: readonly string[];
  readonly via: 'api' | 'slack' | 'console' | 'cli' | 'alertmanager' | 'schedule' | 'bot';
}

export interface RoleMembers {
  readonly principals: readonly string[];
  readonly slackUsers: readonly string[];
  readonly slackGroups: readonly string[];
  readonly emails: readonly string[];
  readonly oidcGroups: readonly string[];
}

export interface TierRule {
  readonly approvers: number;
  readonly roles: readonly string[];
  readonly excludeRequester: boolean;
  readonly validForMs: number;
}

export interface Freeze {
  /** ms since the epoch; `untilMs` is exclusive. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly reason: string;
}

export interface Limits {
  /** Effects per target and step, above what a step declares: the lower of the two holds. */
  readonly rates: Readonly<Record<string, { readonly perSecond: number; readonly perHour: number }>>;
  /** Serving capacity that one wave may take: at most 20 % and at most this many. */
  readonly capacityMax: number;
  /** After this many failed verifies within `withinMs` on one target, nothing is applied there until they are older. */
  readonly breaker: { readonly failures: number; readonly withinMs: number };
  /** The same step on the same target may be applied this often within `withinMs`. */
  readonly loop: { readonly applies: number; readonly withinMs: number };
}

export interface Policy {
  readonly roles: Readonly<Record<string, RoleMembers>>;
  /** A tier that the policy does not name has no approvers, so nothing of it can be approved. */
  readonly tiers: Readonly<Partial<Record<Tier, TierRule>>>;
  readonly limits: Limits;
  readonly freeze: readonly Freeze[];
}

/** Every decision carries its reason: it is what the person reads. `rule` is stable, for scripts and metric labels. */
export type Verdict = { readonly allowed: true; readonly because: string } | { readonly allowed: false; readonly rule: DenyRule; readonly because: string };

export const DENY_RULES = [
  'no-approvers', // the tier names no role, or the role has no members
  'not-in-role',
  'is-requester',
  'not-human', // automation never approves
  'identity-unreachable', // a Slack group that could not be read
  'already-decided',
  'needs-confirmation', // R3 without the typed confirmation
  'needs-reason', // R3 without a reason
  'frozen',
  'kill-switch',
  'breaker-open',
  'loop',
  'capacity',
] as const;
export type DenyRule = (typeof DENY_RULES)[number];
