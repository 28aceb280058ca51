import type { Freeze, Policy, Verdict } from './model.ts';
import { allow, deny } from './verdict.ts';

/** The freeze that holds now; of several, the one that ends last. */
export function frozenAt(policy: Policy, nowMs: number): Freeze | undefined {
  return policy.freeze.filter(({ fromMs, untilMs }) => fromMs <= nowMs && nowMs < untilMs).reduce<Freeze | undefined>((longest, freeze) => (longest === undefined || freeze.untilMs > longest.untilMs ? freeze : longest), undefined);
}

/** When a freeze next begins or ends after now, ms since the epoch. */
export function nextFreezeBoundary(policy: Policy, nowMs: number): number | undefined {
  const later = policy.freeze.flatMap(({ fromMs, untilMs }) => [fromMs, untilMs]).filter((ms) => ms > nowMs);
  return later.length === 0 ? undefined : Math.min(...later);
}

export function freezeVerdict(policy: Policy, nowMs: number): Verdict {
  const freeze = frozenAt(policy, nowMs);
  return freeze === undefined ? allow('no freeze holds') : deny('frozen', `frozen until ${new Date(freeze.untilMs).toISOString()}: ${freeze.reason}`);
}
