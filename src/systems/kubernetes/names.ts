/**
 * What Cordum's parts are called in a cluster. The production overlay and the Helm chart differ in names, labels, containers
 * and kinds of workload, and a real installation is often patched besides, so a target may give names of its own. Pure.
 * Source: Cordum's deploy/k8s/base.yaml, deploy/k8s/production and cordum-helm, as docs/cordum.md describes them.
 */
export const SERVICES = ['api-gateway', 'scheduler', 'workflow-engine', 'safety-kernel', 'context-engine', 'dashboard', 'redis', 'nats'] as const;
export type ServiceName = (typeof SERVICES)[number];

export interface Workload {
  readonly kind: 'deployments' | 'statefulsets';
  readonly name: string;
}

export interface KubernetesNames {
  /** The Deployment or StatefulSet that runs a service. */
  workload(service: ServiceName): Workload;
  /** Matches the pods of one service: `app=redis` (kustomize), `app.kubernetes.io/instance=R,app.kubernetes.io/component=redis` (helm). */
  selector(service: ServiceName): string;
  /** The container that is the service itself; the overlay adds sidecars to five of them. */
  container(service: ServiceName): string;
  /** How many replicas the service may have: the target's own numbers, else those of Cordum's scaling guide. */
  replicas(service: ServiceName): { readonly min: number; readonly max: number };
  /** The HorizontalPodAutoscaler that owns the replicas of a service, where the profile ships one. */
  hpa(service: ServiceName): string | undefined;
  serviceOf(workloadName: string): ServiceName | undefined;
  /** The names of the CronJobs. The Helm chart ships none. */
  readonly backups: { readonly redis: string; readonly nats: string; readonly retention: string };
}

export interface NamesOptions {
  readonly profile: 'kustomize' | 'helm';
  /** The Helm release. Default `cordum`. */
  readonly release?: string;
  /** Names of workloads that differ, by service; `redis-backup`, `nats-backup` and `backup-retention` name the CronJobs. */
  readonly names: Readonly<Record<string, string>>;
  readonly replicas: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
}

const CHART = 'cordum';
/** Helm cuts a full name here, since labels hold no more. */
const LONGEST_FULL_NAME = 63;

/** The table "Per-Service Scaling Guide"; the dashboard, which it leaves out, is stateless and may have what the guide says of every service. */
const SCALING_TABLE: Readonly<Record<Exclude<ServiceName, 'redis' | 'nats'>, { min: number; max: number }>> = {
  'api-gateway': { min: 1, max: 6 },
  scheduler: { min: 1, max: 3 },
  'workflow-engine': { min: 1, max: 4 },
  'safety-kernel': { min: 1, max: 4 },
  'context-engine': { min: 1, max: 4 },
  dashboard: { min: 1, max: 6 },
};

/** A cluster of stores has as many members as it was made of: adding or taking one is a procedure, not a number. */
const STORE_MEMBERS = { kustomize: { redis: 6, nats: 3 }, helm: { redis: 1, nats: 1 } } as const;

/** base.yaml calls these two containers otherwise than their services; the Helm chart does not. */
const KUSTOMIZE_CONTAINERS: Partial<Record<ServiceName, string>> = { 'api-gateway': 'gateway', 'safety-kernel': 'safety' };

/** ha.yaml of the production overlay; the dashboard has a PodDisruptionBudget there, but no autoscaler. */
const AUTOSCALED: ReadonlySet<ServiceName> = new Set(['api-gateway', 'scheduler', 'workflow-engine', 'safety-kernel', 'context-engine']);

export function createNames(options: NamesOptions): KubernetesNames {
  const helm = options.profile === 'helm';
  const release = options.release ?? CHART;
  const prefix = helm ? fullName(release) : CHART;
  const own = (key: string): string | undefined => (Object.hasOwn(options.names, key) ? options.names[key] : undefined);
  const nameOf = (service: ServiceName): string => own(service) ?? `${prefix}-${service}`;
  const stores = STORE_MEMBERS[options.profile];
  return {
    workload: (service) => ({ kind: !helm && isStore(service) ? 'statefulsets' : 'deployments', name: nameOf(service) }),
    selector: (service) => (helm ? `app.kubernetes.io/instance=${release},app.kubernetes.io/component=${service}` : `app=${isStore(service) ? service : `${CHART}-${service}`}`),
    container: (service) => (helm ? service : (KUSTOMIZE_CONTAINERS[service] ?? service)),
    replicas(service) {
      const given = Object.hasOwn(options.replicas, service) ? options.replicas[service] : undefined;
      if (given !== undefined) return given;
      return isStore(service) ? { min: stores[service], max: stores[service] } : SCALING_TABLE[service];
    },
    // The autoscalers of ha.yaml carry the names of their Deployments.
    hpa: (service) => (!helm && AUTOSCALED.has(service) ? nameOf(service) : undefined),
    serviceOf: (workloadName) => SERVICES.find((service) => nameOf(service) === workloadName),
    backups: {
      redis: own('redis-backup') ?? `${CHART}-redis-backup`,
      nats: own('nats-backup') ?? `${CHART}-nats-backup`,
      retention: own('backup-retention') ?? `${CHART}-backup-retention`,
    },
  };
}

function isStore(service: ServiceName): service is 'redis' | 'nats' {
  return service === 'redis' || service === 'nats';
}

/** Helm's usual rule: a release that has the chart's name in its own is not given it again. */
function fullName(release: string): string {
  const full = release.includes(CHART) ? release : `${release}-${CHART}`;
  return full.slice(0, LONGEST_FULL_NAME).replace(/-+$/, '');
}
