/** The services of Cordum that write, as restores stop and start them: to 0 and back, with a note on the Deployment of how many there were. */
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import { EFFECT, guarded } from '#systems/kubernetes/changes.ts';
import type { Call, KubernetesClient, ServiceName } from '#systems/kubernetes/client.ts';
import { pod, workload } from '#systems/kubernetes/records.ts';
import { judge, readRunning, type Running } from '#systems/kubernetes/rollouts.ts';
import type { ServiceControl, ServiceState } from '#systems/restore/client.ts';

/**
 * In the order in which they are stopped: what takes jobs in, what hands them out, what goes on with them, what they ask. The first three
 * write to both stores. The context engine keeps its memory in Redis; the safety kernel listens on NATS, where nobody may be connected.
 */
export const WRITERS: readonly ServiceName[] = ['api-gateway', 'scheduler', 'workflow-engine', 'context-engine', 'safety-kernel'];
/** Every Cordum has these: one that is not found is one that cannot be seen. The other two may not be installed. */
const CERTAIN: ReadonlySet<ServiceName> = new Set(['api-gateway', 'scheduler', 'workflow-engine']);
/** On the Deployment, from its stop to its start: how many replicas to go back to. */
const NOTE = 'cordum-runbook-bot/replicas-before-restore';
const MOST_REPLICAS = 1_000;
const MOST_PODS = 200;

export function createServices(client: KubernetesClient): ServiceControl {
  return {
    async list(call) {
      const services: ServiceState[] = [];
      const notes: string[] = [];
      for (const service of WRITERS) {
        const seen = await stateOf(client, service, call);
        if (seen.ok) services.push(seen.value.state);
        else if (seen.failure.reason === 'notFound' && !CERTAIN.has(service)) notes.push(`${service} is not there, so it counts as not installed.`);
        else return seen;
      }
      return succeed({ services, notes });
    },
    async look(service, call) {
      const seen = await stateOf(client, service, call);
      return seen.ok ? succeed(seen.value.state) : seen;
    },
    async stop(service, mark, call) {
      const seen = await stateOf(client, service, call);
      if (!seen.ok) return unsent(seen.failure);
      const { wanted } = seen.value.state;
      // An autoscaler leaves a Deployment at 0 alone, and takes it up again above it (Kubernetes, "implicit maintenance-mode deactivation"; recording hpa_get_scaling_disabled).
      return wanted === 0 ? succeed('changed') : send(client, seen.value.running, { replicas: 0, note: String(wanted), mark, answer: wanted }, call);
    },
    async start(service, mark, call) {
      const seen = await stateOf(client, service, call);
      if (!seen.ok) return unsent(seen.failure);
      const { wanted, noted } = seen.value.state;
      return wanted > 0 || noted === 0 ? succeed('changed') : send(client, seen.value.running, { replicas: noted, note: null, mark, answer: noted }, call);
    },
  };
}

interface Sent {
  readonly replicas: number;
  /** null takes it away. */
  readonly note: string | null;
  readonly mark: string;
  readonly answer: number;
}

/** With the version that was just seen: whatever moves in between makes Kubernetes refuse. */
async function send(client: KubernetesClient, { kind, name, record }: Running, { replicas, note, mark, answer }: Sent, call: Call): Promise<Result<number | 'changed'>> {
  const patched = await client.patch(kind, name, { type: 'merge', body: guarded(record.metadata.resourceVersion, mark, { replicas }, { [NOTE]: note }) }, workload, call);
  if (patched.ok) return succeed(answer);
  return patched.failure.reason === 'conflict' ? succeed('changed') : patched;
}

async function stateOf(client: KubernetesClient, name: string, call: Call): Promise<Result<{ readonly state: ServiceState; readonly running: Running }>> {
  const service = WRITERS.find((writer) => writer === name);
  if (service === undefined) return fail('invalid', `${name.slice(0, 80)} is no service that a restore stops.`);
  const running = await readRunning(client, service, call);
  if (!running.ok) return running;
  const { metadata, spec, status } = running.value.record;
  const pods = await podsOf(client, running.value, call);
  if (!pods.ok) return pods;
  const { rollout, why } = judge(running.value);
  const state: ServiceState = {
    service,
    name: running.value.name,
    wanted: spec.replicas,
    ready: status.readyReplicas,
    pods: pods.value,
    noted: numberIn(metadata.annotations[NOTE]),
    mark: metadata.annotations[EFFECT] ?? '',
    stuck: rollout === 'stuck' ? why : '',
  };
  return succeed({ state, running: running.value });
}

/** By the Deployment's own labels, since a pod that is still going does not count in its status any more, and may still write. */
async function podsOf(client: KubernetesClient, { service, record }: Running, call: Call): Promise<Result<number>> {
  const { matchLabels = {}, matchExpressions = [] } = record.spec.selector ?? {};
  const own = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const labels = own.length === 0 || matchExpressions.length > 0 ? client.names.selector(service) : own.join(',');
  const listed = await client.list('pods', pod, { labels, most: MOST_PODS }, call);
  if (!listed.ok) return listed;
  return succeed(listed.value.items.filter(({ status }) => status.phase !== 'Succeeded' && status.phase !== 'Failed').length);
}

function numberIn(text: string | undefined): number {
  const number = /^\d{1,4}$/.test(text ?? '') ? Number(text) : 0;
  return number <= MOST_REPLICAS ? number : 0;
}

function unsent(failure: Failure): Result<never> {
  return fail(failure.reason, failure.message, 'no');
}
