/** The policy of the simulated Cordum: decisions, bundles, snapshots, the audit trail (recordings `policy_*`). */
import { createHash } from 'node:crypto';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { SnapshotOfBundles } from './installation.ts';
import { secondsTime, type World } from './model.ts';
import { API, type Answer, limitOf, problem, route, type Route } from './routing.ts';
import { BLOCKED_TRANSFER } from './topics.ts';

const KEPT_SNAPSHOTS = 10;
const NO_RULE = 'no matching rule — default policy: deny';
const TRANSFER = 'job.demo-mock-bank.transfer';
/** Topics that the recorded policy has no rule for. */
const WITHOUT_RULE: ReadonlySet<string> = new Set(['job.loan-agents.process']);
/** The recorded rule that allows within limits. */
const GOVERNANCE: JsonObject = {
  budgets: { maxRuntimeMs: '30000', maxRetries: 0, maxArtifactBytes: '0', maxConcurrentJobs: 0 },
  sandbox: { isolated: false, networkAllowlist: [], fsReadOnly: [], fsReadWrite: [] },
  toolchain: { allowedTools: [], allowedCommands: [] },
  diff: { maxFiles: 0, maxLines: 0, denyPathGlobs: [] },
  redactionLevel: '',
};

export const policyRoutes: readonly Route[] = [
  ...['evaluate', 'simulate', 'explain'].map((question) => route('POST', `${API}/policy/${question}`, (world, _id, _query, { body }) => evaluate(world, body))),
  route('GET', `${API}/policy/snapshots`, (world) => ({ status: 200, json: { snapshots: [...world.installation.kernelSnapshots] } })),
  route('GET', `${API}/policy/bundles`, bundles),
  route('GET', `${API}/policy/bundles/snapshots`, (world) => ({ status: 200, json: { items: world.installation.snapshots.map(({ id, createdAt, note }) => ({ id, created_at: createdAt, note })) } })),
  route('GET', `${API}/policy/bundles/snapshots/{id}`, (world, id) => {
    const found = world.installation.snapshots.find((one) => one.id === id);
    return found === undefined ? problem(404, 'snapshot not found') : { status: 200, json: { id: found.id, created_at: found.createdAt, note: found.note, bundles: found.bundles } };
  }),
  route('POST', `${API}/policy/publish`, (world, _id, _query, { body, principal }) => publish(world, body ?? {}, principal)),
  route('POST', `${API}/policy/rollback`, (world, _id, _query, { body, principal }) => rollback(world, body ?? {}, principal)),
  route('GET', `${API}/policy/audit`, audit),
  route('GET', `${API}/policy/output/stats`, (world) => ({ status: 200, json: world.installation.outputStats })),
];

function evaluate(world: World, body: JsonObject | undefined): Answer {
  if (body === undefined) return problem(400, 'invalid json');
  const topic = body['topic'];
  if (typeof topic !== 'string' || topic === '') return problem(400, 'topic is required');
  const tenant = body['tenant'];
  if (typeof tenant === 'string' && tenant !== '' && tenant !== world.tenant) return problem(403, 'tenant access denied');
  if (world.down.has('kernel')) return problem(502, 'upstream service error');
  const meta = body['meta'];
  const tags = typeof meta === 'object' && meta !== null && 'risk_tags' in meta && Array.isArray(meta.risk_tags) ? (meta.risk_tags as Json[]) : [];
  const known = WITHOUT_RULE.has(topic) ? undefined : world.topics.get(topic)?.policy;
  const policy = topic === TRANSFER && tags.includes('blocked') ? BLOCKED_TRANSFER : known;
  const constrained = topic === 'job.b2b.governance-evaluate';
  const asks = policy?.decision === 'REQUIRE_APPROVAL';
  const jobId = body['job_id'];
  return {
    status: 200,
    json: {
      decision: policy === undefined ? 'DECISION_TYPE_DENY' : asks ? 'DECISION_TYPE_REQUIRE_HUMAN' : constrained ? 'DECISION_TYPE_ALLOW_WITH_CONSTRAINTS' : `DECISION_TYPE_${policy.decision}`,
      reason: policy === undefined ? NO_RULE : policy.reason,
      redactedContextPtr: '',
      policySnapshot: world.installation.kernelSnapshots[0] ?? '',
      ruleId: policy === undefined ? '' : constrained ? 'b2b-governance-evaluate-allow' : policy.ruleId,
      constraints: constrained ? GOVERNANCE : null,
      approvalRequired: asks,
      approvalRef: asks && typeof jobId === 'string' ? jobId : '',
      remediations: [],
    },
  };
}

function bundles(world: World): Answer {
  const { installation } = world;
  const items = Object.entries(installation.bundles).map(([id, bundle]) => {
    const content = typeof bundle['content'] === 'string' ? bundle['content'] : '';
    const { content: _content, ...rest } = bundle;
    return { id, enabled: true, source: id.split('/')[0] ?? '', ...rest, sha256: sha256(content), rule_count: content.match(/\bid:/g)?.length ?? 0 };
  });
  return { status: 200, json: { bundles: { ...installation.bundles }, items: items.length === 0 ? null : items, updated_at: installation.bundlesUpdatedAt } };
}

function publish(world: World, body: JsonObject, principal: string): Answer {
  const { installation } = world;
  const wanted = Array.isArray(body['bundle_ids']) ? (body['bundle_ids'] as Json[]).filter((id) => typeof id === 'string') : [];
  const targets = (wanted.length === 0 ? Object.keys(installation.bundles) : wanted).filter((id) => Object.hasOwn(installation.bundles, id));
  if (targets.length === 0) return problem(400, 'no policy bundles to publish');
  const before = takeSnapshot(world, noteOf(body));
  const now = secondsTime(world.clock.now());
  installation.bundles = { ...installation.bundles };
  for (const id of targets) installation.bundles[id] = { ...installation.bundles[id], enabled: true, updated_at: now };
  const after = changed(world, body);
  record(world, { action: 'publish', actor: principal, bundle_ids: targets, message: text(body, 'message'), snapshot_before: before, snapshot_after: after });
  return { status: 200, json: { published: targets, snapshot_after: after, snapshot_before: before } };
}

function rollback(world: World, body: JsonObject, principal: string): Answer {
  // In Cordum's order: the snapshot from before is taken first, and may push the oldest out.
  const before = takeSnapshot(world, noteOf(body));
  const target = world.installation.snapshots.find((one) => one.id === text(body, 'snapshot_id'));
  if (target === undefined) return problem(404, 'snapshot not found');
  world.installation.bundles = { ...target.bundles };
  const after = changed(world, body);
  record(world, { action: 'rollback', actor: principal, message: text(body, 'message'), snapshot_before: before, snapshot_after: after });
  return { status: 200, json: { rollback_to: target.id, snapshot_after: after, snapshot_before: before } };
}

function takeSnapshot(world: World, noted: string): string {
  const createdAt = secondsTime(world.clock.now());
  const snapshot: SnapshotOfBundles = { id: `${createdAt}-${world.hex(10)}`, createdAt, note: noted, bundles: { ...world.installation.bundles } };
  world.installation.snapshots = [snapshot, ...world.installation.snapshots].slice(0, KEPT_SNAPSHOTS);
  return snapshot.id;
}

/** Nobody tells the kernel: it sees the change when it reloads. */
function changed(world: World, body: JsonObject): string {
  const { installation } = world;
  installation.bundlesUpdatedAt = secondsTime(world.clock.now());
  if (installation.kernelReloadMs !== undefined) {
    world.later(installation.kernelReloadMs, () => {
      const hash = sha256(JSON.stringify(installation.bundles));
      if (hash !== installation.kernelSnapshots[0]) installation.kernelSnapshots = [hash, ...installation.kernelSnapshots].slice(0, KEPT_SNAPSHOTS);
    });
  }
  return takeSnapshot(world, noteOf(body));
}

function record(world: World, { actor, ...entry }: JsonObject & { readonly actor: string }): void {
  const at = secondsTime(world.clock.now());
  world.installation.audit = [{ id: `${at}-${world.hex(12)}`, resource_type: 'policy', role: 'admin', ...(actor === '' ? {} : { actor_id: actor }), ...entry, created_at: at }, ...world.installation.audit].slice(0, 500);
}

function audit(world: World, _id: string, query: URLSearchParams): Answer {
  const fits = (entry: JsonObject, name: string, field: string): boolean => (query.get(name) ?? '') === '' || entry[field] === query.get(name);
  const found = world.installation.audit.filter((entry) => fits(entry, 'type', 'resource_type') && fits(entry, 'action', 'action'));
  const items = found.slice(0, limitOf(query, 100));
  return { status: 200, json: { has_more: found.length > items.length, items, offset: 0, total: found.length } };
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex');
}

function noteOf(body: JsonObject): string {
  return text(body, 'note');
}

function text(body: JsonObject, name: string): string {
  const value = body[name];
  return typeof value === 'string' ? value : '';
}
