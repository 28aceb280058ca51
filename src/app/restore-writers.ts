/** Whether anybody could still write: a restore under the feet of a running Cordum loses what comes in meanwhile. */
import type { TargetConfig } from '#config/config.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { createNatsClient, type NatsClient } from '#systems/nats/client.ts';
import { roleOf } from '#systems/nats/connections.ts';
import type { ServiceControl } from '#systems/restore/client.ts';

const OWN_NAME = 'cordum-runbook-bot';
/** What all services of Cordum call themselves (recording nats_connz of v0.9.7); its workers give no name. */
const SERVICE_NAME = 'cordum-bus';
const CONNECTIONS_MAX = 1_000;
const NAMED = 5;

export interface Writers {
  /** How it is known that no service runs, as a sentence; a failure names those that do. */
  stopped(signal: AbortSignal): Promise<Result<string>>;
  /** The same of all who are connected to NATS. `services`: those of Cordum may be, since they are yet to be stopped. */
  silent(signal: AbortSignal, allowed: 'nobody' | 'services'): Promise<Result<string>>;
  close(): Promise<void>;
}

export function createWriters({ nats }: Pick<TargetConfig, 'nats'>, { services, clock }: { readonly services: ServiceControl | undefined; readonly clock: Clock }): Writers {
  const bus = nats === undefined ? undefined : createNatsClient({ ...nats, clock });
  return {
    stopped: (signal) => (services === undefined ? Promise.resolve(succeed('Kubernetes is not configured: whether services are started meanwhile cannot be seen.')) : noneRuns(services, signal)),
    silent: (signal, allowed) => onlyAllowed(bus, allowed, signal),
    close: async () => bus?.close(),
  };
}

async function noneRuns(control: ServiceControl, signal: AbortSignal): Promise<Result<string>> {
  const listed = await control.list({ signal });
  if (!listed.ok) return { ok: false, failure: { ...listed.failure, landed: 'no' } };
  const { services } = listed.value;
  const running = services.filter(({ wanted, pods }) => wanted > 0 || pods > 0).map(({ name, wanted, pods }) => `${name} (${wanted} wanted, ${pods} there)`);
  if (running.length === 0) return succeed(`${services.map(({ service }) => service).join(', ')} are at 0 replicas.`);
  return fail('refused', `Writers run: ${running.join(', ')}. Plan the restore again: it stops them first.`, 'no');
}

async function onlyAllowed(client: NatsClient | undefined, allowed: 'nobody' | 'services', signal: AbortSignal): Promise<Result<string>> {
  if (client === undefined || client.monitors.length === 0) return fail('refused', 'Whether anybody is connected to NATS cannot be seen: set nats.monitorUrl, of every server.', 'no');
  const others: string[] = [];
  for (const monitor of client.monitors) {
    const open = await monitor.connz({ state: 'open', limit: CONNECTIONS_MAX }, { signal });
    if (!open.ok) return { ok: false, failure: { ...open.failure, landed: 'no' } };
    for (const { name, ip, subscriptions_list: listens } of open.value.connections) {
      const role = roleOf(listens);
      const ours = name.startsWith(OWN_NAME) || (allowed === 'services' && name === SERVICE_NAME && role !== 'worker');
      if (!ours) others.push(`${name === '' ? 'unnamed' : name} (${role}, ${ip})`);
    }
  }
  const asked = `${client.monitors.length} server(s) asked`;
  if (others.length === 0) return succeed(allowed === 'nobody' ? `Nobody but the bot is connected to NATS (${asked}).` : `Nobody but the bot and services of Cordum is connected to NATS (${asked}).`);
  return fail('refused', `${others.length} connected to NATS, who could write: ${others.slice(0, NAMED).join(', ')}. Stop ${allowed === 'nobody' ? 'workers and services' : 'them; the restore stops only services of Cordum'} first.`, 'no');
}
