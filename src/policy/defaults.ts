import type { Limits, Policy } from './model.ts';

/** What holds when the policy file says nothing else. */
export const DEFAULT_LIMITS: Limits = {
  rates: { 'cordum.dlq.retry': { perSecond: 10, perHour: 2_000 } },
  capacityMax: 5,
  breaker: { failures: 2, withinMs: 30 * 60_000 },
  loop: { applies: 3, withinMs: 60 * 60_000 },
};

/** Without a policy file nobody has a role, so nothing can be approved: the bot diagnoses and does not act. */
export const EMPTY_POLICY: Policy = { roles: {}, tiers: {}, limits: DEFAULT_LIMITS, freeze: [] };
