/** What a rollout takes away from serving while it runs, and how much must be left. */
import { type Capacity, fail, type Result, succeed } from '#step-kit/index.ts';
import type { KubernetesClient } from './client.ts';
import { type Running, spoken } from './rollouts.ts';

/** The fifth that the executor allows at a time; a rollout takes its share at once, so it is looked at here. */
const SHARE_DIVISOR = 5;
/** What the API fills in where a Deployment says nothing. */
const DEFAULT_MAX_UNAVAILABLE = '25%';

/** The stores lose their quorum below a majority; of the others the scaling table says the least. */
export function floorOf(client: KubernetesClient, running: Running): number {
  const { min } = client.names.replicas(running.service);
  const store = running.service === 'redis' || running.service === 'nats';
  return store ? Math.floor(min / 2) + 1 : min;
}

/** How many of the pods that serve now may be gone at once while Kubernetes replaces them. */
export function takenByRollout({ kind, record }: Pick<Running, 'kind' | 'record'>): number {
  const ready = record.status.readyReplicas;
  if (kind === 'statefulsets') return record.spec.updateStrategy?.type === 'OnDelete' ? 0 : Math.min(1, ready);
  if (record.spec.strategy?.type === 'Recreate') return ready;
  const wanted = record.spec.replicas;
  const rolling = record.spec.strategy?.rollingUpdate;
  const unavailable = share(rolling?.maxUnavailable ?? '', wanted, 'down');
  const surge = share(rolling?.maxSurge ?? '', wanted, 'up');
  // Kubernetes itself takes one where both come out as none, or nothing would ever move.
  const most = unavailable === 0 && surge === 0 ? 1 : unavailable;
  return Math.max(0, ready - Math.max(0, wanted - most));
}

function share(amount: string, wanted: number, rounding: 'up' | 'down'): number {
  const text = amount === '' ? DEFAULT_MAX_UNAVAILABLE : amount;
  if (!text.endsWith('%')) return Math.max(0, Math.trunc(Number(text)) || 0);
  const exact = (wanted * (Number(text.slice(0, -1)) || 0)) / 100;
  return Math.max(0, rounding === 'up' ? Math.ceil(exact) : Math.floor(exact));
}

/** Refused when the rollout would go below the floor or take too many at once; undefined when it takes none away. */
export function capacityOfRollout(client: KubernetesClient, running: Running): Result<Capacity | undefined> {
  const taken = takenByRollout(running);
  if (taken === 0) return succeed(undefined);
  const total = running.record.status.readyReplicas;
  const floor = floorOf(client, running);
  const recreate = running.record.spec.strategy?.type === 'Recreate' ? ' (its strategy is Recreate)' : '';
  if (total - taken < floor) return fail('refused', `${spoken(running)} would have ${total - taken} of ${total} serving pods left while it rolls${recreate}, and ${floor} must be left.`);
  const most = Math.max(1, Math.floor(total / SHARE_DIVISOR));
  if (taken > most) return fail('refused', `${spoken(running)} would lose ${taken} of ${total} serving pods at once while it rolls${recreate}, and at most ${most} may go: lower its maxUnavailable.`);
  return succeed({ total, floor });
}

/** Of several workloads the one that can spare the least holds for all of them. */
export function tightest(capacities: readonly (Capacity | undefined)[]): Capacity | undefined {
  const given = capacities.filter((one) => one !== undefined);
  return given.toSorted((a, b) => a.total - a.floor - (b.total - b.floor))[0];
}
