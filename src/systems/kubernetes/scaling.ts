/**
 * Scaling by hand and by an autoscaler's bounds. Up is one item; down is one item for each replica, so that the executor's
 * caps and the floor hold at every one.
 */
import { type AppliedItem, type ApplyContext, fail, type Item, type ItemEnd, type JsonObject, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer, z } from '#step-kit/index.ts';
import { ownerOf } from './autoscalers.ts';
import { floorOf } from './capacity.ts';
import { keyOf, notLanded } from './changes.ts';
import type { Call, KubernetesClient, ServiceName } from './client.ts';
import { onFreshLook, stateOf } from './guard.ts';
import { type Hpa, hpa, scale } from './records.ts';
import { judge, readRunning, type Running, spoken } from './rollouts.ts';
import { Kubernetes } from './system.ts';
import { numberAt, plural, serviceName } from './words.ts';

export type Direction = 'up' | 'down';

const replicas = z.int().min(0).max(1_000);
export const scaleInput = z.object({
  service: serviceName,
  /** How many there shall be, within the scaling table of the target. */
  replicas,
  /** Sets the bounds of the autoscaler to just these: how an undo gives them back. */
  bounds: z.object({ min: z.int().min(1).max(1_000), max: z.int().min(1).max(1_000) }).optional(),
});
export type ScaleInput = z.output<typeof scaleInput>;

export const scaleOutput = z.object({
  service: z.string(),
  replicas: z.int(),
  /** Whether the autoscaler's bounds were changed, instead of the number itself. */
  byAutoscaler: z.boolean(),
  changedAt: z.string(),
});

/** What one item sets; `current` of the item is what must hold for it. */
const target = z.object({ replicas: z.int(), minReplicas: z.int().optional(), maxReplicas: z.int().optional(), autoscaler: z.string().optional() });
type Target = z.output<typeof target>;

/** What is there: the workload, and the autoscaler that owns its number, unless it is stopped at zero. */
export interface Seen {
  readonly running: Running;
  readonly owner: Hpa | undefined;
}

export async function see(client: KubernetesClient, service: ServiceName, call: Call): Promise<Result<Seen>> {
  const running = await readRunning(client, service, call);
  if (!running.ok) return running;
  const owner = await ownerOf(client, running.value, call);
  if (!owner.ok) return owner;
  return succeed({ running: running.value, owner: running.value.record.spec.replicas === 0 ? undefined : owner.value });
}

export async function planScale(direction: Direction, input: ScaleInput, ctx: PlanContext): Promise<Result<Plan>> {
  const client = ctx.use(Kubernetes);
  const call = { signal: ctx.signal };
  const refused = outOfBounds(client, input);
  if (refused !== undefined) return refused;
  return onFreshLook(() => see(client, input.service, call), async (seen): Promise<Result<Plan>> => {
    const { running, owner } = seen;
    const items = itemsFor(direction, seen, input).filter(({ key }) => ctx.only === undefined || key === ctx.only);
    const only = ctx.only === undefined || items.length > 0 ? undefined : laterItem(seen, ctx.only, input);
    const wanted = only === undefined ? items : [only];
    if (wanted.length === 0) return succeed({ summary: `${spoken(running)} has ${plural(running.record.spec.replicas, 'replica')}: there is nothing to scale ${direction} to ${input.replicas}.`, items: [] });
    const last = wanted.at(-1);
    const tried = last === undefined ? undefined : await send(client, seen, targetOf(last), { ...call, dryRun: true });
    if (tried?.ok === false) return fail(tried.failure.reason, `The dry run was refused. ${tried.failure.message}`);
    const how = owner === undefined ? '' : ` Its autoscaler ${owner.metadata.name} owns the number, so its bounds are changed.`;
    const summary = `Scale ${running.name} ${direction} to ${input.replicas}.${how}`;
    return succeed(direction === 'up' ? { summary, items: wanted } : { summary, items: wanted, capacity: { total: running.record.status.readyReplicas, floor: floorOf(client, running) } });
  });
}

function outOfBounds(client: KubernetesClient, { service, replicas: wanted, bounds }: ScaleInput): Result<never> | undefined {
  const allowed = client.names.replicas(service);
  if (wanted < allowed.min || wanted > allowed.max) return fail('refused', `${service} may have ${allowed.min} to ${allowed.max} replicas by the scaling table of the target, not ${wanted}.`);
  if (bounds !== undefined && (bounds.min > bounds.max || bounds.min < allowed.min)) return fail('refused', `The autoscaler of ${service} cannot have the bounds ${bounds.min} to ${bounds.max}: the least is ${allowed.min}.`);
  return undefined;
}

function itemsFor(direction: Direction, { running, owner }: Seen, { replicas: wanted, bounds }: ScaleInput): Item[] {
  const now = running.record.spec.replicas;
  const state = stateOf(owner ?? running.record);
  if (owner !== undefined && bounds !== undefined) {
    const { minReplicas, maxReplicas } = owner.spec;
    if (minReplicas === bounds.min && maxReplicas === bounds.max) return [];
    const next = { replicas: wanted, minReplicas: bounds.min, maxReplicas: bounds.max, autoscaler: owner.metadata.name };
    return [{ key: keyOf(running), title: `Give the autoscaler of ${running.name} the bounds ${bounds.min} to ${bounds.max}`, current: { minReplicas, maxReplicas, state }, next }];
  }
  if (direction === 'up') return scaleUp(running, owner, wanted, state);
  const items: Item[] = [];
  for (let from = now; from > wanted; from -= 1) items.push(oneDown(running, owner, from, from === now ? { key: keyOf(running), state } : { key: laterKey(running, from), after: now - from }));
  return items;
}

function scaleUp(running: Running, owner: Hpa | undefined, wanted: number, state: string): Item[] {
  const key = keyOf(running);
  const now = running.record.spec.replicas;
  if (owner === undefined) {
    if (now >= wanted) return [];
    return [{ key, title: `Scale ${running.name} from ${now} to ${wanted}`, current: { replicas: now, state }, next: { replicas: wanted } }];
  }
  const { minReplicas, maxReplicas } = owner.spec;
  // The autoscaler's own number moves by itself; what people set is its least.
  if (minReplicas >= wanted) return [];
  const next = { replicas: wanted, minReplicas: wanted, maxReplicas: Math.max(maxReplicas, wanted), autoscaler: owner.metadata.name };
  return [{ key, title: `Raise the least replicas of ${running.name} from ${minReplicas} to ${wanted}`, current: { minReplicas, maxReplicas, state }, next }];
}

/**
 * One replica less. Of the first item the state is known. A later one follows changes of ours, so it names what they leave
 * behind: the number, and the generation, which moves by one with each of them and with any change by somebody else.
 */
function oneDown(running: Running, owner: Hpa | undefined, from: number, place: { key: string; state: string } | { key: string; after: number }): Item {
  const to = from - 1;
  const guard: JsonObject = 'state' in place ? { state: place.state } : owner === undefined ? { generation: running.record.metadata.generation + place.after } : {};
  const title = `Scale ${running.name} from ${from} to ${to}`;
  if (owner === undefined) return { key: place.key, title, current: { replicas: from, ...guard }, next: { replicas: to } };
  const { minReplicas, maxReplicas } = owner.spec;
  const most = 'state' in place ? maxReplicas : from;
  return {
    key: place.key,
    title: `${title} (its autoscaler may have at most ${to})`,
    current: { replicas: from, minReplicas: Math.min(minReplicas, most), maxReplicas: most, ...guard },
    next: { replicas: to, minReplicas: Math.min(minReplicas, to), maxReplicas: to, autoscaler: owner.metadata.name },
  };
}

function laterKey(running: Running, from: number): string {
  return `${keyOf(running)}#${from}to${from - 1}`;
}

/** A later item of a scale-down, looked at alone: it qualifies when those before it have been done. */
function laterItem({ running, owner }: Seen, key: string, { replicas: wanted }: ScaleInput): Item | undefined {
  const now = running.record.spec.replicas;
  if (now <= wanted || key !== laterKey(running, now)) return undefined;
  if (owner !== undefined && owner.spec.maxReplicas !== now) return undefined;
  return oneDown(running, owner, now, { key, after: 0 });
}

function targetOf(item: Item): Target {
  return target.parse(item.next);
}

/** One patch: of the autoscaler's bounds where the item says so, else of the number of replicas. */
async function send(client: KubernetesClient, { running, owner }: Seen, to: Target, call: Call & { readonly dryRun?: boolean }): Promise<Result<unknown>> {
  const { kind, name, record } = running;
  if (to.autoscaler === undefined) {
    return client.patch(kind, name, { type: 'merge', body: { metadata: { resourceVersion: record.metadata.resourceVersion }, spec: { replicas: to.replicas } } }, scale, { ...call, subresource: 'scale' });
  }
  if (owner === undefined || owner.metadata.name !== to.autoscaler) return fail('conflict', `The autoscaler ${to.autoscaler} does not own ${spoken(running)} any more.`, 'no');
  const spec = { minReplicas: to.minReplicas ?? owner.spec.minReplicas, maxReplicas: to.maxReplicas ?? owner.spec.maxReplicas };
  return client.patch('horizontalpodautoscalers', to.autoscaler, { type: 'merge', body: { metadata: { resourceVersion: owner.metadata.resourceVersion }, spec } }, hpa, call);
}

export async function applyScale(item: Item, input: ScaleInput, ctx: ApplyContext): Promise<Result<z.output<typeof scaleOutput>>> {
  const client = ctx.use(Kubernetes);
  const to = targetOf(item);
  const look = async (): Promise<Result<Seen>> => {
    const seen = await see(client, input.service, { signal: ctx.signal });
    if (!seen.ok) return notLanded(seen);
    return hasMoved(item, seen.value) ? fail('conflict', `${spoken(seen.value.running)} has changed since it was planned: nothing was sent.`, 'no') : seen;
  };
  return onFreshLook(look, async (seen) => {
    const sent = await send(client, seen, to, { signal: ctx.signal });
    return sent.ok ? succeed({ service: input.service, replicas: to.replicas, byAutoscaler: to.autoscaler !== undefined, changedAt: new Date(ctx.now()).toISOString() }) : sent;
  });
}

/** Whatever the item's `current` names must still hold. */
function hasMoved(item: Item, { running, owner }: Seen): boolean {
  const { metadata, spec } = running.record;
  const live: Record<string, unknown> = {
    replicas: spec.replicas,
    generation: metadata.generation,
    state: targetOf(item).autoscaler === undefined ? stateOf(running.record) : owner === undefined ? undefined : stateOf(owner),
    minReplicas: owner?.spec.minReplicas,
    maxReplicas: owner?.spec.maxReplicas,
  };
  return Object.entries(item.current as JsonObject).some(([name, value]) => live[name] !== value);
}

export async function probeScale(item: Item, input: ScaleInput, ctx: ProbeContext): Promise<ProbeAnswer> {
  const seen = await see(ctx.use(Kubernetes), input.service, { signal: ctx.signal });
  if (!seen.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${seen.failure.message}`, failure: seen.failure };
  const to = targetOf(item);
  const { running, owner } = seen.value;
  const result = { service: input.service, replicas: to.replicas, byAutoscaler: to.autoscaler !== undefined, changedAt: new Date(ctx.intendedAt).toISOString() };
  const there = to.autoscaler === undefined ? running.record.spec.replicas === to.replicas : owner?.spec.minReplicas === to.minReplicas && owner?.spec.maxReplicas === to.maxReplicas;
  if (there) return { landed: 'applied', result, evidence: `${spoken(running)} has what was to be set; just before the call it had not.` };
  if (!hasMoved(item, seen.value)) return { landed: 'notApplied', evidence: `${spoken(running)} is still as it was planned for.` };
  return { landed: 'unknown', evidence: `${spoken(running)} has changed since the call, and not to what was to be set: it may have landed and been changed again.` };
}

export async function verifyScale(direction: Direction, applied: readonly AppliedItem[], input: ScaleInput, ctx: StepContext): Promise<Result<VerifyAnswer>> {
  const seen = await see(ctx.use(Kubernetes), input.service, { signal: ctx.signal });
  if (!seen.ok) return seen;
  const { running } = seen.value;
  const { spec, status } = running.record;
  const ends = Object.fromEntries(applied.map(({ item }) => [item.key, direction === 'up' ? endOfUp(seen.value, targetOf(item)) : endOfDown(seen.value, targetOf(item))]));
  const { rollout, why } = judge(running);
  return succeed({ ends, say: `${running.name} wants ${spec.replicas} and has ${plural(status.replicas, 'replica')}, ${status.readyReplicas} ready.${rollout === 'stuck' ? ` ${why}` : ''}` });
}

function endOfUp({ running, owner }: Seen, to: Target): ItemEnd {
  const { spec, status } = running.record;
  const least = to.minReplicas ?? to.replicas;
  if (to.autoscaler === undefined ? spec.replicas < to.replicas : owner === undefined || owner.spec.minReplicas < least) return 'returned';
  if (status.readyReplicas >= least) return 'done';
  return judge(running).rollout === 'stuck' ? 'failed' : 'pending';
}

function endOfDown({ running, owner }: Seen, to: Target): ItemEnd {
  const { metadata, spec, status } = running.record;
  if (to.autoscaler === undefined ? spec.replicas > to.replicas : owner === undefined || owner.spec.maxReplicas > (to.maxReplicas ?? to.replicas)) return 'returned';
  if (status.observedGeneration < metadata.generation) return 'pending';
  return status.replicas <= (to.maxReplicas ?? to.replicas) ? 'done' : 'pending';
}

/** The number of before, and the autoscaler's bounds of before where they were changed. */
export function formerScale(applied: readonly AppliedItem[], input: ScaleInput): { replicas: number; with: JsonObject } | undefined {
  const [first] = applied;
  if (first === undefined) return undefined;
  const { current } = first.item;
  const min = numberAt(current, 'minReplicas');
  const max = numberAt(current, 'maxReplicas');
  const number = Number.isNaN(numberAt(current, 'replicas')) ? min : numberAt(current, 'replicas');
  return { replicas: number, with: { service: input.service, replicas: number, ...(Number.isNaN(min) ? {} : { bounds: { min, max } }) } };
}
