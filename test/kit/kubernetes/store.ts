/** All objects of one namespace, under one resourceVersion that grows with every change and with nothing else. */
import { conflict, notFound, status } from './errors.ts';
import { type Fields, isoSeconds, kindOf, type KubeObject, type Metadata, sameJson, uidOf } from './objects.ts';

export interface Store {
  readonly namespace: string;
  now(): number;
  version(): string;
  find(resource: string, name: string): KubeObject | undefined;
  /** Throws the API's 404. */
  get(resource: string, name: string): KubeObject;
  /** By name, as the API lists them. */
  all(resource: string): KubeObject[];
  /** Puts a new object in, filling its metadata. `dryRun` fills and stores nothing. */
  add(resource: string, object: Fields & { metadata: Partial<Metadata> & { name: string } }, dryRun?: boolean): KubeObject;
  /** What a user changes: the status stays, the spec counts generations, a stale resourceVersion is a conflict. */
  change(resource: string, name: string, next: KubeObject, dryRun?: boolean): KubeObject;
  /** What a controller does: anything, at once. Nothing happens when nothing differs. */
  control(resource: string, name: string, next: Partial<KubeObject>): KubeObject;
  remove(resource: string, name: string): void;
  /** Ages an object: when it was created. */
  age(object: KubeObject, seconds: number): void;
}

export function createStore(namespace: string, now: () => number): Store {
  const objects = new Map<string, Map<string, KubeObject>>();
  let last = 100;
  const bump = (): string => String((last += 1));
  const of = (resource: string): Map<string, KubeObject> => {
    kindOf(resource);
    const found = objects.get(resource) ?? new Map<string, KubeObject>();
    objects.set(resource, found);
    return found;
  };
  const get = (resource: string, name: string): KubeObject => {
    const found = of(resource).get(name);
    if (found === undefined) throw notFound(resource, name);
    return found;
  };
  return {
    namespace,
    now,
    get,
    version: () => String(last),
    find: (resource, name) => of(resource).get(name),
    all: (resource) => [...of(resource).values()].toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    add(resource, object, dryRun = false) {
      const given = structuredClone(object);
      const name = given.metadata.name;
      const metadata: Metadata = {
        namespace,
        uid: uidOf(resource, name, String(last)),
        creationTimestamp: isoSeconds(now()),
        ...(kindOf(resource).generation ? { generation: 1 } : {}),
        ...given.metadata,
        resourceVersion: dryRun ? '' : bump(),
      };
      if (dryRun) Reflect.deleteProperty(metadata, 'resourceVersion');
      const whole: KubeObject = { ...given, metadata };
      if (!dryRun) of(resource).set(name, whole);
      return whole;
    },
    change(resource, name, next, dryRun = false) {
      const old = get(resource, name);
      const { resourceVersion, uid } = next.metadata;
      if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) throw conflict(resource, name);
      if (uid !== undefined && uid !== old.metadata.uid) throw status(409, 'Conflict', `Operation cannot be fulfilled on ${resource} "${name}": StorageError: invalid object, Code: 4, Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`, {});
      const { namespace: ns, uid: own, creationTimestamp, generation } = old.metadata;
      const metadata: Metadata = { ...next.metadata, name, namespace: ns, uid: own, creationTimestamp, resourceVersion: old.metadata.resourceVersion };
      if (generation !== undefined) metadata.generation = generation;
      const changed: KubeObject = { ...next, metadata };
      // The status of these kinds has an address of its own; here it is left as it is.
      if (old.status === undefined) delete changed.status;
      else changed.status = old.status;
      if (sameJson(old, changed)) return old;
      if (generation !== undefined && !sameJson(old.spec, changed.spec)) metadata.generation = generation + 1;
      if (dryRun) return changed;
      metadata.resourceVersion = bump();
      of(resource).set(name, changed);
      return changed;
    },
    control(resource, name, next) {
      const old = get(resource, name);
      const changed: KubeObject = { ...old, ...structuredClone(next), metadata: { ...old.metadata, ...structuredClone(next.metadata ?? {}) } };
      if (sameJson(old, changed)) return old;
      if (old.metadata.generation !== undefined && !sameJson(old.spec, changed.spec)) changed.metadata.generation = old.metadata.generation + 1;
      changed.metadata.resourceVersion = bump();
      of(resource).set(name, changed);
      return changed;
    },
    remove(resource, name) {
      if (of(resource).delete(name)) bump();
    },
    age(object, seconds) {
      object.metadata.creationTimestamp = isoSeconds(now() - seconds * 1_000);
    },
  };
}
