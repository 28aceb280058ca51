/** How far the rollout of a workload is, by the rules that kubectl waits by. */
import { type Result, succeed } from '#step-kit/index.ts';
import type { Call, KubernetesClient, ServiceName } from './client.ts';
import type { Workload } from './names.ts';
import { type Container, conditionOf, type WorkloadRecord, workload } from './records.ts';
import { message, plural } from './words.ts';

export const ROLLOUTS = ['complete', 'progressing', 'stuck', 'paused', 'degraded'] as const;
/**
 * `stuck` will not go on by itself: its deadline has passed or its pods cannot be created. `degraded`: the rollout was done,
 * but fewer pods serve than are wanted.
 */
export type Rollout = (typeof ROLLOUTS)[number];

export interface Judged {
  readonly rollout: Rollout;
  readonly why: string;
}

/** A workload of a service, as it is now. */
export interface Running {
  readonly service: ServiceName;
  readonly kind: Workload['kind'];
  readonly name: string;
  readonly record: WorkloadRecord;
}

export async function readRunning(client: KubernetesClient, service: ServiceName, call: Call): Promise<Result<Running>> {
  const { kind, name } = client.names.workload(service);
  const read = await client.get(kind, name, workload, call);
  return read.ok ? succeed({ service, kind, name, record: read.value }) : read;
}

/** The word for people: `Deployment cordum-scheduler`. */
export function spoken({ kind, name }: Pick<Running, 'kind' | 'name'>): string {
  return `${kind === 'deployments' ? 'Deployment' : 'StatefulSet'} ${name}`;
}

/** The container that is the service itself; where its name differs, the only or first one. */
export function mainContainer(client: KubernetesClient, { service, record }: Running): Container | undefined {
  const { containers } = record.spec.template.spec;
  return containers.find(({ name }) => name === client.names.container(service)) ?? (containers.length === 1 ? containers[0] : undefined);
}

export function judge({ kind, record }: Pick<Running, 'kind' | 'record'>): Judged {
  return kind === 'deployments' ? judgeDeployment(record) : judgeStatefulSet(record);
}

/** The answer to a change still carries the counters from before it (recording deployment_set_image), so the generation is looked at first. */
function judgeDeployment({ metadata, spec, status }: WorkloadRecord): Judged {
  const wanted = spec.replicas;
  const progress = conditionOf(status.conditions, 'Progressing');
  const failure = conditionOf(status.conditions, 'ReplicaFailure');
  if (spec.paused) return { rollout: 'paused', why: 'It is paused: changes are stored but not rolled out.' };
  if (status.observedGeneration < metadata.generation) return { rollout: 'progressing', why: 'Kubernetes has not looked at the latest change yet.' };
  if (failure?.status === 'True') return { rollout: 'stuck', why: `Its pods cannot be created (${failure.reason}): ${message(failure.message)}` };
  if (progress?.status === 'False') return { rollout: 'stuck', why: `It has not come further within its deadline (${progress.reason}): ${status.updatedReplicas} of ${wanted} are new, ${status.availableReplicas} available.` };
  if (status.updatedReplicas < wanted) return { rollout: 'progressing', why: `${status.updatedReplicas} of ${plural(wanted, 'pod')} are new.` };
  if (status.replicas > wanted && status.updatedReplicas > wanted) return { rollout: 'progressing', why: `${plural(status.replicas - wanted, 'pod')} still to go.` };
  if (status.replicas > status.updatedReplicas) return { rollout: 'progressing', why: `${plural(status.replicas - status.updatedReplicas, 'old pod')} still to go.` };
  if (status.availableReplicas >= status.updatedReplicas && status.availableReplicas >= wanted) return { rollout: 'complete', why: `${status.availableReplicas} of ${plural(wanted, 'pod')} available.` };
  // A rollout that was done keeps NewReplicaSetAvailable when its pods crash later.
  const done = progress?.reason === 'NewReplicaSetAvailable';
  return { rollout: done ? 'degraded' : 'progressing', why: `${status.availableReplicas} of ${plural(wanted, 'pod')} available.` };
}

/** Ready counters can look whole between two pods of a restart, so the revisions decide (recording statefulset_get_restarting). */
function judgeStatefulSet({ metadata, spec, status }: WorkloadRecord): Judged {
  const wanted = spec.replicas;
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  const manual = spec.updateStrategy?.type === 'OnDelete';
  if (status.observedGeneration < metadata.generation) return { rollout: 'progressing', why: 'Kubernetes has not looked at the latest change yet.' };
  const updating = status.currentRevision !== status.updateRevision && !manual;
  if (updating && partition > 0 && status.updatedReplicas >= wanted - partition) return { rollout: 'paused', why: `A partition of ${partition} holds the rest of the rollout back.` };
  if (updating) return { rollout: 'progressing', why: `${status.updatedReplicas} of ${plural(wanted, 'pod')} are new, ${status.readyReplicas} ready.` };
  if (status.readyReplicas < wanted) return { rollout: 'degraded', why: `${status.readyReplicas} of ${plural(wanted, 'pod')} ready.` };
  if (status.replicas > wanted) return { rollout: 'progressing', why: `${plural(status.replicas - wanted, 'pod')} still to go.` };
  return { rollout: 'complete', why: `${status.readyReplicas} of ${plural(wanted, 'pod')} ready.` };
}
