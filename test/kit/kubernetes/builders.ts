/** Objects as Cordum's manifests would have made them, from the few facts that a test cares about. */
import { at, type Fields, isoSeconds, type KubeObject, labelsAt, shortHash } from './objects.ts';
import { endJob, type JobOutcome, startJob } from './others.ts';
import { type PodState, type PodStateName, stateOf } from './pods.ts';
import { addMember, describeStatefulSet } from './stateful.ts';
import { addReplicaSet, describeDeployment, ownerOf, podsOf, scaleSet, setPodState, type World } from './workloads.ts';

export interface WorkloadFacts {
  readonly name: string;
  /** Labels of its pods, and its selector. Default `{ app: name }`. */
  readonly labels?: Record<string, string>;
  /** Default: the name. */
  readonly container?: string;
  /** Further containers, by name. */
  readonly sidecars?: readonly string[];
  readonly image?: string;
  /** Default: as many as `pods`, else 2. */
  readonly replicas?: number;
  /** The states of its pods; the rest runs. Fewer pods than replicas: `pods: []` with replicas set gives none. */
  readonly pods?: readonly (PodStateName | PodState)[];
  readonly annotations?: Record<string, string>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface DeploymentFacts extends WorkloadFacts {
  /** Former revisions, the oldest first: their images and change causes. */
  readonly history?: readonly { readonly image: string; readonly cause?: string }[];
  readonly paused?: boolean;
}

function templateOf(facts: WorkloadFacts): Fields {
  const labels = facts.labels ?? { app: facts.name };
  const env = Object.entries(facts.env ?? {}).map(([name, value]) => ({ name, value }));
  const container = (name: string, image: string): Fields => ({
    name, image, ...(env.length === 0 ? {} : { env }), resources: { limits: { cpu: '1', memory: '512Mi' }, requests: { cpu: '100m', memory: '128Mi' } }, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', imagePullPolicy: 'IfNotPresent',
  });
  const containers = [container(facts.container ?? facts.name, facts.image ?? `ghcr.io/cordum/${facts.name}:v0.9.6`), ...(facts.sidecars ?? []).map((name) => container(name, `sidecars/${name}:v1`))];
  return { metadata: { labels }, spec: { containers, restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', securityContext: {}, schedulerName: 'default-scheduler' } };
}

function sizeOf(facts: WorkloadFacts): { readonly wanted: number; readonly states: readonly (PodState)[] } {
  const wanted = facts.replicas ?? facts.pods?.length ?? 2;
  const given = (facts.pods ?? Array.from({ length: wanted }, () => 'running' as const)).map(stateOf);
  return { wanted, states: given };
}

export function addDeployment(world: World, facts: DeploymentFacts): KubeObject {
  const { store } = world;
  const { wanted, states } = sizeOf(facts);
  const template = templateOf(facts);
  const labels = labelsAt(template, 'metadata', 'labels');
  const deployment = store.add('deployments', {
    metadata: { name: facts.name, labels, annotations: { ...facts.annotations } },
    spec: {
      replicas: wanted,
      selector: { matchLabels: labels },
      template,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...(facts.paused === true ? { paused: true } : {}),
    },
    status: {},
  });
  for (const [index, { image, cause }] of (facts.history ?? []).entries()) {
    const set = addReplicaSet(store, store.get('deployments', facts.name), index + 1, templateOf({ ...facts, image }));
    if (cause !== undefined) store.control('replicasets', set.metadata.name, { metadata: { ...set.metadata, annotations: { ...set.metadata.annotations, 'kubernetes.io/change-cause': cause } } });
  }
  const set = addReplicaSet(store, store.get('deployments', facts.name), (facts.history?.length ?? 0) + 1);
  scaleSet(store, set, states.length);
  for (const [index, pod] of podsOf(store, set).entries()) settle(world, pod, states[index] ?? { state: 'running' });
  // The set's own counts, now that its pods have states.
  scaleSet(store, store.get('replicasets', set.metadata.name), wanted === states.length ? wanted : states.length);
  rolledOut(world, deployment.metadata.name, set.metadata.name);
  describeDeployment(world, facts.name);
  return store.get('deployments', deployment.metadata.name);
}

/** What was there before the test began had been rolled out, whatever has become of it since. */
function rolledOut(world: World, name: string, set: string): void {
  const time = world.store.get('deployments', name).metadata.creationTimestamp;
  const condition = { type: 'Progressing', status: 'True', lastUpdateTime: time, lastTransitionTime: time, reason: 'NewReplicaSetAvailable', message: `ReplicaSet "${set}" has successfully progressed.` };
  world.store.control('deployments', name, { status: { conditions: [condition] } });
}

/** Puts a pod into the state that a test gave it, where it stays. */
export function settle(world: World, pod: KubeObject, state: PodState): void {
  const ageSeconds = state.ageSeconds ?? 3_600;
  const old = { ...pod.metadata, creationTimestamp: isoSeconds(world.store.now() - ageSeconds * 1_000) };
  setPodState(world.store, world.store.control('pods', pod.metadata.name, { metadata: old }), { ageSeconds, ...state });
  if (state.state === 'running') world.fixed.delete(pod.metadata.name);
  else world.fixed.set(pod.metadata.name, state.state);
}

export interface StatefulSetFacts extends WorkloadFacts {
  /** The size of each pod's volume. Absent: it has none. */
  readonly storage?: string;
}

export function addStatefulSet(world: World, facts: StatefulSetFacts): KubeObject {
  const { store } = world;
  const { wanted, states } = sizeOf(facts);
  const template = templateOf(facts);
  const labels = labelsAt(template, 'metadata', 'labels');
  const set = store.add('statefulsets', {
    metadata: { name: facts.name, labels, ...(facts.annotations === undefined ? {} : { annotations: { ...facts.annotations } }) },
    spec: { replicas: wanted, selector: { matchLabels: labels }, template, serviceName: facts.name, podManagementPolicy: 'OrderedReady', updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } }, revisionHistoryLimit: 10 },
    status: {},
  });
  for (const [index, state] of states.entries()) {
    settle(world, addMember(world, set, index), state);
    if (facts.storage !== undefined) addClaim(world, { name: `data-${facts.name}-${index}`, labels, storage: facts.storage });
  }
  describeStatefulSet(world, facts.name);
  return store.get('statefulsets', facts.name);
}

export interface ClaimFacts {
  readonly name: string;
  readonly labels?: Record<string, string>;
  readonly storage?: string;
  readonly phase?: 'Bound' | 'Pending' | 'Lost';
}

export function addClaim({ store }: World, { name, labels, storage = '20Gi', phase = 'Bound' }: ClaimFacts): KubeObject {
  const bound = phase === 'Bound' ? { accessModes: ['ReadWriteOnce'], capacity: { storage } } : {};
  return store.add('persistentvolumeclaims', {
    metadata: { name, ...(labels === undefined ? {} : { labels }), finalizers: ['kubernetes.io/pvc-protection'] },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, volumeMode: 'Filesystem', ...(phase === 'Bound' ? { volumeName: `pv-${name}` } : {}) },
    status: { phase, ...bound },
  });
}

export interface PodFacts extends Omit<WorkloadFacts, 'replicas' | 'pods'> {
  readonly state?: PodStateName | PodState;
}

/** A pod that nobody owns. */
export function addPod(world: World, facts: PodFacts): KubeObject {
  const template = templateOf(facts);
  const pod = world.store.add('pods', { metadata: { name: facts.name, labels: labelsAt(template, 'metadata', 'labels') }, spec: template['spec'] as Fields, status: {} });
  settle(world, pod, stateOf(facts.state ?? 'running'));
  return world.store.get('pods', facts.name);
}

export interface AutoscalerFacts {
  readonly name: string;
  /** The Deployment. Default: the name. */
  readonly target?: string;
  readonly min: number;
  readonly max: number;
}

export function addAutoscaler({ store }: World, { name, target = name, min, max }: AutoscalerFacts): KubeObject {
  const metric = (resource: string, averageUtilization: number): Fields => ({ type: 'Resource', resource: { name: resource, target: { type: 'Utilization', averageUtilization } } });
  return store.add('horizontalpodautoscalers', {
    metadata: { name },
    spec: { scaleTargetRef: { kind: 'Deployment', name: target, apiVersion: 'apps/v1' }, minReplicas: min, maxReplicas: max, metrics: [metric('cpu', 70), metric('memory', 80)] },
    status: { desiredReplicas: 0, currentMetrics: null },
  });
}

export interface BudgetFacts {
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly minAvailable?: number;
  readonly maxUnavailable?: number;
}

export function addBudget({ store }: World, { name, labels, minAvailable, maxUnavailable }: BudgetFacts): KubeObject {
  const limit = minAvailable === undefined ? { maxUnavailable: maxUnavailable ?? 1 } : { minAvailable };
  return store.add('poddisruptionbudgets', { metadata: { name }, spec: { selector: { matchLabels: labels }, ...limit }, status: {} });
}

export interface CronJobFacts {
  readonly name: string;
  readonly schedule?: string;
  readonly suspend?: boolean;
  readonly container?: string;
  readonly image?: string;
  /** Absent: it has never been started, or never succeeded. */
  readonly scheduledSecondsAgo?: number;
  readonly succeededSecondsAgo?: number;
}

export function addCronJob({ store }: World, facts: CronJobFacts): KubeObject {
  const ago = (seconds: number | undefined): string | undefined => (seconds === undefined ? undefined : isoSeconds(store.now() - seconds * 1_000));
  const [last, good] = [ago(facts.scheduledSecondsAgo), ago(facts.succeededSecondsAgo)];
  const template = templateOf({ name: facts.name, container: facts.container ?? facts.name.replace(/^cordum-/, ''), image: facts.image ?? 'redis:7' });
  const podSpec = { ...(template['spec'] as Fields), restartPolicy: 'OnFailure' };
  return store.add('cronjobs', {
    metadata: { name: facts.name },
    spec: { schedule: facts.schedule ?? '0 * * * *', concurrencyPolicy: 'Allow', suspend: facts.suspend ?? false, jobTemplate: { metadata: {}, spec: { template: { metadata: {}, spec: podSpec } } }, successfulJobsHistoryLimit: 2, failedJobsHistoryLimit: 2 },
    status: { ...(last === undefined ? {} : { lastScheduleTime: last }), ...(good === undefined ? {} : { lastSuccessfulTime: good }) },
  });
}

export interface JobFacts {
  /** Default: made of the CronJob's name, as its controller does. */
  readonly name?: string;
  readonly cronJob?: string;
  readonly outcome?: JobOutcome;
  readonly startedSecondsAgo?: number;
  readonly endedSecondsAgo?: number;
}

export function addJob(world: World, { name, cronJob, outcome = 'complete', startedSecondsAgo = 120, endedSecondsAgo = 60 }: JobFacts): KubeObject {
  const { store } = world;
  const owner = cronJob === undefined ? undefined : store.get('cronjobs', cronJob);
  const startedMs = store.now() - startedSecondsAgo * 1_000;
  const own = name ?? `${cronJob ?? 'job'}-${Math.floor(startedMs / 60_000)}`;
  const uid = shortHash([own], 12);
  const labels = { 'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': own, 'controller-uid': uid, 'job-name': own };
  const template = owner === undefined ? { ...templateOf({ name: own }), metadata: { labels } } : { ...(at(owner, 'spec', 'jobTemplate', 'spec', 'template') as Fields), metadata: { labels } };
  const job = store.add('jobs', {
    metadata: {
      name: own,
      labels,
      creationTimestamp: isoSeconds(startedMs),
      ...(owner === undefined ? {} : { annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': isoSeconds(startedMs) }, ownerReferences: [ownerOf('CronJob', 'batch/v1', owner)] }),
    },
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } }, template, completionMode: 'NonIndexed', suspend: false },
    status: {},
  });
  startJob(store, job, startedMs);
  if (outcome !== 'running') endJob(store, job, outcome, store.now() - endedSecondsAgo * 1_000);
  return store.get('jobs', own);
}

export interface EventFacts {
  readonly reason: string;
  readonly message: string;
  /** `Pod/name`. */
  readonly on: string;
  readonly type?: 'Normal' | 'Warning';
  readonly count?: number;
  readonly secondsAgo?: number;
}

export function addEvent({ store }: World, { reason, message, on, type = 'Warning', count = 1, secondsAgo = 60 }: EventFacts): KubeObject {
  const [kind = 'Pod', name = ''] = on.split('/');
  const time = isoSeconds(store.now() - secondsAgo * 1_000);
  return store.add('events', {
    metadata: { name: `${name}.${shortHash([reason, message, store.version()], 16)}` },
    involvedObject: { kind, namespace: store.namespace, name },
    reason,
    message,
    source: { component: 'kubelet' },
    firstTimestamp: time,
    lastTimestamp: time,
    count,
    type,
    eventTime: null,
    reportingComponent: 'kubelet',
    reportingInstance: '',
  });
}

