/** The controllers of Deployments and StatefulSets and the kubelet, one small move at each tick. */
import { at, type Fields, isFields, isoSeconds, type KubeObject, labelsAt, numberAt, sameJson, shortHash } from './objects.ts';
import { deletionOf, isEnded, isReady, type PodState, type PodStateName, podOf, podStatus } from './pods.ts';
import type { Store } from './store.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const HISTORY = 'deployment.kubernetes.io/revision-history';
const HASH = 'pod-template-hash';
/** Ticks without a further ready pod after which a rollout has failed its deadline. */
const PATIENCE = 4;

/** What controllers know besides the objects. */
export interface World {
  readonly store: Store;
  /** What becomes of a new pod of this workload, or of this image; else it runs. */
  readonly fates: Map<string, PodState>;
  /** Pods that have a fate of their own, set by a test; ticks leave them alone. */
  readonly fixed: Map<string, PodStateName>;
  /** By deployment: ticks without progress, and how many were ready then. */
  readonly stalled: Map<string, { ticks: number; ready: number }>;
}

export function podsOf(store: Store, owner: KubeObject): KubeObject[] {
  return store.all('pods').filter((pod) => pod.metadata.ownerReferences?.some((one) => one.uid === owner.metadata.uid && one.controller === true) === true);
}

export function replicaSetsOf(store: Store, deployment: KubeObject): KubeObject[] {
  return store.all('replicasets').filter((set) => set.metadata.ownerReferences?.some((one) => one.uid === deployment.metadata.uid) === true);
}

export function ownerOf(kind: string, apiVersion: string, object: KubeObject): { apiVersion: string; kind: string; name: string; uid: string; controller: boolean; blockOwnerDeletion: boolean } {
  return { apiVersion, kind, name: object.metadata.name, uid: object.metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** Puts a pod into a state, on a node unless nobody found one for it. */
export function setPodState(store: Store, pod: KubeObject, state: PodState): void {
  const scheduled = state.state === 'unschedulable' ? {} : { nodeName: state.node ?? String(at(pod, 'spec', 'nodeName') ?? 'node-a') };
  const spec = { ...pod.spec, ...scheduled };
  if (state.state === 'unschedulable') Reflect.deleteProperty(spec, 'nodeName');
  const metadata = { ...pod.metadata, ...(state.state === 'terminating' ? deletionOf(store.now()) : {}) };
  const placed = store.control('pods', pod.metadata.name, { spec, metadata });
  store.control('pods', pod.metadata.name, { status: podStatus(placed, state, store.now()) });
}

/** Scheduler and kubelet: terminating pods go, pending ones come up or meet their fate. */
export function moveKubelet(world: World): void {
  const { store } = world;
  for (const pod of store.all('pods')) {
    const { name } = pod.metadata;
    if (pod.metadata['deletionTimestamp'] !== undefined && world.fixed.get(name) !== 'terminating') {
      store.remove('pods', name);
      continue;
    }
    if (world.fixed.has(name)) continue;
    const owner = pod.metadata.ownerReferences?.[0];
    const isNew = at(pod, 'status', 'phase') === 'Pending' && at(pod, 'status', 'containerStatuses') === undefined && at(pod, 'status', 'conditions') === undefined;
    if (!isNew || owner?.kind === 'Job') continue;
    const image = String(at(pod, 'spec', 'containers', 0, 'image'));
    const workload = owner?.kind === 'ReplicaSet' ? store.find('replicasets', owner.name)?.metadata.ownerReferences?.[0]?.name : owner?.name;
    const fate = world.fates.get(image) ?? world.fates.get(workload ?? '') ?? { state: 'running' as const };
    setPodState(store, pod, { ageSeconds: 0, ...fate });
  }
}

export function moveDeployments(world: World): void {
  for (const deployment of world.store.all('deployments')) moveDeployment(world, deployment);
}

function moveDeployment(world: World, deployment: KubeObject): void {
  const { store } = world;
  const wanted = numberAt(deployment, 'spec', 'replicas');
  const paused = at(deployment, 'spec', 'paused') === true;
  const sets = replicaSetsOf(store, deployment);
  const current = sets.find((set) => sameJson(withoutHash(at(set, 'spec', 'template')), at(deployment, 'spec', 'template')));
  const revision = Math.max(0, ...sets.map(revisionOf));
  let fresh = current;
  if (!paused) fresh = current === undefined ? addReplicaSet(store, deployment, revision + 1) : reuse(store, deployment, current, revision);
  const old = sets.filter((set) => set.metadata.name !== fresh?.metadata.name);
  const live = (set: KubeObject): KubeObject[] => podsOf(store, set).filter((pod) => pod.metadata['deletionTimestamp'] === undefined && !isEnded(pod));
  const total = (): number => [...old, ...(fresh === undefined ? [] : [fresh])].reduce((sum, set) => sum + live(set).length, 0);
  const ready = (): number => [...old, ...(fresh === undefined ? [] : [fresh])].reduce((sum, set) => sum + live(set).filter(isReady).length, 0);
  if (fresh !== undefined) {
    const surge = wanted + (old.some((set) => live(set).length > 0) ? Math.ceil(wanted * 0.25) : 0);
    const room = Math.max(0, surge - total());
    const size = live(fresh).length;
    scaleSet(store, fresh, Math.min(wanted, size + room));
  }
  // The overlay's 25 % of two or three replicas is none: an old pod goes only when a new one stands in for it.
  const spare = Math.max(0, ready() - (wanted - Math.floor(wanted * 0.25)));
  let goes = paused ? Math.max(0, total() - wanted) : spare;
  for (const set of old) {
    const size = live(set).length;
    const unready = live(set).filter((pod) => !isReady(pod)).length;
    const less = Math.min(size, paused ? goes : Math.max(goes, fresh === undefined ? 0 : unready));
    goes -= Math.min(goes, less);
    scaleSet(store, set, size - less);
  }
  describeDeployment(world, deployment.metadata.name);
}

function reuse(store: Store, deployment: KubeObject, set: KubeObject, latest: number): KubeObject {
  const own = revisionOf(set);
  if (own === latest) {
    return set;
  }
  const before = set.metadata.annotations?.[HISTORY];
  const annotations = { ...set.metadata.annotations, [REVISION]: String(latest + 1), [HISTORY]: before === undefined ? String(own) : `${before},${own}` };
  store.control('deployments', deployment.metadata.name, { metadata: { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: String(latest + 1) } } });
  return store.control('replicasets', set.metadata.name, { metadata: { ...set.metadata, annotations } });
}

export function revisionOf(set: KubeObject): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

function withoutHash(template: unknown): unknown {
  const copy = structuredClone(template);
  const labels = at(copy, 'metadata', 'labels');
  if (isFields(labels)) delete labels[HASH];
  return copy;
}

/** The set of a template, with no pods yet. */
export function addReplicaSet(store: Store, deployment: KubeObject, revision: number, template: unknown = at(deployment, 'spec', 'template')): KubeObject {
  const hash = shortHash(template);
  const labels = { ...labelsAt(template, 'metadata', 'labels'), [HASH]: hash };
  const cause = deployment.metadata.annotations?.['kubernetes.io/change-cause'];
  const annotations = {
    'deployment.kubernetes.io/desired-replicas': String(numberAt(deployment, 'spec', 'replicas')),
    [REVISION]: String(revision),
    ...(cause === undefined ? {} : { 'kubernetes.io/change-cause': cause }),
  };
  const set = store.add('replicasets', {
    metadata: { name: `${deployment.metadata.name}-${hash}`, labels, annotations, ownerReferences: [ownerOf('Deployment', 'apps/v1', deployment)] },
    spec: { replicas: 0, selector: { matchLabels: labels }, template: { ...(isFields(template) ? structuredClone(template) : {}), metadata: { ...(at(template, 'metadata') as Fields | undefined), labels } } },
    status: { replicas: 0, observedGeneration: 1 },
  });
  store.control('deployments', deployment.metadata.name, { metadata: { ...deployment.metadata, annotations: { ...deployment.metadata.annotations, [REVISION]: String(revision) } } });
  return set;
}

/** Gives a set so many pods: new ones are pending, surplus ones begin to terminate, the unready first. */
export function scaleSet(store: Store, set: KubeObject, wanted: number): void {
  const mine = podsOf(store, set).filter((pod) => pod.metadata['deletionTimestamp'] === undefined && !isEnded(pod));
  for (let index = 0; mine.length + index < wanted; index += 1) {
    const name = freeName(store, set.metadata.name);
    store.add('pods', podOf(name, at(set, 'spec', 'template'), { owner: ownerOf('ReplicaSet', 'apps/v1', set) }));
  }
  const surplus = mine.toSorted((a, b) => Number(isReady(a)) - Number(isReady(b))).slice(0, Math.max(0, mine.length - wanted));
  for (const pod of surplus) store.control('pods', pod.metadata.name, { metadata: { ...pod.metadata, ...deletionOf(store.now()) } });
  const pods = podsOf(store, set).filter((pod) => pod.metadata['deletionTimestamp'] === undefined && !isEnded(pod));
  const ready = pods.filter(isReady).length;
  store.control('replicasets', set.metadata.name, {
    spec: { ...set.spec, replicas: wanted },
    status: { replicas: pods.length, ...counter('readyReplicas', ready), ...counter('availableReplicas', ready), observedGeneration: (set.metadata.generation ?? 1) + (numberAt(set, 'spec', 'replicas') === wanted ? 0 : 1) },
  });
}

function freeName(store: Store, base: string): string {
  for (let index = 0; ; index += 1) {
    const name = `${base}-${shortHash([base, index, store.version()], 5)}`;
    if (store.find('pods', name) === undefined) return name;
  }
}

/** Counters of zero are left out. */
export function counter(name: string, value: number): Fields {
  return value === 0 ? {} : { [name]: value };
}

/** Writes the status of a Deployment from what there is. */
export function describeDeployment(world: World, name: string): void {
  const { store } = world;
  const deployment = store.get('deployments', name);
  const wanted = numberAt(deployment, 'spec', 'replicas');
  const sets = replicaSetsOf(store, deployment);
  const newest = sets.toSorted((a, b) => revisionOf(b) - revisionOf(a))[0];
  const pods = sets.flatMap((set) => podsOf(store, set)).filter((pod) => !isEnded(pod));
  const live = pods.filter((pod) => pod.metadata['deletionTimestamp'] === undefined);
  const ready = live.filter(isReady).length;
  const isCurrent = newest !== undefined && sameJson(withoutHash(at(newest, 'spec', 'template')), at(deployment, 'spec', 'template'));
  const updated = isCurrent ? podsOf(store, newest).filter((pod) => pod.metadata['deletionTimestamp'] === undefined && !isEnded(pod)) : [];
  const complete = isCurrent && updated.length === wanted && live.length === wanted && ready === wanted;
  const before = at(deployment, 'status', 'conditions');
  // A rollout that has once been complete stays so, whatever becomes of its pods (recording deployment_get_replica_failure).
  const wasComplete = isCurrent && Array.isArray(before) && before.some((one) => isFields(one) && one['reason'] === 'NewReplicaSetAvailable' && String(one['message']).includes(`"${newest.metadata.name}"`));
  const stall = stallOf(world, name, complete || wasComplete, updated.filter(isReady).length);
  const progress = progressing({ paused: at(deployment, 'spec', 'paused') === true, complete: complete || wasComplete, stalled: stall > PATIENCE, set: newest?.metadata.name ?? name });
  const available = ready >= wanted - Math.floor(wanted * 0.25);
  const conditions = [
    { type: 'Available', status: available ? 'True' : 'False', reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable', message: available ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.' },
    progress,
  ];
  const status = {
    observedGeneration: deployment.metadata.generation ?? 1,
    ...counter('replicas', live.length),
    ...counter('updatedReplicas', updated.length),
    ...counter('readyReplicas', ready),
    ...counter('availableReplicas', ready),
    ...counter('unavailableReplicas', Math.max(0, Math.max(wanted, live.length) - ready)),
    terminatingReplicas: pods.length - live.length,
    conditions: conditions.map((one) => dated(one, before, store.now())),
  };
  store.control('deployments', name, { status });
}

function stallOf(world: World, name: string, complete: boolean, ready: number): number {
  const last = world.stalled.get(name);
  const ticks = complete || last === undefined || last.ready !== ready ? 0 : last.ticks + 1;
  world.stalled.set(name, { ticks, ready });
  return ticks;
}

function progressing({ paused, complete, stalled, set }: { readonly paused: boolean; readonly complete: boolean; readonly stalled: boolean; readonly set: string }): Fields & { type: string; status: string } {
  if (paused) return { type: 'Progressing', status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  if (complete) return { type: 'Progressing', status: 'True', reason: 'NewReplicaSetAvailable', message: `ReplicaSet "${set}" has successfully progressed.` };
  if (stalled) return { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', message: `ReplicaSet "${set}" has timed out progressing.` };
  return { type: 'Progressing', status: 'True', reason: 'ReplicaSetUpdated', message: `ReplicaSet "${set}" is progressing.` };
}

function dated(condition: Fields & { type: string; status: string }, before: unknown, now: number): Fields {
  const old = Array.isArray(before) ? before.filter(isFields).find((one) => one['type'] === condition.type) : undefined;
  const same = old !== undefined && old['status'] === condition.status && old['reason'] === condition['reason'];
  const time = isoSeconds(now);
  return { ...condition, lastUpdateTime: same ? old['lastUpdateTime'] : time, lastTransitionTime: same ? old['lastTransitionTime'] : time };
}
