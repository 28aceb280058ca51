/** The controller of StatefulSets: pods by number, one after the other, from the last to the first when they are renewed. */
import { at, type KubeObject, numberAt, shortHash } from './objects.ts';
import { deletionOf, isReady, podOf } from './pods.ts';
import { counter, ownerOf, podsOf, type World } from './workloads.ts';

const REVISION = 'controller-revision-hash';

export function revisionOfTemplate(set: KubeObject): string {
  return `${set.metadata.name}-${shortHash(at(set, 'spec', 'template'))}`;
}

export function moveStatefulSets(world: World): void {
  for (const set of world.store.all('statefulsets')) moveStatefulSet(world, set);
}

function moveStatefulSet(world: World, set: KubeObject): void {
  const { store } = world;
  const wanted = numberAt(set, 'spec', 'replicas');
  const revision = revisionOfTemplate(set);
  const byNumber = podsOf(store, set).toSorted((a, b) => numberOf(a) - numberOf(b));
  const whole = byNumber.every((pod) => isReady(pod));
  const missing = Array.from({ length: wanted }, (_, index) => index).find((index) => !byNumber.some((pod) => numberOf(pod) === index));
  const surplus = byNumber.filter((pod) => numberOf(pod) >= wanted).at(-1);
  const stale = byNumber.filter((pod) => pod.metadata.labels?.[REVISION] !== revision).at(-1);
  if (missing !== undefined && whole) addMember(world, set, missing);
  else if (surplus !== undefined && whole) store.control('pods', surplus.metadata.name, { metadata: { ...surplus.metadata, ...deletionOf(store.now()) } });
  else if (stale !== undefined && (whole || !isReady(stale)) && stale.metadata['deletionTimestamp'] === undefined) store.control('pods', stale.metadata.name, { metadata: { ...stale.metadata, ...deletionOf(store.now()) } });
  describeStatefulSet(world, set.metadata.name);
}

function numberOf(pod: KubeObject): number {
  return Number(pod.metadata.name.split('-').at(-1));
}

export function addMember(world: World, set: KubeObject, index: number): KubeObject {
  const name = `${set.metadata.name}-${index}`;
  const labels = { 'apps.kubernetes.io/pod-index': String(index), [REVISION]: revisionOfTemplate(set), 'statefulset.kubernetes.io/pod-name': name };
  return world.store.add('pods', podOf(name, at(set, 'spec', 'template'), { labels, owner: ownerOf('StatefulSet', 'apps/v1', set) }));
}

export function describeStatefulSet(world: World, name: string): void {
  const { store } = world;
  const set = store.get('statefulsets', name);
  const revision = revisionOfTemplate(set);
  const pods = podsOf(store, set);
  const ready = pods.filter(isReady).length;
  const updated = pods.filter((pod) => pod.metadata.labels?.[REVISION] === revision).length;
  const before = String(at(set, 'status', 'currentRevision') ?? revision);
  const renewed = updated === pods.length && ready === pods.length;
  store.control('statefulsets', name, {
    status: {
      observedGeneration: set.metadata.generation ?? 1,
      replicas: pods.length,
      ...counter('readyReplicas', ready),
      ...counter('currentReplicas', renewed || before === revision ? updated : pods.length - updated),
      ...counter('updatedReplicas', updated),
      currentRevision: renewed ? revision : before,
      updateRevision: revision,
      collisionCount: 0,
      availableReplicas: ready,
    },
  });
}
