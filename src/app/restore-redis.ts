/** What restores of Redis are made of: the target's backups, servers of this machine that load them, and connections to the live primaries. */
import { tmpdir } from 'node:os';
import { readInventory } from '#backups/inventory.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { whyNotRestorable } from '#backups/restore/config.ts';
import { compareRedis, namedSet, outlineRedis, putRedis, type RedisPlace } from '#backups/restore/redis.ts';
import { connectedTo, lookAtRestored } from '#backups/restore/redis-live.ts';
import { surveyRedis } from '#backups/restore/redis-survey.ts';
import type { TargetConfig } from '#config/config.ts';
import { findProgram } from '#config/programs.ts';
import { createLocalSandbox } from '#drills/sandbox/local.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import type { RedisRestore } from '#systems/restore/client.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import { sandboxParts } from './drill-parts.ts';
import { redisOf } from './live-system.ts';
import { backUpTarget, redisOfTarget, stampIn } from './target-backups.ts';

export function createRedisRestore(target: TargetConfig, directory: string, clock: Clock): Result<RedisRestore> {
  if (target.redis === undefined) return fail('invalid', 'The target has no redis configured: there is nothing to restore into.', 'no');
  const place = async <T>(signal: AbortSignal, use: (place: RedisPlace) => Promise<Result<T>>): Promise<Result<T>> => {
    const live = await redisOfTarget(target, clock, signal);
    if (!live.ok) return live;
    if (/\/[1-9]\d*(?:\?|$)/.test(live.value.url.reveal().replace(/^\w+:\/\//, ''))) return fail('refused', 'redis.url names another database than 0: backups and restores are of database 0, which Cordum uses.', 'no');
    const { addresses, open } = redisOf(live.value);
    const check = findProgram('redis-check-rdb');
    return use({ directory, addresses, connect: open, checkRdb: check === undefined ? undefined : (file) => checkRdb(check, file, signal), load: (files, stop) => loadFiles(files, clock, stop) });
  };
  return succeed({
    connected: ({ signal }) => place(signal, connectedTo),
    outline: (stamp, { signal }) => place(signal, (at) => outlineRedis(at, stamp)),
    survey: (stamp, { signal }) => place(signal, (at) => surveyRedis(at, stamp, signal)),
    async save(effect, { signal }) {
      const taken = await backUpTarget(target, { store: 'redis', directory, effect }, { clock, signal });
      if (!taken.ok) return taken;
      const { manifest, manifestPath } = taken.value;
      const stamp = stampIn(manifestPath);
      return manifest.complete ? succeed(stamp) : fail('unavailable', `redis-${stamp} is not complete: ${manifest.missing.join(', ')}.`, 'no');
    },
    async savedBy(effect) {
      const inventory = await readInventory(directory);
      if (!inventory.ok) return inventory;
      const set = inventory.value.sets.find((one) => one.store === 'redis' && typeof one.manifest === 'object' && 'tool' in one.manifest && one.manifest.tool.effect === effect);
      return succeed(set !== undefined && whyNotRestorable(set) === '' ? set.stamp : undefined);
    },
    put: (stamp, primary, { signal }) => place(signal, (at) => putRedis(at, stamp, primary, signal)),
    difference: (stamp, primary, { signal }) =>
      place(signal, async (at) => {
        const compared = await compareRedis(at, stamp, primary, 1, signal);
        if (!compared.ok || compared.value === 'changed') return compared as Result<'changed'>;
        return succeed(compared.value.told[0] ?? '');
      }),
    look: (stamp, so, { signal }) =>
      place(signal, async (at) => {
        const named = await namedSet(directory, stamp);
        return named.ok ? lookAtRestored(at, named.value.manifest, { nowMs: clock.now(), so, signal }) : named;
      }),
  });
}

type Loaded = Awaited<ReturnType<RedisPlace['load']>>;

/** Each file into a server of its own that is no cluster: so a backup goes into a live system of any shape. */
async function loadFiles(files: readonly string[], clock: Clock, signal: AbortSignal): Promise<Loaded> {
  const { sandbox } = await createLocalSandbox(sandboxParts(tmpdir(), clock));
  const connections: RedisConnection[] = [];
  const close = async (): Promise<void> => {
    for (const connection of connections) await connection.close();
    await sandbox.teardown();
  };
  try {
    const loaded = await sandbox.loadRedis(files.map((file) => ({ file })), signal);
    if (!loaded.ok) {
      await close();
      return loaded;
    }
    for (const { host, port, password } of loaded.value) {
      const opened = await openDataConnection({ host, port, password: new Secret(password) });
      if (!opened.ok) {
        await close();
        return opened;
      }
      connections.push(opened.value);
    }
    return succeed({ connections, close });
  } catch (error) {
    await close();
    throw error;
  }
}
