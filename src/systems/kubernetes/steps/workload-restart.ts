import { type Capacity, defineWrite, fail, type ItemEnd, type Plan, type PlanContext, type Result, type StepContext, succeed, z } from '#step-kit/index.ts';
import { takenByRollout } from '../capacity.ts';
import { EFFECT, guarded, LANDS_WITHIN_MS, notLanded } from '../changes.ts';
import type { Patch } from '../client.ts';
import { onFreshLook, stateOf } from '../guard.ts';
import { RESTARTED_AT } from '../history.ts';
import { type WorkloadRecord, workload } from '../records.ts';
import { judge, spoken } from '../rollouts.ts';
import { Kubernetes } from '../system.ts';
import { field } from '../words.ts';

/** What Kubernetes itself allows as a name; it stands in a path. */
const NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const RESOURCES = { Deployment: 'deployments', StatefulSet: 'statefulsets' } as const;
/** Of what serves, so many must be left: more is not known of a workload that is not Cordum's. */
const FLOOR = 1;

const input = z.object({
  kind: z.enum(['Deployment', 'StatefulSet']).default('Deployment'),
  /** Of a workload beside Cordum, such as the workers of a pool. Cordum's own services are for kubernetes.rollout.restart, which knows their floors. */
  name: z.string().regex(NAME),
});
type Input = z.output<typeof input>;

interface Found {
  readonly kind: 'deployments' | 'statefulsets';
  readonly name: string;
  readonly record: WorkloadRecord;
}

export const workloadRestart = defineWrite({
  name: 'kubernetes.workload.restart',
  summary: "Restarts the pods of one named workload that is not Cordum's own, such as the workers of a pool, by a rolling restart.",
  tier: 'R1',
  landsWithinMs: LANDS_WITHIN_MS,
  input,
  output: z.object({ name: z.string(), changedAt: z.string(), generation: z.int() }),
  examples: [{ title: 'The workers of a drained pool', with: { name: 'mock-bank-worker' } }],
  async plan(given, ctx) {
    if (ctx.only !== undefined && ctx.only !== keyOf(given)) return succeed({ summary: 'It is not the workload to restart.', items: [] });
    return onFreshLook(() => read(given, ctx), (found) => planOn(found, given, ctx));
  },
  async apply(item, given, ctx) {
    const look = async (): Promise<Result<Found>> => {
      const found = await read(given, ctx);
      if (!found.ok) return notLanded(found);
      return stateOf(found.value.record) === field(item.current, 'state') ? found : fail('conflict', `${spoken(found.value)} has changed since it was planned: nothing was sent.`, 'no');
    };
    return onFreshLook(look, async ({ kind, name, record }) => {
      const patched = await ctx.use(Kubernetes).patch(kind, name, patchOf(record.metadata.resourceVersion, ctx.idempotencyKey, ctx.now()), workload, { signal: ctx.signal });
      return patched.ok ? succeed({ name, changedAt: new Date(ctx.now()).toISOString(), generation: patched.value.metadata.generation }) : patched;
    });
  },
  async probe(item, given, ctx) {
    const found = await read(given, ctx);
    if (!found.ok) return { landed: 'unknown', evidence: `${item.key} cannot be seen. ${found.failure.message}`, failure: found.failure };
    const { metadata } = found.value.record;
    if (metadata.annotations[EFFECT] === ctx.idempotencyKey) {
      return { landed: 'applied', result: { name: found.value.name, changedAt: new Date(ctx.intendedAt).toISOString(), generation: metadata.generation }, evidence: `${spoken(found.value)} carries the mark of this effect.` };
    }
    if (stateOf(found.value.record) === field(item.current, 'state')) return { landed: 'notApplied', evidence: `${spoken(found.value)} is still as it was planned for.` };
    return { landed: 'notApplied', evidence: `${spoken(found.value)} has changed since it was planned, and does not carry the mark of this effect.` };
  },
  async verify(applied, given, ctx) {
    const found = await read(given, ctx);
    if (!found.ok) return found;
    const { rollout, why } = judge(found.value);
    const end: ItemEnd = rollout === 'complete' ? 'done' : rollout === 'stuck' ? 'failed' : rollout === 'paused' ? 'unknown' : 'pending';
    return succeed({ ends: Object.fromEntries(applied.map(({ item }) => [item.key, end])), say: `${found.value.name}: ${why}` });
  },
});

async function planOn(found: Found, given: Input, ctx: PlanContext): Promise<Result<Plan>> {
  const { kind, name, record } = found;
  const { spec, metadata } = record;
  const why = whyNot(found);
  if (why !== undefined) return fail('refused', why);
  if (spec.replicas === 0) return succeed({ summary: `${spoken(found)} is scaled to 0: there is nothing to restart.`, items: [] });
  const capacity = capacityOf(found);
  if (!capacity.ok) return capacity;
  const tried = await ctx.use(Kubernetes).patch(kind, name, patchOf(metadata.resourceVersion, 'dry-run', ctx.now()), workload, { signal: ctx.signal, dryRun: true });
  if (!tried.ok) return fail(tried.failure.reason, `The dry run was refused. ${tried.failure.message}`);
  return succeed({
    summary: `Restart ${spoken(found)} (${spec.replicas} pods), as its rollout strategy says.`,
    items: [
      {
        key: keyOf(given),
        title: `Restart ${name}`,
        current: { restartedAt: spec.template.metadata.annotations[RESTARTED_AT] ?? '', replicas: spec.replicas, state: stateOf(record) },
        next: { action: 'its pods are replaced by new ones of the same revision' },
      },
    ],
    ...(capacity.value === undefined ? {} : { capacity: capacity.value }),
  });
}

async function read(given: Input, ctx: Pick<StepContext | PlanContext, 'use' | 'signal'>): Promise<Result<Found>> {
  const client = ctx.use(Kubernetes);
  const service = client.names.serviceOf(given.name);
  if (service !== undefined) return fail('refused', `${given.name} is Cordum's own ${service}: restart it by kubernetes.rollout.restart, which knows how much of it must be left.`);
  const kind = RESOURCES[given.kind];
  const record = await client.get(kind, given.name, workload, { signal: ctx.signal });
  return record.ok ? succeed({ kind, name: given.name, record: record.value }) : record;
}

function keyOf({ kind, name }: Input): string {
  return `${kind.toLowerCase()}/${name}`;
}

function whyNot(found: Found): string | undefined {
  const { spec } = found.record;
  if (spec.paused) return `${spoken(found)} is paused, so a restart would not begin: resume it first.`;
  if (spec.updateStrategy?.type === 'OnDelete') return `${spoken(found)} replaces pods only when somebody deletes them (OnDelete), so a restart would do nothing.`;
  return undefined;
}

function capacityOf(found: Found): Result<Capacity | undefined> {
  const taken = takenByRollout(found);
  if (taken === 0) return succeed(undefined);
  const total = found.record.status.readyReplicas;
  if (total - taken < FLOOR) return fail('refused', `${spoken(found)} would have ${total - taken} of ${total} serving pods left while it rolls. Nothing here can tell whether it is idle: give it another pod or another strategy, or restart it by hand once it is drained.`);
  return succeed({ total, floor: FLOOR });
}

function patchOf(version: string, mark: string, nowMs: number): Patch {
  const restartedAt = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return { type: 'strategic', body: guarded(version, mark, { template: { metadata: { annotations: { [RESTARTED_AT]: restartedAt } } } }) };
}
