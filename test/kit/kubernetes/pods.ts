/** Pods in the states that a kubelet and a scheduler put them into. */
import { at, type Fields, isFields, isoSeconds, type KubeObject, labelsAt, type Metadata, numberAt, type OwnerReference, shortHash } from './objects.ts';

export const POD_STATES = [
  'running', 'notReady', 'unschedulable', 'containerCreating', 'imagePull', 'configError', 'crashLoop', 'oomKilled', 'error', 'evicted', 'succeeded', 'failed', 'terminating',
] as const;
export type PodStateName = (typeof POD_STATES)[number];

export interface PodState {
  readonly state: PodStateName;
  /** Default: 0 for a healthy pod, 5 for one that crashes. */
  readonly restarts?: number;
  readonly exitCode?: number;
  readonly message?: string;
  /** Default `node-a`. */
  readonly node?: string;
  /** How long ago it was created, and last began to run. Default an hour. */
  readonly ageSeconds?: number;
  /** Of a restarted container: how long ago its last run ended. Default a minute. */
  readonly endedSecondsAgo?: number;
  /** Containers that are ready nevertheless: the sidecars of a crashing service. */
  readonly readyContainers?: readonly string[];
}

export function stateOf(state: PodStateName | PodState): PodState {
  return typeof state === 'string' ? { state } : state;
}

const NOT_STARTED: Partial<Record<PodStateName, string>> = { containerCreating: 'ContainerCreating', imagePull: 'ImagePullBackOff', configError: 'CreateContainerConfigError' };
const ENDED: ReadonlySet<PodStateName> = new Set(['evicted', 'succeeded', 'failed']);

export function isReady(pod: KubeObject): boolean {
  const conditions = at(pod, 'status', 'conditions');
  return pod.metadata['deletionTimestamp'] === undefined && Array.isArray(conditions) && conditions.some((one) => isFields(one) && one['type'] === 'Ready' && one['status'] === 'True');
}

export function isEnded(pod: KubeObject): boolean {
  return ['Succeeded', 'Failed'].includes(String(at(pod, 'status', 'phase')));
}

/** The status of a pod with these containers, in this state. Shapes from the recordings pods_list_running, …_crashloop, …_oomkilled, …_image_pull_backoff, …_pending_unschedulable. */
export function podStatus(pod: KubeObject, given: PodState, now: number): Fields {
  const { state } = given;
  const age = (given.ageSeconds ?? 3_600) * 1_000;
  const since = isoSeconds(now - age);
  if (state === 'unschedulable') {
    const message = given.message ?? '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for incoming pod.';
    return { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', lastProbeTime: null, lastTransitionTime: since, reason: 'Unschedulable', message }], qosClass: 'Burstable' };
  }
  if (state === 'evicted') return { phase: 'Failed', reason: 'Evicted', message: given.message ?? 'The node was low on resource: memory.', startTime: since, qosClass: 'Burstable' };
  const specs = at(pod, 'spec', 'containers');
  const containers = (Array.isArray(specs) ? specs : []).filter(isFields).map((container, index) => containerStatus(pod, container, index === 0 || given.readyContainers === undefined ? given : ownState(container, given), now));
  const unready = containers.filter((one) => one['ready'] !== true).map((one) => String(one['name']));
  const ready = unready.length === 0 && !ENDED.has(state);
  const why = ready ? {} : { reason: state === 'succeeded' ? 'PodCompleted' : 'ContainersNotReady', ...(state === 'succeeded' ? {} : { message: `containers with unready status: [${unready.join(' ')}]` }) };
  const condition = (type: string, holds: boolean, more: Fields = {}): Fields => ({ type, status: holds ? 'True' : 'False', lastProbeTime: null, lastTransitionTime: since, ...more });
  const phase = state === 'succeeded' ? 'Succeeded' : state === 'failed' ? 'Failed' : NOT_STARTED[state] === undefined ? 'Running' : 'Pending';
  return {
    observedGeneration: 1,
    phase,
    conditions: [condition('PodReadyToStartContainers', !ENDED.has(state)), condition('Initialized', true), condition('Ready', ready, why), condition('ContainersReady', ready, why), condition('PodScheduled', true)],
    hostIP: '10.0.0.11',
    hostIPs: [{ ip: '10.0.0.11' }],
    ...(phase === 'Running' ? { podIP: '10.244.0.7', podIPs: [{ ip: '10.244.0.7' }] } : {}),
    startTime: since,
    containerStatuses: containers,
    qosClass: 'Burstable',
  };
}

function ownState(container: Fields, given: PodState): PodState {
  return given.readyContainers?.includes(String(container['name'])) === true ? { state: 'running', ...(given.ageSeconds === undefined ? {} : { ageSeconds: given.ageSeconds }) } : given;
}

function containerStatus(pod: KubeObject, container: Fields, given: PodState, now: number): Fields {
  const name = String(container['name']);
  const image = String(container['image']);
  const crashing = given.state === 'crashLoop' || given.state === 'oomKilled' || given.state === 'error';
  const restarts = given.restarts ?? (crashing ? 5 : 0);
  const containerID = `containerd://${shortHash([pod.metadata.uid, name], 64)}`;
  const endedMs = now - (given.endedSecondsAgo ?? 60) * 1_000;
  const terminated = (reason: string, exitCode: number): Fields => ({
    exitCode, reason, ...(given.message === undefined ? {} : { message: given.message }), startedAt: isoSeconds(endedMs - 2_000), finishedAt: isoSeconds(endedMs), containerID,
  });
  const ended = terminated(given.state === 'oomKilled' ? 'OOMKilled' : 'Error', given.exitCode ?? (given.state === 'oomKilled' ? 137 : 1));
  const running = { running: { startedAt: isoSeconds(restarts > 0 ? endedMs + 10_000 : now - (given.ageSeconds ?? 3_600) * 1_000) } };
  const state = stateOfContainer(pod, { name, image }, given, { ended, running, terminated });
  const up = given.state === 'running' || given.state === 'notReady' || given.state === 'terminating';
  return {
    name,
    state,
    lastState: restarts > 0 ? { terminated: ended } : {},
    ready: given.state === 'running' || given.state === 'terminating',
    restartCount: restarts,
    image,
    imageID: NOT_STARTED[given.state] === undefined ? `${image}@sha256:${'0'.repeat(64)}` : '',
    ...(NOT_STARTED[given.state] === undefined ? { containerID } : {}),
    started: up,
  };
}

function stateOfContainer(pod: KubeObject, { name, image }: { readonly name: string; readonly image: string }, given: PodState, makes: { readonly ended: Fields; readonly running: Fields; readonly terminated: (reason: string, exitCode: number) => Fields }): Fields {
  const id = `${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`;
  switch (given.state) {
    case 'crashLoop':
    case 'oomKilled':
      return { waiting: { reason: 'CrashLoopBackOff', message: `back-off 5m0s restarting failed container=${name} pod=${id}` } };
    case 'error':
      return { terminated: makes.ended };
    case 'imagePull':
      return { waiting: { reason: 'ImagePullBackOff', message: given.message ?? `Back-off pulling image "${image}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "${image}": ${image}: not found` } };
    case 'configError':
      return { waiting: { reason: 'CreateContainerConfigError', message: given.message ?? 'secret "cordum-api-key" not found' } };
    case 'containerCreating':
      return { waiting: { reason: 'ContainerCreating', ...(given.message === undefined ? {} : { message: given.message }) } };
    case 'succeeded':
      return { terminated: makes.terminated('Completed', 0) };
    case 'failed':
      return { terminated: makes.terminated('Error', given.exitCode ?? 1) };
    default:
      return makes.running;
  }
}

export interface PodTemplate {
  readonly metadata: { readonly labels: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec: Fields;
}

/** A pod of a template, as the controllers make one. */
export function podOf(name: string, template: unknown, more: { readonly labels?: Record<string, string>; readonly owner?: OwnerReference }): Fields & { metadata: Partial<Metadata> & { name: string } } {
  const annotations = labelsAt(template, 'metadata', 'annotations');
  return {
    metadata: {
      name,
      labels: { ...labelsAt(template, 'metadata', 'labels'), ...more.labels },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(more.owner === undefined ? {} : { ownerReferences: [more.owner] }),
    },
    spec: structuredClone(at(template, 'spec') ?? {}),
    status: { phase: 'Pending', qosClass: 'Burstable' },
  };
}

/** The terminating pod keeps its phase and its ready containers until the kubelet is done. */
export function deletionOf(now: number): { deletionTimestamp: string; deletionGracePeriodSeconds: number } {
  return { deletionTimestamp: isoSeconds(now + 30_000), deletionGracePeriodSeconds: 30 };
}

export function restartsOf(pod: KubeObject): number {
  return numberAt(pod, 'status', 'containerStatuses', 0, 'restartCount');
}
