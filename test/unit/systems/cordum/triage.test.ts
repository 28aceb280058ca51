import { describe, expect, it } from 'vitest';
import { dlqPageAnswer, jobAnswer, traceAnswer } from '#systems/cordum/schema.ts';
import type { DlqEntry, JobDetail, JobRow } from '#systems/cordum/records.ts';
import { judgeEntry, judgeJob, judgeTraces, type Seen } from '#systems/cordum/triage.ts';
import { recordedBody } from '../../../kit/cordum-replay.ts';

const NOW = Date.parse('2026-11-20T19:30:00Z');
const HOUR = 3_600_000;

function recordedEntry(name: string, jobId: string): DlqEntry {
  const found = dlqPageAnswer.parse(recordedBody(name)).items.find((entry) => entry.jobId === jobId);
  if (found === undefined) throw new Error(`${name} has no ${jobId}`);
  return found;
}

/** The recorded job that no worker took: the one kind of entry that is safe. */
const entry = recordedEntry('dlq_list_max_scheduling_retries', '9b73b5cb-b545-4252-807c-1187631a3bd7');
const job = jobAnswer.parse(recordedBody('job_get_max_scheduling_retries'));
/** Its row in its trace, as the job list shows it. */
const row: JobRow = { ...traceAnswer.parse(recordedBody<object[]>('trace_get').map((recorded) => ({ ...recorded, id: entry.jobId, worker_id: '', state: 'FAILED' })))[0] } as JobRow;

const is = <T>(value: T): Seen<T> => ({ seen: 'yes', value });
const judgeAll = (over: { entry?: Partial<DlqEntry>; job?: Partial<JobDetail>; own?: Seen<readonly JobRow[]>; retries?: Seen<readonly JobRow[]>; now?: number }) => {
  const one = { ...entry, ...over.entry };
  const now = over.now ?? NOW;
  return judgeEntry(one, now) ?? judgeJob(one, is({ ...job, ...over.job }), now) ?? judgeTraces(one, over.own ?? is([row]), over.retries ?? is([]), now);
};

describe('a dead-lettered job', () => {
  it('is safe when no worker had it, it is young, its input is there and nothing else speaks against it', () => {
    expect(judgeAll({})).toEqual({ verdict: 'safe', why: 'It was never given to a worker, 5m21s ago; its trace names no worker, its input is still there, and it was not retried before.' });
  });

  it.each(['max_scheduling_retries', 'dispatch_failed', 'schema_registry_unavailable'])('may be safe with the reason %s', (reasonCode) => {
    expect(judgeAll({ entry: { reasonCode }, job: { errorCode: reasonCode } }).verdict).toBe('safe');
  });

  it.each([
    ['safety_denied', 'unsafe', /policy/],
    ['safety_unknown', 'unsafe', /policy/],
    ['approval_rejected', 'unsafe', /person/],
    ['output_quarantined', 'unsafe', /already executed/],
    ['output_quarantined_async', 'unsafe', /already executed/],
    ['quarantine_failed', 'unsafe', /already executed/],
    ['quarantine_panic_failed', 'unsafe', /already executed/],
    ['unknown_topic', 'unsafe', /configuration/],
    ['schema_validation_failed', 'unsafe', /configuration/],
    ['schema_not_found', 'unsafe', /configuration/],
    ['schema_invalid', 'unsafe', /configuration/],
    ['max_retries_exceeded', 'unsafe', /configuration/],
    ['redelivery_dlq_retry', 'unknown', /overwritten/],
    ['worker_error', 'unsafe', /worker/],
    ['invalid_input', 'unsafe', /worker/],
    ['', 'unsafe', /no reason code/],
    ['Max_Scheduling_Retries', 'unsafe', /worker/],
    ['max_scheduling_retries ', 'unsafe', /worker/],
    ['constructor', 'unsafe', /worker/],
  ] as const)('with the reason %j is %s by its entry alone', (reasonCode, verdict, why) => {
    const judged = judgeEntry({ ...entry, reasonCode }, NOW);
    expect(judged?.verdict).toBe(verdict);
    expect(judged?.why).toMatch(why);
  });

  it.each([
    ['a workflow step by its id', { jobId: 'run-7:t@1' }, 'unsafe', /rerun the workflow/],
    ['a retry by its id', { jobId: 'a-retry-70e99309' }, 'unsafe', /itself a retry/],
    ['a day old to the millisecond', { createdAtMs: NOW - 24 * HOUR }, 'unsafe', /24 hours/],
    ['of an unreadable time', { createdAtMs: 0 }, 'unknown', /cannot be read/],
    ['of the future', { createdAtMs: NOW + HOUR }, 'unknown', /future/],
  ] as const)('is judged by its entry alone when it is %s', (_title, over, verdict, why) => {
    const judged = judgeEntry({ ...entry, ...over }, NOW);
    expect(judged?.verdict).toBe(verdict);
    expect(judged?.why).toMatch(why);
  });

  it('needs its job to be seen when its entry has nothing against it', () => {
    expect(judgeEntry(entry, NOW)).toBeUndefined();
    expect(judgeEntry({ ...entry, createdAtMs: NOW - 24 * HOUR + 1 }, NOW)).toBeUndefined();
  });

  it.each([
    ['SUCCEEDED', 'unsafe'], ['PENDING', 'unsafe'], ['SCHEDULED', 'unsafe'], ['DISPATCHED', 'unsafe'], ['RUNNING', 'unsafe'], ['APPROVAL_REQUIRED', 'unsafe'],
    ['DENIED', 'unsafe'], ['CANCELLED', 'unsafe'], ['TIMEOUT', 'unsafe'], ['OUTPUT_QUARANTINED', 'unsafe'], ['', 'unknown'], ['failed', 'unknown'], ['NEW_STATE', 'unknown'],
  ] as const)('whose job is %s is %s', (state, verdict) => {
    expect(judgeAll({ job: { state } }).verdict).toBe(verdict);
  });

  it.each([
    ['whose input is lost', { contextPresent: false }, 'unsafe', /input is lost/],
    ['that is a workflow step by its run', { runId: 'run-7' }, 'unsafe', /workflow/],
    ['that is a workflow step by its labels', { labels: [{ name: 'workflow_id', value: 'wf' }] }, 'unsafe', /workflow/],
    ['that is a retry by its labels', { labels: [{ name: 'retry_of_job', value: 'x' }] }, 'unsafe', /itself a retry/],
    ['that a person approved', { labels: [{ name: 'approval_granted', value: 'true' }] }, 'unsafe', /approval/],
    ['whose result a worker wrote', { processedBy: 'bank-2' }, 'unsafe', /worker/],
    ['whose result names nobody', { processedBy: '' }, 'unknown', /who processed/],
    ['whose job names another reason', { errorCode: 'worker_error' }, 'unknown', /another reason/],
    ['that Cordum mixed up', { jobId: 'other' }, 'unknown', /another job/],
    ['without a trace', { traceId: '' }, 'unknown', /no trace/],
    ['that failed a day ago although its entry is young', { completedAt: '2026-11-19T19:00:00Z' }, 'unsafe', /It failed 1d/],
    ['that was submitted a day ago', { submittedAt: '2026-11-19T19:00:00Z' }, 'unsafe', /It was submitted 1d/],
    ['that failed at an unreadable time', { completedAt: 'soon' }, 'unknown', /cannot be read/],
  ] as const)('%s is %s', (_title, over, verdict, why) => {
    const judged = judgeAll({ job: over as Partial<JobDetail> });
    expect(judged.verdict).toBe(verdict);
    expect(judged.why).toMatch(why);
  });

  it.each([
    ['a worker had it', is([{ ...row, workerId: 'bank-2' }]), is([]), 'unsafe', /Worker bank-2 had it/],
    ['its trace is empty', is([]), is([]), 'unknown', /does not list it/],
    ['its trace lists only others', is([{ ...row, jobId: 'other' }]), is([]), 'unknown', /does not list it/],
    ['its trace cannot be read', { seen: 'no', because: 'timeout' }, is([]), 'unknown', /timeout/],
    ['its retries cannot be read', is([row]), { seen: 'no', because: 'timeout' }, 'unknown', /timeout/],
    ['it was retried before', is([row]), is([{ ...row, jobId: `${entry.jobId}-retry-1`, state: 'PENDING' }]), 'unsafe', /already retried as .*-retry-1 \(PENDING\)/],
    ['a retry of it has even succeeded', is([row]), is([{ ...row, jobId: `${entry.jobId}-retry-1`, state: 'SUCCEEDED' }]), 'unsafe', /already retried/],
    ['it was retried and its own trace cannot be read', { seen: 'no', because: 'timeout' }, is([row]), 'unsafe', /already retried/],
    ['a worker had it and its retries cannot be read', is([{ ...row, workerId: 'w' }]), { seen: 'no', because: 'timeout' }, 'unsafe', /Worker w/],
  ] as const)('is not safe when %s', (_title, own, retries, verdict, why) => {
    const judged = judgeAll({ own: own as Seen<readonly JobRow[]>, retries: retries as Seen<readonly JobRow[]> });
    expect(judged.verdict).toBe(verdict);
    expect(judged.why).toMatch(why);
  });

  it('without a job is unsafe when the job is gone and unknown when it cannot be read', () => {
    expect(judgeJob(entry, { seen: 'gone' }, NOW)?.verdict).toBe('unsafe');
    expect(judgeJob(entry, { seen: 'no', because: 'tenant access denied' }, NOW)).toEqual({ verdict: 'unknown', why: 'Its job could not be read: tenant access denied' });
  });

  it('that a worker ran looks in its own detail as if the scheduler had processed it, so only the trace tells', () => {
    const ran = jobAnswer.parse(recordedBody('job_get_outcome_fail'));
    expect(ran.processedBy).toBe('cordum-scheduler');
    expect(traceAnswer.parse(recordedBody('trace_after_dlq_retry'))[0]).toMatchObject({ workerId: 'bank-2', updatedAtMs: 0 });
  });

  it.each([
    ['job_get_dlq_retry_ctx_expired', /workflow/],
    ['job_get_approved_reverted', /under way/],
    ['job_get_after_dlq_retry', /itself a retry/],
    ['job_get_after_reject', /DENIED/],
    ['job_get_hang_after_timeout', /TIMEOUT/],
  ])('is never safe with the job that was recorded as %s', (name, why) => {
    const recorded = jobAnswer.parse(recordedBody(name));
    const judged = judgeJob({ ...entry, jobId: recorded.jobId, reasonCode: 'max_scheduling_retries' }, is(recorded), NOW);
    expect(judged?.verdict).toBe('unsafe');
    expect(judged?.why).toMatch(why);
  });
});
