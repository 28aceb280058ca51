/** The calls on configuration, pools, credentials, licence, locks and keys, and how their answers are read. */
import { z } from 'zod';
import type { Result } from '#kernel/failure.ts';
import { toJson } from '#kernel/json.ts';
import { redactJson } from '#kernel/redact.ts';
import type { ConfigDocument, License, LicenseUsage, Limiter, LockRow, ManagedKey, PoolLoad, WorkerCredential } from './admin-records.ts';
import { type Calls, pathWith, queryOf, type ReadCall, shown, type WriteCall } from './calls.ts';
import { declaredPools } from './declared-pools.ts';
import { instant, named, rows, type Rows, said } from './fields.ts';
import { number, text, whole, workerItem } from './schema.ts';

const MOST_NAMES = 100;
const MOST_WORKERS = 500;

export interface AdminCalls {
  config(scope: { readonly scope: string; readonly scopeId: string }, call?: ReadCall): Promise<Result<ConfigDocument>>;
  effectiveConfig(of: { readonly orgId: string; readonly workflowId: string }, call?: ReadCall): Promise<Result<ConfigDocument>>;
  pool(name: string, call?: ReadCall): Promise<Result<PoolLoad>>;
  drainPool(name: string, timeoutSeconds: number, call: WriteCall): Promise<Result<{ readonly status: string; readonly startedAt: string }>>;
  activatePool(name: string, call: WriteCall): Promise<Result<{ readonly status: string }>>;
  workerCredentials(call?: ReadCall): Promise<Result<Rows<WorkerCredential>>>;
  /** 404 for a worker that has none. */
  revokeCredential(workerId: string, call: WriteCall): Promise<Result<null>>;
  license(call?: ReadCall): Promise<Result<License>>;
  licenseUsage(call?: ReadCall): Promise<Result<readonly LicenseUsage[]>>;
  /** 200 also when the new licence is not valid: compare afterwards. */
  reloadLicense(call: WriteCall): Promise<Result<License>>;
  locks(call?: ReadCall): Promise<Result<Rows<LockRow>>>;
  managedKeys(call?: ReadCall): Promise<Result<Rows<ManagedKey>>>;
  /** How the gateway that answers limits requests; only a key with role admin is told. */
  limiter(call?: ReadCall): Promise<Result<Limiter>>;
}

export function adminOf({ read, write, writeBlind }: Calls): AdminCalls {
  return {
    config: ({ scope, scopeId }, call) => read('show its configuration', `/api/v1/config${queryOf({ scope, scope_id: scopeId, envelope: true })}`, documentAnswer, call),
    effectiveConfig: ({ orgId, workflowId }, call) => read('show its effective configuration', `/api/v1/config/effective${queryOf({ org_id: orgId, workflow_id: workflowId })}`, effectiveAnswer, call),
    pool: (name, call) => read(`show the pool ${shown(name)}`, pathWith('/api/v1/pools/', name), poolAnswer, call),
    drainPool: (name, timeoutSeconds, call) => write(`drain the pool ${shown(name)}`, 'POST', pathWith('/api/v1/pools/', name, '/drain'), drainAnswer, { ...call, body: { timeout_seconds: timeoutSeconds } }),
    activatePool: (name, call) => write(`activate the pool ${shown(name)}`, 'PATCH', pathWith('/api/v1/pools/', name), statusAnswer, { ...call, body: { status: 'active' } }),
    workerCredentials: (call) => read('list credentials of workers', '/api/v1/workers/credentials', credentialsAnswer, call),
    revokeCredential: (workerId, call) => writeBlind(`revoke the credential of the worker ${shown(workerId)}`, 'DELETE', pathWith('/api/v1/workers/credentials/', workerId), call),
    license: (call) => read('show its licence', '/api/v1/license', licenseAnswer, call),
    licenseUsage: (call) => read('tell the usage of its licence', '/api/v1/license/usage', usageAnswer, call),
    reloadLicense: (call) => write('reload its licence', 'POST', '/api/v1/license/reload', licenseAnswer, call),
    locks: (call) => read('list its locks', '/api/v1/admin/locks', locksAnswer, call),
    managedKeys: (call) => read('list its API keys', '/api/v1/auth/keys', keysAnswer, call),
    limiter: (call) => read('tell how it limits requests', '/api/v1/status', limiterAnswer, call),
  };
}

/** Secrets are taken out by name and look here, where the document comes in, so that none can travel on. */
function withoutSecrets(raw: unknown): Record<string, unknown> {
  const json = redactJson(toJson(raw));
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : {};
}

const anyObject = z.record(z.string(), z.unknown());
const envelope = z.object({ scope: z.string(), data: anyObject.nullish(), revision: z.number().nullish(), updated_at: instant });

/** With `envelope=true` the whole document; a Cordum that does not know that answers the data alone (recording config_get). */
const documentAnswer = anyObject.transform((raw): ConfigDocument => {
  const read = envelope.safeParse(raw);
  if (!read.success || !('data' in raw)) return { data: withoutSecrets(raw), pools: declaredPools(raw), revision: -1, updatedAt: '', hash: '', version: '' };
  return { data: withoutSecrets(read.data.data ?? {}), pools: declaredPools(read.data.data), revision: Math.trunc(read.data.revision ?? -1), updatedAt: read.data.updated_at, hash: '', version: '' };
});
const effectiveAnswer = z
  .object({ version: text, hash: text, data: anyObject.nullish() })
  .transform((raw): ConfigDocument => ({ data: withoutSecrets(raw.data ?? {}), pools: declaredPools(raw.data), revision: -1, updatedAt: '', hash: raw.hash, version: raw.version }));

const heartbeat = z.object({ last_heartbeat: instant });
const poolWorkerItem = z.unknown().transform((raw, problems) => {
  const worker = workerItem.safeParse(raw);
  if (!worker.success) {
    problems.addIssue({ code: 'custom', message: 'no worker' });
    return z.NEVER;
  }
  const seen = heartbeat.safeParse(raw);
  return { ...worker.data, snapshotAt: seen.success ? seen.data.last_heartbeat : '' };
});
const poolAnswer = z
  .object({ name: z.string().min(1), active_jobs: whole, capacity: whole, utilization: number, topics: named(MOST_NAMES), workers: rows(poolWorkerItem) })
  .transform((raw): PoolLoad => ({ name: raw.name, activeJobs: raw.active_jobs, capacity: raw.capacity, utilization: raw.utilization, topics: raw.topics, workers: raw.workers.items.slice(0, MOST_WORKERS) }));

/** These two are from Cordum's document and source (§1.5), not recorded. */
const drainAnswer = z.object({ status: text, drain_started_at: instant }).transform((raw) => ({ status: raw.status, startedAt: raw.drain_started_at }));
const statusAnswer = z.object({ status: text });

/** From Cordum's document (§1.5), not recorded. A token would be ignored, were there one. */
const credentialItem = z
  .object({ worker_id: z.string().min(1), agent_id: text, pack_id: text, allowed_pools: named(MOST_NAMES), allowed_topics: named(MOST_NAMES), created_by: said, created_at: instant, revoked_at: text })
  .transform(
    (raw): WorkerCredential => ({
      workerId: raw.worker_id,
      agentId: raw.agent_id,
      packId: raw.pack_id,
      allowedPools: raw.allowed_pools,
      allowedTopics: raw.allowed_topics,
      createdBy: raw.created_by,
      createdAt: raw.created_at,
      // A time that cannot be read still says that it was revoked.
      revoked: raw.revoked_at !== '' && !raw.revoked_at.startsWith('0001-'),
      revokedAt: instant.parse(raw.revoked_at),
    }),
  );
const credentialsAnswer = z.object({ items: rows(credentialItem) }).transform((raw) => raw.items);

const licenseInfo = z.object({ mode: text, status: text, plan: text, license_id: text, org_id: text, not_before: instant, expires_at: instant }).nullish();
const licenseAnswer = z
  .object({ plan: text, expiry_status: text, license: licenseInfo })
  .transform(
    (raw): License => ({
      plan: raw.plan || (raw.license?.plan ?? ''),
      mode: raw.license?.mode ?? '',
      status: raw.license?.status ?? '',
      expiryStatus: raw.expiry_status,
      licenseId: raw.license?.license_id ?? '',
      orgId: raw.license?.org_id ?? '',
      notBefore: raw.license?.not_before ?? '',
      expiresAt: raw.license?.expires_at ?? '',
    }),
  );

/** `approval_mode` has a word for a limit: what is no number is left out. */
const usageItem = z.object({ current: z.number().nullish(), allowed: z.number() });
const usageAnswer = z.object({ usage: anyObject.nullish() }).transform((raw): LicenseUsage[] =>
  Object.entries(raw.usage ?? {})
    .slice(0, MOST_NAMES)
    .flatMap(([name, value]) => {
      const read = usageItem.safeParse(value);
      return read.success ? [{ name, current: Math.trunc(read.data.current ?? -1), allowed: Math.trunc(Math.max(0, read.data.allowed)) }] : [];
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
);

const lockItem = z.object({ key: z.string().min(1), holder: said, ttl_remaining_ms: whole, type: text }).transform((raw): LockRow => ({ key: raw.key, holder: raw.holder, ttlMs: raw.ttl_remaining_ms, type: raw.type }));
const locksAnswer = z.object({ locks: rows(lockItem) }).transform((raw) => raw.locks);

/** From Cordum's document (§1.11), in camelCase; the recorded one had no user store and answered 503. */
const keyItem = z
  .object({ id: z.string().min(1), name: said, scopes: named(MOST_NAMES), createdAt: instant, lastUsed: instant, expiresAt: instant, usageCount: whole })
  .transform((raw): ManagedKey => ({ id: raw.id, name: raw.name, scopes: raw.scopes, createdAt: raw.createdAt, lastUsedAt: raw.lastUsed, expiresAt: raw.expiresAt, usageCount: raw.usageCount }));
const keysAnswer = z.object({ items: rows(keyItem) }).transform((raw) => raw.items);

/** Of the status (recording status_with_workers). Every replica answers for itself, and keys of a lower role are not told the mode. */
const limiterAnswer = z
  .object({
    instance_id: text,
    rate_limiter: z.object({ mode: text }).nullish(),
    license: z.object({ limits: z.object({ requests_per_second: z.number().nullish() }).nullish() }).nullish(),
    replicas: z.object({ 'api-gateway': z.array(z.unknown()).nullish() }).nullish(),
  })
  .transform((raw): Limiter => ({
    mode: raw.rate_limiter?.mode === 'redis' || raw.rate_limiter?.mode === 'memory' ? raw.rate_limiter.mode : 'unknown',
    instance: raw.instance_id,
    gateways: raw.replicas?.['api-gateway']?.length ?? 0,
    entitledPerSecond: Math.max(0, Math.trunc(raw.license?.limits?.requests_per_second ?? 0)),
  }));
