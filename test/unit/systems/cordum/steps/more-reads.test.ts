import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import type { ReadStep } from '#step-kit/index.ts';
import { approvalsGet } from '#systems/cordum/steps/approvals-get.ts';
import { approvalsList } from '#systems/cordum/steps/approvals-list.ts';
import { auditList } from '#systems/cordum/steps/audit-list.ts';
import { configGet } from '#systems/cordum/steps/config-get.ts';
import { credentialsList } from '#systems/cordum/steps/credentials-list.ts';
import { jobsStale } from '#systems/cordum/steps/jobs-stale.ts';
import { keysList } from '#systems/cordum/steps/keys-list.ts';
import { licenseGet } from '#systems/cordum/steps/license-get.ts';
import { locksList } from '#systems/cordum/steps/locks-list.ts';
import { outputPolicyStats } from '#systems/cordum/steps/output-policy-stats.ts';
import { policyAudit } from '#systems/cordum/steps/policy-audit.ts';
import { policyBundles } from '#systems/cordum/steps/policy-bundles.ts';
import { policyEvaluate } from '#systems/cordum/steps/policy-evaluate.ts';
import { policyExplain } from '#systems/cordum/steps/policy-explain.ts';
import { policySimulate } from '#systems/cordum/steps/policy-simulate.ts';
import { policySnapshots } from '#systems/cordum/steps/policy-snapshots.ts';
import { topicSchemasList } from '#systems/cordum/steps/topic-schemas-list.ts';
import { workflowRunsGet } from '#systems/cordum/steps/workflow-runs-get.ts';
import { workflowRunsList } from '#systems/cordum/steps/workflow-runs-list.ts';
import { workflowRunsTimeline } from '#systems/cordum/steps/workflow-runs-timeline.ts';
import { workflowsDryRun } from '#systems/cordum/steps/workflows-dry-run.ts';
import { workflowsList } from '#systems/cordum/steps/workflows-list.ts';
import { recordedBody, type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
});
afterEach(() => cordum.close());

async function run(step: ReadStep, input: object = {}): Promise<unknown> {
  const answer = await step.run(step.input.parse(input), cordum.context());
  if (!answer.ok) throw new Error(`${answer.failure.reason}: ${answer.failure.message}`);
  return step.output.strict().parse(answer.value);
}

describe('approvals, as recorded', () => {
  it('are listed with what they ask and how long they have waited', async () => {
    cordum.on('GET', '/api/v1/approvals?limit=100&include_resolved=false', 'approvals_list_workflow_gate');
    expect(await run(approvalsList)).toMatchObject({ total: 1, actionable: 1, oldestSeconds: 459, truncated: false, items: [{ gateType: 'workflow_approval', stepName: 'Approve', workflowName: 'Demo transfer', nextEffect: 'Approve to continue Approve.' }] });
    cordum.on('GET', '/api/v1/approvals?limit=2', 'approvals_list_after');
    expect(await run(approvalsList, { pendingOnly: false, limit: 2 })).toMatchObject({ total: 2, actionable: 0, items: [{ decision: 'approve', resolvedAt: '2026-11-20T19:19:21.049Z' }, { decision: 'reject', resolution: 'no budget' }] });
  });

  it('are read one by one, with a context where Cordum has it', async () => {
    cordum.on('GET', '/api/v1/jobs/a', 'job_get_approved_reverted');
    cordum.on('GET', '/api/v1/approvals/a/context', { body: { approval: {}, blast_radius: { systems: ['ledger'], scope_description: 'one account' }, prior_approvals: [{}, {}], rollback_hint: 'refund', time_remaining_ms: 90_500, policy_snapshot_summary: { rule: 'x' } } }, { status: 404, body: '404 page not found\n' });
    expect(await run(approvalsGet, { jobId: 'a' })).toMatchObject({ status: 'approved', safetyDecision: 'REQUIRE_APPROVAL', contextSeen: true, context: { systems: [{ name: 'ledger' }], priorApprovals: 2, remainingSeconds: 90, policySummary: '{"rule":"x"}' } });
    expect(await run(approvalsGet, { jobId: 'a' })).toMatchObject({ contextSeen: false, context: { systems: [] } });
  });
});

describe('policy, as recorded', () => {
  const topic = 'job.default';

  it.each([
    ['policy_evaluate_allow', { decision: 'allow', allowed: true, matched: true }],
    ['policy_evaluate_deny', { decision: 'deny', allowed: false, ruleId: 'bank-transfer-blocked' }],
    ['policy_evaluate_require_human', { decision: 'requireHuman', allowed: false, approvalRequired: true }],
    ['policy_evaluate_no_rule', { decision: 'deny', matched: false, reason: 'no matching rule — default policy: deny' }],
    ['policy_evaluate_constraints', { decision: 'allowWithConstraints', allowed: true, constraints: [{ name: 'budgets.maxRuntimeMs', value: '30000' }] }],
  ])('answers %s in our words', async (name, expected) => {
    for (const [step, path] of [[policyEvaluate, 'evaluate'], [policySimulate, 'simulate'], [policyExplain, 'explain']] as const) {
      cordum.on('POST', `/api/v1/policy/${path}`, name);
      expect(await run(step, { topic })).toMatchObject({ answered: true, ...expected });
    }
  });

  it('takes the silence of the kernel for an answer, and a decision that nobody knows for none', async () => {
    cordum.on('POST', '/api/v1/policy/evaluate', 'kernel_down_policy_evaluate', { body: { decision: 'DECISION_TYPE_MAYBE' } }, { body: { decision: '__proto__' } }, 'redis_down_policy_evaluate', 'policy_evaluate_other_tenant');
    expect(await run(policyEvaluate, { topic })).toMatchObject({ answered: false, allowed: false, decision: 'unknown', say: expect.stringMatching(/safety kernel/) });
    expect(await run(policyEvaluate, { topic })).toMatchObject({ answered: true, allowed: false, decision: 'unknown' });
    expect(await run(policyEvaluate, { topic })).toMatchObject({ allowed: false, decision: 'unknown' });
    await expect(run(policyEvaluate, { topic })).rejects.toThrow(/rateLimited|forbidden/);
  });

  it('shows snapshots, bundles, statistics and the audit trail', async () => {
    const denied = { status: 403, body: { error: 'access denied', status: 403 } };
    const silent = { status: 503, body: { error: 'safety kernel unavailable', status: 503 } };
    cordum.on('GET', '/api/v1/policy/snapshots', 'policy_snapshots', 'policy_snapshots', silent, silent);
    cordum.on('GET', '/api/v1/policy/bundles/snapshots', 'policy_bundle_snapshots_list', denied, 'policy_bundle_snapshots_list', denied);
    expect(await run(policySnapshots)).toMatchObject({ kernelSeen: true, kernel: [{ current: true }], bundlesSeen: true, bundles: [{ id: '2026-11-20T19:19:59Z-d320eda40f' }] });
    expect(await run(policySnapshots)).toMatchObject({ bundlesSeen: false, note: expect.stringMatching(/role admin/) });
    expect(await run(policySnapshots)).toMatchObject({ kernelSeen: false, current: '', kernel: [], bundles: [{ id: '2026-11-20T19:19:59Z-d320eda40f' }], note: expect.stringMatching(/kernel/) });
    await expect(run(policySnapshots)).rejects.toThrow(/unavailable/);
    cordum.on('GET', '/api/v1/policy/bundles', 'policy_bundles_list', 'policy_bundles_empty');
    expect(await run(policyBundles)).toMatchObject({ total: 1, enabled: 1, items: [{ id: 'secops/demo', ruleCount: 1 }] });
    expect(await run(policyBundles)).toMatchObject({ total: 0, enabled: 0 });
    cordum.on('GET', '/api/v1/policy/output/stats', 'policy_output_stats', { body: {} });
    expect(await run(outputPolicyStats)).toMatchObject({ checks24h: 1, active: true, lastCheckSeconds: 644 });
    expect(await run(outputPolicyStats)).toMatchObject({ checks24h: 0, active: false, quarantinedShare: 0, lastCheckSeconds: 0 });
    cordum.on('GET', '/api/v1/policy/audit?limit=500&type=policy', 'policy_audit');
    expect(await run(policyAudit)).toMatchObject({ total: 3, items: [{ action: 'publish', bundles: [{ name: 'secops/demo' }] }, { action: 'snapshot' }, { action: 'edit' }] });
    const asked = (action: string): object => ({ id: action, action, resource_type: 'policy', resource_id: 'job.default', created_at: '2026-11-21T13:33:49Z' });
    cordum.on('GET', '/api/v1/policy/audit?limit=500&type=policy', { body: { items: [...['policy.evaluate', 'policy.explain', 'policy.simulate'].map(asked), asked('publish')], has_more: false, total: 4 } });
    expect(await run(policyAudit, { limit: 1 })).toMatchObject({ total: 1, truncated: false, items: [{ action: 'publish' }] });
    cordum.on('GET', '/api/v1/policy/audit?limit=500&type=job', 'policy_audit');
    expect(await run(auditList, { resourceType: 'job', resourceId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da' })).toMatchObject({ total: 2, items: [{ action: 'reject' }, { action: 'submit_approval_required' }] });
  });
});

describe('workflows, as recorded', () => {
  it('are listed, and tried dry with what a dry run does not see', async () => {
    cordum.on('GET', '/api/v1/workflows', 'workflows_list');
    expect(await run(workflowsList)).toMatchObject({ total: 3, items: [{ id: 'wf-fail' }, {}, { id: 'wf-demo', stepCount: 3, topics: [{ name: 'job.demo-mock-bank.transfer' }, { name: 'job.notification-service.process' }] }] });
    cordum.on('POST', '/api/v1/workflows/wf-demo/dry-run', 'workflow_dry_run', { body: { workflow_id: 'wf-demo', steps: [{ step_id: 'a', decision: 'DENY' }, { step_id: 'b', decision: 'ERROR' }, 'x'] } }, { body: { steps: [] } });
    expect(await run(workflowsDryRun, { workflowId: 'wf-demo' })).toMatchObject({ total: 3, passes: true, note: expect.stringMatching(/risk tags/) });
    expect(await run(workflowsDryRun, { workflowId: 'wf-demo' })).toMatchObject({ denied: 1, undecided: 2, passes: false });
    expect(await run(workflowsDryRun, { workflowId: 'wf-demo' })).toMatchObject({ passes: false });
  });

  it('have runs that are walked page by page and filtered here', async () => {
    cordum.on('GET', '/api/v1/workflow-runs?limit=100', 'workflow_runs_all');
    cordum.on('GET', '/api/v1/workflow-runs?limit=100&cursor=1795202447222645', { body: { items: [recordedBody('workflow_run2_failed')], next_cursor: null } });
    expect(await run(workflowRunsList, { status: 'failed' })).toMatchObject({ total: 1, bad: 1, scanned: 3, truncated: false, items: [{ failedStep: 't', error: 'upstream bank API returned 503' }] });
    expect(await run(workflowRunsList, { limit: 1 })).toMatchObject({ total: 1, truncated: true, items: [{ dryRun: true, status: 'running' }] });
  });

  it('have runs whose failed step and compensations are told', async () => {
    const failed = recordedBody<JsonObject>('workflow_rerun2_result');
    cordum.on('GET', '/api/v1/workflow-runs/r', { body: failed });
    const job = (id: string, state: string) => ({ id, state, topic: 'job.undo', updated_at: 1_795_202_550_000_000, tenant: 'default' });
    cordum.on('GET', '/api/v1/jobs?limit=500', { body: { items: [job('comp-1', 'FAILED'), job('comp-2', 'RUNNING'), job('comp-3', 'SUCCEEDED'), job('other', 'FAILED')], next_cursor: null } });
    cordum.on('GET', '/api/v1/jobs?limit=500&cursor=1795202550000999', { body: { items: [], next_cursor: null } });
    const detail = (id: string, run_id: string, error_message = '') => ({ body: { id, state: 'x', run_id, error_message, labels: { saga_compensation: 'true', saga_workflow_id: 'wf-fail' } } });
    cordum.on('GET', '/api/v1/jobs/comp-1', detail('comp-1', String(failed['id']), 'no worker'));
    cordum.on('GET', '/api/v1/jobs/comp-2', detail('comp-2', ''));
    cordum.on('GET', '/api/v1/jobs/comp-3', detail('comp-3', 'another-run'));
    expect(await run(workflowRunsGet, { runId: 'r' })).toMatchObject({
      failedStep: 't', rerunOf: 'd0abb0ff-bc07-40c8-8050-c2f9ca668b71', compensationsOpen: 1, compensationsFailed: 1, compensationsSeen: true,
      compensations: [{ jobId: 'comp-1', error: 'no worker' }, { jobId: 'comp-2', state: 'RUNNING' }], say: 'The run of wf-fail failed at step t: upstream bank API returned 503.',
    });
    cordum.on('GET', '/api/v1/jobs?limit=500', 'drop');
    expect(await run(workflowRunsGet, { runId: 'r' })).toMatchObject({ compensationsSeen: false, note: expect.stringMatching(/Cordum/), failedStep: 't' });
  });

  it('have runs that wait, and timelines that say where it went wrong first', async () => {
    cordum.on('GET', '/api/v1/workflow-runs/r', 'workflow_run2_waiting_approval');
    expect(await run(workflowRunsGet, { runId: 'r' })).toMatchObject({ status: 'waiting', ended: false, waitingStep: 'approve', compensations: [], say: 'The run of wf-demo is waiting at step approve.' });
    cordum.on('GET', '/api/v1/workflow-runs/r/timeline?limit=200', 'workflow_run_timeline_denied');
    expect(await run(workflowRunsTimeline, { runId: 'r' })).toMatchObject({ total: 4, firstBadStep: 't', firstBadMessage: 'High-value bank transfers are blocked by policy.', truncated: false });
  });
});

describe('the rest, as recorded', () => {
  it('shows the configuration flat, without secrets, and tells when it moved', async () => {
    const data = recordedBody<JsonObject>('config_get_system_default');
    const path = '/api/v1/config?scope=system&scope_id=default&envelope=true';
    cordum.on('GET', path, 'config_get_system_default', { body: { scope: 'system', scope_id: 'default', data: { ...data, slack: { bot_token: 'xoxb-1234567890-abc' } }, revision: 7, updated_at: '2026-11-20T19:00:00Z' } });
    const plain = (await run(configGet, { under: 'timeouts' })) as { digest: string };
    expect(plain).toMatchObject({ revision: -1, dispatchTimeoutSeconds: 20, runningTimeoutSeconds: 30, safetyMode: 'enforce', inputFailMode: '', total: 5, truncated: false });
    const changed = (await run(configGet, { under: 'slack' })) as { digest: string };
    expect(changed).toMatchObject({ revision: 7, updatedAt: '2026-11-20T19:00:00.000Z', entries: [{ path: 'slack.bot_token', value: '[redacted]' }] });
    expect(changed.digest).not.toBe(plain.digest);
    cordum.on('GET', '/api/v1/config/effective', 'config_effective');
    expect(await run(configGet, { view: 'effective', limit: 3 })).toMatchObject({ version: 'system:2|org:0|team:0|workflow:0|step:0', hash: '6997c5a9eccaf9fe934a2c92041c9b7731b324c54ba9451778abdd7abd94b2f7', truncated: true, entries: { length: 3 } });
  });

  it('shows the licence, when it ends and what is used up', async () => {
    cordum.on('GET', '/api/v1/license', 'license', { body: { plan: 'team', expiry_status: 'warning', license: { plan: 'Team', status: 'warning', expires_at: '2026-12-01T00:00:00Z' } } }, { body: { plan: 'team', license: { status: 'valid', expires_at: '2026-11-01T00:00:00Z' } } });
    cordum.on('GET', '/api/v1/license/usage', 'license_usage', { body: { usage: { concurrent_jobs: { current: 3, allowed: 3 }, workers: { current: 1, allowed: 0 }, approval_mode: { allowed: 'single' } } } }, { status: 503, body: { error: 'service unavailable', status: 503 } });
    expect(await run(licenseGet)).toMatchObject({ plan: 'community', valid: true, expires: false, daysLeft: 99_999, limitsReached: 0, usageSeen: true });
    expect(await run(licenseGet)).toMatchObject({ valid: true, expires: true, daysLeft: 10, limitsReached: 1, usage: [{ name: 'concurrent_jobs', percent: 100, atLimit: true }, { name: 'workers', limited: false, atLimit: false }] });
    expect(await run(licenseGet)).toMatchObject({ valid: false, daysLeft: -20, usageSeen: false });
  });

  it('lists topics with their schemas, and says which schema or topic is not there', async () => {
    const bound = (name: string, schema: string) => ({ name, pool: 'p', input_schema_id: schema, status: 'active', active_worker_count: 1 });
    cordum.on('GET', '/api/v1/topics', 'topics_list', { body: { items: [bound('job.a', 'a-in'), bound('job.b', 'gone'), bound('job.c', ''), { pool: 'nameless' }, { ...bound('job.d', ''), active_worker_count: 0 }], registry_empty: false } });
    cordum.on('GET', '/api/v1/schemas?limit=500', 'schemas_list', { body: { schemas: ['a-in', 7] } }, { status: 503, body: { error: 'schema registry unavailable', status: 503 } });
    expect(await run(topicSchemasList, { expected: ['job.default', 'job.nobody', 'job.nobody'] })).toMatchObject({ registryEmpty: false, schemas: 0, missing: [{ name: 'job.nobody' }], note: '' });
    const listed = (await run(topicSchemasList)) as { items: { name: string; schemaMissing: boolean; served: boolean }[] };
    expect(listed).toMatchObject({ total: 4, schemas: 1, withoutSchema: 2, truncated: false, note: expect.stringMatching(/^1 of the rows/) });
    expect(listed.items.map(({ name, schemaMissing, served }) => [name, schemaMissing, served])).toEqual([['job.a', false, true], ['job.b', true, true], ['job.c', false, true], ['job.d', false, false]]);
    await expect(run(topicSchemasList)).rejects.toThrow('unavailable');
  });

  it('shows locks without the counters of the rate limiter', async () => {
    cordum.on('GET', '/api/v1/admin/locks', 'admin_locks');
    expect(await run(locksList)).toMatchObject({ total: 2, reconcilerHeld: false, byType: [{ type: 'delay_poller', count: 1 }, { type: 'workflow_reconciler', count: 1 }] });
    expect(await run(locksList, { type: 'rate_limit' })).toMatchObject({ total: 2 });
  });

  it('says that keys are not managed there, and how old those are that are', async () => {
    cordum.on('GET', '/api/v1/auth/keys', 'auth_keys', { body: { items: [{ id: 'k1', name: 'bot', scopes: ['admin'], createdAt: '2026-05-01T08:00:00Z', usageCount: 3, secret: 'ck_no' }, { id: 'k2', createdAt: '2026-11-01T00:00:00Z', lastUsed: '2026-11-19T00:00:00Z', expiresAt: '2026-11-25T00:00:00Z' }] } });
    expect(await run(keysList)).toMatchObject({ available: false, total: 0, why: expect.stringMatching(/503/) });
    const listed = await run(keysList);
    expect(listed).toMatchObject({ available: true, oldestDays: 203, items: [{ id: 'k1', everUsed: false, lastUsedDays: -1, expires: false, daysLeft: 99_999 }, { id: 'k2', lastUsedDays: 1, daysLeft: 4 }] });
    expect(JSON.stringify(listed)).not.toContain('ck_no');
  });

  it('finds stale jobs by state, the oldest first, and not those that wait for a person', async () => {
    cordum.on('GET', '/api/v1/jobs?limit=500', 'jobs_list_jammed');
    const oldest = Math.min(...recordedBody<{ items: { updated_at: number }[] }>('jobs_list_jammed').items.map((job) => Math.trunc(job.updated_at / 1_000)));
    cordum.on('GET', `/api/v1/jobs?limit=500&cursor=${oldest}999`, { body: { items: [], next_cursor: null } });
    const stale = (await run(jobsStale)) as { items: { state: string; ageSeconds: number }[] };
    expect(stale).toMatchObject({ total: 6, oldestSeconds: 725, scanned: 17, truncated: false, byState: [{ state: 'PENDING', count: 6 }], byTopic: [{ topic: 'job.demo-mock-bank.transfer', count: 4 }, {}, {}] });
    expect(stale.items.map((job) => job.ageSeconds)).toEqual(stale.items.map((job) => job.ageSeconds).toSorted((a, b) => b - a));
    expect(await run(jobsStale, { dispatchSeconds: 3_600 })).toMatchObject({ total: 0, byState: [], oldestSeconds: 0 });
  });
});

describe('whatever comes from outside', () => {
  const READS: readonly (readonly [ReadStep, object, readonly string[]])[] = [
    [approvalsList, {}, ['GET /api/v1/approvals?limit=100&include_resolved=false']],
    [policyEvaluate, { topic: 't' }, ['POST /api/v1/policy/evaluate']],
    [policyBundles, {}, ['GET /api/v1/policy/bundles']],
    [policyAudit, {}, ['GET /api/v1/policy/audit?limit=500&type=policy']],
    [workflowsList, {}, ['GET /api/v1/workflows']],
    [workflowRunsTimeline, { runId: 'r' }, ['GET /api/v1/workflow-runs/r/timeline?limit=200']],
    [configGet, {}, ['GET /api/v1/config?scope=system&scope_id=default&envelope=true']],
    [licenseGet, {}, ['GET /api/v1/license', 'GET /api/v1/license/usage']],
    [credentialsList, {}, ['GET /api/v1/workers/credentials']],
    [locksList, {}, ['GET /api/v1/admin/locks']],
    [topicSchemasList, {}, ['GET /api/v1/topics', 'GET /api/v1/schemas?limit=500']],
    [keysList, {}, ['GET /api/v1/auth/keys']],
  ];

  it.each(READS.map(([step, input, calls]) => ({ name: step.name, step, input, calls })))('gives $name an output of its shape or a failure, and never a bug', async ({ step, input, calls }) => {
    const names = fc.constantFrom('items', 'id', 'job', 'name', 'state', 'locks', 'key', 'plan', 'license', 'usage', 'bundles', 'decision', 'data', 'scope', 'updated_at', 'error', 'status', '__proto__', 'worker_id', 'expires_at', 'created_at');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 4 }, fc.string(), fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.array(tie('tree'), { maxLength: 4 }), fc.dictionary(names, tie('tree'), { maxKeys: 6 })),
    }));
    await fc.assert(
      fc.asyncProperty(tree, async (body) => {
        for (const call of calls) {
          const [method = '', path = ''] = call.split(' ');
          cordum.on(method, path, { body: JSON.stringify(body) });
        }
        const answer = await step.run(step.input.parse(input), cordum.context());
        if (answer.ok) expect(step.output.strict().safeParse(answer.value).error).toBeUndefined();
        else expect(answer.failure.message).not.toBe('');
      }),
      { numRuns: 60 },
    );
  });
});
