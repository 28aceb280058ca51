/** The clients of each target's systems, made when they are first used and closed together. */
import type { Clock } from '#kernel/clock.ts';
import type { Config, DrillConfig, TargetConfig } from '#config/config.ts';
import type { Systems } from '#engine/ports.ts';
import type { AlertmanagerApi } from '#incidents/ports.ts';
import type { SystemToken } from '#step-kit/index.ts';
import { createAlertmanagerClient, type AlertmanagerClient } from '#systems/alertmanager/client.ts';
import { createCordumClient, type CordumClient } from '#systems/cordum/client.ts';
import { createGrpcHealthClient } from '#systems/grpc/client.ts';
import { createHttpClient } from '#systems/http/client.ts';
import { createKubernetesClient } from '#systems/kubernetes/client.ts';
import { createNatsClient } from '#systems/nats/client.ts';
import { createPrometheusClient } from '#systems/prometheus/client.ts';
import { createRedisClient } from '#systems/redis/client.ts';
import { createBackupClient } from './backup-client.ts';
import { endpointsOf } from './certificate-endpoints.ts';
import { createRestoreClient } from './restore-parts.ts';
import { createDrillDesk } from './drill-desk.ts';

export interface Targets extends Systems {
  cordum(target: string): CordumClient | undefined;
  readonly alertmanagers: AlertmanagerApi;
  close(): Promise<void>;
}

interface Closable {
  close(): Promise<void>;
}

type Make = (target: TargetConfig, clock: Clock, drills: readonly DrillConfig[]) => Closable | undefined;

/** By the name of the system's token. A factory is cheap and connects to nothing; undefined: the target has no such system. */
const MAKERS: Readonly<Record<string, Make>> = {
  alertmanager: ({ alertmanager }, clock) => alertmanager && createAlertmanagerClient({ ...alertmanager, clock }),
  backup: (target, clock) => createBackupClient(target, clock),
  cordum: ({ cordum }, clock) => cordum && createCordumClient({ ...cordum, clock }),
  drill: (target, clock, drills) => createDrillDesk(target, { drills, clock }),
  grpc: ({ grpc }, clock) => grpc && createGrpcHealthClient({ services: grpc, clock }),
  http: (target, clock) => (hasAddresses(target) ? createHttpClient({ allow: target.http?.allow ?? [], endpoints: endpointsOf(target), clock }) : undefined),
  kubernetes: ({ kubernetes }, clock) => kubernetes && createKubernetesClient({ ...kubernetes, clock }),
  nats: ({ nats }, clock) => nats && createNatsClient({ ...nats, clock }),
  prometheus: ({ prometheus }, clock) => prometheus && createPrometheusClient({ ...prometheus, clock }),
  redis: ({ redis }, clock) => redis && createRedisClient(redis, { clock }),
  restore: (target, clock) => createRestoreClient(target, clock),
};

/** The systems that a target can have, by the names of their tokens. */
export const SYSTEM_NAMES: readonly string[] = Object.keys(MAKERS);

/** Certificates are looked at wherever there is an address of the target, whether it has an allow-list or not. */
function hasAddresses({ cordum, grpc, redis, nats, http }: TargetConfig): boolean {
  return [cordum, grpc, redis, nats, http].some((system) => system !== undefined);
}

export function createTargets(config: Config, clock: Clock): Targets {
  const byName = new Map(config.targets.map((target) => [target.name, target]));
  /** Of each target, by system. */
  const made = new Map<string, Map<string, Closable>>(config.targets.map(({ name }) => [name, new Map()]));

  const clientOf = (name: string, system: string): Closable | undefined => {
    const target = byName.get(name);
    const clients = made.get(name);
    if (target === undefined || clients === undefined || !Object.hasOwn(MAKERS, system)) return undefined;
    const client = clients.get(system) ?? MAKERS[system]?.(target, clock, config.drills);
    if (client !== undefined) clients.set(system, client);
    return client;
  };

  return {
    cordum: (name) => clientOf(name, 'cordum') as CordumClient | undefined,
    // The token's name and the maker of its client belong together; a test asks for each of them.
    client: <Client>(name: string, system: SystemToken<Client>) => clientOf(name, system.name) as Client | undefined,
    alertmanagers: {
      active: (name) => (clientOf(name, 'alertmanager') as AlertmanagerClient | undefined)?.active(),
    },
    async close() {
      const all = [...made.values()].flatMap((clients) => [...clients.values()]);
      // One that cannot be closed must not keep the others open.
      await Promise.allSettled(all.map((client) => client.close()));
    },
  };
}
