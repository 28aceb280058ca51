/** The clients of each target's systems, made when they are first used. */
import type { Clock } from '#kernel/clock.ts';
import type { Config, TargetConfig } from '#config/config.ts';
import type { Systems } from '#engine/ports.ts';
import type { AlertmanagerApi } from '#incidents/ports.ts';
import type { SystemToken } from '#step-kit/index.ts';
import { createAlertmanagerClient, type AlertmanagerClient } from '#systems/alertmanager/client.ts';
import { createCordumClient, type CordumClient } from '#systems/cordum/client.ts';
import { Cordum } from '#systems/cordum/system.ts';

export interface Targets extends Systems {
  cordum(target: string): CordumClient | undefined;
  readonly alertmanagers: AlertmanagerApi;
  close(): Promise<void>;
}

export function createTargets(config: Config, clock: Clock): Targets {
  const byName = new Map(config.targets.map((target) => [target.name, target]));
  const cordums = new Map<string, CordumClient>();
  const alertmanagers = new Map<string, AlertmanagerClient>();

  const cordum = (name: string): CordumClient | undefined => {
    const target = byName.get(name);
    if (target?.cordum === undefined) return undefined;
    const known = cordums.get(name) ?? makeCordum(target, clock);
    if (known !== undefined) cordums.set(name, known);
    return known;
  };

  return {
    cordum,
    client: <Client>(target: string, system: SystemToken<Client>) => (system.name === Cordum.name ? (cordum(target) as Client | undefined) : undefined),
    alertmanagers: {
      active(name) {
        const url = byName.get(name)?.alertmanager?.url;
        if (url === undefined) return undefined;
        const client = alertmanagers.get(name) ?? createAlertmanagerClient({ url, now: () => clock.now() });
        alertmanagers.set(name, client);
        return client.active();
      },
    },
    async close() {
      await Promise.all([...cordums.values()].map((client) => client.close()));
    },
  };
}

function makeCordum(target: TargetConfig, clock: Clock): CordumClient | undefined {
  if (target.cordum === undefined) return undefined;
  const { url, tenant, apiKey } = target.cordum;
  return createCordumClient({ url, tenant, apiKey, clock });
}
