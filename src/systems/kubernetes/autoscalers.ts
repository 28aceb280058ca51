/** The HorizontalPodAutoscaler that owns the replicas of a workload: while it does, a number set by hand does not last. */
import { fail, type Result, succeed } from '#step-kit/index.ts';
import type { Call, KubernetesClient } from './client.ts';
import { conditionOf, type Hpa, hpa } from './records.ts';
import { type Running, spoken } from './rollouts.ts';

const MOST_HPAS = 200;

export async function listHpas(client: KubernetesClient, call: Call): Promise<Result<{ items: Hpa[]; truncated: boolean }>> {
  return client.list('horizontalpodautoscalers', hpa, { most: MOST_HPAS }, call);
}

/** By what it points at, since its own name may be any. It stops at zero replicas (recording hpa_get_scaling_disabled). */
export async function ownerOf(client: KubernetesClient, running: Running, call: Call): Promise<Result<Hpa | undefined>> {
  const listed = await listHpas(client, call);
  if (!listed.ok) return listed;
  const kind = running.kind === 'deployments' ? 'Deployment' : 'StatefulSet';
  const owners = listed.value.items.filter(({ spec }) => spec.scaleTargetRef.kind === kind && spec.scaleTargetRef.name === running.name);
  if (owners.length > 1) return fail('refused', `${spoken(running)} has ${owners.length} autoscalers (${owners.map(({ metadata }) => metadata.name).join(', ')}), which pull against each other: remove all but one.`);
  if (owners.length === 0 && listed.value.truncated) return fail('unavailable', `There are more autoscalers than can be looked through, so whether one owns ${running.name} is not certain.`);
  return succeed(owners[0]);
}

export function scalesNow(owner: Hpa): boolean {
  return conditionOf(owner.status.conditions, 'ScalingActive')?.status === 'True';
}
