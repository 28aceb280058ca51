/** Whether anybody could still write: a restore under the feet of a running Cordum loses what comes in meanwhile. */
import type { TargetConfig } from '#config/config.ts';
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { createNatsClient, type NatsClient } from '#systems/nats/client.ts';
import { roleOf } from '#systems/nats/connections.ts';
import type { ServiceControl } from '#systems/restore/client.ts';

const OWN_NAME = 'cordum-runbook-bot';
/** What all services of Cordum call themselves (recording nats_connz of v0.9.7); its workers give no name. */
const SERVICE_NAME = 'cordum-bus';
const CONNECTIONS_MAX = 1_000;
const NAMED = 5;
/** A client says its name as soon as it is connected. */
const NAMED_WITHIN_MS = 1_000;

type Allowed = 'nobody' | 'services';

interface Looking {
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface Writers {
  /** How it is known that no service runs, as a sentence; a failure names those that do. */
  stopped(signal: AbortSignal): Promise<Result<string>>;
  /** The same of all who are connected to NATS. `services`: those of Cordum may be, since they are yet to be stopped. */
  silent(signal: AbortSignal, allowed: Allowed): Promise<Result<string>>;
  close(): Promise<void>;
}

export function createWriters({ nats }: Pick<TargetConfig, 'nats'>, { services, clock }: { readonly services: ServiceControl | undefined; readonly clock: Clock }): Writers {
  const bus = nats === undefined ? undefined : createNatsClient({ ...nats, clock });
  return {
    stopped: (signal) => (services === undefined ? Promise.resolve(succeed('Kubernetes is not configured: whether services are started meanwhile cannot be seen.')) : noneRuns(services, signal)),
    silent: (signal, allowed) => onlyAllowed(bus, allowed, { signal, clock }),
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

async function onlyAllowed(client: NatsClient | undefined, allowed: Allowed, { signal, clock }: Looking): Promise<Result<string>> {
  if (client === undefined || client.monitors.length === 0) return fail('refused', 'Whether anybody is connected to NATS cannot be seen: set nats.monitorUrl, of every server.', 'no');
  let others = await othersOn(client, allowed, signal);
  // A connection has no name until its first words have come: it may be one of ours that is just being made.
  if (others.ok && others.value.some(({ name }) => name === '')) {
    await waitUntil(clock, clock.now() + NAMED_WITHIN_MS, signal);
    others = await othersOn(client, allowed, signal);
  }
  if (!others.ok) return others;
  const asked = `${client.monitors.length} server(s) asked`;
  if (others.value.length === 0) return succeed(allowed === 'nobody' ? `Nobody but the bot is connected to NATS (${asked}).` : `Nobody but the bot and services of Cordum is connected to NATS (${asked}).`);
  const shown = others.value.slice(0, NAMED).map(({ name, role, ip }) => `${name === '' ? 'unnamed' : name} (${role}, ${ip})`);
  return fail('refused', `${others.value.length} connected to NATS, who could write: ${shown.join(', ')}. Stop ${allowed === 'nobody' ? 'workers and services' : 'them; the restore stops only services of Cordum'} first.`, 'no');
}

async function othersOn(client: NatsClient, allowed: Allowed, signal: AbortSignal): Promise<Result<{ readonly name: string; readonly role: string; readonly ip: string }[]>> {
  const others: { name: string; role: string; ip: string }[] = [];
  for (const monitor of client.monitors) {
    const open = await monitor.connz({ state: 'open', limit: CONNECTIONS_MAX }, { signal });
    if (!open.ok) return { ok: false, failure: { ...open.failure, landed: 'no' } };
    for (const { name, ip, subscriptions_list: listens } of open.value.connections) {
      const role = roleOf(listens);
      const known = name.startsWith(OWN_NAME) || (allowed === 'services' && name === SERVICE_NAME && role !== 'worker');
      if (!known) others.push({ name, role, ip });
    }
  }
  return succeed(others);
}
