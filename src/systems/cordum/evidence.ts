/** Reads what a judgement needs, and no more: each look is taken only when nothing has spoken against the entry so far. */
import { type Failure, isTransient, type Result } from '#step-kit/index.ts';
import { type CordumClient, retryTraceOf } from './client.ts';
import { patiently, type Waiting } from './patience.ts';
import type { DlqEntry, JobDetail } from './records.ts';
import { judgeEntry, type Judgement, judgeJob, judgeTraces, type Seen } from './triage.ts';

/** Entries looked at side by side; the client paces the calls themselves. */
const CONCURRENCY = 8;

export interface Judged {
  readonly entry: DlqEntry;
  readonly judgement: Judgement;
  /** The state of its job, when it was read. */
  readonly state: string;
}

/** Judges one entry by the entry, then its job, then its traces. */
export async function judge(client: CordumClient, entry: DlqEntry, ctx: Waiting): Promise<Judged> {
  return (await look(client, entry, ctx)).judged;
}

/**
 * Judges many. When Cordum stops answering, the rest is not asked one by one into a wall: they are unknown, and say so.
 * A failure only when the run was cancelled.
 */
export async function judgeAll(client: CordumClient, entries: readonly DlqEntry[], ctx: Waiting): Promise<Result<readonly Judged[]>> {
  const judged: Judged[] = [];
  let stoppedBy: Failure | undefined;
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let at = next++; at < entries.length && !ctx.signal.aborted; at = next++) {
      const entry = entries[at];
      if (entry === undefined) return;
      const byEntry = judgeEntry(entry, ctx.now());
      if (byEntry !== undefined) judged[at] = { entry, judgement: byEntry, state: '' };
      else if (stoppedBy !== undefined) judged[at] = { entry, judgement: { verdict: 'unknown', why: `Not looked at, because Cordum stopped answering: ${stoppedBy.message}` }, state: '' };
      else {
        const looked = await look(client, entry, ctx);
        judged[at] = looked.judged;
        if (looked.failure !== undefined && isTransient(looked.failure)) stoppedBy ??= looked.failure;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENCY, entries.length) }, lane));
  if (ctx.signal.aborted) return { ok: false, failure: { reason: 'cancelled', message: 'Looking at the DLQ entries was cancelled.' } };
  return { ok: true, value: judged };
}

async function look(client: CordumClient, entry: DlqEntry, ctx: Waiting): Promise<{ readonly judged: Judged; readonly failure?: Failure }> {
  const byEntry = judgeEntry(entry, ctx.now());
  if (byEntry !== undefined) return { judged: { entry, judgement: byEntry, state: '' } };
  const call = { signal: ctx.signal };
  const job = await patiently(ctx, () => client.job(entry.jobId, call));
  const seenJob = seen(job);
  const state = seenJob.seen === 'yes' ? seenJob.value.state : '';
  const byJob = judgeJob(entry, seenJob, ctx.now());
  if (byJob !== undefined) return { judged: { entry, judgement: byJob, state }, ...(job.ok ? {} : { failure: job.failure }) };
  const traceId = (seenJob as { readonly value: JobDetail }).value.traceId;
  const [own, retries] = await Promise.all([patiently(ctx, () => client.trace(traceId, call)), patiently(ctx, () => client.trace(retryTraceOf(entry.jobId), call))]);
  const judgement = judgeTraces(entry, seen(own), seen(retries), ctx.now());
  const failure = own.ok ? (retries.ok ? undefined : retries.failure) : own.failure;
  return { judged: { entry, judgement, state }, ...(failure === undefined ? {} : { failure }) };
}

function seen<T>(answer: Result<T>): Seen<T> {
  if (answer.ok) return { seen: 'yes', value: answer.value };
  return answer.failure.reason === 'notFound' ? { seen: 'gone' } : { seen: 'no', because: answer.failure.message };
}
