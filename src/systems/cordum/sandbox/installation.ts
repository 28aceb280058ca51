/** What the simulated Cordum holds besides jobs: policy bundles, workflows and runs, configuration, credentials, licence, locks. Plain data. */
import type { JsonObject } from '#kernel/json.ts';
import { TOPICS } from './topics.ts';

export interface SnapshotOfBundles {
  readonly id: string;
  readonly createdAt: string;
  readonly note: string;
  readonly bundles: Readonly<Record<string, JsonObject>>;
}

export interface RunOutcome {
  readonly status: 'succeeded' | 'failed' | 'running';
  readonly afterMs: number;
}

export interface Installation {
  bundles: Record<string, JsonObject>;
  bundlesUpdatedAt: string;
  /** Newest first; ten are kept. */
  snapshots: SnapshotOfBundles[];
  /** The hashes that the kernel has served, newest first. */
  kernelSnapshots: string[];
  /** After a change of the bundles the kernel serves another hash so much later; undefined: it never reloads. */
  kernelReloadMs: number | undefined;
  /** Newest first. */
  audit: JsonObject[];
  outputStats: JsonObject;
  workflows: JsonObject[];
  readonly runs: Map<string, JsonObject>;
  readonly timelines: Map<string, JsonObject[]>;
  /** How repetitions end, by workflow; `succeeded` after a second unless told. */
  readonly runOutcomes: Map<string, RunOutcome>;
  config: Record<string, JsonObject | string | boolean>;
  configRevision: number;
  readonly credentials: Map<string, JsonObject>;
  /** Ids of registered schemas, and the one that checks the input of a topic. */
  readonly schemas: Set<string>;
  readonly inputSchemas: Map<string, string>;
  license: JsonObject;
  /** What a reload brings; undefined: the same again. */
  nextLicense: JsonObject | undefined;
  licenseUsage: JsonObject;
  locks: JsonObject[];
  /** Undefined: no store for keys, as recorded. */
  keys: JsonObject[] | undefined;
  /** Jobs whose lock somebody holds, and jobs that the key of the bot submitted. */
  readonly lockedApprovals: Set<string>;
  readonly ownJobs: Set<string>;
  /** Approvals that Cordum would repair, with the kind. */
  readonly repairable: Map<string, string>;
}

export function createInstallation(policySnapshot: string): Installation {
  return {
    bundles: {}, bundlesUpdatedAt: '', snapshots: [], kernelSnapshots: [policySnapshot], kernelReloadMs: 5_000, audit: [],
    outputStats: { avg_latency_ms: 0, last_check_at: '', quarantined_24h: 0, total_checks_24h: 0 },
    workflows: [], runs: new Map(), timelines: new Map(), runOutcomes: new Map(),
    config: {
      pools: { pools: Object.fromEntries([...new Set(TOPICS.map((topic) => topic.pool))].map((name) => [name, {}])), topics: Object.fromEntries(TOPICS.map((topic) => [topic.name, [topic.pool]])) },
      timeouts: { reconciler: { dispatch_timeout_seconds: 300, running_timeout_seconds: 900, scan_interval_seconds: 30 }, topics: {}, workflows: {} },
      safety: { enabled: true, mode: 'enforce' },
    },
    configRevision: 2,
    credentials: new Map(), schemas: new Set(), inputSchemas: new Map(),
    license: COMMUNITY, nextLicense: undefined, licenseUsage: {}, locks: [], keys: undefined,
    lockedApprovals: new Set(), ownJobs: new Set(), repairable: new Map(),
  };
}

/** As recorded (`license`). */
const COMMUNITY: JsonObject = {
  entitlements: { approval_mode: 'single', max_workers: 3, requests_per_second: 500, max_concurrent_jobs: 3, audit_retention_days: 7, audit: true, break_glass_admin: true },
  expiry_status: 'active',
  license: { mode: 'community', status: 'active', plan: 'Community', features: ['audit', 'break_glass_admin'], limits: { audit_retention_days: 7, max_concurrent_jobs: 3, max_workers: 3, requests_per_second: 500 } },
  plan: 'community',
  rights: null,
};
