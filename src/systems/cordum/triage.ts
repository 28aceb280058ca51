/**
 * Whether a dead-lettered job may be retried, and why. Pure. Safe is a closed list: everything must be seen and must be
 * right; what cannot be seen is unknown, and whatever speaks against it makes it unsafe (reference §2.6). The same
 * judgement is made at triage, at planning and again just before the effect.
 */
import { formatDuration } from '#kernel/duration.ts';
import type { DlqEntry, JobDetail, JobRow } from './records.ts';
import { meaningOf } from './reasons.ts';
import { timeMs } from './schema.ts';

export type Verdict = 'safe' | 'unsafe' | 'unknown';

export interface Judgement {
  readonly verdict: Verdict;
  readonly why: string;
}

/** A look at Cordum: what was seen, that it is not there, or why nothing was seen. */
export type Seen<T> = { readonly seen: 'yes'; readonly value: T } | { readonly seen: 'gone' } | { readonly seen: 'no'; readonly because: string };

/** Cordum keeps a job's input for 24 hours; a retry after that dispatches the job without any input. */
const RETRY_WINDOW_MS = 24 * 3_600_000;
/** A time further ahead than this means that two clocks disagree, so no age can be told. */
const MOST_SKEW_MS = 10 * 60_000;
/** Who signs results of jobs that no worker answered. The gateway signs so for every dead-lettered job. */
const SCHEDULER = 'cordum-scheduler';

const unsafe = (why: string): Judgement => ({ verdict: 'unsafe', why });
const unknown = (why: string): Judgement => ({ verdict: 'unknown', why });

/** By the entry alone. Undefined: nothing speaks against it yet, its job must be seen. */
export function judgeEntry(entry: DlqEntry, nowMs: number): Judgement | undefined {
  const reason = meaningOf(entry.reasonCode);
  if (reason.class !== 'safe') return { verdict: reason.class, why: reason.why };
  if (entry.jobId.includes(':') && entry.jobId.includes('@')) return unsafe('It is a step of a workflow run: rerun the workflow instead, or its result is fed into the run twice.');
  if (entry.jobId.includes('-retry-')) return unsafe('It is itself a retry that came back: one retry is enough.');
  return judgeAge(entry.createdAtMs, nowMs, 'It was dead-lettered');
}

/** By the detail of its job. Undefined: its traces must be seen. */
export function judgeJob(entry: DlqEntry, job: Seen<JobDetail>, nowMs: number): Judgement | undefined {
  if (job.seen === 'gone') return unsafe('Its job is gone (404): tenant and original request are lost, so a retry would start an empty job.');
  if (job.seen === 'no') return unknown(`Its job could not be read: ${job.because}`);
  const detail = job.value;
  if (detail.jobId !== entry.jobId) return unknown('Cordum answered with another job.');
  return judgeState(detail) ?? judgeOrigin(entry, detail) ?? judgeInput(detail, nowMs);
}

/** By its own trace, for workers, and by the trace of its retries. Both are needed, so this is the final word. */
export function judgeTraces(entry: DlqEntry, own: Seen<readonly JobRow[]>, retries: Seen<readonly JobRow[]>, nowMs: number): Judgement {
  if (retries.seen === 'yes' && retries.value.length > 0) {
    const [first] = retries.value;
    return unsafe(`It was already retried as ${first?.jobId} (${first?.state || 'state unknown'}): a second retry would run it twice.`);
  }
  const rows = own.seen === 'yes' ? own.value.filter((row) => row.jobId === entry.jobId) : [];
  const worker = rows.find((row) => row.workerId !== '')?.workerId;
  if (worker !== undefined) return unsafe(`Worker ${worker} had it, so it may have had side effects.`);
  if (own.seen !== 'yes') return unknown(`Its trace could not be read, so it cannot be said whether a worker had it: ${own.seen === 'no' ? own.because : 'it is gone'}`);
  if (rows.length === 0) return unknown('Its trace does not list it, so it cannot be said whether a worker had it.');
  if (retries.seen !== 'yes') return unknown(`Earlier retries could not be looked up: ${retries.seen === 'no' ? retries.because : 'the list is gone'}`);
  const age = formatDuration(Math.max(0, nowMs - entry.createdAtMs));
  return { verdict: 'safe', why: `${meaningOf(entry.reasonCode).why}, ${age} ago; its trace names no worker, its input is still there, and it was not retried before.` };
}

/** The states from which a retry starts nothing twice. In the DLQ's own `last_state` only FAILED and DENIED ever occur. */
function judgeState(job: JobDetail): Judgement | undefined {
  switch (job.state) {
    case 'FAILED':
      return undefined;
    case 'SUCCEEDED':
      return unsafe('Its job has succeeded in the meantime: the entry is stale.');
    case 'PENDING':
    case 'SCHEDULED':
    case 'DISPATCHED':
    case 'RUNNING':
    case 'APPROVAL_REQUIRED':
      return unsafe(`Its job is under way again (${job.state}): the entry is stale.`);
    case 'DENIED':
    case 'CANCELLED':
    case 'TIMEOUT':
    case 'OUTPUT_QUARANTINED':
      return unsafe(`Its job ended as ${job.state}, which is not for a retry to change.`);
    default:
      return unknown('Its job is in a state that we do not know.');
  }
}

function judgeOrigin(entry: DlqEntry, job: JobDetail): Judgement | undefined {
  const labels = new Map(job.labels.map((label) => [label.name, label.value]));
  if (job.workflowId !== '' || job.runId !== '' || job.stepId !== '' || labels.has('workflow_id') || labels.has('run_id')) {
    return unsafe('It is a step of a workflow run: rerun the workflow instead, or its result is fed into the run twice.');
  }
  if (labels.has('retry_of_job') || labels.has('dlq_entry')) return unsafe('It is itself a retry that came back: one retry is enough.');
  if (labels.has('approval_granted')) return unsafe('A person approved it once; a retry would use that approval again.');
  if (job.errorCode !== '' && job.errorCode !== entry.reasonCode) return unknown('Its job names another reason than its entry: the entry was overwritten.');
  if (job.processedBy === '') return unknown('Its result does not say who processed it, so a worker may have had it.');
  if (job.processedBy !== SCHEDULER) return unsafe('A worker wrote its result, so it may have had side effects.');
  return undefined;
}

function judgeInput(job: JobDetail, nowMs: number): Judgement | undefined {
  if (!job.contextPresent) return unsafe('Its input is lost (kept for 24 hours): a retry would run it without any.');
  // The gateway may write an entry again with a new time, so the job's own times must be young as well.
  for (const [time, what] of [[job.completedAt, 'It failed'], [job.submittedAt, 'It was submitted']] as const) {
    const judged = time === '' ? undefined : judgeAge(timeMs(time), nowMs, what);
    if (judged !== undefined) return judged;
  }
  if (job.traceId === '') return unknown('It has no trace, so it cannot be said whether a worker had it.');
  return undefined;
}

function judgeAge(atMs: number, nowMs: number, what: string): Judgement | undefined {
  if (atMs <= 0) return unknown(`${what} at a time that cannot be read, so its age is not known.`);
  if (atMs > nowMs + MOST_SKEW_MS) return unknown(`${what} in the future by our clock, so its age is not known.`);
  if (nowMs - atMs >= RETRY_WINDOW_MS) return unsafe(`${what} ${formatDuration(nowMs - atMs)} ago; after 24 hours its input is lost.`);
  return undefined;
}
