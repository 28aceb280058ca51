import { type AppliedItem, defineWrite, fail, isTransient, type Result, succeed, type VerifyAnswer, z } from '#step-kit/index.ts';
import { type CordumClient, retryTraceOf } from '../client.ts';
import { findEntry } from '../dlq-listing.ts';
import { field, tally } from '../words.ts';
import { patiently, type Waiting } from '../patience.ts';
import type { DlqEntry } from '../records.ts';
import { endOfRetry } from '../ends.ts';
import { planOneRetry, planRetries } from '../retry-plan.ts';
import { timeMs } from '../schema.ts';
import { Cordum } from '../system.ts';

/** At Cordum's pace, planning this many takes under three minutes; the hourly rate allows no more anyway. */
const MOST_ENTRIES = 2_000;
/** One look at the newest of the DLQ and of the jobs answers for most items of a wave. */
const NEWEST = 500;

export const dlqRetry = defineWrite({
  name: 'cordum.dlq.retry',
  summary: 'Retries DLQ entries that are still safe to retry, one new job each.',
  tier: 'R2',
  rate: { perSecond: 10, perHour: 2_000 },
  // Our call gives up after 15 s, 5 of them to connect. The gateway may then still be at it: its waits for Redis and NATS
  // end after 5 s each (recorded: nats_down_job_submit), and a retry makes a handful. A minute after that nothing can land.
  landsWithinMs: 90_000,
  timeoutMs: 300_000,
  input: z.object({
    /** What `cordum.dlq.triage` gave as `safe`. Everything but the id is read again. */
    entries: z
      .array(
        z.object({
          jobId: z.string().min(1),
          topic: z.string().default(''),
          reasonCode: z.string().default(''),
          createdAt: z.string().default(''),
          createdAtMs: z.int().default(0),
        }),
      )
      .min(1, 'there is nothing to retry: the list of entries is empty')
      .max(MOST_ENTRIES),
  }),
  output: z.object({ newJobId: z.string(), retriedAt: z.string() }),
  examples: [
    {
      title: 'Retry what never reached a worker',
      with: {
        entries: [
          { jobId: '9b73b5cb-b545-4252-807c-1187631a3bd7', topic: 'job.default', reasonCode: 'max_scheduling_retries', createdAt: '2026-11-20T19:24:38.864Z', createdAtMs: 1795202678864 },
        ],
      },
    },
  ],
  plan(input, ctx) {
    const client = ctx.use(Cordum);
    if (ctx.only === undefined) return planRetries(client, input.entries, ctx);
    const wanted = input.entries.find((entry) => entry.jobId === ctx.only);
    if (wanted === undefined) return Promise.resolve(succeed({ summary: 'It is not among the entries to retry.', items: [] }));
    return planOneRetry(client, wanted, ctx);
  },
  async apply(item, _input, ctx) {
    const client = ctx.use(Cordum);
    // Cordum has no guard of its own: a second call makes a second job (recording dlq_resurrected_retry_again).
    const earlier = await patiently(ctx, () => client.trace(retryTraceOf(item.key), { signal: ctx.signal }));
    if (!earlier.ok) return fail(earlier.failure.reason, `Not retried, because earlier retries could not be looked up. ${earlier.failure.message}`, 'no');
    const [first] = earlier.value;
    if (first !== undefined) return fail('conflict', `Not retried: it was already retried as ${first.jobId} (${first.state || 'state unknown'}).`, 'no');
    const retried = await client.retryDlqEntry(item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    return retried.ok ? succeed({ newJobId: retried.value.newJobId, retriedAt: new Date(ctx.now()).toISOString() }) : retried;
  },
  async probe(item, _input, ctx) {
    const client = ctx.use(Cordum);
    const trace = await patiently(ctx, () => client.trace(retryTraceOf(item.key), { signal: ctx.signal }));
    if (!trace.ok) return { landed: 'unknown', evidence: `Whether a retry of ${item.key} exists cannot be seen. ${trace.failure.message}`, failure: trace.failure };
    // No times are compared: the trace gives none (updated_at is 0), the clocks may differ, and just before the call there was no retry.
    const [first, ...others] = trace.value;
    if (first !== undefined) {
      const more = others.length === 0 ? '' : ` There are ${others.length} more, so somebody else retried it as well: ${others.map((row) => row.jobId).slice(0, 5).join(', ')}.`;
      return {
        landed: 'applied',
        result: { newJobId: first.jobId, retriedAt: new Date(ctx.intendedAt).toISOString() },
        evidence: `Cordum lists ${first.jobId} (${first.state || 'state unknown'}) as a retry of it; just before the call it listed none.${more}`,
      };
    }
    const entry = await findEntry(client, item.key, timeMs(field(item.current, 'createdAt')), ctx);
    if (!entry.ok) return { landed: 'unknown', evidence: `Cordum lists no retry of ${item.key}, but the DLQ cannot be seen. ${entry.failure.message}`, failure: entry.failure };
    return entry.value === undefined
      ? { landed: 'unknown', evidence: `Cordum lists no retry of ${item.key}, and it is not in the DLQ either: somebody may have deleted it, or Cordum lost one of the two.` }
      : { landed: 'notApplied', evidence: `Cordum lists no retry of ${item.key}, and it is still in the DLQ.` };
  },
  async verify(applied, _input, ctx) {
    const client = ctx.use(Cordum);
    const states = await statesOf(client, applied, ctx);
    if (!states.ok) return states;
    const newest = await patiently(ctx, () => client.dlqPage({ limit: NEWEST }, { signal: ctx.signal }));
    if (!newest.ok) return newest;
    return succeed(sayEnds(applied, states.value, new Map(newest.value.map((entry) => [entry.jobId, entry])), ctx.now()));
  },
});

/**
 * The state of each item's new job, by item key. Absent: Cordum answered and does not know, or does not show, the job.
 * A Cordum that does not answer is a failure, so that the engine asks again. An item that a person settled as applied
 * carries no new id; the trace of its retries knows it.
 */
async function statesOf(client: CordumClient, applied: readonly AppliedItem[], ctx: Waiting): Promise<Result<Map<string, string>>> {
  const call = { signal: ctx.signal };
  const newest = await patiently(ctx, () => client.jobs({ limit: NEWEST }, call));
  if (!newest.ok) return newest;
  const known = new Map(newest.value.map((job) => [job.jobId, job.state]));
  const states = new Map<string, string>();
  for (const { item, result } of applied) {
    const newJobId = field(result, 'newJobId');
    const state = known.get(newJobId);
    if (state !== undefined) {
      states.set(item.key, state);
      continue;
    }
    const read = newJobId === '' ? await patiently(ctx, () => client.trace(retryTraceOf(item.key), call)) : await patiently(ctx, () => client.job(newJobId, call));
    if (!read.ok && (isTransient(read.failure) || read.failure.reason === 'cancelled')) return read;
    if (read.ok) states.set(item.key, 'state' in read.value ? read.value.state : (read.value[0]?.state ?? ''));
  }
  return succeed(states);
}

function sayEnds(applied: readonly AppliedItem[], states: ReadonlyMap<string, string>, inDlq: ReadonlyMap<string, DlqEntry>, nowMs: number): VerifyAnswer {
  const ends = applied.map(({ item, result }) => {
    const before = { reasonCode: field(item.current, 'reasonCode'), takenOutMs: timeMs(field(result, 'retriedAt')) || nowMs };
    return { key: item.key, ...endOfRetry(states.get(item.key) ?? '', inDlq.get(item.key), before) };
  });
  const echoes = ends.filter((one) => one.echo).length;
  const echoed = echoes === 0 ? '' : ` ${echoes} of the old entries stand in the DLQ again with the same reason: echoes of a late redelivery, to be deleted, not retried.`;
  return { ends: Object.fromEntries(ends.map(({ key, end }) => [key, end])), say: `Of ${applied.length} retried: ${tally(ends.map((one) => one.end))}.${echoed}` };
}
