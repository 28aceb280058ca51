/**
 * What writes to workloads share. Each plans with a server-side dry run of the very patch, keeps the resourceVersion in the
 * item, and applies with it: whatever moves meanwhile makes the API refuse (409), and tells a probe that a lost call cannot
 * land any more. A mark of the effect stands in the workload's annotations.
 */
import { type AppliedItem, type ApplyContext, type Capacity, fail, type Item, type ItemEnd, type Json, type JsonObject, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed, type VerifyAnswer } from '#step-kit/index.ts';
import { capacityOfRollout, tightest } from './capacity.ts';
import type { KubernetesClient, Patch, ServiceName } from './client.ts';
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
  /** Beside the resourceVersion. */
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

async function planOne<Input>(changing: Changing<Input>, client: KubernetesClient, service: ServiceName, input: Input, ctx: PlanContext): Promise<Result<{ item: Item; capacity: Capacity | undefined } | { nothing: string }>> {
  const call = { signal: ctx.signal };
  const running = await readRunning(client, service, call);
  if (!running.ok) return running;
  const decided = await changing.decide(client, running.value, input, ctx);
  if (!decided.ok) return decided;
  if ('nothing' in decided.value) return succeed(decided.value);
  const { change } = decided.value;
  const { kind, name, record } = running.value;
  const capacity = changing.rolls ? capacityOfRollout(client, running.value) : succeed(undefined);
  if (!capacity.ok) return capacity;
  const version = record.metadata.resourceVersion;
  const tried = await client.patch(kind, name, change.patch(version, 'dry-run'), workload, { ...call, dryRun: true });
  if (!tried.ok) return withoutLanded(tried);
  return succeed({ item: { key: keyOf(running.value), title: change.title, current: { ...change.current, resourceVersion: version }, next: change.next }, capacity: capacity.value });
}

export async function applyChange<Input>(changing: Changing<Input>, item: Item, input: Input, ctx: ApplyContext): Promise<Result<{ service: string; changedAt: string; generation: number }>> {
  const client = ctx.use(Kubernetes);
  const service = serviceOfItem(client, item, changing.services(input));
  if (service === undefined) return fail('invalid', `${item.key} is not among the services of the input.`, 'no');
  const running = await readRunning(client, service, { signal: ctx.signal });
  if (!running.ok) return notLanded(running);
  const version = field(item.current, 'resourceVersion');
  if (running.value.record.metadata.resourceVersion !== version) return fail('conflict', `${spoken(running.value)} has changed since it was planned: nothing was sent.`, 'no');
  const decided = await changing.decide(client, running.value, input, ctx);
  if (!decided.ok) return notLanded(decided);
  if ('nothing' in decided.value) return fail('conflict', decided.value.nothing, 'no');
  const { kind, name } = running.value;
  const patched = await client.patch(kind, name, decided.value.change.patch(version, ctx.idempotencyKey), workload, { signal: ctx.signal });
  return patched.ok ? succeed({ service, changedAt: new Date(ctx.now()).toISOString(), generation: patched.value.metadata.generation }) : patched;
}

/** Whether the mark of the effect is there. Without it and with another version, the lost call was refused or will be. */
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
  if (metadata.resourceVersion === field(item.current, 'resourceVersion')) return { landed: 'notApplied', evidence: `${spoken(running.value)} is still at the version ${metadata.resourceVersion} that was planned for.` };
  return { landed: 'notApplied', evidence: `${spoken(running.value)} has moved on to version ${metadata.resourceVersion} and does not carry the mark of this effect; the call named an older version, which Kubernetes refuses.` };
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
