/** What draining and activating a pool have in common: what the pool is, and how many pools serve its topics. */
import { type Capacity, fail, type Result, type StepContext, succeed } from '#step-kit/index.ts';
import type { DeclaredPool, DeclaredPools, PoolLoad } from './admin-records.ts';
import { readPools } from './config-reading.ts';
import { patiently, type Waiting } from './patience.ts';
import { Cordum } from './system.ts';

/** Names go into a path, so they are strict: what Cordum's own pools look like. */
export const POOL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export interface PoolNow {
  readonly declared: DeclaredPool;
  /** Absent when the gateway shows no such pool: it has no workers and no topics then. */
  readonly load: PoolLoad | undefined;
  readonly all: DeclaredPools;
}

export async function poolNow(name: string, ctx: Waiting & Pick<StepContext, 'use'>): Promise<Result<PoolNow>> {
  const [all, load] = await Promise.all([readPools(ctx), patiently(ctx, () => ctx.use(Cordum).pool(name, { signal: ctx.signal }))]);
  if (!all.ok) return all;
  if (!load.ok && load.failure.reason !== 'notFound') return load;
  const declared = all.value.pools.get(name);
  if (declared === undefined) return fail('notFound', `Cordum's configuration declares no pool ${name}: look at cordum.pools.list.`);
  return succeed({ declared, load: load.ok ? load.value : undefined, all: all.value });
}

/** The status alone, for probes and verifications. */
export async function poolStatus(name: string, ctx: Waiting & Pick<StepContext, 'use'>): Promise<Result<DeclaredPool>> {
  const all = await readPools(ctx);
  if (!all.ok) return all;
  const declared = all.value.pools.get(name);
  return declared === undefined ? fail('notFound', `Cordum's configuration declares no pool ${name} any more.`) : succeed(declared);
}

/** The topic of the pool that the fewest active pools serve: taking the pool away hurts there first. */
export function scarcest({ declared, all }: PoolNow): { readonly topic: string; readonly serving: number } {
  const served = [...all.topics]
    .filter(([, pools]) => pools.includes(declared.name))
    .map(([topic, pools]) => ({ topic, serving: pools.filter((name) => all.pools.get(name)?.status === 'active').length }))
    .toSorted((a, b) => a.serving - b.serving || (a.topic < b.topic ? -1 : 1));
  return served[0] ?? { topic: '', serving: 0 };
}

/** Units are pools: of those that serve the scarcest topic, `leave` must be left. A pool without topics takes nothing away. */
export function drainCapacity(now: PoolNow, leave: number): Capacity | undefined {
  const { topic, serving } = scarcest(now);
  return topic === '' ? undefined : { total: serving, floor: leave };
}
