/** The calls on policy, and how their answers are read (recordings `policy_*`). Decisions come in camelCase, all else in snake_case. */
import { z } from 'zod';
import { type Result, succeed } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { cutText } from '#kernel/text.ts';
import { type Calls, pathWith, queryOf, type ReadCall, shown, type WriteCall } from './calls.ts';
import { instant, named, rows, type Rows, said } from './fields.ts';
import type { AuditEntry, Bundles, BundleSnapshot, BundleState, OutputStats, PolicyBundle, PolicyChange, PolicyDecision, PolicyRequest } from './policy-records.ts';
import { flag, number, text, whole } from './schema.ts';

/** Named values of the constraints of one decision. */
const MOST_CONSTRAINTS = 100;
const MOST_REMEDIATIONS = 50;
const MOST_BUNDLES = 500;

export type PolicyQuestion = 'evaluate' | 'simulate' | 'explain';

export interface AuditQuery {
  /** At most 500: Cordum keeps no more. */
  readonly limit: number;
  readonly type: string;
  readonly action: string;
}

export interface PolicyCalls {
  askPolicy(question: PolicyQuestion, request: PolicyRequest, call?: ReadCall): Promise<Result<PolicyDecision>>;
  /** The hashes that the kernel has served, newest first. */
  kernelSnapshots(call?: ReadCall): Promise<Result<readonly string[]>>;
  bundleSnapshots(call?: ReadCall): Promise<Result<readonly BundleSnapshot[]>>;
  /** The bundles as they stood in a snapshot. */
  bundleSnapshot(id: string, call?: ReadCall): Promise<Result<readonly BundleState[]>>;
  policyBundles(call?: ReadCall): Promise<Result<Bundles>>;
  publishBundle(id: string, why: { readonly author: string; readonly message: string }, call: WriteCall): Promise<Result<PolicyChange>>;
  rollbackPolicy(snapshotId: string, why: { readonly author: string; readonly message: string }, call: WriteCall): Promise<Result<PolicyChange>>;
  audit(query: AuditQuery, call?: ReadCall): Promise<Result<Rows<AuditEntry> & { readonly more: boolean; readonly known: number }>>;
  outputStats(call?: ReadCall): Promise<Result<OutputStats>>;
}

export function policyOf({ read, ask, write }: Calls): PolicyCalls {
  return {
    askPolicy: (question, request, call) => ask(`${question} its policy`, `/api/v1/policy/${question}`, requestBody(request), decisionAnswer, call),
    kernelSnapshots: (call) => read('list policy snapshots', '/api/v1/policy/snapshots', kernelAnswer, call),
    bundleSnapshots: (call) => read('list snapshots of the policy bundles', '/api/v1/policy/bundles/snapshots', snapshotsAnswer, call),
    async bundleSnapshot(id, call) {
      return read(`show the policy snapshot ${shown(id)}`, pathWith('/api/v1/policy/bundles/snapshots/', id), snapshotAnswer, call);
    },
    async policyBundles(call) {
      const answer = await read('list policy bundles', '/api/v1/policy/bundles', bundlesAnswer, call);
      return answer.ok ? succeed({ items: answer.value.items.items, states: answer.value.bundles, updatedAt: answer.value.updated_at, unreadable: answer.value.items.unreadable }) : answer;
    },
    publishBundle: (id, why, call) => write(`publish the policy bundle ${shown(id)}`, 'POST', '/api/v1/policy/publish', changeAnswer, { ...call, body: { bundle_ids: [id], ...why, note: why.message } }),
    rollbackPolicy: (snapshotId, why, call) => write(`roll its policy back to ${shown(snapshotId)}`, 'POST', '/api/v1/policy/rollback', changeAnswer, { ...call, body: { snapshot_id: snapshotId, ...why, note: why.message } }),
    audit: (query, call) => read('list its audit trail', `/api/v1/policy/audit${queryOf({ limit: query.limit, type: query.type, action: query.action })}`, auditAnswer, call),
    outputStats: (call) => read('tell the statistics of its output policy', '/api/v1/policy/output/stats', statsAnswer, call),
  };
}

/** Only what was given: an empty `tenant` or `meta` field would be taken for a value. */
function requestBody(request: PolicyRequest): JsonObject {
  const given = (fields: Readonly<Record<string, string | readonly string[]>>): JsonObject => Object.fromEntries(Object.entries(fields).filter(([, value]) => value.length > 0));
  const labels = Object.fromEntries(request.labels.map(({ name, value }) => [name, value]));
  return {
    ...given({ topic: request.topic, tenant: request.tenant, job_id: request.jobId, principal_id: request.principalId, workflow_id: request.workflowId, step_id: request.stepId }),
    meta: given({ capability: request.capability, risk_tags: request.riskTags, requires: request.requires, pack_id: request.packId, actor_id: request.actorId, actor_type: request.actorType }),
    ...(request.labels.length === 0 ? {} : { labels }),
  };
}

const DECISIONS: Readonly<Record<string, PolicyDecision['decision']>> = {
  DECISION_TYPE_ALLOW: 'allow',
  DECISION_TYPE_ALLOW_WITH_CONSTRAINTS: 'allowWithConstraints',
  DECISION_TYPE_REQUIRE_HUMAN: 'requireHuman',
  DECISION_TYPE_THROTTLE: 'throttle',
  DECISION_TYPE_DENY: 'deny',
};

const remediation = z.object({ id: text, title: said }).transform(({ id, title }) => ({ id, title }));
const decisionAnswer = z
  .object({ decision: z.string(), reason: said, ruleId: text, policySnapshot: text, approvalRequired: flag, constraints: z.unknown().optional(), remediations: rows(remediation) })
  .transform((raw): PolicyDecision => {
    const decision = Object.hasOwn(DECISIONS, raw.decision) ? (DECISIONS[raw.decision] ?? 'unknown') : 'unknown';
    return {
      decision,
      allowed: decision === 'allow' || decision === 'allowWithConstraints',
      reason: raw.reason,
      ruleId: raw.ruleId,
      matched: raw.ruleId !== '',
      snapshot: raw.policySnapshot,
      approvalRequired: raw.approvalRequired,
      constraints: leaves(raw.constraints, '').slice(0, MOST_CONSTRAINTS),
      remediations: raw.remediations.items.slice(0, MOST_REMEDIATIONS),
    };
  });

/** The values of a nested object that say something: Cordum writes every unset limit as 0, '' or []. Depth is bounded. */
function leaves(value: unknown, path: string, depth = 0): { name: string; value: string }[] {
  if (value === null || value === undefined || value === '' || value === 0 || value === '0' || value === false || depth > 6) return [];
  if (Array.isArray(value)) return value.length === 0 ? [] : [{ name: path, value: cutText(JSON.stringify(value), 200) }];
  if (typeof value === 'object') return Object.entries(value).slice(0, MOST_CONSTRAINTS).flatMap(([name, inner]) => leaves(inner, path === '' ? name : `${path}.${name}`, depth + 1));
  return [{ name: path, value: cutText(String(value), 200) }];
}

const kernelAnswer = z.object({ snapshots: z.array(z.string()).nullish() }).transform((raw) => (raw.snapshots ?? []).slice(0, MOST_BUNDLES));

const snapshotRow = z.object({ id: z.string().min(1), created_at: instant, note: said }).transform((raw): BundleSnapshot => ({ id: raw.id, createdAt: raw.created_at, note: raw.note }));
const snapshotsAnswer = z.object({ items: rows(snapshotRow) }).transform((raw) => raw.items.items);

/** `bundles` is an object by id; a bundle that does not say so is on. */
const states = z.unknown().optional().transform((raw): BundleState[] => {
  if (typeof raw !== 'object' || raw === null) return [];
  return Object.entries(raw)
    .slice(0, MOST_BUNDLES)
    .map(([id, value]) => {
      const read = z.object({ enabled: z.boolean().optional(), content: z.string().optional() }).safeParse(value);
      return { id, enabled: read.success ? (read.data.enabled ?? true) : true, content: read.success ? (read.data.content ?? '') : JSON.stringify(value) };
    })
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
});
const snapshotAnswer = z.object({ id: z.string().min(1), bundles: states }).transform((raw) => raw.bundles);

const bundleRow = z
  .object({ id: z.string().min(1), enabled: flag, source: text, author: said, message: said, version: text, created_at: instant, updated_at: instant, sha256: text, rule_count: whole })
  .transform(
    (raw): PolicyBundle => ({
      id: raw.id,
      enabled: raw.enabled,
      source: raw.source,
      author: raw.author,
      message: raw.message,
      version: raw.version,
      createdAt: raw.created_at,
      updatedAt: raw.updated_at,
      sha256: raw.sha256,
      ruleCount: raw.rule_count,
    }),
  );
const bundlesAnswer = z.object({ bundles: states, items: rows(bundleRow), updated_at: instant });

const changeAnswer = z.object({ snapshot_before: text, snapshot_after: text }).transform((raw): PolicyChange => ({ snapshotBefore: raw.snapshot_before, snapshotAfter: raw.snapshot_after }));

const auditRow = z
  .object({
    id: text, action: text, resource_type: text, resource_id: said, resource_name: said, actor_id: said, role: text, message: said, bundle_ids: named(50),
    snapshot_before: text, snapshot_after: text, created_at: instant,
  })
  .transform(
    (raw): AuditEntry => ({
      id: raw.id,
      at: raw.created_at,
      action: raw.action,
      resourceType: raw.resource_type,
      resourceId: raw.resource_id,
      resourceName: raw.resource_name,
      actorId: raw.actor_id,
      role: raw.role,
      message: raw.message,
      bundles: raw.bundle_ids,
      snapshotBefore: raw.snapshot_before,
      snapshotAfter: raw.snapshot_after,
    }),
  );
const auditAnswer = z.object({ items: rows(auditRow), has_more: flag, total: whole }).transform((raw) => ({ ...raw.items, more: raw.has_more, known: raw.total }));

const statsAnswer = z
  .object({ total_checks_24h: whole, quarantined_24h: whole, avg_latency_ms: number, last_check_at: instant })
  .transform(
    (raw): OutputStats => ({
      checks24h: raw.total_checks_24h,
      quarantined24h: raw.quarantined_24h,
      quarantinedShare: raw.total_checks_24h > 0 ? raw.quarantined_24h / raw.total_checks_24h : 0,
      averageLatencyMs: raw.avg_latency_ms,
      lastCheckAt: raw.last_check_at,
    }),
  );
