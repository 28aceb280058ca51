/** What steps hand out about Cordum's policy: decisions, snapshots, bundles, its audit trail. */
import { z } from '#step-kit/index.ts';

const DECISIONS = ['allow', 'allowWithConstraints', 'requireHuman', 'throttle', 'deny', 'unknown'] as const;

/** What the safety kernel says of a job that nobody has submitted. */
export const policyDecision = z.object({
  decision: z.enum(DECISIONS),
  /** Allowed at once, with or without constraints. */
  allowed: z.boolean(),
  reason: z.string(),
  /** Empty when no rule matched and the default decided. */
  ruleId: z.string(),
  matched: z.boolean(),
  /** The hash of the policy that answered. */
  snapshot: z.string(),
  approvalRequired: z.boolean(),
  /** Limits that come with the decision, as paths and texts: `budgets.maxRuntimeMs`, `30000`. Zero ones are left out. */
  constraints: z.array(z.object({ name: z.string(), value: z.string() })),
  remediations: z.array(z.object({ id: z.string(), title: z.string() })),
});
export type PolicyDecision = z.output<typeof policyDecision>;

/** The job that is asked about. Nothing of it is submitted. */
export const policyRequest = z.object({
  topic: z.string().min(1).max(256),
  /** Empty: the tenant of the bot's key. Another one is refused by Cordum. */
  tenant: z.string().max(256).default(''),
  jobId: z.string().max(512).default(''),
  principalId: z.string().max(256).default(''),
  workflowId: z.string().max(256).default(''),
  stepId: z.string().max(256).default(''),
  capability: z.string().max(256).default(''),
  riskTags: z.array(z.string().max(128)).max(50).default([]),
  requires: z.array(z.string().max(128)).max(50).default([]),
  packId: z.string().max(256).default(''),
  actorId: z.string().max(256).default(''),
  actorType: z.enum(['', 'human', 'service']).default(''),
  labels: z.array(z.object({ name: z.string().min(1).max(128), value: z.string().max(1_000) })).max(50).default([]),
});
export type PolicyRequest = z.output<typeof policyRequest>;

export const bundleSnapshot = z.object({ id: z.string(), createdAt: z.string(), note: z.string() });
export type BundleSnapshot = z.output<typeof bundleSnapshot>;

export const policyBundle = z.object({
  id: z.string(),
  enabled: z.boolean(),
  /** `core`, `secops` or `pack`. */
  source: z.string(),
  author: z.string(),
  message: z.string(),
  version: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  sha256: z.string(),
  ruleCount: z.int(),
});
export type PolicyBundle = z.output<typeof policyBundle>;

/** Bundles as far as they decide: which are on, and a digest of each one's text. */
export interface BundleState {
  readonly id: string;
  readonly enabled: boolean;
  readonly content: string;
}

export interface Bundles {
  readonly items: readonly PolicyBundle[];
  readonly states: readonly BundleState[];
  readonly updatedAt: string;
  readonly unreadable: number;
}

export const auditEntry = z.object({
  id: z.string(),
  at: z.string(),
  action: z.string(),
  /** `job`, `dlq`, `policy`, `pool`, `run`, `worker_credential` and the like. */
  resourceType: z.string(),
  resourceId: z.string(),
  resourceName: z.string(),
  actorId: z.string(),
  role: z.string(),
  message: z.string(),
  bundles: z.array(z.object({ name: z.string() })),
  snapshotBefore: z.string(),
  snapshotAfter: z.string(),
});
export type AuditEntry = z.output<typeof auditEntry>;

export const outputStats = z.object({
  checks24h: z.int(),
  quarantined24h: z.int(),
  /** Of those checked, 0 to 1; 0 when nothing was checked. */
  quarantinedShare: z.number(),
  averageLatencyMs: z.number(),
  /** Empty when nothing was ever checked. */
  lastCheckAt: z.string(),
});
export type OutputStats = z.output<typeof outputStats>;

/** What publishing or rolling back answered. */
export interface PolicyChange {
  readonly snapshotBefore: string;
  readonly snapshotAfter: string;
}
