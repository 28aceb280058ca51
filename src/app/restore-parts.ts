/** What restores are made of: the backups in the target's directory, and connections to its live systems. */
import { readInventory } from '#backups/inventory.ts';
import { compareStreams, findSavedBy, findSavedStreams, putStream, sideOf, standingOf, type StreamPort } from '#backups/restore/nats.ts';
import { compareConfig, findSaved, lookAtConfig, putConfig, whyNotRestorable, type ConfigPlace } from '#backups/restore/config.ts';
import type { TargetConfig } from '#config/config.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { createKubernetesClient } from '#systems/kubernetes/client.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import type { ConfigRestore, RestoreClient, StreamRestore, StreamSide } from '#systems/restore/client.ts';
import { natsOf, redisOf } from './live-system.ts';
import { createRedisRestore } from './restore-redis.ts';
import { createServices } from './restore-services.ts';
import { createWriters, type Writers } from './restore-writers.ts';
import { backUpTarget, natsOfTarget, redisOfTarget, stampIn } from './target-backups.ts';

const SAVE_TRIES = 3;

/** Undefined: the target names no directory of backups. */
export function createRestoreClient(target: TargetConfig, clock: Clock): RestoreClient | undefined {
  const { backups: directory, redis, nats } = target;
  if (directory === undefined) return undefined;
  const cluster = target.kubernetes === undefined ? undefined : createKubernetesClient({ ...target.kubernetes, clock });
  const services = cluster === undefined ? undefined : createServices(cluster);
  const writers = createWriters(target, { services, clock });
  return {
    directory,
    services,
    async sets(store) {
      const inventory = await readInventory(directory);
      if (!inventory.ok) return inventory;
      const sets = inventory.value.sets.filter((set) => set.store === store);
      return succeed(sets.map((set) => ({ stamp: set.stamp, takenAtMs: set.namedMs, bytes: set.bytes, files: set.files.length, because: whyNotRestorable(set) })));
    },
    config: () => (redis === undefined ? fail('invalid', 'The target has no redis configured: there is nothing to restore into.', 'no') : succeed(configOf(directory, target, clock))),
    streams: () => (nats === undefined ? fail('invalid', 'The target has no NATS configured: there is nothing to restore into.', 'no') : succeed(streamsOf(directory, target, { writers, clock }))),
    redis: () => createRedisRestore(target, directory, clock),
    async close() {
      await Promise.allSettled([writers.close(), cluster?.close()]);
    },
  };
}

function configOf(directory: string, target: TargetConfig, clock: Clock): ConfigRestore {
  const at = async <T>(signal: AbortSignal, use: (place: ConfigPlace) => Promise<Result<T>>): Promise<Result<T>> => {
    const live = await redisOfTarget(target, clock, signal);
    if (!live.ok) return live;
    const { addresses, open } = redisOf(live.value);
    return use({ directory, addresses, connect: open });
  };
  return {
    compare: (asked, { signal }) => at(signal, (place) => compareConfig(place, asked, signal)),
    async save({ signal }) {
      const taken = await backUpTarget(target, { store: 'config', directory }, { clock, signal });
      return taken.ok ? succeed(stampIn(taken.value.manifestPath)) : taken;
    },
    savedSince: async (sinceMs, values) => succeed(await findSaved(directory, sinceMs, values)),
    put: (change, asked, { signal }) => at(signal, (place) => putConfig(place, change, asked, signal)),
    look: (keys, { signal }) => at(signal, (place) => lookAtConfig(place, keys)),
  };
}

function streamsOf(directory: string, target: TargetConfig, { writers, clock }: { readonly writers: Writers; readonly clock: Clock }): StreamRestore {
  const onPort = async <T>(use: (port: StreamPort) => Promise<Result<T>>): Promise<Result<T>> => {
    const live = natsOfTarget(target);
    if (!live.ok) return live;
    const opened = await openStreamClient(natsOf(live.value).options);
    if (!opened.ok) return { ok: false, failure: { ...opened.failure, landed: 'no' } };
    try {
      return await use(opened.value);
    } finally {
      await opened.value.close();
    }
  };
  return {
    async writers(allowed, { signal }) {
      const stopped = allowed === 'nobody' ? await writers.stopped(signal) : undefined;
      if (stopped?.ok === false) return stopped;
      const silent = await writers.silent(signal, allowed);
      return silent.ok ? succeed([...(stopped === undefined ? [] : [stopped.value]), silent.value]) : silent;
    },
    compare: (asked) => onPort((port) => compareStreams(directory, asked, port)),
    save: (streams, effect, { signal }) => saveStreams({ directory, streams, effect }, { target, clock, signal, look: (stream) => onPort((port) => sideOf(port, stream)) }),
    savedBy: async (effect) => succeed(await findSavedBy(directory, effect)),
    put: (change, stamp, { signal }) => onPort((port) => putStream(directory, stamp, change, port, signal)),
    standing: (change) => onPort((port) => standingOf(directory, change, port)),
  };
}

interface Saving {
  readonly target: TargetConfig;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  look(stream: string): Promise<Result<StreamSide>>;
}

/** A message that grows too old meanwhile does no harm; one that comes in makes it begin again, since then somebody writes. */
async function saveStreams({ directory, streams, effect }: { readonly directory: string; readonly streams: readonly string[]; readonly effect: string }, { target, clock, signal, look }: Saving): Promise<Result<string>> {
  for (let tries = 0; tries < SAVE_TRIES && !signal.aborted; tries += 1) {
    const there: { stream: string; side: StreamSide }[] = [];
    for (const stream of streams) {
      const side = await look(stream);
      if (!side.ok) return side;
      if (side.value.present) there.push({ stream, side: side.value });
    }
    if (there.length === 0) return succeed('');
    const taken = await backUpTarget(target, { store: 'nats', directory, streams: there.map(({ stream }) => stream), effect }, { clock, signal });
    if (!taken.ok) return taken;
    const stamp = stampIn(taken.value.manifestPath);
    if ((await findSavedStreams(directory, there)) === stamp) return succeed(stamp);
  }
  return fail('conflict', `${streams.join(', ')} moved while they were backed up: somebody writes.`);
}
