import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addJob, type Job } from '#systems/cordum/sandbox/model.ts';
import { startJob } from '#systems/cordum/sandbox/scheduler.ts';
import { approvalApprove } from '#systems/cordum/steps/approval-approve.ts';
import { approvalReject } from '#systems/cordum/steps/approval-reject.ts';
import { approvalRepair } from '#systems/cordum/steps/approval-repair.ts';
import { approvalsGet } from '#systems/cordum/steps/approvals-get.ts';
import { approvalsList } from '#systems/cordum/steps/approvals-list.ts';
import { jobCancel } from '#systems/cordum/steps/job-cancel.ts';
import { type CordumRig, startCordum } from '../../../../kit/cordum-sandbox.ts';

let cordum: CordumRig;
beforeEach(async () => {
  cordum = await startCordum();
});
afterEach(() => cordum.close());

async function waiting(): Promise<Job> {
  const job = addJob(cordum.sandbox.world, { topic: 'job.bank-executors.process' });
  startJob(cordum.sandbox.world, job);
  await cordum.clock.advance(1_000);
  return job;
}
const inputOf = (job: Job) => ({ jobId: job.id, reason: 'checked' });
const posts = () => cordum.sandbox.calls.filter((call) => call.method === 'POST' && !call.path.endsWith('/repair'));

describe('cordum.approval.approve', () => {
  it('plans what waits, approves it with one call that names the approver, and sees that it stands', async () => {
    const job = await waiting();
    cordum.sandbox.addWorker({ id: 'w', pool: 'bank-executors' });
    expect(await cordum.read(approvalsList)).toMatchObject({ total: 1, actionable: 1, items: [{ jobId: job.id, actionable: true }] });
    const item = await cordum.item(approvalApprove, inputOf(job));
    expect(item).toMatchObject({ key: job.id, current: { state: 'APPROVAL_REQUIRED', status: 'pending', revision: 1, ruleId: 'bank-executor-approval' }, next: { status: 'approved' } });
    const applied = await cordum.applied(approvalApprove, inputOf(job));
    expect(applied.result).toMatchObject({ already: false });
    expect(posts()).toMatchObject([{ principal: 'slack:U123', path: `/api/v1/approvals/${job.id}/approve` }]);
    await cordum.clock.advance(2_000);
    expect(await cordum.verified(approvalApprove, inputOf(job), applied)).toMatchObject({ end: 'done', say: expect.stringMatching(/approved, now SUCCEEDED/) });
    expect((await cordum.plan(approvalApprove, inputOf(job))).summary).toBe('It was already approved by system/unknown.');
    expect(await cordum.read(approvalsGet, { jobId: job.id })).toMatchObject({ status: 'approved', actionable: false, contextSeen: false });
  });

  it('takes a 200 that says 409 for what it says: a busy lock, nothing landed', async () => {
    const job = await waiting();
    const item = await cordum.item(approvalApprove, inputOf(job));
    cordum.sandbox.world.installation.lockedApprovals.add(job.id);
    const answer = await approvalApprove.apply(item, inputOf(job), cordum.context());
    expect(answer).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no', message: expect.stringMatching(/under way.*nothing happened.*try again/) } });
    expect(cordum.sandbox.job(job.id)?.state).toBe('APPROVAL_REQUIRED');
  });

  it("says plainly that the bot's own key submitted the job", async () => {
    const job = await waiting();
    const item = await cordum.item(approvalApprove, inputOf(job));
    cordum.sandbox.world.installation.ownJobs.add(job.id);
    expect(await approvalApprove.apply(item, inputOf(job), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'forbidden', landed: 'no', message: expect.stringMatching(/decide with another key/) } });
  });

  it('finds by probe that a 502 after the approval was stored has landed', async () => {
    const job = await waiting();
    const item = await cordum.item(approvalApprove, inputOf(job));
    await cordum.sandbox.down('nats');
    expect(await approvalApprove.apply(item, inputOf(job), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'unavailable', landed: 'maybe' } });
    expect(await approvalApprove.probe(item, inputOf(job), cordum.context())).toMatchObject({ landed: 'applied', result: { decidedBy: 'system/unknown' } });
  });

  it('finds by probe that a call lost on its way has not landed, and that somebody else rejected it', async () => {
    const job = await waiting();
    const item = await cordum.item(approvalApprove, inputOf(job));
    cordum.sandbox.loseAnswer('/approve', 'beforeEffect');
    expect(await approvalApprove.apply(item, inputOf(job), cordum.context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
    expect(await approvalApprove.probe(item, inputOf(job), cordum.context())).toMatchObject({ landed: 'notApplied' });
    await cordum.applied(approvalReject, inputOf(job));
    expect(await approvalApprove.probe(item, inputOf(job), cordum.context())).toMatchObject({ landed: 'unknown', evidence: expect.stringMatching(/rejected/) });
    expect(await approvalApprove.apply(item, inputOf(job), cordum.context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no' } });
  });

  it('sees that an approved job waits for an approval again', async () => {
    const job = await waiting();
    const applied = await cordum.applied(approvalApprove, inputOf(job));
    if (job.decision !== undefined) job.decision = { ...job.decision, decision: 'REQUIRE_APPROVAL' };
    expect(await cordum.verified(approvalApprove, inputOf(job), applied)).toMatchObject({ end: 'returned', say: expect.stringMatching(/once more/) });
  });

  it('re-checks its own item alone, and none of another job', async () => {
    const job = await waiting();
    expect((await cordum.plan(approvalApprove, inputOf(job), job.id)).items).toHaveLength(1);
    expect((await cordum.plan(approvalApprove, inputOf(job), 'other')).items).toEqual([]);
  });
});

describe('cordum.approval.reject and repair', () => {
  it('rejects, and the job ends as denied', async () => {
    const job = await waiting();
    const applied = await cordum.applied(approvalReject, inputOf(job));
    expect(await cordum.verified(approvalReject, inputOf(job), applied)).toMatchObject({ end: 'done', say: expect.stringMatching(/rejected, now DENIED/) });
    expect(cordum.sandbox.entryIds()).toEqual([job.id]);
  });

  it('repairs only what Cordum itself would repair', async () => {
    const job = await waiting();
    expect((await cordum.plan(approvalRepair, { jobId: job.id })).summary).toMatch(/nothing to repair/);
    cordum.sandbox.world.installation.repairable.set(job.id, 'publish_missing');
    const item = await cordum.item(approvalRepair, { jobId: job.id });
    expect(await approvalRepair.probe(item, { jobId: job.id }, cordum.context())).toMatchObject({ landed: 'notApplied' });
    const applied = await cordum.applied(approvalRepair, { jobId: job.id });
    expect(await approvalRepair.probe(item, { jobId: job.id }, cordum.context())).toMatchObject({ landed: 'applied' });
    expect(await cordum.verified(approvalRepair, { jobId: job.id }, applied)).toMatchObject({ end: 'done' });
    expect(await approvalRepair.apply(item, { jobId: job.id }, cordum.context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no', message: expect.stringMatching(/nothing to repair/) } });
  });
});

describe('cordum.job.cancel', () => {
  it('cancels a job that waits, and finds a lost answer by its state', async () => {
    const job = addJob(cordum.sandbox.world, { topic: 'job.default' });
    const item = await cordum.item(jobCancel, { jobId: job.id });
    expect(item.current).toMatchObject({ started: false });
    cordum.sandbox.loseAnswer('/cancel', 'afterEffect');
    expect(await jobCancel.apply(item, { jobId: job.id }, cordum.context())).toMatchObject({ ok: false, failure: { landed: 'maybe' } });
    expect(await jobCancel.probe(item, { jobId: job.id }, cordum.context())).toMatchObject({ landed: 'applied' });
    expect(await cordum.verified(jobCancel, { jobId: job.id }, { item, result: {} })).toMatchObject({ end: 'done' });
    expect((await cordum.plan(jobCancel, { jobId: job.id })).summary).toBe('The job has ended already: CANCELLED.');
  });

  it('does not take the 200 for a job that had ended for a cancellation', async () => {
    const job = addJob(cordum.sandbox.world, { topic: 'job.default' });
    const item = await cordum.item(jobCancel, { jobId: job.id });
    job.state = 'SUCCEEDED';
    expect(await jobCancel.apply(item, { jobId: job.id }, cordum.context())).toMatchObject({ ok: false, failure: { reason: 'conflict', landed: 'no', message: expect.stringMatching(/already ended as SUCCEEDED/) } });
    expect(await jobCancel.probe(item, { jobId: job.id }, cordum.context())).toMatchObject({ landed: 'notApplied' });
  });
});
