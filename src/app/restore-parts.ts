/** What restores are made of: the backups in the target's directory, and connections to its live systems. */
import { tmpdir } from 'node:os';
import { readInventory } from '#backups/inventory.ts';
import { compareConfig, findSaved, lookAtConfig, putConfig, whyNotRestorable, type ConfigPlace } from '#backups/restore/config.ts';
import type { TargetConfig } from '#config/config.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { ConfigRestore, RestoreClient } from '#systems/restore/client.ts';
import { performBackup } from './backup-parts.ts';
import { redisOf, type LiveSystem } from './live-system.ts';

/** Undefined: the target names no directory of backups. */
export function createRestoreClient(target: TargetConfig, clock: Clock): RestoreClient | undefined {
  const { backups: directory, redis } = target;
  if (directory === undefined) return undefined;
  return {
    directory,
    async sets(store) {
      const inventory = await readInventory(directory);
      if (!inventory.ok) return inventory;
      const sets = inventory.value.sets.filter((set) => set.store === store);
      return succeed(sets.map((set) => ({ stamp: set.stamp, takenAtMs: set.namedMs, bytes: set.bytes, files: set.files.length, because: whyNotRestorable(set) })));
    },
    config() {
      const live = liveRedis(redis);
      return live.ok ? succeed(configOf(directory, live.value, clock)) : live;
    },
    close: () => Promise.resolve(),
  };
}

function liveRedis(redis: TargetConfig['redis']): Result<LiveSystem> {
  if (redis === undefined) return fail('invalid', 'The target has no redis configured: there is nothing to restore into.', 'no');
  const { url, username, password, tls } = redis;
  if (url === undefined) return fail('invalid', 'The Redis of the target is behind Sentinels. A restore wants the address of the primary: set redis.url.', 'no');
  return succeed({ url, ...(username === undefined ? {} : { username }), ...(password === undefined ? {} : { password }), ...(tls === undefined ? {} : { tls }) });
}

function configOf(directory: string, live: LiveSystem, clock: Clock): ConfigRestore {
  const { addresses, open } = redisOf(live);
  const place: ConfigPlace = { directory, addresses, connect: open };
  return {
    compare: (asked, { signal }) => compareConfig(place, asked, signal),
    async save({ signal }) {
      const taken = await performBackup({ store: 'config', directory, live, tlsFiles: undefined, streams: undefined, temp: tmpdir() }, { clock, signal, onStep: () => undefined });
      return taken.ok ? succeed(stampIn(taken.value.manifestPath)) : taken;
    },
    savedSince: async (sinceMs, values) => succeed(await findSaved(directory, sinceMs, values)),
    put: (change, asked, { signal }) => putConfig(place, change, asked, signal),
    look: (keys) => lookAtConfig(place, keys),
  };
}

function stampIn(manifestPath: string): string {
  return /-(\d{8}T\d{6}Z)\./.exec(manifestPath)?.[1] ?? '';
}
