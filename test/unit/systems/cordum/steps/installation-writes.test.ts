import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '#kernel/json.ts';
import { credentialRevoke } from '#systems/cordum/steps/credential-revoke.ts';
import { credentialsList } from '#systems/cordum/steps/credentials-list.ts';
import { licenseReload } from '#systems/cordum/steps/license-reload.ts';
import { policyPublish } from '#systems/cordum/steps/policy-publish.ts';
import { policyRollback } from '#systems/cordum/steps/policy-rollback.ts';
import { policySnapshots } from '#systems/cordum/steps/policy-snapshots.ts';
import { poolActivate } from '#systems/cordum/steps/pool-activate.ts';
import { poolDrain } from '#systems/cordum/steps/pool-drain.ts';
import { poolsGet } from '#systems/cordum/steps/pools-get.ts';
import { workflowRunCancel } from '#systems/cordum/steps/workflow-run-cancel.ts';
import { workflowRunRerun } from '#systems/cordum/steps/workflow-run-rerun.ts';
import { type CordumRig, startCordum } from '../../../../kit/cordum-sandbox.ts';
import { recordedBody } from '../../../../kit/cordum-replay.ts';

let cordum: CordumRig;
beforeEach(async () => {
  cordum = await startCordum();
});
afterEach(() => cordum.close());
const installation = () => cordum.sandbox.world.installation;

describe('cordum.policy.publish and rollback', () => {
  const input = { bundleId: 'secops/demo', reason: 'reviewed' };
  beforeEach(() => {
    installation().bundles = { 'secops/demo': { content: 'rules:\n  - id: deny-prod\n', enabled: false } };
  });

  it('publishes one bundle, waits for the kernel, and can be undone to the snapshot from before', async () => {
    const applied = await cordum.applied(policyPublish, input);
    expect(await cordum.verified(policyPublish, input, applied)).toMatchObject({ end: 'pending', say: expect.stringMatching(/has not taken it up yet/) });
    await cordum.clock.advance(6_000);
    expect(await cordum.verified(policyPublish, input, applied)).toMatchObject({ end: 'done' });
    // As a kernel of V0.9.9.1 names a policy of its file and bundles: the file did not move.
    installation().kernelSnapshots.unshift(`9784985792a73a1fd58b|cfg:${'d7119ca23d447161'.repeat(4)}`);
    expect(await cordum.verified(policyPublish, input, applied)).toMatchObject({ end: 'done', say: expect.stringContaining('now serves 9784985792a7|cfg:d7119ca23d44.') });
    installation().kernelSnapshots.shift();
    expect((await cordum.plan(policyPublish, input)).summary).toBe('The policy bundle secops/demo is on already.');
    const undo = policyPublish.undo?.([applied], input);
    expect(undo).toMatchObject({ uses: 'cordum.policy.rollback', with: { snapshotId: applied.result['snapshotBefore'] } });
    const back = await cordum.applied(policyRollback, undo?.with ?? {});
    expect(installation().bundles['secops/demo']).toMatchObject({ enabled: false });
    await cordum.clock.advance(6_000);
    expect(await cordum.verified(policyRollback, undo?.with ?? {}, back)).toMatchObject({ end: 'done' });
    expect(await cordum.read(policySnapshots)).toMatchObject({ bundlesSeen: true, kernel: [{ current: true }, {}, {}] });
  });

  it('does not call it done when the kernel never takes it up', async () => {
    installation().kernelReloadMs = undefined;
    const applied = await cordum.applied(policyPublish, input);
    await cordum.clock.advance(200_000);
    expect(await cordum.verified(policyPublish, input, applied)).toMatchObject({ end: 'unknown', say: expect.stringMatching(/SAFETY_POLICY_RELOAD_INTERVAL/) });
  });

  it('finds by probe whether a lost publication landed', async () => {
    const item = await cordum.item(policyPublish, input);
    cordum.sandbox.loseAnswer('/publish', 'beforeEffect');
    await policyPublish.apply(item, input, cordum.context());
    expect(await policyPublish.probe(item, input, cordum.context())).toMatchObject({ landed: 'notApplied' });
    cordum.sandbox.loseAnswer('/publish', 'afterEffect');
    await policyPublish.apply(item, input, cordum.context());
    expect(await policyPublish.probe(item, input, cordum.context())).toMatchObject({ landed: 'applied' });
  });

  it('plans no rollback to a snapshot that is not kept, nor to what is already so, and refuses a name that is none', async () => {
    expect((await cordum.plan(policyRollback, { snapshotId: '2026-11-20T19:19:59Z-d320eda40f', reason: 'x' })).summary).toMatch(/has no policy snapshot/);
    const applied = await cordum.applied(policyPublish, input);
    expect((await cordum.plan(policyRollback, { snapshotId: applied.result['snapshotAfter'], reason: 'x' })).summary).toMatch(/is as it was/);
    expect(policyRollback.input.safeParse({ snapshotId: '../../jobs', reason: 'x' }).success).toBe(false);
    expect(policyPublish.input.safeParse({ bundleId: '', reason: 'x' }).success).toBe(false);
  });

  it('warns when the snapshot is the oldest that is kept', async () => {
    installation().snapshots = Array.from({ length: 10 }, (_, at) => ({ id: `2026-11-20T19:19:${59 - at}Z-d320eda40f`, createdAt: `2026-11-20T19:19:${59 - at}Z`, note: '', bundles: {} }));
    const rollback = { snapshotId: '2026-11-20T19:19:50Z-d320eda40f', reason: 'x' };
    const plan = await cordum.plan(policyRollback, rollback);
    expect(plan.notes?.[0]).toMatch(/oldest of the 10/);
    const [item] = plan.items;
    expect(item === undefined ? undefined : await policyRollback.apply(item, rollback, cordum.context())).toMatchObject({ ok: false, failure: { reason: 'notFound', landed: 'no' } });
  });
});

describe('cordum.workflow-run.rerun and cancel', () => {
  const failed = recordedBody<JsonObject>('workflow_run2_failed');
  const runId = String(failed['id']);
  beforeEach(() => void installation().runs.set(runId, failed));

  it('repeats a run that failed, once, and follows the new run to its end', async () => {
    const item = await cordum.item(workflowRunRerun, { runId });
    expect(item.current).toMatchObject({ workflowId: 'wf-fail', status: 'failed', failedStep: 't', error: 'upstream bank API returned 503', repeats: [] });
    const applied = await cordum.applied(workflowRunRerun, { runId });
    expect(await cordum.verified(workflowRunRerun, { runId }, applied)).toMatchObject({ end: 'pending' });
    // A second click: the plan offers nothing, and an item from before is refused.
    expect((await cordum.plan(workflowRunRerun, { runId })).summary).toMatch(/already repeated as .* \(running\)/);
    expect(await workflowRunRerun.apply(item, workflowRunRerun.input.parse({ runId }), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
    await cordum.clock.advance(2_000);
    expect(await cordum.verified(workflowRunRerun, { runId }, applied)).toMatchObject({ end: 'done' });
  });

  it('says that it failed again, at which step and why', async () => {
    installation().runOutcomes.set('wf-fail', { status: 'failed', afterMs: 100 });
    const applied = await cordum.applied(workflowRunRerun, { runId });
    await cordum.clock.advance(200);
    expect(await cordum.verified(workflowRunRerun, { runId }, applied)).toMatchObject({ end: 'returned', say: expect.stringMatching(/failed at step t: upstream bank API/) });
    expect((await cordum.item(workflowRunRerun, { runId })).current).toMatchObject({ repeats: [applied.result['newRunId']] });
  });

  it('finds a repetition whose answer was lost by what it repeats', async () => {
    const item = await cordum.item(workflowRunRerun, { runId });
    const input = workflowRunRerun.input.parse({ runId });
    cordum.sandbox.loseAnswer('/rerun', 'beforeEffect');
    await workflowRunRerun.apply(item, input, cordum.context());
    expect(await workflowRunRerun.probe(item, input, cordum.context())).toMatchObject({ landed: 'notApplied' });
    cordum.sandbox.loseAnswer('/rerun', 'afterEffect');
    expect(await workflowRunRerun.apply(item, input, cordum.context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
    const landed = await workflowRunRerun.probe(item, input, cordum.context());
    expect(landed).toMatchObject({ landed: 'applied', result: { newRunId: [...installation().runs.keys()].at(-1) } });
  });

  it('repeats neither a run that succeeded nor one that goes on, nor from a step that is not there', async () => {
    installation().runs.set(runId, { ...failed, status: 'succeeded' });
    expect((await cordum.plan(workflowRunRerun, { runId })).items).toEqual([]);
    installation().runs.set(runId, { ...failed, status: 'running' });
    expect((await cordum.plan(workflowRunRerun, { runId })).items).toEqual([]);
    installation().runs.set(runId, failed);
    expect((await cordum.plan(workflowRunRerun, { runId, fromStep: 'zzz' })).summary).toBe('The run has no step zzz.');
  });

  it('cancels a run that goes on, whatever it does in the meantime', async () => {
    installation().runs.set(runId, { ...failed, status: 'running', completed_at: null });
    const item = await cordum.item(workflowRunCancel, { runId });
    installation().runs.set(runId, { ...failed, status: 'waiting', completed_at: null });
    expect((await cordum.plan(workflowRunCancel, { runId }, runId)).items).toEqual([item]);
    const applied = await cordum.applied(workflowRunCancel, { runId });
    expect(await workflowRunCancel.probe(item, { runId }, cordum.context())).toMatchObject({ landed: 'applied' });
    expect(await cordum.verified(workflowRunCancel, { runId }, applied)).toMatchObject({ end: 'done' });
    expect((await cordum.plan(workflowRunCancel, { runId })).summary).toBe('The run has ended already: cancelled.');
  });
});

describe('cordum.pool.drain and activate', () => {
  const pool = 'demo-mock-bank';

  it('gives the executor the pools that serve the scarcest topic, and leaves one unless told otherwise', async () => {
    expect((await cordum.plan(poolDrain, { pool })).capacity).toEqual({ total: 1, floor: 1 });
    expect((await cordum.plan(poolDrain, { pool, leave: 0 })).capacity).toEqual({ total: 1, floor: 0 });
  });

  it('drains until no job runs, and can be undone', async () => {
    cordum.sandbox.addWorker({ id: 'bank-1', pool });
    const input = { pool, leave: 0 };
    const applied = await cordum.applied(poolDrain, input);
    expect(applied.result).toMatchObject({ status: 'draining' });
    expect(await cordum.verified(poolDrain, input, applied)).toMatchObject({ end: 'pending' });
    expect(await cordum.read(poolsGet, { pool })).toMatchObject({ status: 'draining', serving: false, workerCount: 1, topics: [{ name: 'job.demo-mock-bank.transfer', pools: 1, activePools: 0 }] });
    expect(await poolDrain.probe(applied.item, poolDrain.input.parse(input), cordum.context())).toMatchObject({ landed: 'applied' });
    await cordum.clock.advance(11_000);
    expect(await cordum.verified(poolDrain, input, applied)).toMatchObject({ end: 'done' });
    const undo = poolDrain.undo?.([applied], poolDrain.input.parse(input));
    expect(undo).toMatchObject({ uses: 'cordum.pool.activate', with: { pool } });
    const back = await cordum.applied(poolActivate, undo?.with ?? {});
    expect(await cordum.verified(poolActivate, { pool }, back)).toMatchObject({ end: 'done' });
    expect((await cordum.plan(poolActivate, { pool })).summary).toBe('The pool demo-mock-bank is active already.');
  });

  it('refuses names that would be a path, and says that a pool is not there', async () => {
    expect(poolDrain.input.safeParse({ pool: '../topics' }).success).toBe(false);
    expect(poolDrain.input.safeParse({ pool: '' }).success).toBe(false);
    expect(await poolDrain.plan(poolDrain.input.parse({ pool: 'nope' }), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'notFound' } });
  });
});

describe('cordum.credential.revoke and license.reload', () => {
  it('revokes one credential and never hands out a token', async () => {
    installation().credentials.set('bank-1', { worker_id: 'bank-1', allowed_pools: ['demo-mock-bank'], created_by: 'alice', created_at: '2026-08-01T08:00:00Z', token: 'wct_do-not-show' });
    const listed = await cordum.read(credentialsList);
    expect(listed).toMatchObject({ total: 1, active: 1, oldestActiveDays: 111, items: [{ workerId: 'bank-1', revoked: false, ageDays: 111, allowedPools: [{ name: 'demo-mock-bank' }] }] });
    expect(JSON.stringify(listed)).not.toContain('do-not-show');
    const input = { workerId: 'bank-1' };
    const applied = await cordum.applied(credentialRevoke, input);
    expect(JSON.stringify(applied)).not.toContain('do-not-show');
    expect(await credentialRevoke.probe(applied.item, input, cordum.context())).toMatchObject({ landed: 'applied' });
    expect(await cordum.verified(credentialRevoke, input, applied)).toMatchObject({ end: 'done' });
    expect((await cordum.plan(credentialRevoke, input)).summary).toMatch(/revoked already/);
    expect((await cordum.plan(credentialRevoke, { workerId: 'nobody' })).items).toEqual([]);
  });

  it('compares the licence after a reload, since Cordum always says "reloaded"', async () => {
    const same = await cordum.applied(licenseReload, {});
    expect(same.result).toMatchObject({ changed: false, status: 'active' });
    expect(await licenseReload.probe(same.item, {}, cordum.context())).toMatchObject({ landed: 'unknown', evidence: expect.stringMatching(/once more is harmless/) });
    installation().nextLicense = { plan: 'enterprise', expiry_status: 'degraded', license: { plan: 'Enterprise', status: 'degraded', expires_at: '2026-11-01T00:00:00Z' } };
    const bad = await cordum.applied(licenseReload, {});
    expect(bad.result).toMatchObject({ changed: true, plan: 'enterprise' });
    expect(await cordum.verified(licenseReload, {}, bad)).toMatchObject({ end: 'failed' });
    expect(await licenseReload.probe(bad.item, {}, cordum.context())).toMatchObject({ landed: 'applied' });
  });
});
