import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dlqPageAnswer } from '#systems/cordum/schema.ts';
import { dlqTriage } from '#systems/cordum/steps/dlq-triage.ts';
import type { TriageOutput } from '#systems/cordum/triage-output.ts';
import { addDeadJob, addSurroundings } from '../../../../kit/cordum-job.ts';
import { type Replay, startReplay } from '../../../../kit/cordum-replay.ts';

let cordum: Replay;
beforeEach(async () => {
  cordum = await startReplay();
  addSurroundings(cordum);
});
afterEach(() => cordum.close());

async function triage(): Promise<TriageOutput> {
  const input = dlqTriage.input.parse({ entries: dlqPageAnswer.parse({ items: cordum.dlq }).items });
  const answer = await dlqTriage.run(input, cordum.context());
  if (!answer.ok) throw new Error(answer.failure.message);
  return dlqTriage.output.parse(answer.value) as TriageOutput;
}

const callsTo = (part: string): number => cordum.seen.filter((one) => one.path.includes(part)).length;

describe('cordum.dlq.triage', () => {
  it('puts every entry into exactly one of safe, unsafe and unknown, counted by reason', async () => {
    for (const id of ['a', 'b', 'c']) addDeadJob(cordum, id);
    addDeadJob(cordum, 'ran', { workerId: 'bank-1' });
    addDeadJob(cordum, 'lost', { job: { context: null } });
    addDeadJob(cordum, 'blurred', { job: { result: null } });
    addDeadJob(cordum, 'failed', { entry: { reason_code: 'worker_error', topic: 'job.bank-executors.process' } });
    addDeadJob(cordum, 'rejected', { entry: { reason_code: 'approval_rejected' } });
    addDeadJob(cordum, 'nameless', { entry: { reason_code: '' } });
    const output = await triage();
    expect(output.safe.map((entry) => entry.jobId)).toEqual(['a', 'b', 'c']);
    expect(output.unsafe.map((entry) => entry.jobId)).toEqual(['ran', 'lost', 'failed', 'rejected', 'nameless']);
    expect(output.unknown.map((entry) => entry.jobId)).toEqual(['blurred']);
    expect(output.total).toBe(9);
    expect(output.byReason[0]).toMatchObject({ code: 'max_scheduling_retries', count: 6, safe: 3, unsafe: 2, unknown: 1 });
    expect(output.byReason.map((row) => row.code)).toEqual(['max_scheduling_retries', '(none)', 'approval_rejected', 'worker_error']);
    expect(output.topics).toEqual([
      { topic: 'job.default', pool: 'default', count: 8, workers: 0 },
      { topic: 'job.bank-executors.process', pool: 'bank-executors', count: 1, workers: 0 },
    ]);
    expect(output.note).toBe('');
  });

  it('asks nothing about entries that their reason rules out, and three calls about each other one', async () => {
    addDeadJob(cordum, 'failed', { entry: { reason_code: 'worker_error' } });
    addDeadJob(cordum, 'a');
    await triage();
    expect(callsTo('/jobs/failed')).toBe(0);
    expect(callsTo('/jobs/') + callsTo('/traces/')).toBe(3);
  });

  it('counts a job whose metadata has expired as unsafe, and one that it may not see as unknown', async () => {
    addDeadJob(cordum, 'gone');
    addDeadJob(cordum, 'foreign');
    cordum.on('GET', '/api/v1/jobs/gone', 'job_get_meta_expired');
    cordum.on('GET', '/api/v1/jobs/foreign', 'job_get_dlq_retry_meta_expired');
    const output = await triage();
    expect(output.unsafe.map((entry) => entry.jobId)).toEqual(['gone']);
    expect(output.unknown).toMatchObject([{ jobId: 'foreign', why: expect.stringMatching(/tenant/) }]);
  });

  it('is safe again after a moment of rate limiting', async () => {
    addDeadJob(cordum, 'b');
    cordum.on('GET', '/api/v1/traces/trace-b', 'rate_limited_429_get', { body: [{ id: 'b', state: 'FAILED' }] });
    expect((await triage()).safe.map((entry) => entry.jobId)).toEqual(['b']);
  });

  it('stops asking when Cordum stops answering, and calls the rest unknown', async () => {
    for (let n = 0; n < 60; n += 1) {
      addDeadJob(cordum, `job-${n}`);
      cordum.on('GET', `/api/v1/jobs/job-${n}`, 'redis_down_jobs');
    }
    for (const path of ['topics', 'workers']) cordum.on('GET', `/api/v1/${path}`, 'redis_down_workers');
    const output = await triage();
    expect(output.unknown).toHaveLength(60);
    expect(output.unknown.at(-1)?.why).toMatch(/Not looked at.*Redis is down/);
    // Eight side by side, three tries each, and not one of the other 52.
    expect(callsTo('/api/v1/jobs/')).toBe(24);
    expect(output.topics).toEqual([{ topic: 'job.default', pool: '', count: 60, workers: -1 }]);
    expect(output.note).toMatch(/rate limiting/);
  });

  it('never calls an entry safe whose id cannot be asked for', async () => {
    addDeadJob(cordum, 'a\nb');
    addDeadJob(cordum, '..');
    const output = await triage();
    expect(output.safe).toEqual([]);
    expect(output.unknown).toHaveLength(2);
  });

  it('ends with its run', async () => {
    addDeadJob(cordum, 'a');
    const run = new AbortController();
    run.abort();
    const input = dlqTriage.input.parse({ entries: dlqPageAnswer.parse({ items: cordum.dlq }).items });
    expect(await dlqTriage.run(input, cordum.context({ signal: run.signal }))).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
  });
});
