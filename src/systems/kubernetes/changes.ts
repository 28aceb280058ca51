/**
 * What writes to workloads share. Each plans with a server-side dry run of the very patch and keeps the state of the workload
 * in the item. It applies when that state still holds, with the resourceVersion that this last look has seen: whatever moves
 * in between makes the API refuse (409). A mark of the effect stands in the workload's annotations.
 */
import { type AppliedItem, type ApplyContext, type Capacity, fail, type Item, type ItemEnd, type Json, type JsonObject, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer } from '#step-kit/index.ts';
import { capacityOfRollout, tightest } from './capacity.ts';
import type { KubernetesClient, Patch, ServiceName } from './client.ts';
import { onFreshLook, stateOf } from './guard.ts';
import { readHistory } from './history.ts';
import { pod, workload } from './records.ts';
import { troubleOf } from './problems.ts';
import { judge, readRunning, type Running, spoken } from './rollouts.ts';
import { Kubernetes } from './system.ts';
import { field } from './words.ts';

/** On the workload, not on its pods, so that it rolls nothing. */
export const EFFECT = 'cordum-runbook-bot/effect';
/** Our call gives up after 10 s; the API server itself gives up after 60 s at most (34 s seen with its storage gone, etcd_down_scale_patch). */
export const LANDS_WITHIN_MS = 90_000;
/** New pods of a rollout that are looked at for a reason why it will not end. */
const MOST_PODS = 50;
/** A container that has crashed this often does not just wait for another one. */
const HOPELESS_RESTARTS = 3;

/** What is to be done to one workload. `patch` is called for the dry run, and again with the effect's key. */
export interface Change {
  readonly title: string;
  /** Beside the state. */
  readonly current: JsonObject;
  readonly next: JsonObject;
  /** The version is the workload's, and the mark goes into its annotations. */
  patch(version: string, mark: string): Patch;
}
export type Decided = { readonly change: Change } | { readonly nothing: string };

export interface Changing<Input> {
  services(input: Input): readonly ServiceName[];
  /** What is to be done to a workload as it is now, or why nothing is. Called by plan and again by apply. */
  decide(client: KubernetesClient, running: Running, input: Input, ctx: StepContext): Promise<Result<Decided>>;
  /** Whether it replaces pods, and so takes capacity while it runs. */
  readonly rolls: boolean;
  summary(titles: readonly string[]): string;
}

export function keyOf({ kind, name }: Pick<Running, 'kind' | 'name'>): string {
  return `${kind === 'deployments' ? 'deployment' : 'statefulset'}/${name}`;
}

/** The items stand in the order in which the services were named, since waves take them in that order. */
export async function planChanges<Input>(changing: Changing<Input>, input: Input, ctx: PlanContext): Promise<Result<Plan>> {
  const client = ctx.use(Kubernetes);
  const items: Item[] = [];
  const notes: string[] = [];
  const capacities: (Capacity | undefined)[] = [];
  for (const service of new Set(changing.services(input))) {
    if (ctx.only !== undefined && keyOf(client.names.workload(service)) !== ctx.only) continue;
    const planned = await planOne(changing, client, service, input, ctx);
    if (!planned.ok) return planned;
    if ('nothing' in planned.value) {
      notes.push(planned.value.nothing);
      continue;
    }
    items.push(planned.value.item);
    capacities.push(planned.value.capacity);
  }
  const capacity = tightest(capacities);
  return succeed({ summary: items.length === 0 ? 'There is nothing to change.' : changing.summary(items.map(({ title }) => title)), items, notes, ...(capacity === undefined ? {} : { capacity }) });
}

type Planned = { readonly item: Item; readonly capacity: Capacity | undefined } | { readonly nothing: string };

async function planOne<Input>(changing: Changing<Input>, client: KubernetesClient, service: ServiceName, input: Input, ctx: PlanContext): Promise<Result<Planned>> {
  const call = { signal: ctx.signal };
  return onFreshLook(() => decideNow(changing, client, service, input, ctx), async ({ running, decided }): Promise<Result<Planned>> => {
    if ('nothing' in decided) return succeed(decided);
    const { change } = decided;
    const { kind, name, record } = running;
    const capacity = changing.rolls ? capacityOfRollout(client, running) : succeed(undefined);
    if (!capacity.ok) return capacity;
    const tried = await client.patch(kind, name, change.patch(record.metadata.resourceVersion, 'dry-run'), workload, { ...call, dryRun: true });
    if (!tried.ok) return withoutLanded(tried);
    return succeed({ item: { key: keyOf(running), title: change.title, current: { ...change.current, state: stateOf(record) }, next: change.next }, capacity: capacity.value });
  });
}

async function decideNow<Input>(changing: Changing<Input>, client: KubernetesClient, service: ServiceName, input: Input, ctx: StepContext): Promise<Result<{ running: Running; decided: Decided }>> {
  const running = await readRunning(client, service, { signal: ctx.signal });
  if (!running.ok) return running;
  const decided = await changing.decide(client, running.value, input, ctx);
  return decided.ok ? succeed({ running: running.value, decided: decided.value }) : decided;
}

export async function applyChange<Input>(changing: Changing<Input>, item: Item, input: Input, ctx: ApplyContext): Promise<Result<{ service: string; changedAt: string; generation: number }>> {
  const client = ctx.use(Kubernetes);
  const service = serviceOfItem(client, item, changing.services(input));
  if (service === undefined) return fail('invalid', `${item.key} is not among the services of the input.`, 'no');
  const look = async (): Promise<Result<{ running: Running; change: Change }>> => {
    const seen = await decideNow(changing, client, service, input, ctx);
    if (!seen.ok) return notLanded(seen);
    const { running, decided } = seen.value;
    if (stateOf(running.record) !== field(item.current, 'state')) return fail('conflict', `${spoken(running)} has changed since it was planned: nothing was sent.`, 'no');
    return 'nothing' in decided ? fail('conflict', decided.nothing, 'no') : succeed({ running, change: decided.change });
  };
  return onFreshLook(look, async ({ running: { kind, name, record }, change }) => {
    const patched = await client.patch(kind, name, change.patch(record.metadata.resourceVersion, ctx.idempotencyKey), workload, { signal: ctx.signal });
    return patched.ok ? succeed({ service, changedAt: new Date(ctx.now()).toISOString(), generation: patched.value.metadata.generation }) : patched;
  });
}

/** Whether the mark of the effect is there. Without it the call has not landed, once the time is over within which it can. */
export async function probeChange(item: Item, services: readonly ServiceName[], ctx: ProbeContext): Promise<ProbeAnswer> {
  const client = ctx.use(Kubernetes);
  const service = serviceOfItem(client, item, services);
  if (service === undefined) return { landed: 'unknown', evidence: `${item.key} is not among the services of the input.` };
  const running = await readRunning(client, service, { signal: ctx.signal });
  if (!running.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${running.failure.message}`, failure: running.failure };
  const { metadata } = running.value.record;
  if (metadata.annotations[EFFECT] === ctx.idempotencyKey) {
    return { landed: 'applied', result: { service, changedAt: new Date(ctx.intendedAt).toISOString(), generation: metadata.generation }, evidence: `${spoken(running.value)} carries the mark of this effect.` };
  }
  if (stateOf(running.value.record) === field(item.current, 'state')) return { landed: 'notApplied', evidence: `${spoken(running.value)} is still as it was planned for.` };
  return { landed: 'notApplied', evidence: `${spoken(running.value)} has changed since it was planned, and does not carry the mark of this effect.` };
}

/** Whether what was changed still stands, by the step's own look at the workload. */
export type StillThere = (client: KubernetesClient, running: Running, applied: AppliedItem) => boolean;

export function verifyRollouts(applied: readonly AppliedItem[], services: readonly ServiceName[], stillThere: StillThere, ctx: StepContext): Promise<Result<VerifyAnswer>> {
  return verifyEach(applied, services, stillThere, endOfRollout, ctx);
}

/** For changes that are done as soon as they are stored. */
export function verifyStored(applied: readonly AppliedItem[], services: readonly ServiceName[], stillThere: StillThere, ctx: StepContext): Promise<Result<VerifyAnswer>> {
  return verifyEach(applied, services, stillThere, async () => succeed({ end: 'done', why: 'as it was changed.' }), ctx);
}

type EndOf = (client: KubernetesClient, running: Running, ctx: StepContext) => Promise<Result<{ end: ItemEnd; why: string }>>;

async function verifyEach(applied: readonly AppliedItem[], services: readonly ServiceName[], stillThere: StillThere, endOf: EndOf, ctx: StepContext): Promise<Result<VerifyAnswer>> {
  const client = ctx.use(Kubernetes);
  const ends: Record<string, ItemEnd> = {};
  const said: string[] = [];
  for (const one of applied) {
    const service = serviceOfItem(client, one.item, services);
    if (service === undefined) {
      ends[one.item.key] = 'unknown';
      continue;
    }
    const running = await readRunning(client, service, { signal: ctx.signal });
    if (!running.ok) return running;
    const end = stillThere(client, running.value, one) ? await endOf(client, running.value, ctx) : succeed({ end: 'returned' as const, why: 'what was changed is not there any more: somebody changed it since.' });
    if (!end.ok) return end;
    ends[one.item.key] = end.value.end;
    said.push(`${running.value.name}: ${end.value.why}`);
  }
  return succeed({ ends, say: said.join(' ') });
}

async function endOfRollout(client: KubernetesClient, running: Running, ctx: StepContext): Promise<Result<{ end: ItemEnd; why: string }>> {
  const { rollout, why } = judge(running);
  if (rollout === 'complete') return succeed({ end: 'done', why });
  if (rollout === 'stuck') return succeed({ end: 'failed', why });
  if (rollout === 'paused') return succeed({ end: 'unknown', why });
  const hopeless = await hopelessPod(client, running, ctx);
  if (!hopeless.ok) return hopeless;
  return succeed(hopeless.value === undefined ? { end: 'pending', why } : { end: 'failed', why: hopeless.value });
}

/** A new pod that will not come up says so minutes before the deadline of the rollout does. */
async function hopelessPod(client: KubernetesClient, running: Running, ctx: StepContext): Promise<Result<string | undefined>> {
  const call = { signal: ctx.signal };
  const newest = await newestHash(client, running, ctx);
  if (!newest.ok) return newest;
  if (newest.value === '') return succeed(undefined);
  const pods = await client.list('pods', pod, { labels: client.names.selector(running.service), most: MOST_PODS }, call);
  if (!pods.ok) return pods;
  const label = running.kind === 'deployments' ? 'pod-template-hash' : 'controller-revision-hash';
  for (const one of pods.value.items.filter(({ metadata }) => metadata.labels[label] === newest.value)) {
    const { problem, why } = troubleOf(one, ctx.now());
    const crashes = [...one.status.initContainerStatuses, ...one.status.containerStatuses].some(({ restartCount }) => restartCount >= HOPELESS_RESTARTS);
    if (problem === 'imagePull' || problem === 'configError' || ((problem === 'crashLoop' || problem === 'oomKilled') && crashes)) return succeed(`The new pod ${one.metadata.name} does not come up. ${why}`);
  }
  return succeed(undefined);
}

async function newestHash(client: KubernetesClient, running: Running, ctx: StepContext): Promise<Result<string>> {
  if (running.kind === 'statefulsets') return succeed(running.record.status.updateRevision);
  // Until Kubernetes has looked at the change, the newest set is that of before.
  if (running.record.status.observedGeneration < running.record.metadata.generation) return succeed('');
  const history = await readHistory(client, running, { signal: ctx.signal });
  return history.ok ? succeed(history.value.revisions[0]?.set.metadata.labels['pod-template-hash'] ?? '') : history;
}

function serviceOfItem(client: KubernetesClient, item: Item, services: readonly ServiceName[]): ServiceName | undefined {
  return services.find((service) => keyOf(client.names.workload(service)) === item.key);
}

/** A merge patch's or strategic patch's body with the guard and the mark in its metadata. */
export function guarded(version: string, mark: string, spec: Json, annotations: JsonObject = {}): JsonObject {
  return { metadata: { resourceVersion: version, annotations: { ...annotations, [EFFECT]: mark } }, spec };
}

/** A failure of something that only read, in a write: certainly nothing has happened. */
export function notLanded<T>(result: Extract<Result<T>, { ok: false }>): Extract<Result<never>, { ok: false }> {
  return fail(result.failure.reason, result.failure.message, 'no');
}

function withoutLanded<T>(result: Extract<Result<T>, { ok: false }>): Extract<Result<never>, { ok: false }> {
  return fail(result.failure.reason, `The dry run was refused. ${result.failure.message}`);
}
