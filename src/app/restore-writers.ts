/** Whether anybody could still write: a restore under the feet of a running Cordum loses what comes in meanwhile. */
import type { TargetConfig } from '#config/config.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { createKubernetesClient, type KubernetesClient, type ServiceName } from '#systems/kubernetes/client.ts';
import { readRunning } from '#systems/kubernetes/rollouts.ts';
import { createNatsClient, type NatsClient } from '#systems/nats/client.ts';
import { roleOf } from '#systems/nats/connections.ts';

/** In the order in which they are stopped. */
export const WRITERS: readonly ServiceName[] = ['api-gateway', 'scheduler', 'workflow-engine'];
const OWN_NAME = 'cordum-runbook-bot';
const CONNECTIONS_MAX = 1_000;
const NAMED = 5;

export interface Writers {
  /** How it is known that nobody writes, as sentences; a failure names who does, or what cannot be seen. */
  none(signal: AbortSignal): Promise<Result<readonly string[]>>;
  close(): Promise<void>;
}

export function createWriters({ nats, kubernetes }: TargetConfig, clock: Clock): Writers {
  const cluster = kubernetes === undefined ? undefined : createKubernetesClient({ ...kubernetes, clock });
  const bus = nats === undefined ? undefined : createNatsClient({ ...nats, clock });
  return {
    async none(signal) {
      const stopped = cluster === undefined ? succeed('Kubernetes is not configured: whether services are started meanwhile cannot be seen.') : await servicesAtZero(cluster, signal);
      if (!stopped.ok) return stopped;
      const silent = await nobodyConnected(bus, signal);
      return silent.ok ? succeed([stopped.value, silent.value]) : silent;
    },
    async close() {
      await Promise.allSettled([cluster?.close(), bus?.close()]);
    },
  };
}

async function servicesAtZero(client: KubernetesClient, signal: AbortSignal): Promise<Result<string>> {
  const running: string[] = [];
  for (const service of WRITERS) {
    const read = await readRunning(client, service, { signal });
    if (!read.ok) return { ok: false, failure: { ...read.failure, landed: 'no' } };
    const { spec, status } = read.value.record;
    if (spec.replicas > 0 || status.replicas > 0) running.push(`${read.value.name} (${spec.replicas} wanted, ${status.replicas} there)`);
  }
  if (running.length === 0) return succeed(`${WRITERS.join(', ')} are at 0 replicas.`);
  return fail('refused', `Writers run: ${running.join(', ')}. Stop them first, in the order ${WRITERS.join(', ')}, and note their replicas.`, 'no');
}

async function nobodyConnected(client: NatsClient | undefined, signal: AbortSignal): Promise<Result<string>> {
  if (client === undefined || client.monitors.length === 0) return fail('refused', 'Whether anybody is connected to NATS cannot be seen: set nats.monitorUrl, of every server.', 'no');
  const others: string[] = [];
  for (const monitor of client.monitors) {
    const open = await monitor.connz({ state: 'open', limit: CONNECTIONS_MAX }, { signal });
    if (!open.ok) return { ok: false, failure: { ...open.failure, landed: 'no' } };
    others.push(...open.value.connections.filter(({ name }) => !name.startsWith(OWN_NAME)).map(({ name, ip, subscriptions_list: listens }) => `${name === '' ? 'unnamed' : name} (${roleOf(listens)}, ${ip})`));
  }
  if (others.length === 0) return succeed(`Nobody but the bot is connected to NATS (${client.monitors.length} server(s) asked).`);
  return fail('refused', `${others.length} connected to NATS, who could write: ${others.slice(0, NAMED).join(', ')}. Stop workers and services first.`, 'no');
}
