import { type AppliedItem, defineWrite, fail, type Item, type ItemEnd, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { changeOf, isSide, itemsOf, SAFETY, streamsOutput, toSave, undoStreams } from '../stream-effects.ts';
import { Restore } from '../system.ts';
import { agoText, setName, stampOf } from '../words.ts';

const MOST_STREAMS = 50;

export const streamsApply = defineWrite({
  name: 'restore.streams.apply',
  summary: 'Replaces streams of JetStream, with their consumers, by those of a backup, after what is there has been backed up and read through; only while nobody writes.',
  tier: 'R3',
  // A removal or a chunk that is still under way. The server forgets a transfer after 5 s of silence.
  landsWithinMs: 30_000,
  timeoutMs: 3_600_000,
  input: z.object({
    /** The time in the name of the backup. */
    set: setName,
    /** Only these; left out: all that the backup holds. */
    streams: z.array(z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'expected the name of a stream')).min(1).max(MOST_STREAMS).optional(),
  }),
  output: streamsOutput,
  examples: [{ title: 'Both streams of Cordum', with: { set: '20261121T060000Z', streams: ['CORDUM_SYS', 'CORDUM_JOBS'] } }],
  async plan(input, ctx) {
    const client = ctx.use(Restore);
    const streams = client.streams();
    if (!streams.ok) return streams;
    const quiet = await streams.value.writers('nobody', ctx);
    if (!quiet.ok) return quiet;
    const stamp = stampOf(input.set);
    if (ctx.only !== undefined && ctx.only !== SAFETY && input.streams?.includes(ctx.only) === false) return succeed({ summary: 'It is none of the streams to restore.', items: [] });
    const wanted = ctx.only === undefined || ctx.only === SAFETY ? input.streams : [ctx.only];
    const compared = await streams.value.compare({ stamp, streams: wanted }, ctx);
    if (!compared.ok) return compared;
    const { changes, same, takenAtMs } = compared.value;
    const items = itemsOf(changes, stamp, client.directory).filter(({ key }) => ctx.only === undefined || key === ctx.only);
    const name = `nats-${stamp} (${agoText(ctx.now() - takenAtMs)})`;
    const notes = [...quiet.value, ...(same.length === 0 ? [] : [`As in the backup already: ${same.join(', ')}.`])];
    if (items.length === 0) return succeed({ summary: `Nothing to restore from ${name}.`, items, notes });
    return succeed({ summary: `Restore ${changes.map(({ stream }) => stream).join(', ')} from ${name}. Messages since then are lost from NATS, and kept in a new backup; those of the backup that were handled since are delivered again: jobs may run twice.`, items, notes });
  },
  async apply(item, input, ctx) {
    const streams = ctx.use(Restore).streams();
    if (!streams.ok) return streams;
    // Looked at once more: a service that was started meanwhile would lose what it writes.
    const quiet = await streams.value.writers('nobody', ctx);
    if (!quiet.ok) return { ok: false, failure: { ...quiet.failure, landed: 'no' } };
    if (item.key === SAFETY) {
      const wanted = toSave(item);
      const saved = await streams.value.save(wanted.map(({ stream }) => stream), ctx);
      if (!saved.ok) return { ok: false, failure: { ...saved.failure, landed: 'no' } };
      const holds = await streams.value.savedSince(0, wanted);
      if (!holds.ok) return { ok: false, failure: { ...holds.failure, landed: 'no' } };
      if (holds.value !== saved.value) return fail('conflict', `nats-${saved.value} does not hold the streams as they were approved: they moved, or it is not whole. Plan the restore again.`, 'no');
      return succeed({ stream: SAFETY, done: 'saved' as const, set: saved.value, wasThere: true });
    }
    const change = changeOf(item);
    const put = await streams.value.put(change, stampOf(input.set), ctx);
    if (!put.ok) return put;
    if (put.value === 'changed') return fail('conflict', `${item.key} is not what was approved any more: it has been left alone.`, 'no');
    return succeed({ stream: item.key, done: 'restored' as const, set: '', wasThere: change.now.present });
  },
  async probe(item, _input, ctx) {
    const streams = ctx.use(Restore).streams();
    if (!streams.ok) return { landed: 'unknown', evidence: streams.failure.message, failure: streams.failure };
    if (item.key !== SAFETY) return probeStream(item, ctx);
    const saved = await streams.value.savedSince(ctx.intendedAt, toSave(item));
    if (!saved.ok) return { landed: 'unknown', evidence: saved.failure.message, failure: saved.failure };
    if (saved.value === undefined) return { landed: 'notApplied', evidence: 'No whole backup made since then holds the streams as they were.' };
    return { landed: 'applied', result: { stream: SAFETY, done: 'saved', set: saved.value, wasThere: true }, evidence: `nats-${saved.value} holds the streams as they were.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const says: string[] = [];
    for (const one of applied) {
      const end = one.item.key === SAFETY ? await endOfSafety(one, ctx) : await endOfStream(one, ctx);
      if (!end.ok) return end;
      ends[one.item.key] = end.value.end;
      says.push(end.value.say);
    }
    return succeed({ ends, say: says.join(' ') });
  },
  undo: (applied) => undoStreams(applied),
});

async function probeStream(item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const streams = ctx.use(Restore).streams();
  if (!streams.ok) return { landed: 'unknown', evidence: streams.failure.message, failure: streams.failure };
  const change = changeOf(item);
  const seen = await streams.value.look(item.key, ctx);
  if (!seen.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${seen.failure.message}`, failure: seen.failure };
  if (streams.value.isRestored(seen.value, change)) return { landed: 'applied', result: { stream: item.key, done: 'restored', set: '', wasThere: change.now.present }, evidence: `${item.key} holds what the backup holds: ${seen.value.messages} messages up to ${seen.value.lastSeq}.` };
  if (isSide(seen.value, change.now)) return { landed: 'notApplied', evidence: `${item.key} is as it was.` };
  if (!seen.value.present) return { landed: 'unknown', evidence: `${item.key} was removed and is not restored: start the restore again, with this backup or with the one that was made first.` };
  return { landed: 'unknown', evidence: `${item.key} holds ${seen.value.messages} messages up to ${seen.value.lastSeq}: neither what it held nor what the backup holds.` };
}

interface End {
  readonly end: ItemEnd;
  readonly say: string;
}

async function endOfSafety({ item, result }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const streams = ctx.use(Restore).streams();
  if (!streams.ok) return streams;
  const saved = await streams.value.savedSince(0, toSave(item));
  if (!saved.ok) return saved;
  const { set } = streamsOutput.parse(result);
  return succeed(saved.value === undefined ? { end: 'failed', say: `nats-${set} does not hold what was there.` } : { end: 'done', say: `What was there is in nats-${set}.` });
}

async function endOfStream({ item }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const streams = ctx.use(Restore).streams();
  if (!streams.ok) return streams;
  const change = changeOf(item);
  const seen = await streams.value.look(item.key, ctx);
  if (!seen.ok) return seen;
  const { messages, lastSeq, consumers, present } = seen.value;
  const gone = change.next.messages - messages;
  if (streams.value.isRestored(seen.value, change)) return succeed({ end: 'done', say: `${item.key}: ${messages} messages up to ${lastSeq}, ${consumers} consumers, as in the backup${gone > 0 ? `, less ${gone} that are older than the stream keeps` : ''}.` });
  if (!present) return succeed({ end: 'failed', say: `${item.key} is not there.` });
  return succeed({ end: 'failed', say: `${item.key} holds ${messages} messages up to ${lastSeq} and ${consumers} consumers; the backup has ${change.next.messages} up to ${change.next.lastSeq} and ${change.next.consumers}.` });
}
