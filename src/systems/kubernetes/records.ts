/**
 * What steps read of Kubernetes objects; everything else in them is ignored. Kubernetes leaves out counters that are zero
 * and writes null for empty lists (recordings deployment_get_zero, hpa_get), so absent is neutral here.
 */
import { z } from '#step-kit/index.ts';

const text = z.string().nullish().transform((value) => value ?? '');
const count = z.number().nullish().transform((value) => Math.trunc(value ?? 0));
const flag = z.boolean().nullish().transform((value) => value ?? false);
const words = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});
const listOf = <S extends z.ZodType>(item: S) => z.array(item).nullish().transform((value) => value ?? []);
/** `25%` or a number. */
const amount = z.union([z.string(), z.number()]).nullish().transform((value) => (value === null || value === undefined ? '' : String(value)));

export const metadata = z.object({
  name: z.string(),
  uid: text,
  resourceVersion: text,
  generation: count,
  creationTimestamp: text,
  deletionTimestamp: text,
  labels: words,
  annotations: words,
  ownerReferences: listOf(z.object({ kind: text, name: text, uid: text, controller: flag })),
});

const condition = z.object({ type: text, status: text, reason: text, message: text, lastTransitionTime: text });
export type Condition = z.output<typeof condition>;
const conditions = listOf(condition);

const containerState = z
  .object({
    waiting: z.object({ reason: text, message: text }).nullish(),
    running: z.object({ startedAt: text }).nullish(),
    terminated: z.object({ reason: text, message: text, exitCode: count, finishedAt: text }).nullish(),
  })
  .nullish();

const containerStatus = z.object({ name: text, ready: flag, started: flag, restartCount: count, image: text, state: containerState, lastState: containerState });
export type ContainerStatus = z.output<typeof containerStatus>;

export const pod = z.object({
  metadata,
  spec: z.object({ nodeName: text, containers: listOf(z.object({ name: text, image: text })) }),
  status: z
    .object({
      phase: text,
      reason: text,
      message: text,
      podIP: text,
      conditions,
      containerStatuses: listOf(containerStatus),
      initContainerStatuses: listOf(containerStatus),
    })
    .prefault({}),
});
export type Pod = z.output<typeof pod>;

const envVar = z.object({
  name: text,
  value: z.string().nullish(),
  valueFrom: z.object({ secretKeyRef: z.unknown(), configMapKeyRef: z.unknown(), fieldRef: z.unknown() }).partial().nullish(),
});
const container = z.object({
  name: text,
  image: text,
  env: listOf(envVar),
  envFrom: listOf(z.unknown()),
  ports: listOf(z.object({ name: text, containerPort: count, protocol: text })),
  resources: z.object({ limits: words, requests: words }).nullish().transform((value) => value ?? { limits: {}, requests: {} }),
});
export type Container = z.output<typeof container>;

const template = z.object({
  metadata: z.object({ labels: words, annotations: words }).nullish().transform((value) => value ?? { labels: {}, annotations: {} }),
  spec: z.object({ containers: listOf(container), volumes: listOf(z.object({ persistentVolumeClaim: z.object({ claimName: text }).nullish() })) }),
});

const labelSelector = z
  .object({ matchLabels: words, matchExpressions: listOf(z.object({ key: text, operator: text, values: listOf(z.string()) })) })
  .nullish()
  .transform((value) => value ?? undefined);
export type LabelSelector = NonNullable<z.output<typeof labelSelector>>;

/** A Deployment or a StatefulSet: the fields that only the other kind has are neutral. */
export const workload = z.object({
  metadata,
  spec: z.object({
    /** Absent means 1, as the API's own default says. */
    replicas: z.number().nullish().transform((value) => Math.trunc(value ?? 1)),
    paused: flag,
    selector: labelSelector,
    template,
    strategy: z.object({ type: text, rollingUpdate: z.object({ maxUnavailable: amount, maxSurge: amount }).nullish() }).nullish(),
    updateStrategy: z.object({ type: text, rollingUpdate: z.object({ partition: count }).nullish() }).nullish(),
    serviceName: text,
  }),
  status: z
    .object({
      observedGeneration: count,
      replicas: count,
      readyReplicas: count,
      updatedReplicas: count,
      availableReplicas: count,
      currentRevision: text,
      updateRevision: text,
      conditions,
    })
    .prefault({}),
});
export type WorkloadRecord = z.output<typeof workload>;

/** The template is kept as it is: an undo sends it back whole. */
export const replicaSet = z.object({
  metadata,
  spec: z.object({ replicas: count, template: z.record(z.string(), z.json()) }),
  status: z.object({ readyReplicas: count }).prefault({}),
});
export type ReplicaSet = z.output<typeof replicaSet>;
/** The part of a kept template that is shown. */
export const shownTemplate = template;

export const scale = z.object({ metadata, spec: z.object({ replicas: count }).nullish() });

const hpaMetric = z.object({
  type: text,
  resource: z.object({ name: text, target: z.object({ averageUtilization: count }).nullish(), current: z.object({ averageUtilization: z.number().nullish() }).nullish() }).nullish(),
});
export const hpa = z.object({
  metadata,
  spec: z.object({
    scaleTargetRef: z.object({ kind: text, name: text }),
    /** Absent means 1. */
    minReplicas: z.number().nullish().transform((value) => Math.trunc(value ?? 1)),
    maxReplicas: count,
    metrics: listOf(hpaMetric),
  }),
  status: z.object({ currentReplicas: count, desiredReplicas: count, currentMetrics: listOf(hpaMetric), conditions }).prefault({}),
});
export type Hpa = z.output<typeof hpa>;

export const pdb = z.object({
  metadata,
  spec: z.object({ selector: labelSelector, minAvailable: amount, maxUnavailable: amount }),
  status: z.object({ observedGeneration: count, disruptionsAllowed: count, currentHealthy: count, desiredHealthy: count, expectedPods: count, conditions }).prefault({}),
});

export const job = z.object({
  metadata,
  spec: z.object({ suspend: flag }).prefault({}),
  status: z.object({ conditions, startTime: text, completionTime: text, active: count, succeeded: count, failed: count }).prefault({}),
});
export type Job = z.output<typeof job>;

export const cronJob = z.object({
  metadata,
  spec: z.object({
    schedule: text,
    suspend: flag,
    concurrencyPolicy: text,
    jobTemplate: z.object({ metadata: z.object({ labels: words, annotations: words }).nullish(), spec: z.record(z.string(), z.json()) }),
  }),
  status: z.object({ lastScheduleTime: text, lastSuccessfulTime: text, active: listOf(z.object({ name: text })) }).prefault({}),
});
export type CronJob = z.output<typeof cronJob>;

export const pvc = z.object({
  metadata,
  spec: z.object({ storageClassName: text, resources: z.object({ requests: words }).nullish() }),
  status: z.object({ phase: text, capacity: words, conditions }).prefault({}),
});

/** `eventTime` and `series` are what newer reporters fill; older ones fill the two timestamps (recording events_list). */
export const event = z.object({
  metadata,
  involvedObject: z.object({ kind: text, name: text }),
  reason: text,
  message: text,
  type: text,
  count,
  firstTimestamp: text,
  lastTimestamp: text,
  eventTime: text,
  series: z.object({ count, lastObservedTime: text }).nullish(),
  source: z.object({ component: text }).nullish(),
  reportingComponent: text,
});
export type Event = z.output<typeof event>;

export const service = z.object({
  metadata,
  spec: z.object({
    type: text,
    clusterIP: text,
    selector: words,
    ports: listOf(z.object({ name: text, port: count, protocol: text, targetPort: amount })),
  }),
});
export type Service = z.output<typeof service>;

export const endpointSlice = z.object({
  metadata,
  endpoints: listOf(
    z.object({
      addresses: listOf(z.string()),
      /** Absent means ready, by the API's own rule. */
      conditions: z.object({ ready: z.boolean().nullish(), terminating: flag }).nullish(),
      targetRef: z.object({ kind: text, name: text }).nullish(),
    }),
  ),
  ports: listOf(z.object({ name: text, port: count, protocol: text })),
});

const policyPort = z.object({ protocol: text, port: z.union([z.string(), z.number()]).nullish(), endPort: count });
const peer = z.object({ podSelector: labelSelector, namespaceSelector: labelSelector, ipBlock: z.object({ cidr: text }).nullish() });
export type Peer = z.output<typeof peer>;
export type PolicyPort = z.output<typeof policyPort>;
export const networkPolicy = z.object({
  metadata,
  spec: z.object({
    podSelector: labelSelector,
    policyTypes: listOf(z.string()),
    ingress: z.array(z.object({ from: listOf(peer), ports: listOf(policyPort) })).nullish(),
    egress: z.array(z.object({ to: listOf(peer), ports: listOf(policyPort) })).nullish(),
  }),
});
export type NetworkPolicy = z.output<typeof networkPolicy>;

export function conditionOf(all: readonly Condition[], type: string): Condition | undefined {
  return all.find((one) => one.type === type);
}
