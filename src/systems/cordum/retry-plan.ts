/** Plans retries: reads every entry again and judges it again, exactly as the triage did. Only what is still safe becomes an item. */
import { type Item, type Plan, type Result, succeed } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';
import { findEntry, listDlq, WHOLE_DLQ } from './dlq-listing.ts';
import { type Judged, judge, judgeAll } from './evidence.ts';
import { patiently, type Waiting } from './patience.ts';
import type { DlqEntry } from './records.ts';
import { count, shorten } from './words.ts';

/** What the input says of an entry; only the id is needed, the time makes finding it again cheap. */
export interface WantedEntry {
  readonly jobId: string;
  readonly createdAtMs: number;
}

export async function planRetries(client: CordumClient, wanted: readonly WantedEntry[], ctx: Waiting): Promise<Result<Plan>> {
  const listing = await listDlq(client, WHOLE_DLQ, ctx);
  if (!listing.ok) return listing;
  const listed = new Map(listing.value.items.map((entry) => [entry.jobId, entry]));
  const ids = [...new Set(wanted.map((entry) => entry.jobId))];
  const judged = await judgeAll(client, ids.flatMap((id) => listed.get(id) ?? []), ctx);
  if (!judged.ok) return judged;
  const safe = judged.value.filter((one) => one.judgement.verdict === 'safe');
  const missing = listing.value.truncated ? 'It is not among the entries that Cordum lists, which are not all.' : 'It is not in the DLQ any more: already retried or deleted.';
  const left = [
    ...judged.value.filter((one) => one.judgement.verdict !== 'safe').map((one) => `${one.entry.jobId}: ${one.judgement.why}`),
    ...ids.filter((id) => !listed.has(id)).map((id) => `${id}: ${missing}`),
  ];
  return succeed({
    summary: safe.length === 0 ? 'No entry is safe to retry now.' : `Retry ${count(safe.length)}: each submits a new job with the same input and takes the entry out of the DLQ.`,
    items: safe.map(itemOf),
    notes: [...shorten(left), ...(await workersNote(client, safe, ctx))],
  });
}

/** The re-check of one item, just before its effect: the entry, its job and its traces, four calls. */
export async function planOneRetry(client: CordumClient, wanted: WantedEntry, ctx: Waiting): Promise<Result<Plan>> {
  const nothing = (because: string): Result<Plan> => succeed({ summary: because, items: [], notes: [`${wanted.jobId}: ${because}`] });
  const entry = await findEntry(client, wanted.jobId, wanted.createdAtMs, ctx);
  if (!entry.ok) return entry;
  if (entry.value === undefined) return nothing('It is not in the DLQ any more: already retried or deleted.');
  const judged = await judge(client, entry.value, ctx);
  if (judged.judgement.verdict !== 'safe') return nothing(judged.judgement.why);
  return succeed({ summary: 'Retry 1 entry.', items: [itemOf(judged)], notes: [] });
}

/** What decides that the retry is still the right one stands in `current`: reason, time and state. */
function itemOf({ entry, state }: Judged): Item {
  return {
    key: entry.jobId,
    title: `Retry ${entry.jobId} (${entry.topic || 'no topic'}, ${entry.reasonCode})`,
    current: { topic: entry.topic, reasonCode: entry.reasonCode, reason: entry.reason.slice(0, 300), attempts: entry.attempts, createdAt: entry.createdAt, state },
    next: { action: 'a new job with the same input is submitted, and the entry leaves the DLQ' },
  };
}

/** A retry into a pool without workers comes back in half an hour. Worth saying; not seeing it is no reason to stop. */
async function workersNote(client: CordumClient, safe: readonly Judged[], ctx: Waiting): Promise<string[]> {
  if (safe.length === 0) return [];
  const call = { signal: ctx.signal };
  const [topics, workers] = await Promise.all([patiently(ctx, () => client.topics(call)), patiently(ctx, () => client.workers(call))]);
  if (!topics.ok || !workers.ok) return ['Whether workers are online for these jobs could not be seen.'];
  const served = new Set(workers.value.map((worker) => worker.pool));
  const poolOf = new Map(topics.value.items.map((topic) => [topic.name, topic.pool]));
  const unserved = [...Map.groupBy(safe.map((one) => one.entry), (entry: DlqEntry) => entry.topic)].filter(([topic]) => {
    const pool = poolOf.get(topic);
    return pool !== undefined && !served.has(pool);
  });
  return unserved.map(([topic, entries]) => `No worker is online for ${topic} (pool ${poolOf.get(topic)}): ${count(entries.length)} would come back.`);
}
