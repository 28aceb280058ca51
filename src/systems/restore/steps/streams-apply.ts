import { type AppliedItem, type ApplyContext, defineWrite, fail, type Item, type ItemEnd, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import type { StreamRestore, StreamsAsked } from '../client.ts';
import { type End, outcome, outcomesOf, type RestoreOutput, restoreOutput, SAFETY } from '../outcome.ts';
import { changeOf, noteOf, streamItem, streamItems, toSave, undoStreams } from '../stream-effects.ts';
import { Restore } from '../system.ts';
import { agoText, setName, stampOf } from '../words.ts';
import { applyService, endOfService, goOn, isServiceItem, LANDS_WITHIN_MS, probeService, recheckService, serviceItems, untilQuiet } from '../writers.ts';

const MOST_STREAMS = 50;

export const streamsApply = defineWrite({
  name: 'restore.streams.apply',
  summary: 'Stops the services of Cordum, backs up what is there, replaces streams of JetStream, with their consumers, by those of a backup, and starts the services again.',
  tier: 'R3',
  // The longest of what it does: a call to Kubernetes. NATS forgets a transfer after 5 s of silence.
  landsWithinMs: LANDS_WITHIN_MS,
  timeoutMs: 3_600_000,
  input: z.object({
    /** The time in the name of the backup. */
    set: setName,
    /** Only these; left out: all that the backup holds. */
    streams: z.array(z.string().regex(/^[A-Za-z0-9_-]{1,255}$/, 'expected the name of a stream')).min(1).max(MOST_STREAMS).optional(),
  }),
  output: restoreOutput,
  examples: [{ title: 'Both streams of Cordum', with: { set: '20261121T060000Z', streams: ['CORDUM_SYS', 'CORDUM_JOBS'] } }],
  async plan(input, ctx) {
    const streams = ctx.use(Restore).streams();
    if (!streams.ok) return streams;
    return ctx.only === undefined ? planAll(streams.value, askedOf(input), ctx) : recheck(streams.value, askedOf(input), ctx.only, ctx);
  },
  async apply(item, input, ctx) {
    const streams = ctx.use(Restore).streams();
    if (!streams.ok) return streams;
    if (isServiceItem(item.key)) return applyService(item, ctx, () => whatLacks(streams.value, askedOf(input), ctx));
    // What has just been stopped may be listed a moment longer; after the backup nobody may come any more.
    const ask = (): Promise<Result<readonly string[]>> => streams.value.writers('nobody', ctx);
    const quiet = item.key === SAFETY ? await untilQuiet(ask, ctx) : await ask();
    if (!quiet.ok) return { ok: false, failure: { ...quiet.failure, landed: 'no' } };
    if (item.key !== SAFETY) return putOne(streams.value, item, askedOf(input), ctx);
    const saved = await streams.value.save(toSave(item), ctx.idempotencyKey, ctx);
    return saved.ok ? succeed(outcome(SAFETY, 'saved', { set: saved.value, wasThere: saved.value !== '' })) : { ok: false, failure: { ...saved.failure, landed: 'no' } };
  },
  async probe(item, _input, ctx) {
    if (isServiceItem(item.key)) return probeService(item, ctx);
    const streams = ctx.use(Restore).streams();
    if (!streams.ok) return { landed: 'unknown', evidence: streams.failure.message, failure: streams.failure };
    if (item.key !== SAFETY) return probeStream(streams.value, item, ctx);
    const saved = await streams.value.savedBy(ctx.idempotencyKey, ctx);
    if (!saved.ok) return { landed: 'unknown', evidence: saved.failure.message, failure: saved.failure };
    if (saved.value === undefined) return { landed: 'notApplied', evidence: 'There is no whole backup of this effect.' };
    return { landed: 'applied', result: outcome(SAFETY, 'saved', { set: saved.value, wasThere: true }), evidence: `nats-${saved.value} was taken by this effect.` };
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const says: string[] = [];
    for (const [index, one] of applied.entries()) {
      const end = await endOf(one, applied.slice(index + 1), ctx);
      if (!end.ok) return end;
      ends[one.item.key] = end.value.end;
      if (end.value.say !== '') says.push(end.value.say);
    }
    return succeed({ ends, say: [...says, ...goOn(applied, 'nats')].join(' ') });
  },
  undo: (applied) => undoStreams(applied),
});

function askedOf({ set, streams }: { readonly set: string; readonly streams?: readonly string[] | undefined }): StreamsAsked {
  return { stamp: stampOf(set), streams };
}

async function planAll(restore: StreamRestore, asked: StreamsAsked, ctx: PlanContext): Promise<Result<Plan>> {
  const { directory } = ctx.use(Restore);
  const services = await serviceItems(ctx);
  if (!services.ok) return services;
  const { stops, starts } = services.value;
  const quiet = await restore.writers(stops.length === 0 ? 'nobody' : 'services', ctx);
  if (!quiet.ok) return quiet;
  const compared = await restore.compare(asked, ctx);
  if (!compared.ok) return compared;
  const { streams, takenAtMs } = compared.value;
  const differing = streams.filter(({ same }) => !same);
  const name = `nats-${asked.stamp} (${agoText(ctx.now() - takenAtMs)})`;
  const notes = [...services.value.notes, ...quiet.value, ...streams.map(noteOf)];
  // Services that run until they are stopped may still write to a stream that is the same now.
  const changes = differing.length > 0 && starts.length > 0 ? streams : differing;
  if (changes.length > 0) {
    const outage = stops.length === 0 ? '' : ` Cordum is down meanwhile: ${stops.length} services are stopped, and started again when the streams are whole.`;
    return succeed({
      summary: `Restore ${changes.map(({ stream }) => stream).join(', ')} from ${name}.${outage} Messages since then are lost from NATS, and kept in a new backup; those of the backup that were handled since are delivered again: jobs may run twice.`,
      items: [...stops, ...streamItems(changes, asked.stamp, directory), ...starts],
      notes,
    });
  }
  // Nothing differs, but a restore that broke off has left services stopped: the rest of it is to start them.
  const rest = stops.length === 0 ? starts : [];
  return succeed({ summary: rest.length === 0 ? `Nothing to restore from ${name}.` : `The streams are as in ${name}: start the services that a restore has stopped.`, items: rest, notes });
}

/** Just before its effect: whether the item still is what was approved. Whether anybody writes is asked by the effect itself, so that it fails and stops the rest. */
async function recheck(restore: StreamRestore, asked: StreamsAsked, key: string, ctx: PlanContext): Promise<Result<Plan>> {
  if (isServiceItem(key)) return recheckService(key, ctx);
  const { directory } = ctx.use(Restore);
  if (key !== SAFETY && asked.streams?.includes(key) === false) return succeed({ summary: 'It is none of the streams to restore.', items: [] });
  const compared = await restore.compare(key === SAFETY ? asked : { ...asked, streams: [key] }, ctx);
  if (!compared.ok) return compared;
  const { streams } = compared.value;
  if (key !== SAFETY) return succeed({ summary: `Restore ${key}.`, items: streams.map((change) => streamItem(change, asked.stamp)) });
  const services = await serviceItems(ctx);
  if (!services.ok) return services;
  // As when it was planned: all of them where services are stopped and started.
  const changes = services.value.starts.length > 0 ? streams : streams.filter(({ same }) => !same);
  return succeed({ summary: 'Back up what is there.', items: streamItems(changes, asked.stamp, directory).slice(0, 1) });
}

/** A part that a transfer has left is kept in a backup of its own first, as everything that is removed. */
async function putOne(restore: StreamRestore, item: Item, { stamp }: StreamsAsked, ctx: ApplyContext): Promise<Result<RestoreOutput>> {
  const change = changeOf(item);
  let put = await restore.put(change, stamp, ctx);
  if (put.ok && put.value === 'part') {
    const saved = await restore.save([change.stream], ctx.idempotencyKey, ctx);
    if (!saved.ok) return { ok: false, failure: { ...saved.failure, landed: 'no' } };
    put = await restore.put(change, stamp, ctx);
  }
  if (!put.ok) return put;
  if (put.value !== 'done') return fail('conflict', `${item.key} is not what was approved any more: it has been left alone.`, 'no');
  return succeed(outcome(item.key, 'restored'));
}

/** A sentence when a stream is not as the backup holds it; empty when all are. */
async function whatLacks(restore: StreamRestore, asked: StreamsAsked, ctx: StepContext): Promise<Result<string>> {
  const compared = await restore.compare(asked, ctx);
  if (!compared.ok) return compared;
  const lacking = compared.value.streams.filter(({ same }) => !same).map(({ stream }) => stream);
  return succeed(lacking.length === 0 ? '' : `${lacking.join(', ')} ${lacking.length === 1 ? 'is' : 'are'} not as nats-${asked.stamp} holds ${lacking.length === 1 ? 'it' : 'them'}.`);
}

async function probeStream(restore: StreamRestore, item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const { key } = item;
  const seen = await restore.standing(changeOf(item), ctx);
  if (!seen.ok) return { landed: 'unknown', evidence: `${key} cannot be seen. ${seen.failure.message}`, failure: seen.failure };
  const { is, set, side } = seen.value;
  const held = `${side.messages} messages up to ${side.lastSeq}`;
  if (is === 'restored') return { landed: 'applied', result: outcome(key, 'restored'), evidence: `${key} holds what the backup holds: ${held}.` };
  if (is === 'kept') return { landed: 'notApplied', evidence: `${key} holds ${held}, as nats-${set} does: it has not been touched.` };
  if (is === 'gone') return { landed: 'notApplied', evidence: `${key} is not there: it was removed and is not restored yet.` };
  if (is === 'part') return { landed: 'notApplied', evidence: `${key} holds ${held}, a part of the backup: the transfer broke off.` };
  return { landed: 'unknown', evidence: `${key} holds ${held}: neither what a backup holds nor a part of the one that is restored. Somebody else has written it.` };
}

async function endOf(one: AppliedItem, later: readonly AppliedItem[], ctx: StepContext): Promise<Result<End>> {
  const { item } = one;
  if (isServiceItem(item.key)) return endOfService(one, later, ctx);
  const streams = ctx.use(Restore).streams();
  if (!streams.ok) return streams;
  if (item.key === SAFETY) return endOfSafety(one);
  const change = changeOf(item);
  const seen = await streams.value.standing(change, ctx);
  if (!seen.ok) return seen;
  const { is, side } = seen.value;
  const held = `${item.key}: ${side.messages} messages up to ${side.lastSeq}, ${side.consumers} consumers`;
  const gone = change.next.messages - side.messages;
  if (is === 'restored') return succeed({ end: 'done', say: `${held}, as in the backup${gone > 0 ? `, less ${gone} that are older than the stream keeps` : ''}.` });
  // It was as in the backup before the first service started, or that would not have been started; since then they write.
  const started = outcomesOf(later).some(({ done }) => done === 'started');
  if (started && side.present && side.lastSeq >= change.next.lastSeq) return succeed({ end: 'done', say: `${held}: restored, and written to since the services run.` });
  if (!side.present) return succeed({ end: 'failed', say: `${item.key} is not there.` });
  return succeed({ end: 'failed', say: `${held}; the backup has ${change.next.messages} up to ${change.next.lastSeq} and ${change.next.consumers}.` });
}

/** It was read from end to end when it was taken, and is again before anything is removed. */
function endOfSafety({ result }: AppliedItem): Result<End> {
  const { set } = restoreOutput.parse(result);
  return succeed({ end: 'done', say: set === '' ? 'None of the streams was there before.' : `What was there is in nats-${set}, the rollback point.` });
}
