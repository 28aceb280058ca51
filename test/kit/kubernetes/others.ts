/** The controllers of autoscalers, disruption budgets and jobs, as far as the bot sees them. */
import { at, type Fields, isFields, isoSeconds, type KubeObject, labelsAt, numberAt } from './objects.ts';
import { isReady, podOf, podStatus } from './pods.ts';
import type { Store } from './store.ts';
import { ownerOf, podsOf } from './workloads.ts';

const NO_METRICS = 'the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)';

/** Holds the replicas within its bounds; without metrics it does nothing else (recording hpa_get_after_min_raise). */
export function moveAutoscalers(store: Store, utilization: ReadonlyMap<string, number>): void {
  for (const hpa of store.all('horizontalpodautoscalers')) {
    const { name } = hpa.metadata;
    const target = store.find('deployments', String(at(hpa, 'spec', 'scaleTargetRef', 'name')));
    const current = numberAt(target, 'spec', 'replicas');
    const condition = (type: string, holds: boolean, reason: string, message: string): Fields => ({ type, status: holds ? 'True' : 'False', lastTransitionTime: hpa.metadata.creationTimestamp, reason, message });
    const able = condition('AbleToScale', true, 'SucceededGetScale', "the HPA controller was able to get the target's current scale");
    if (target === undefined || current === 0) {
      const message = 'scaling is disabled since the replica count of the target is zero';
      store.control('horizontalpodautoscalers', name, { status: { desiredReplicas: 0, currentMetrics: null, conditions: [able, condition('ScalingActive', false, 'ScalingDisabled', message)] } });
      continue;
    }
    const min = at(hpa, 'spec', 'minReplicas') === undefined ? 1 : numberAt(hpa, 'spec', 'minReplicas');
    const max = numberAt(hpa, 'spec', 'maxReplicas');
    const cpu = utilization.get(name);
    const goal = numberAt(hpa, 'spec', 'metrics', 0, 'resource', 'target', 'averageUtilization') || 70;
    const asked = cpu === undefined ? current : Math.ceil((current * cpu) / goal);
    const desired = Math.min(max, Math.max(min, asked));
    if (desired !== current) store.control('deployments', target.metadata.name, { spec: { ...target.spec, replicas: desired } });
    const limited = asked > max ? condition('ScalingLimited', true, 'TooManyReplicas', 'the desired replica count is more than the maximum replica count') : condition('ScalingLimited', false, 'DesiredWithinRange', 'the desired count is within the acceptable range');
    const seen = [{ type: 'Resource', resource: { name: 'cpu', current: { averageValue: `${cpu ?? 0}m`, averageUtilization: cpu ?? 0 } } }];
    const status =
      cpu === undefined
        ? { currentReplicas: current, desiredReplicas: 0, currentMetrics: [{ type: '' }], conditions: [able, condition('ScalingActive', false, 'FailedGetResourceMetric', NO_METRICS)] }
        : { currentReplicas: current, desiredReplicas: desired, currentMetrics: seen, conditions: [{ ...able, reason: 'ReadyForNewScale', message: 'recommended size matches current size' }, condition('ScalingActive', true, 'ValidMetricFound', 'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)'), limited] };
    store.control('horizontalpodautoscalers', name, { status });
  }
}

export function moveBudgets(store: Store): void {
  for (const pdb of store.all('poddisruptionbudgets')) {
    const labels = Object.entries(labelsAt(pdb, 'spec', 'selector', 'matchLabels'));
    const pods = store.all('pods').filter((pod) => labels.every(([name, value]) => pod.metadata.labels?.[name] === value));
    const healthy = pods.filter(isReady).length;
    const min = at(pdb, 'spec', 'minAvailable');
    const desired = typeof min === 'number' ? min : pods.length - numberAt(pdb, 'spec', 'maxUnavailable');
    const allowed = Math.max(0, healthy - desired);
    const conditions = [{ type: 'DisruptionAllowed', status: allowed > 0 ? 'True' : 'False', observedGeneration: 1, lastTransitionTime: pdb.metadata.creationTimestamp, reason: allowed > 0 ? 'SufficientPods' : 'InsufficientPods', message: '' }];
    store.control('poddisruptionbudgets', pdb.metadata.name, { status: { observedGeneration: pdb.metadata.generation ?? 1, disruptionsAllowed: allowed, currentHealthy: healthy, desiredHealthy: Math.max(0, desired), expectedPods: pods.length, conditions } });
  }
}

export type JobOutcome = 'complete' | 'failed' | 'deadline' | 'running';

/** A new job gets a pod and becomes active; at the next tick it ends as it was told to. */
export function moveJobs(store: Store, outcomes: ReadonlyMap<string, JobOutcome>): void {
  for (const job of store.all('jobs')) {
    if (at(job, 'spec', 'suspend') === true || isOver(job)) continue;
    const cronJob = job.metadata.ownerReferences?.find((one) => one.kind === 'CronJob')?.name;
    if (at(job, 'status', 'startTime') === undefined) {
      startJob(store, job);
      continue;
    }
    const outcome = outcomes.get(job.metadata.name) ?? outcomes.get(cronJob ?? '') ?? 'complete';
    if (outcome !== 'running') endJob(store, job, outcome, store.now());
  }
}

function isOver(job: KubeObject): boolean {
  const conditions = at(job, 'status', 'conditions');
  return Array.isArray(conditions) && conditions.some((one) => isFields(one) && (one['type'] === 'Complete' || one['type'] === 'Failed'));
}

export function startJob(store: Store, job: KubeObject, atMs: number = store.now()): void {
  const { name } = job.metadata;
  const pod = store.add('pods', podOf(`${name}-x7k2p`, at(job, 'spec', 'template'), { owner: ownerOf('Job', 'batch/v1', job) }));
  store.control('pods', pod.metadata.name, { spec: { ...pod.spec, nodeName: 'node-a' }, status: podStatus(pod, { state: 'running', ageSeconds: (store.now() - atMs) / 1_000 }, store.now()) });
  store.control('jobs', name, { status: { startTime: isoSeconds(atMs), active: 1, terminating: 0, uncountedTerminatedPods: {}, ready: 1 } });
  tellCronJob(store, job, { lastScheduleTime: isoSeconds(atMs) });
}

const ENDINGS = {
  complete: { first: 'SuccessCriteriaMet', then: 'Complete', reason: 'CompletionsReached', message: 'Reached expected number of succeeded pods' },
  failed: { first: 'FailureTarget', then: 'Failed', reason: 'BackoffLimitExceeded', message: 'Job has reached the specified backoff limit' },
  deadline: { first: 'FailureTarget', then: 'Failed', reason: 'DeadlineExceeded', message: 'Job was active longer than specified deadline' },
} as const;

export function endJob(store: Store, job: KubeObject, outcome: Exclude<JobOutcome, 'running'>, atMs: number): void {
  const { first, then, reason, message } = ENDINGS[outcome];
  const time = isoSeconds(atMs);
  const conditions = [first, then].map((type) => ({ type, status: 'True', lastProbeTime: time, lastTransitionTime: time, reason, message }));
  const counts = outcome === 'complete' ? { completionTime: time, succeeded: 1 } : { failed: 1 };
  const current = store.get('jobs', job.metadata.name);
  store.control('jobs', job.metadata.name, { status: { conditions, startTime: at(current, 'status', 'startTime') ?? time, ...counts, terminating: 0, uncountedTerminatedPods: {}, ready: 0 } });
  for (const pod of podsOf(store, current)) {
    if (outcome === 'deadline') store.remove('pods', pod.metadata.name);
    else store.control('pods', pod.metadata.name, { status: podStatus(pod, { state: outcome === 'complete' ? 'succeeded' : 'failed', endedSecondsAgo: (store.now() - atMs) / 1_000 }, store.now()) });
  }
  if (outcome === 'complete') tellCronJob(store, job, { lastSuccessfulTime: time });
}

/** The controller hears of manual jobs too; only scheduled ones move lastScheduleTime. */
function tellCronJob(store: Store, job: KubeObject, news: Fields): void {
  const owner = job.metadata.ownerReferences?.find((one) => one.kind === 'CronJob');
  const cronJob = owner === undefined ? undefined : store.find('cronjobs', owner.name);
  if (owner === undefined || cronJob?.metadata.uid !== owner.uid) return;
  const manual = job.metadata.annotations?.['cronjob.kubernetes.io/instantiate'] === 'manual';
  if (manual && news['lastScheduleTime'] !== undefined) return;
  const active = store.all('jobs').filter((one) => one.metadata.ownerReferences?.[0]?.uid === owner.uid && numberAt(one, 'status', 'active') > 0);
  const list = active.map((one) => ({ kind: 'Job', namespace: store.namespace, name: one.metadata.name, uid: one.metadata.uid, apiVersion: 'batch/v1', resourceVersion: one.metadata.resourceVersion }));
  const status: Fields = { ...cronJob.status, ...news, active: list };
  if (list.length === 0) delete status['active'];
  store.control('cronjobs', owner.name, { status });
}

