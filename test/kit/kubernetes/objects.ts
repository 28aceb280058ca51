/** Objects of the fake API server, the kinds that it knows, and small things that all its parts use. */
import { createHash } from 'node:crypto';

export type Fields = Record<string, unknown>;

export interface KubeObject {
  metadata: Metadata;
  spec?: Fields;
  status?: Fields;
  [field: string]: unknown;
}

export interface Metadata {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Whether the API counts changes of the spec. */
  readonly generation: boolean;
  readonly scale: boolean;
}

/** As a v1.36 server has them; also one that the bot never reads, to be refused. */
export const KINDS: Readonly<Record<string, Kind>> = {
  pods: { group: '', version: 'v1', kind: 'Pod', generation: true, scale: false },
  events: { group: '', version: 'v1', kind: 'Event', generation: false, scale: false },
  services: { group: '', version: 'v1', kind: 'Service', generation: false, scale: false },
  configmaps: { group: '', version: 'v1', kind: 'ConfigMap', generation: false, scale: false },
  secrets: { group: '', version: 'v1', kind: 'Secret', generation: false, scale: false },
  persistentvolumeclaims: { group: '', version: 'v1', kind: 'PersistentVolumeClaim', generation: false, scale: false },
  deployments: { group: 'apps', version: 'v1', kind: 'Deployment', generation: true, scale: true },
  statefulsets: { group: 'apps', version: 'v1', kind: 'StatefulSet', generation: true, scale: true },
  replicasets: { group: 'apps', version: 'v1', kind: 'ReplicaSet', generation: true, scale: true },
  horizontalpodautoscalers: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler', generation: false, scale: false },
  poddisruptionbudgets: { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', generation: true, scale: false },
  jobs: { group: 'batch', version: 'v1', kind: 'Job', generation: true, scale: false },
  cronjobs: { group: 'batch', version: 'v1', kind: 'CronJob', generation: true, scale: false },
  networkpolicies: { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy', generation: true, scale: false },
  endpointslices: { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice', generation: false, scale: false },
};

export function kindOf(resource: string): Kind {
  const kind = KINDS[resource];
  if (kind === undefined) throw new Error(`the fake API server does not know ${resource}`);
  return kind;
}

export function apiVersionOf({ group, version }: Kind): string {
  return group === '' ? version : `${group}/${version}`;
}

/** `deployments.apps`, as messages call a resource. */
export function qualified(resource: string): string {
  const { group } = kindOf(resource);
  return group === '' ? resource : `${resource}.${group}`;
}

/** Nearly all times of the API are whole seconds. */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Ten letters of the kind that follow a name, the same for the same thing. */
export function shortHash(value: unknown, length = 10): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').replaceAll(/[aeiou0-1]/g, 'x').slice(0, length);
}

export function uidOf(...of: string[]): string {
  const hex = createHash('sha256').update(of.join('\n')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of names, or undefined. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  let here = value;
  for (const name of path) {
    if (Array.isArray(here)) here = here[Number(name)] as unknown;
    else if (isFields(here)) here = here[name];
    else return undefined;
  }
  return here;
}

export function numberAt(value: unknown, ...path: (string | number)[]): number {
  const found = at(value, ...path);
  return typeof found === 'number' ? found : 0;
}

export function labelsAt(value: unknown, ...path: (string | number)[]): Record<string, string> {
  const found = at(value, ...path);
  return isFields(found) ? (found as Record<string, string>) : {};
}

/** Whether two values are the same JSON, whatever the order of their fields. */
export function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.keys(value).toSorted().map((key) => [key, sorted(value[key])]));
}
