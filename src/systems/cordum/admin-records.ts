/** What steps hand out about the running of Cordum: configuration, pools, credentials, licence, locks, keys. */
import { z } from '#step-kit/index.ts';
import { workerRow } from './records.ts';

export const configEntry = z.object({
  /** Names joined with dots: `timeouts.reconciler.dispatch_timeout_seconds`. */
  path: z.string(),
  /** As JSON where it is no text; without secrets; cut. */
  value: z.string(),
});
export type ConfigEntry = z.output<typeof configEntry>;

/** A pool as the configuration declares it. */
export interface DeclaredPool {
  readonly name: string;
  /** `active`, `draining` or `inactive`; a pool that does not say is active (Cordum's source, handlers_pools.go). */
  readonly status: string;
  readonly description: string;
  readonly requires: readonly { readonly name: string }[];
  readonly drainStartedAt: string;
  readonly drainTimeoutSeconds: number;
}

export interface DeclaredPools {
  readonly pools: ReadonlyMap<string, DeclaredPool>;
  /** The pools of each topic. */
  readonly topics: ReadonlyMap<string, readonly string[]>;
}

/** A document of Cordum's configuration, or what all of them come to. `data` has had its secrets taken out. */
export interface ConfigDocument {
  readonly data: Readonly<Record<string, unknown>>;
  readonly pools: DeclaredPools;
  /** −1 where Cordum gave none. */
  readonly revision: number;
  readonly updatedAt: string;
  /** Cordum's own; of the effective configuration alone. */
  readonly hash: string;
  readonly version: string;
}

export const poolWorker = workerRow.extend({
  /** The time of the scheduler's snapshot, not of the worker's heartbeat: a quirk of Cordum. */
  snapshotAt: z.string(),
});

/** A pool as Cordum's registry of workers sees it. */
export interface PoolLoad {
  readonly name: string;
  readonly activeJobs: number;
  readonly capacity: number;
  readonly utilization: number;
  readonly topics: readonly { readonly name: string }[];
  readonly workers: readonly z.output<typeof poolWorker>[];
}

export const workerCredential = z.object({
  workerId: z.string(),
  agentId: z.string(),
  packId: z.string(),
  allowedPools: z.array(z.object({ name: z.string() })),
  allowedTopics: z.array(z.object({ name: z.string() })),
  createdBy: z.string(),
  createdAt: z.string(),
  revoked: z.boolean(),
  revokedAt: z.string(),
});
export type WorkerCredential = z.output<typeof workerCredential>;

export interface License {
  readonly plan: string;
  readonly mode: string;
  readonly status: string;
  readonly expiryStatus: string;
  readonly licenseId: string;
  readonly orgId: string;
  readonly notBefore: string;
  /** Empty for one that never expires, as Community. */
  readonly expiresAt: string;
}

export interface LicenseUsage {
  readonly name: string;
  /** −1 where Cordum counts nothing, only limits. */
  readonly current: number;
  /** 0: no limit. */
  readonly allowed: number;
}

export const lockRow = z.object({
  key: z.string(),
  holder: z.string(),
  ttlMs: z.int(),
  /** `reconciler`, `replayer`, `job`, `snapshot`, `dlq_cleanup`, `workflow_run`, `rate_limit` and the like. */
  type: z.string(),
});
export type LockRow = z.output<typeof lockRow>;

/** An API key that Cordum manages; never the key itself. */
export interface ManagedKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly { readonly name: string }[];
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
  readonly usageCount: number;
}

export const limiter = z.object({
  /** `redis`: one count for all gateways. `memory`: each counts by itself, so the limit is multiplied by their number. */
  mode: z.enum(['redis', 'memory', 'unknown']),
  /** The gateway that answered. */
  instance: z.string(),
  /** Gateways that have reported within 15 s; 0: not told. */
  gateways: z.int(),
  /** Requests a second by the licence, which counts where no setting says otherwise; 0: none, or not told. */
  entitledPerSecond: z.int(),
});
export type Limiter = z.output<typeof limiter>;
