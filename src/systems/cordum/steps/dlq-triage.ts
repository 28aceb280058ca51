import { defineRead, succeed, z } from '#step-kit/index.ts';
import { WHOLE_DLQ } from '../dlq-listing.ts';
import { judgeAll, type Judged } from '../evidence.ts';
import { patiently, type Waiting } from '../patience.ts';
import { meaningOf } from '../reasons.ts';
import { dlqEntry, type JudgedEntry } from '../records.ts';
import { Cordum } from '../system.ts';
import { type TriageOutput, triageOutput } from '../triage-output.ts';
import type { CordumClient } from '../client.ts';
import type { Verdict } from '../triage.ts';

export const dlqTriage = defineRead({
  name: 'cordum.dlq.triage',
  summary: 'Groups DLQ entries by reason and says of each whether a retry is safe, unsafe or unknown, and why.',
  input: z.object({
    /** What `cordum.dlq.list` gave as `items`. */
    entries: z.array(dlqEntry).max(WHOLE_DLQ),
  }),
  output: triageOutput,
  examples: [
    {
      title: 'A rejected job is never retried',
      with: {
        entries: [
          {
            jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', topic: 'job.bank-executors.process', status: 'JOB_STATUS_DENIED', reason: 'no budget',
            reasonCode: 'approval_rejected', lastState: 'DENIED', attempts: 0, createdAt: '2026-11-20T19:19:21.058Z', createdAtMs: 1795202361058,
          },
        ],
      },
      output: {
        byReason: [{ code: 'approval_rejected', count: 1, meaning: 'A person rejected the job', safe: 0, unsafe: 1, unknown: 0 }],
        safe: [],
        unsafe: [
          {
            jobId: 'ee96cc7a-fda1-4e67-8cc5-7251e746d9da', topic: 'job.bank-executors.process', status: 'JOB_STATUS_DENIED', reason: 'no budget',
            reasonCode: 'approval_rejected', lastState: 'DENIED', attempts: 0, createdAt: '2026-11-20T19:19:21.058Z', createdAtMs: 1795202361058,
            why: 'A retry would override a decision of policy or of a person.',
          },
        ],
        unknown: [],
        topics: [{ topic: 'job.bank-executors.process', pool: 'bank-executors', count: 1, workers: 0 }],
        total: 1,
        note: '',
      },
    },
  ],
  // Three calls for each entry that may be safe, at the client's pace of 35 a second: 3,000 of them take four and a half minutes.
  timeoutMs: 300_000,
  async run(input, ctx) {
    const client = ctx.use(Cordum);
    const judged = await judgeAll(client, input.entries, ctx);
    if (!judged.ok) return judged;
    const topics = await topicsOf(client, judged.value, ctx);
    const of = (verdict: Verdict): JudgedEntry[] => judged.value.filter((one) => one.judgement.verdict === verdict).map((one) => ({ ...one.entry, why: one.judgement.why }));
    const output: TriageOutput = {
      byReason: byReason(judged.value),
      safe: of('safe'),
      unsafe: of('unsafe'),
      unknown: of('unknown'),
      topics: topics.rows,
      total: judged.value.length,
      note: topics.note,
    };
    return succeed(output);
  },
});

function byReason(judged: readonly Judged[]): TriageOutput['byReason'] {
  return [...Map.groupBy(judged, (one) => one.entry.reasonCode)]
    .map(([code, group]) => {
      const count = (verdict: Verdict): number => group.filter((one) => one.judgement.verdict === verdict).length;
      return { code: code === '' ? '(none)' : code, count: group.length, meaning: meaningOf(code).meaning, safe: count('safe'), unsafe: count('unsafe'), unknown: count('unknown') };
    })
    .toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

/** Which pools the entries would need, and how many workers are online there. Not seeing them is no reason to fail. */
async function topicsOf(client: CordumClient, judged: readonly Judged[], ctx: Waiting): Promise<{ rows: TriageOutput['topics']; note: string }> {
  if (judged.length === 0) return { rows: [], note: '' };
  const call = { signal: ctx.signal };
  const [topics, workers] = await Promise.all([patiently(ctx, () => client.topics(call)), patiently(ctx, () => client.workers(call))]);
  const pools = new Map(topics.ok ? topics.value.items.map((topic) => [topic.name, topic.pool]) : []);
  const rows = [...Map.groupBy(judged, (one) => one.entry.topic)]
    .map(([topic, group]) => {
      const pool = pools.get(topic) ?? '';
      return { topic, pool, count: group.length, workers: pool === '' || !workers.ok ? -1 : workers.value.filter((worker) => worker.pool === pool).length };
    })
    .toSorted((a, b) => b.count - a.count || (a.topic < b.topic ? -1 : 1));
  const missed = [topics, workers].flatMap((answer) => (answer.ok ? [] : [answer.failure.message]));
  return { rows, note: missed.join(' ') };
}
