import { type AppliedItem, defineWrite, type Item, type Plan, type Result, succeed, z } from '#step-kit/index.ts';
import type { CordumClient } from '../client.ts';
import { findEntry, listDlq, WHOLE_DLQ } from '../dlq-listing.ts';
import { endOfDelete } from '../ends.ts';
import type { Waiting } from '../patience.ts';
import type { DlqEntry } from '../records.ts';
import { timeMs } from '../schema.ts';
import { Cordum } from '../system.ts';
import { count, field, shorten, tally } from '../words.ts';

const MOST_ENTRIES = 2_000;

export const dlqDelete = defineWrite({
  name: 'cordum.dlq.delete',
  summary: 'Deletes DLQ entries. The jobs themselves stay as they ended; their way back through a retry is gone.',
  tier: 'R2',
  rate: { perSecond: 10, perHour: 2_000 },
  // As for a retry: our call gives up after 15 s, and the gateway's own waits for Redis end within seconds.
  landsWithinMs: 60_000,
  timeoutMs: 120_000,
  input: z.object({
    jobIds: z.array(z.string().min(1)).min(1, 'there is nothing to delete: the list of job ids is empty').max(MOST_ENTRIES),
  }),
  output: z.object({ deletedAt: z.string() }),
  examples: [{ title: 'Delete an entry that nobody will retry', with: { jobIds: ['62c89bac-1f1c-4079-915b-227fdc89e970'] } }],
  async plan(input, ctx) {
    const client = ctx.use(Cordum);
    return ctx.only === undefined ? planAll(client, input.jobIds, ctx) : planOne(client, input.jobIds, ctx.only, ctx);
  },
  async apply(item, _input, ctx) {
    const deleted = await ctx.use(Cordum).deleteDlqEntry(item.key, { principal: ctx.approvedBy, signal: ctx.signal });
    return deleted.ok ? succeed({ deletedAt: new Date(ctx.now()).toISOString() }) : deleted;
  },
  async probe(item, _input, ctx) {
    const createdAtMs = timeMs(field(item.current, 'createdAt'));
    const entry = await findEntry(ctx.use(Cordum), item.key, createdAtMs, ctx);
    if (!entry.ok) return { landed: 'unknown', evidence: `Whether ${item.key} is still in the DLQ cannot be seen. ${entry.failure.message}`, failure: entry.failure };
    if (entry.value === undefined) return { landed: 'applied', result: { deletedAt: new Date(ctx.intendedAt).toISOString() }, evidence: `${item.key} is not in the DLQ any more.` };
    if (entry.value.createdAtMs === createdAtMs) return { landed: 'notApplied', evidence: `${item.key} is still in the DLQ, as it was.` };
    return { landed: 'unknown', evidence: `${item.key} is in the DLQ, but with a new time (${entry.value.createdAt}): deleted and back, or written again and never deleted.` };
  },
  async verify(applied, _input, ctx) {
    const listing = await listDlq(ctx.use(Cordum), WHOLE_DLQ, ctx);
    if (!listing.ok) return listing;
    const listed = new Map(listing.value.items.map((entry) => [entry.jobId, entry]));
    const ends = applied.map((one) => ({ key: one.item.key, ...endOf(one, listed.get(one.item.key), listing.value.truncated, ctx.now()) }));
    const echoes = ends.filter((one) => one.echo).length;
    const echoed = echoes === 0 ? '' : ` ${echoes} came back with the same reason: echoes of a late redelivery; deleting them again is safe.`;
    return succeed({ ends: Object.fromEntries(ends.map(({ key, end }) => [key, end])), say: `Of ${applied.length} deleted: ${tally(ends.map((one) => one.end))}.${echoed}` });
  },
});

async function planAll(client: CordumClient, jobIds: readonly string[], ctx: Waiting): Promise<Result<Plan>> {
  const listing = await listDlq(client, WHOLE_DLQ, ctx);
  if (!listing.ok) return listing;
  const listed = new Map(listing.value.items.map((entry) => [entry.jobId, entry]));
  const ids = [...new Set(jobIds)];
  const entries = ids.flatMap((id) => listed.get(id) ?? []);
  const gone = ids.filter((id) => !listed.has(id));
  const because = listing.value.truncated ? 'It is not among the entries that Cordum lists, which are not all.' : 'It is not in the DLQ.';
  return succeed({
    summary: entries.length === 0 ? 'None of them is in the DLQ.' : `Delete ${count(entries.length)} from the DLQ for good: they cannot be retried afterwards.`,
    items: entries.map(itemOf),
    notes: shorten(gone.map((id) => `${id}: ${because}`)),
  });
}

async function planOne(client: CordumClient, jobIds: readonly string[], only: string, ctx: Waiting): Promise<Result<Plan>> {
  if (!jobIds.includes(only)) return succeed({ summary: 'It is not among the entries to delete.', items: [] });
  const entry = await findEntry(client, only, 0, ctx);
  if (!entry.ok) return entry;
  return succeed({ summary: entry.value === undefined ? 'It is not in the DLQ.' : 'Delete 1 entry.', items: entry.value === undefined ? [] : [itemOf(entry.value)] });
}

function itemOf(entry: DlqEntry): Item {
  return {
    key: entry.jobId,
    title: `Delete ${entry.jobId} (${entry.topic || 'no topic'}, ${entry.reasonCode || 'no reason code'})`,
    current: { topic: entry.topic, reasonCode: entry.reasonCode, reason: entry.reason.slice(0, 300), attempts: entry.attempts, createdAt: entry.createdAt },
    next: { action: 'the entry is deleted from the DLQ' },
  };
}

/** An entry that is not listed is gone only when the listing was whole. */
function endOf({ item, result }: AppliedItem, back: DlqEntry | undefined, truncated: boolean, nowMs: number): ReturnType<typeof endOfDelete> {
  if (back === undefined && truncated) return { end: 'unknown', echo: false };
  return endOfDelete(back, {
    reasonCode: field(item.current, 'reasonCode'),
    createdAtMs: timeMs(field(item.current, 'createdAt')),
    takenOutMs: timeMs(field(result, 'deletedAt')) || nowMs,
  });
}
