import { type AppliedItem, defineWrite, fail, type Item, type ItemEnd, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer, z } from '#step-kit/index.ts';
import type { ConfigAsked, Side } from '../client.ts';
import { changeOf, configOutput, isSide, itemsOf, SAFETY, toSave, undoConfig } from '../config-effects.ts';
import { Restore } from '../system.ts';
import { agoText, setName, stampOf } from '../words.ts';

const MOST_KEYS = 500;
const key = z.string().min(1).max(1_000);

export const configApply = defineWrite({
  name: 'restore.config.apply',
  summary: "Restores keys of Cordum's configuration and policy from a backup, after what is there has been backed up; each key only while it is as approved.",
  tier: 'R3',
  rate: { perSecond: 5, perHour: 2_000 },
  // As for every write to Redis: what the network may still hold.
  landsWithinMs: 30_000,
  timeoutMs: 120_000,
  input: z.object({
    /** The time in the name of the backup. */
    set: setName,
    /** Only these keys; left out: all that the backup holds. */
    keys: z.array(key).max(MOST_KEYS).optional(),
    /** Keys that are to go: those that a restore has made, when it is taken back. */
    remove: z.array(key).max(MOST_KEYS).default([]),
  }),
  output: configOutput,
  examples: [{ title: 'Everything that differs from the backup of 06:00', with: { set: '20261121T060000Z' } }],
  async plan(input, ctx) {
    const client = ctx.use(Restore);
    const config = client.config();
    if (!config.ok) return config;
    const asked = only(askedOf(input), ctx.only);
    const compared = await config.value.compare(asked, ctx);
    if (!compared.ok) return compared;
    const { changes, same, takenAtMs, notes } = compared.value;
    if (changes.length > MOST_KEYS) return fail('tooLarge', `${changes.length} keys differ; at most ${MOST_KEYS} are restored at once. Name them with keys.`);
    const name = `config-${asked.stamp} (${agoText(ctx.now() - takenAtMs)})`;
    const items = itemsOf(compared.value, asked.stamp, client.directory).filter((item) => ctx.only === undefined || item.key === ctx.only);
    if (items.length === 0) return succeed({ summary: `Nothing to restore: ${same} keys are as in ${name}.`, items, notes });
    const gone = changes.filter(({ next }) => !next.present).length;
    const summary = `Restore ${changes.length - gone} keys of the configuration from ${name}${gone > 0 ? `, and remove ${gone}` : ''}. ${same} are as they are there. What was changed since then is lost from Cordum, and kept in a new backup. Schedulers take it up within 30 s, the safety kernel at its own interval.`;
    return succeed({ summary, items, notes });
  },
  async apply(item, input, ctx) {
    const config = ctx.use(Restore).config();
    if (!config.ok) return config;
    if (item.key === SAFETY) {
      const saved = await config.value.save(ctx);
      if (!saved.ok) return { ok: false, failure: { ...saved.failure, landed: 'no' } };
      const holds = await config.value.savedSince(0, toSave(item), ctx);
      if (!holds.ok) return { ok: false, failure: { ...holds.failure, landed: 'no' } };
      if (holds.value !== saved.value) return fail('conflict', `The configuration changed while it was backed up (config-${saved.value}): plan the restore again.`, 'no');
      return succeed({ key: SAFETY, done: 'saved' as const, set: saved.value, wasThere: true });
    }
    const change = changeOf(item);
    const put = await config.value.put(change, askedOf(input), ctx);
    if (!put.ok) return put;
    if (put.value === 'changed') return fail('conflict', `${item.key} is not what was approved any more: it was changed in between, and has been left alone.`, 'no');
    return succeed(resultOf(item));
  },
  async probe(item, _input, ctx) {
    const config = ctx.use(Restore).config();
    if (!config.ok) return { landed: 'unknown', evidence: config.failure.message, failure: config.failure };
    if (item.key === SAFETY) {
      const saved = await config.value.savedSince(ctx.intendedAt, toSave(item), ctx);
      if (!saved.ok) return { landed: 'unknown', evidence: saved.failure.message, failure: saved.failure };
      if (saved.value === undefined) return { landed: 'notApplied', evidence: 'No backup made since then holds what was there.' };
      return { landed: 'applied', result: { key: SAFETY, done: 'saved', set: saved.value, wasThere: true }, evidence: `config-${saved.value} holds what was there.` };
    }
    return probeKey(item, ctx);
  },
  async verify(applied, _input, ctx) {
    const ends: Record<string, ItemEnd> = {};
    const says: string[] = [];
    for (const one of applied) {
      const end = one.item.key === SAFETY ? await endOfSafety(one, ctx) : await endOfKey(one, ctx);
      if (!end.ok) return end;
      ends[one.item.key] = end.value.end;
      if (end.value.say !== '') says.push(end.value.say);
    }
    const answer: VerifyAnswer = { ends, say: says.length === 0 ? `${applied.length} done, each as planned.` : says.slice(0, 10).join(' ') };
    return succeed(answer);
  },
  undo: (applied) => undoConfig(applied),
});

function askedOf({ set, keys, remove }: { readonly set: string; readonly keys?: readonly string[] | undefined; readonly remove: readonly string[] }): ConfigAsked {
  return { stamp: stampOf(set), keys, remove };
}

/** The re-check of one key looks at that key alone. */
function only(asked: ConfigAsked, name: string | undefined): ConfigAsked {
  if (name === undefined || name === SAFETY) return asked;
  const removed = asked.remove.includes(name);
  if (!removed && asked.keys !== undefined && !asked.keys.includes(name)) return { ...asked, keys: [], remove: [] };
  return { ...asked, keys: removed ? [] : [name], remove: removed ? [name] : [] };
}

function resultOf(item: Item): z.output<typeof configOutput> {
  const { now, next } = changeOf(item);
  return { key: item.key, done: next.present ? 'restored' : 'removed', set: '', wasThere: now.present };
}

async function probeKey(item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const change = changeOf(item);
  const side = await look(item.key, ctx);
  if (!side.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${side.failure.message}`, failure: side.failure };
  if (isSide(side.value, change.next)) return { landed: 'applied', result: resultOf(item), evidence: `${item.key} holds just what was to be written.` };
  if (isSide(side.value, change.now)) return { landed: 'notApplied', evidence: `${item.key} is as it was.` };
  return { landed: 'unknown', evidence: `${item.key} is neither as it was nor as it was to be: somebody else has written it.` };
}

interface End {
  readonly end: ItemEnd;
  readonly say: string;
}

async function endOfSafety({ item, result }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const config = ctx.use(Restore).config();
  if (!config.ok) return config;
  const saved = await config.value.savedSince(0, toSave(item), ctx);
  if (!saved.ok) return saved;
  const { set } = configOutput.parse(result);
  return succeed(saved.value === undefined ? { end: 'failed', say: `config-${set} does not hold what was there.` } : { end: 'done', say: `What was there is in config-${set}.` });
}

async function endOfKey({ item }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const change = changeOf(item);
  const side = await look(item.key, ctx);
  if (!side.ok) return side;
  if (isSide(side.value, change.next)) return succeed({ end: 'done', say: '' });
  if (isSide(side.value, change.now)) return succeed({ end: 'returned', say: `${item.key} is again as it was before.` });
  return succeed({ end: 'unknown', say: `${item.key} was written by somebody else since.` });
}

async function look(name: string, ctx: StepContext): Promise<Result<Side>> {
  const config = ctx.use(Restore).config();
  if (!config.ok) return config;
  const seen = await config.value.look([name], ctx);
  if (!seen.ok) return seen;
  const [first] = seen.value;
  return first === undefined ? fail('unexpected', 'Redis did not say what is there.') : succeed(first.side);
}
