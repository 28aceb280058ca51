/** The kinds of objects that our steps touch, and where each lives in the API. A role that the bot is given needs no others. */
export const RESOURCES = {
  pods: { group: '', version: 'v1', kind: 'Pod' },
  events: { group: '', version: 'v1', kind: 'Event' },
  services: { group: '', version: 'v1', kind: 'Service' },
  configmaps: { group: '', version: 'v1', kind: 'ConfigMap' },
  persistentvolumeclaims: { group: '', version: 'v1', kind: 'PersistentVolumeClaim' },
  deployments: { group: 'apps', version: 'v1', kind: 'Deployment' },
  statefulsets: { group: 'apps', version: 'v1', kind: 'StatefulSet' },
  replicasets: { group: 'apps', version: 'v1', kind: 'ReplicaSet' },
  horizontalpodautoscalers: { group: 'autoscaling', version: 'v2', kind: 'HorizontalPodAutoscaler' },
  poddisruptionbudgets: { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget' },
  jobs: { group: 'batch', version: 'v1', kind: 'Job' },
  cronjobs: { group: 'batch', version: 'v1', kind: 'CronJob' },
  networkpolicies: { group: 'networking.k8s.io', version: 'v1', kind: 'NetworkPolicy' },
  endpointslices: { group: 'discovery.k8s.io', version: 'v1', kind: 'EndpointSlice' },
} as const;

export type ResourceName = keyof typeof RESOURCES;

/** What Kubernetes itself allows in most names: lower-case letters, digits, `-` and `.`, at most 253. Nothing else gets into a path. */
const OBJECT_NAME = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;

export function isObjectName(name: string): boolean {
  return OBJECT_NAME.test(name) && !name.includes('..');
}

/** The path of a collection in a namespace; both are checked by the caller. */
export function collectionPath(resource: ResourceName, namespace: string): string {
  const { group, version } = RESOURCES[resource];
  return `${group === '' ? '/api' : `/apis/${group}`}/${version}/namespaces/${namespace}/${resource}`;
}

/** `apps/v1`, as it stands in an object. */
export function apiVersionOf(resource: ResourceName): string {
  const { group, version } = RESOURCES[resource];
  return group === '' ? version : `${group}/${version}`;
}
