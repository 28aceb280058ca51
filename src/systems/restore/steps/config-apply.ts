import { type AppliedItem, defineWrite, fail, type Item, type ItemEnd, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer, z } from '#step-kit/index.ts';
import type { ConfigAsked, ConfigRestore, Side } from '../client.ts';
import { changeOf, isSide, itemsOf, toSave, undoConfig } from '../config-effects.ts';
import { type End, outcome, type RestoreOutput, restoreOutput, SAFETY } from '../outcome.ts';
import { Restore } from '../system.ts';
import { agoText, setName, stampOf } from '../words.ts';
import { applyService, endOfService, goOn, isServiceItem, LANDS_WITHIN_MS, probeService, recheckService, type ServiceItems, serviceItems } from '../writers.ts';

const MOST_KEYS = 500;
const key = z.string().min(1).max(1_000);

export const configApply = defineWrite({
  name: 'restore.config.apply',
  summary: "Restores keys of Cordum's configuration and policy from a backup, after what is there has been backed up; each key only while it is as approved.",
  tier: 'R3',
  rate: { perSecond: 5, perHour: 2_000 },
  // The longest of what it does: a call to Kubernetes.
  landsWithinMs: LANDS_WITHIN_MS,
  timeoutMs: 300_000,
  input: z.object({
    /** The time in the name of the backup. */
    set: setName,
    /** Only these keys; left out: all that the backup holds. */
    keys: z.array(key).max(MOST_KEYS).optional(),
    /** Keys that are to go: those that a restore has made, when it is taken back. */
    remove: z.array(key).max(MOST_KEYS).default([]),
    /** Each key is compared and set at once, so services may go on; `stop` when they must not see one key of before beside another of the backup. */
    services: z.enum(['stop', 'keep']).default('keep'),
  }),
  output: restoreOutput,
  examples: [{ title: 'Everything that differs from the backup of 06:00', with: { set: '20261121T060000Z' } }],
  plan: (input, ctx) => (ctx.only !== undefined && isServiceItem(ctx.only) ? recheckService(ctx.only, ctx) : planKeys(input, ctx)),
  async apply(item, input, ctx) {
    const config = ctx.use(Restore).config();
    if (!config.ok) return config;
    if (isServiceItem(item.key)) return applyService(item, ctx, () => whatLacks(config.value, askedOf(input), ctx));
    if (item.key === SAFETY) {
      const saved = await config.value.save(ctx);
      if (!saved.ok) return { ok: false, failure: { ...saved.failure, landed: 'no' } };
      const holds = await config.value.savedSince(0, toSave(item), ctx);
      if (!holds.ok) return { ok: false, failure: { ...holds.failure, landed: 'no' } };
      if (holds.value !== saved.value) return fail('conflict', `The configuration changed while it was backed up (config-${saved.value}): plan the restore again.`, 'no');
      return succeed(outcome(SAFETY, 'saved', { set: saved.value, wasThere: true }));
    }
    const change = changeOf(item);
    const put = await config.value.put(change, askedOf(input), ctx);
    if (!put.ok) return put;
    if (put.value === 'changed') return fail('conflict', `${item.key} is not what was approved any more: it was changed in between, and has been left alone.`, 'no');
    return succeed(resultOf(item));
  },
  async probe(item, _input, ctx) {
    if (isServiceItem(item.key)) return probeService(item, ctx);
    const config = ctx.use(Restore).config();
    if (!config.ok) return { landed: 'unknown', evidence: config.failure.message, failure: config.failure };
    if (item.key === SAFETY) {
      const saved = await config.value.savedSince(ctx.intendedAt, toSave(item), ctx);
      if (!saved.ok) return { landed: 'unknown', evidence: saved.failure.message, failure: saved.failure };
      if (saved.value === undefined) return { landed: 'notApplied', evidence: 'No backup made since then holds what was there.' };
      return { landed: 'applied', result: outcome(SAFETY, 'saved', { set: saved.value, wasThere: true }), evidence: `config-${saved.value} holds what was there.` };
    }
    return probeKey(item, ctx);
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
    const rest = goOn(applied, 'config');
    const answer: VerifyAnswer = { ends, say: says.length === 0 ? `${applied.length} done, each as planned.` : [...says.slice(0, 20), ...rest].join(' ') };
    return succeed(answer);
  },
  undo: (applied, { services }) => undoConfig(applied, services),
});

interface Input {
  readonly set: string;
  readonly keys?: readonly string[] | undefined;
  readonly remove: readonly string[];
  readonly services: 'stop' | 'keep';
}

async function planKeys(input: Input, ctx: PlanContext): Promise<Result<Plan>> {
  const client = ctx.use(Restore);
  const config = client.config();
  if (!config.ok) return config;
  const services = input.services === 'stop' && ctx.only === undefined ? await servicesOf(ctx) : succeed({ stops: [], starts: [], notes: [] });
  if (!services.ok) return services;
  const asked = only(askedOf(input), ctx.only);
  const compared = await config.value.compare(asked, ctx);
  if (!compared.ok) return compared;
  const { changes, same, takenAtMs } = compared.value;
  if (changes.length > MOST_KEYS) return fail('tooLarge', `${changes.length} keys differ; at most ${MOST_KEYS} are restored at once. Name them with keys.`);
  const { stops, starts } = services.value;
  const notes = [...services.value.notes, ...compared.value.notes];
  const name = `config-${asked.stamp} (${agoText(ctx.now() - takenAtMs)})`;
  const items = itemsOf(compared.value, asked.stamp, client.directory).filter((item) => ctx.only === undefined || item.key === ctx.only);
  if (items.length === 0) {
    // A restore that broke off has left services stopped: the rest of it is to start them.
    const rest = stops.length === 0 ? starts : [];
    return succeed({ summary: `Nothing to restore: ${same} keys are as in ${name}.${rest.length === 0 ? '' : ' Start the services that a restore has stopped.'}`, items: rest, notes });
  }
  const gone = changes.filter(({ next }) => !next.present).length;
  const outage = stops.length === 0 ? ' Schedulers take it up within 30 s, the safety kernel at its own interval.' : ` Cordum is down meanwhile: ${stops.length} services are stopped, and started again with what was restored.`;
  const summary = `Restore ${changes.length - gone} keys of the configuration from ${name}${gone > 0 ? `, and remove ${gone}` : ''}. ${same} are as they are there. What was changed since then is lost from Cordum, and kept in a new backup.${outage}`;
  return succeed({ summary, items: [...stops, ...items, ...starts], notes });
}

async function servicesOf(ctx: PlanContext): Promise<Result<ServiceItems>> {
  if (ctx.use(Restore).services !== undefined) return serviceItems(ctx);
  return fail('refused', 'The target has no Kubernetes configured, so the bot cannot stop services: stop them by hand and choose keep.');
}

/** A sentence when a key is not as it was to be; empty when all are. */
async function whatLacks(config: ConfigRestore, asked: ConfigAsked, ctx: StepContext): Promise<Result<string>> {
  const compared = await config.compare(asked, ctx);
  if (!compared.ok) return compared;
  const { length } = compared.value.changes;
  return succeed(length === 0 ? '' : `${length} keys are not as config-${asked.stamp} holds them.`);
}

function askedOf({ set, keys, remove }: Input): ConfigAsked {
  return { stamp: stampOf(set), keys, remove };
}

/** The re-check of one key looks at that key alone. */
function only(asked: ConfigAsked, name: string | undefined): ConfigAsked {
  if (name === undefined || name === SAFETY) return asked;
  const removed = asked.remove.includes(name);
  if (!removed && asked.keys !== undefined && !asked.keys.includes(name)) return { ...asked, keys: [], remove: [] };
  return { ...asked, keys: removed ? [] : [name], remove: removed ? [name] : [] };
}

function resultOf(item: Item): RestoreOutput {
  const { now, next } = changeOf(item);
  return outcome(item.key, next.present ? 'restored' : 'removed', { wasThere: now.present });
}

async function probeKey(item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const change = changeOf(item);
  const side = await look(item.key, ctx);
  if (!side.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${side.failure.message}`, failure: side.failure };
  if (isSide(side.value, change.next)) return { landed: 'applied', result: resultOf(item), evidence: `${item.key} holds just what was to be written.` };
  if (isSide(side.value, change.now)) return { landed: 'notApplied', evidence: `${item.key} is as it was.` };
  return { landed: 'unknown', evidence: `${item.key} is neither as it was nor as it was to be: somebody else has written it.` };
}

async function endOf(one: AppliedItem, later: readonly AppliedItem[], ctx: StepContext): Promise<Result<End>> {
  if (isServiceItem(one.item.key)) return endOfService(one, later, ctx);
  return one.item.key === SAFETY ? endOfSafety(one, ctx) : endOfKey(one, ctx);
}

async function endOfSafety({ item, result }: AppliedItem, ctx: StepContext): Promise<Result<End>> {
  const config = ctx.use(Restore).config();
  if (!config.ok) return config;
  const saved = await config.value.savedSince(0, toSave(item), ctx);
  if (!saved.ok) return saved;
  const { set } = restoreOutput.parse(result);
  return succeed(saved.value === undefined ? { end: 'failed', say: `config-${set} does not hold what was there.` } : { end: 'done', say: `What was there is in config-${set}, the rollback point.` });
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
