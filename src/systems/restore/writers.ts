/**
 * Services that write, as items of a restore's plan: `stop/<service>` in order before anything is touched, `start/<service>` in the opposite
 * order at its end. Numbers are not part of what is approved, since autoscalers move them by themselves: a stop notes how many there were,
 * and a start goes back to that note, also when a later plan takes up a restore that broke off.
 */
import { type AppliedItem, type ApplyContext, fail, type Item, type Plan, type PlanContext, type ProbeAnswer, type ProbeContext, type Result, type StepContext, succeed } from '#step-kit/index.ts';
import type { ServiceControl, ServiceState } from './client.ts';
import { type End, outcome, outcomesOf, type RestoreOutput, restoreOutput, safetySetOf } from './outcome.ts';
import { Restore } from './system.ts';

/** As of every write to Kubernetes: its API server gives up on a call after 60 s at most. */
export const LANDS_WITHIN_MS = 90_000;
/** How long `stop` waits for the last pod; pods get 30 s to end, and some of Cordum's are given more. */
const GONE_WITHIN_MS = 180_000;
const LOOK_AGAIN_MS = 500;
/** Most pods end within this; those that take longer are looked at less often. */
const OFTEN_MS = 10_000;
const LOOK_LATER_MS = 5_000;
/** A server lists a connection a little longer than it lasts. */
const QUIET_TRIES = 8;

export interface ServiceItems {
  readonly stops: readonly Item[];
  readonly starts: readonly Item[];
  readonly notes: readonly string[];
}

/**
 * Of all that run, and of those that a restore has stopped and not started. None where the target has no Kubernetes: people stop and start
 * them there, and the restore only looks whether anybody writes.
 */
export async function serviceItems(ctx: StepContext): Promise<Result<ServiceItems>> {
  const { services: control } = ctx.use(Restore);
  if (control === undefined) return succeed({ stops: [], starts: [], notes: [] });
  const listed = await control.list(ctx);
  if (!listed.ok) return listed;
  const { services, notes } = listed.value;
  const running = services.filter(({ wanted }) => wanted > 0);
  const stopped = services.filter(({ wanted, noted }) => wanted === 0 && noted > 0);
  const others = services.filter(({ wanted, noted }) => wanted === 0 && noted === 0);
  const says = [
    ...(running.length === 0 ? [] : [`They run now: ${running.map(({ name, wanted }) => `${name} (${wanted})`).join(', ')}. Each is started again with as many as it had when it was stopped.`]),
    ...(stopped.length === 0 ? [] : [`Stopped by a restore that did not end: ${stopped.map(({ name, noted }) => `${name} (${noted})`).join(', ')}. They are started as well.`]),
    ...(others.length === 0 ? [] : [`Stopped by somebody else, and left so: ${others.map(({ name }) => name).join(', ')}.`]),
    ...notes,
  ];
  const back = new Set([...running, ...stopped].map(({ service }) => service));
  return succeed({ stops: running.map(stopItem), starts: services.filter(({ service }) => back.has(service)).map(startItem).toReversed(), notes: says });
}

function stopItem({ service, name }: ServiceState): Item {
  return { key: `stop/${service}`, title: `Stop ${name}, and wait until its last pod is gone`, current: { runs: true }, next: { replicas: 0 } };
}

function startItem({ service, name }: ServiceState): Item {
  return { key: `start/${service}`, title: `Start ${name} again, with as many replicas as it had`, current: { stoppedByRestore: true }, next: { replicas: 'as noted when it was stopped' } };
}

export function isServiceItem(key: string): boolean {
  return placeOf(key) !== undefined;
}

function placeOf(key: string): { readonly way: 'stop' | 'start'; readonly service: string } | undefined {
  const [, way, service] = /^(stop|start)\/(.+)$/.exec(key) ?? [];
  return service === undefined || way === undefined ? undefined : { way: way as 'stop' | 'start', service };
}

/** The re-check just before its effect: of this service alone. */
export async function recheckService(key: string, ctx: PlanContext): Promise<Result<Plan>> {
  const seen = await stateOf(key, ctx);
  if (!seen.ok) return seen;
  const { way, state } = seen.value;
  if (way === 'stop') return succeed(state.wanted > 0 ? { summary: `Stop ${state.name}.`, items: [stopItem(state)] } : { summary: `${state.name} is at 0 already.`, items: [], notes: [`${state.name} is at 0 already`] });
  if (state.wanted > 0) return succeed({ summary: `${state.name} runs.`, items: [], notes: [`${state.name} runs already`] });
  if (state.noted === 0) return succeed({ summary: `${state.name} has no note.`, items: [], notes: [`${state.name} does not say any more how many replicas it had: start it by hand`] });
  return succeed({ summary: `Start ${state.name}.`, items: [startItem(state)] });
}

/**
 * `whole` is asked before the first service starts: a sentence when what was to be restored is not, and then nothing is started on it.
 * Later ones follow without it, since a service that runs writes.
 */
export async function applyService(item: Item, ctx: ApplyContext, whole: () => Promise<Result<string>>): Promise<Result<RestoreOutput>> {
  const seen = await stateOf(item.key, ctx);
  if (!seen.ok) return unsent(seen);
  const { control, way, state } = seen.value;
  if (way === 'stop') {
    const stopped = await control.stop(state.service, ctx.idempotencyKey, ctx);
    if (!stopped.ok) return stopped;
    if (stopped.value === 'changed') return fail('conflict', `${state.name} was changed by somebody else in this moment: nothing was sent.`, 'no');
    await untilGone(control, state.service, ctx);
    return succeed(outcome(item.key, 'stopped', { wasThere: true, replicas: stopped.value }));
  }
  const first = await noneRuns(control, ctx);
  if (!first.ok) return unsent(first);
  const because = first.value ? await whole() : succeed('');
  if (!because.ok) return unsent(because);
  if (because.value !== '') return fail('refused', `${state.name} is not started: ${because.value}`, 'no');
  const started = await control.start(state.service, ctx.idempotencyKey, ctx);
  if (!started.ok) return started;
  if (started.value === 'changed') return fail('conflict', `${state.name} was started or changed by somebody else: nothing was sent.`, 'no');
  return succeed(outcome(item.key, 'started', { replicas: started.value }));
}

/** Goes on without it when the last pod takes longer: `verify` looks further, and no item behind it writes while one is left. */
async function untilGone(control: ServiceControl, service: string, ctx: StepContext): Promise<void> {
  for (let waitedMs = 0, pauseMs = LOOK_AGAIN_MS; waitedMs < GONE_WITHIN_MS && !ctx.signal.aborted; waitedMs += pauseMs) {
    const seen = await control.look(service, ctx);
    if (seen.ok && seen.value.pods === 0) return;
    pauseMs = waitedMs < OFTEN_MS ? LOOK_AGAIN_MS : LOOK_LATER_MS;
    await ctx.sleep(pauseMs);
  }
}

async function noneRuns(control: ServiceControl, ctx: StepContext): Promise<Result<boolean>> {
  const listed = await control.list(ctx);
  return listed.ok ? succeed(listed.value.services.every(({ wanted }) => wanted === 0)) : listed;
}

export async function probeService(item: Item, ctx: ProbeContext): Promise<ProbeAnswer> {
  const seen = await stateOf(item.key, ctx);
  if (!seen.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${seen.failure.message}`, failure: seen.failure };
  const { way, state } = seen.value;
  if (state.mark !== ctx.idempotencyKey) return { landed: 'notApplied', evidence: `${state.name} does not carry the mark of this effect.` };
  const result = way === 'stop' ? outcome(item.key, 'stopped', { wasThere: true, replicas: state.noted }) : outcome(item.key, 'started', { replicas: state.wanted });
  return { landed: 'applied', result, evidence: `${state.name} carries the mark of this effect.` };
}

/** `later`: items after it have been applied, so that a service that was stopped may well have been started again. */
export async function endOfService({ item, result }: AppliedItem, later: readonly AppliedItem[], ctx: StepContext): Promise<Result<End>> {
  const seen = await stateOf(item.key, ctx);
  if (!seen.ok) return seen;
  const { way, state } = seen.value;
  const { replicas } = restoreOutput.parse(result);
  const { name, wanted, ready, pods, stuck } = state;
  if (way === 'start') {
    if (wanted === 0) return succeed({ end: 'returned', say: `${name} is at 0 again.` });
    if (ready >= wanted) return succeed({ end: 'done', say: `${name} has ${ready} of ${wanted} ready.` });
    return succeed({ end: stuck === '' ? 'pending' : 'failed', say: `${name} has ${ready} of ${wanted} ready.${stuck === '' ? '' : ` ${stuck}`}` });
  }
  if (later.some((one) => one.item.key === `start/${state.service}`)) return succeed({ end: 'done', say: '' });
  if (wanted > 0) return succeed({ end: 'returned', say: `${name} was started by somebody else: it wants ${wanted}.` });
  return succeed({ end: pods === 0 ? 'done' : 'pending', say: `${name} is at 0 (it had ${replicas})${pods === 0 ? '' : `, ${pods} pods are still going`}.` });
}

/** What a person has to know of a restore that has not come to its end: nothing is started by itself on data that is half restored. */
export function goOn(applied: readonly AppliedItem[], store: string): string[] {
  const outcomes = outcomesOf(applied);
  const started = new Set(outcomes.filter(({ done }) => done === 'started').map(({ key }) => placeOf(key)?.service));
  const stopped = outcomes.filter(({ done, key }) => done === 'stopped' && !started.has(placeOf(key)?.service));
  if (stopped.length === 0) return [];
  const set = safetySetOf(applied);
  const back = set === '' ? '' : `, or restore ${store}-${set} to have what was there before`;
  return [`Still stopped: ${stopped.map(({ key, replicas }) => `${placeOf(key)?.service ?? key} (it had ${replicas})`).join(', ')}. To go on, start the runbook again: a new plan takes up from here and starts them at its end${back}.`];
}

/** Asks again for a while: what has just been stopped may still be listed. */
export async function untilQuiet(ask: () => Promise<Result<readonly string[]>>, ctx: StepContext): Promise<Result<readonly string[]>> {
  let said = await ask();
  for (let tries = 1; tries < QUIET_TRIES && !said.ok && said.failure.reason === 'refused' && !ctx.signal.aborted; tries += 1) {
    await ctx.sleep(LOOK_AGAIN_MS);
    said = await ask();
  }
  return said;
}

async function stateOf(key: string, ctx: StepContext): Promise<Result<{ readonly control: ServiceControl; readonly way: 'stop' | 'start'; readonly state: ServiceState }>> {
  const place = placeOf(key);
  const { services: control } = ctx.use(Restore);
  if (place === undefined || control === undefined) return fail('invalid', `${key.slice(0, 80)} is no service that a restore stops or starts here.`);
  const seen = await control.look(place.service, ctx);
  return seen.ok ? succeed({ control, way: place.way, state: seen.value }) : seen;
}

function unsent<T>(result: Extract<Result<T>, { ok: false }>): Extract<Result<never>, { ok: false }> {
  return { ok: false, failure: { ...result.failure, landed: 'no' } };
}
