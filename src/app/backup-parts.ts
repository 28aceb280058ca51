/** A backup put together: the live system, the programs of this machine, a sandbox to look into the copy. */
import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import type { Manifest } from '#backups/manifest.ts';
import type { Store } from '#backups/names.ts';
import { checkRdb } from '#backups/redis/check-rdb.ts';
import { formCluster } from '#backups/redis/cluster.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { readFacts } from '#backups/redis/facts.ts';
import { takeConfig } from '#backups/take-config.ts';
import { takeNats } from '#backups/take-nats.ts';
import { takeRedis, type TakeRedisParts } from '#backups/take-redis.ts';
import { cancelled, type Taken } from '#backups/taking.ts';
import { findProgram } from '#config/programs.ts';
import type { LiveAddress } from '#drills/live-address.ts';
import { createLocalSandbox } from '#drills/sandbox/local.ts';
import type { Clock } from '#kernel/clock.ts';
import { succeed, type Failure, type Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import { dumpRdb, type DumpSource } from '#systems/redis/rdb-dump.ts';
import { sandboxParts } from './drill-parts.ts';
import { natsOf, redisOf, type LiveRedis, type LiveSystem } from './live-system.ts';
import { VERSION } from './version.ts';

export interface BackupToTake {
  readonly store: Store;
  readonly directory: string;
  readonly live: LiveSystem;
  /** As redis-cli takes them; undefined without TLS. */
  readonly tlsFiles: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string } | undefined;
  /** Undefined: all of Cordum's. */
  readonly streams: readonly string[] | undefined;
  readonly temp: string;
  /** Of a run that took it: stands in the manifest. */
  readonly effect?: string;
}

export interface BackupRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onStep(doing: string): void;
}

const TOOL = { name: 'cordum-runbook-bot', version: VERSION };

function toolOf({ effect }: BackupToTake): Manifest['tool'] {
  return effect === undefined ? TOOL : { ...TOOL, effect };
}

export async function performBackup(toTake: BackupToTake, run: BackupRun): Promise<Result<Taken>> {
  const taken = await takeBackup(toTake, run);
  return !taken.ok && run.signal.aborted ? cancelled() : taken;
}

async function takeBackup(toTake: BackupToTake, run: BackupRun): Promise<Result<Taken>> {
  if (toTake.store === 'nats') return takeOfNats(toTake, run);
  const given = redisOf(toTake.live);
  const redis: LiveRedis = { ...given, open: async (at) => letGo(await given.open(at), run.signal) };
  const at = await firstOpen(redis);
  if (!at.ok) return at;
  const common = { ...at.value, directory: toTake.directory, tool: toolOf(toTake) };
  if (toTake.store === 'config') return takeConfig(common, { ...run, connect: (node) => redis.open(node) });
  const parts = redisParts(toTake, redis, run);
  return parts.ok ? takeRedis(common, parts.value) : parts;
}

/** Whoever cancels does not wait for a server that hangs: what waits for its answer is told that the connection has ended. */
function letGo<T extends { close(): Promise<void> }>(opened: Result<T>, signal: AbortSignal): Result<T> {
  if (opened.ok) signal.addEventListener('abort', () => void opened.value.close(), { once: true });
  return opened;
}

/** Of the addresses that were given, the first that answers. */
async function firstOpen({ addresses, open }: LiveRedis): Promise<Result<LiveAddress>> {
  let why: Failure = { reason: 'invalid', message: 'No address was given.' };
  for (const address of addresses) {
    const opened = await open(address);
    if (opened.ok) {
      await opened.value.close();
      return succeed(address);
    }
    why = opened.failure;
  }
  return { ok: false, failure: why };
}

const WITHOUT_PROGRAMS: Failure = {
  reason: 'unavailable',
  message: 'A backup of Redis needs the programs redis-cli, redis-check-rdb and redis-server on PATH (Debian: redis-tools and redis-server): it is copied by the first, checked by the second, and loaded by the third to see what is in it.',
};

/** Undefined: this machine has what a backup of Redis needs. */
export function missingForRedis(): Failure | undefined {
  return ['redis-cli', 'redis-check-rdb', 'redis-server'].every((name) => findProgram(name) !== undefined) ? undefined : WITHOUT_PROGRAMS;
}

function redisParts({ tlsFiles, temp }: BackupToTake, { access, open }: LiveRedis, run: BackupRun): Result<TakeRedisParts> {
  const [cli, check] = [findProgram('redis-cli'), findProgram('redis-check-rdb')];
  if (cli === undefined || check === undefined || missingForRedis() !== undefined) return { ok: false, failure: WITHOUT_PROGRAMS };
  const { username, password, tls } = access;
  const source = (at: LiveAddress): DumpSource => ({
    ...at,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls: { ...tlsFiles, ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }) } }),
  });
  return succeed({
    ...run,
    connect: open,
    dump: (at, file) => dumpRdb(cli, source(at), file, run.signal),
    checkRdb: (file) => checkRdb(check, file, run.signal),
    readFacts: (files, cluster) => factsOf(files, cluster, { temp, ...run }),
  });
}

type Facts = Awaited<ReturnType<TakeRedisParts['readFacts']>>;

async function factsOf(files: Parameters<TakeRedisParts['readFacts']>[0], cluster: boolean, { temp, clock, signal }: BackupRun & { readonly temp: string }): Promise<Facts> {
  const { sandbox } = await createLocalSandbox(sandboxParts(resolve(temp), clock));
  const connections: RedisConnection[] = [];
  try {
    const loaded = await sandbox.loadRedis(files.map(({ file, slots }) => (cluster ? { file, slots } : { file })), signal);
    if (!loaded.ok) return loaded;
    for (const at of loaded.value) {
      const opened = await openDataConnection({ host: at.host, port: at.port, password: new Secret(at.password) });
      if (!opened.ok) return opened;
      connections.push(opened.value);
    }
    if (cluster) {
      const nodes = connections.map((connection, i) => ({ connection, host: loaded.value[i]?.host ?? '', port: loaded.value[i]?.port ?? 0, slots: files[i]?.slots ?? [] }));
      const formed = await formCluster(nodes, clock, signal);
      if (!formed.ok) return formed;
    }
    return succeed(await readFacts(connections, { seed: randomBytes(8).toString('hex'), signal }));
  } finally {
    for (const connection of connections) await connection.close();
    await sandbox.teardown();
  }
}

async function takeOfNats(toTake: BackupToTake, run: BackupRun): Promise<Result<Taken>> {
  const { live, directory, streams } = toTake;
  const { addresses, options } = natsOf(live);
  const opened = letGo(await openStreamClient(options), run.signal);
  if (!opened.ok) return opened;
  try {
    return await takeNats({ address: addresses.map(({ label }) => label).join(','), directory, streams, tool: toolOf(toTake) }, { ...run, source: opened.value });
  } finally {
    await opened.value.close();
  }
}
