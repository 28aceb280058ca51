/** The drill of a Redis backup: bytes, completeness, meaning. Each stage adds its checks; one that cannot go on ends the drill. */
import type { BackupSet } from '#backups/inventory.ts';
import type { Manifest } from '#backups/manifest.ts';
import { formCluster } from '#backups/redis/cluster.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { failed, passed, skipped, someOf, type Check } from '../check.ts';
import { checkAge, type Claim } from '../age.ts';
import { checkFiles, checkManifest } from '../files.ts';
import type { DrillContext } from '../context.ts';
import { copyFiles, type Copied, type Fetched } from '../fetch.ts';
import { checkIsolation } from '../isolation.ts';
import type { StoreDrill } from '../drilled.ts';
import type { RedisToLoad, SandboxRedis } from '../sandbox/sandbox.ts';
import type { Canary, RedisLive } from './facts.ts';
import { readFiles } from './read-files.ts';
import { checkRdbFiles, type CheckedFile } from './rdb-checks.ts';
import { verifyDataset } from './verify.ts';

export interface RedisDrill {
  readonly directory: string;
  readonly set: BackupSet;
  readonly live: RedisLive | undefined;
  readonly canary: Canary | undefined;
}

export async function drillRedis(drill: RedisDrill, ctx: DrillContext): Promise<StoreDrill> {
  const { set, live } = drill;
  const manifest = typeof set.manifest === 'object' && 'version' in set.manifest ? set.manifest : undefined;
  const checks: Check[] = [...checkManifest('redis', set, ctx.clock.now())];
  let copies: readonly Fetched[] = [];
  const end = (more: Partial<StoreDrill> = {}): StoreDrill => ({ checks, takenMs: set.namedMs, newestMs: undefined, servers: [], files: copies.map(({ path, bytes, sha256 }) => ({ path, bytes, sha256 })), ...more });

  const copied = await ctx.during('fetch', `copying ${set.files.length} file(s) of redis-${set.stamp}`, () => copyFiles(drill.directory, set.files, ctx.sandbox.directory, ctx.signal));
  if (!copied.ok) {
    checks.push(failed('redis.files.readable', copied.failure.message));
    return end();
  }
  const shards = shardsOf(copied.value, manifest, ctx);
  const { files, read, loaded } = await loadAndRead(copied.value, { shards, manifest }, ctx);
  copies = read;
  checks.push(...checkFiles('redis', read, manifest), ...checkShards(read, manifest), ...files.checks);
  const claims = claimsOf(set, manifest, files.files);
  checks.push(...checkAge('redis', claims, { nowMs: ctx.clock.now(), maxAgeMs: ctx.limits.maxAgeMs }));
  const taken = { takenMs: Math.min(...claims.map(({ atMs }) => atMs)) };
  if (!loaded.ok) {
    checks.push(failed('redis.restore.loads', loaded.failure.message));
    return end(taken);
  }
  checks.push(...checkLoaded(loaded.value, files.files));
  const servers = loaded.value.map(({ runId, version, host, port }) => ({ id: runId, version, address: `${host}:${port}` }));
  const isolation = checkIsolation('redis', { ids: servers.map(({ id }) => id), addresses: servers.map(({ address }) => address) }, live);
  checks.push(isolation);
  if (isolation.status === 'failed') return end({ ...taken, servers });
  return withConnections(loaded.value, ctx, checks, async (connections) => {
    if (isCluster(copied.value, manifest)) {
      const nodes = connections.map((connection, i) => ({ connection, host: loaded.value[i]?.host ?? '', port: loaded.value[i]?.port ?? 0, slots: shards[i]?.slots ?? [] }));
      const formed = await ctx.during('ready', 'forming the cluster again', () => formCluster(nodes, ctx.clock, ctx.signal));
      checks.push(formed.ok ? passed('redis.cluster.formed', `${nodes.length} shards serve all ${formed.value.slots} slots.`) : failed('redis.cluster.formed', formed.failure.message));
      if (!formed.ok) return end({ ...taken, servers });
    }
    const verified = await ctx.during('verify', 'looking at what was restored', () => verifyDataset({ connections, manifest, live, canary: drill.canary, files: files.files, keys: read.map(({ keys }) => keys), expired: loaded.value.reduce((sum, { loaded: one }) => sum + one.expired, 0), takenMs: taken.takenMs }, ctx));
    checks.push(...verified.checks);
    return end({ ...taken, servers, newestMs: verified.newestMs, copy: { store: 'redis', servers: loaded.value } });
  });
}

/** Loading a file, parsing it and digesting it need nothing of each other but the copy, and take seconds of a processor each. */
async function loadAndRead(copies: readonly Copied[], { shards, manifest }: { readonly shards: readonly RedisToLoad[]; readonly manifest: Manifest | undefined }, ctx: DrillContext) {
  const lanes = [
    ctx.during('verify', 'parsing every record', () => checkRdbFiles(copies, manifest, ctx)),
    ctx.during('verify', 'digesting the files and counting their keys', () => readFiles(copies, ctx)),
    ctx.during('restore', `loading ${shards.length} shard(s) into the sandbox`, () => ctx.sandbox.loadRedis(shards, ctx.signal)),
  ] as const;
  // Nothing goes on in the sandbox when this breaks off.
  await Promise.allSettled(lanes);
  const [files, read, loaded] = await Promise.all(lanes);
  return { files, read, loaded };
}

function shardsOf(copies: readonly Copied[], manifest: Manifest | undefined, ctx: DrillContext): readonly RedisToLoad[] {
  return copies.map((file) => {
    const shard = manifest?.redis?.shards.find((one) => one.file === file.path);
    return { file: file.copy, checkedElsewhere: ctx.redisCheckRdb !== undefined, ...(isCluster(copies, manifest) ? { slots: shard?.slots ?? [] } : {}) };
  });
}

async function withConnections(servers: readonly SandboxRedis[], ctx: DrillContext, checks: Check[], work: (connections: readonly RedisConnection[]) => Promise<StoreDrill>): Promise<StoreDrill> {
  const connections: RedisConnection[] = [];
  try {
    for (const server of servers) {
      const opened = await ctx.connect(server);
      if (!opened.ok) throw new Error(opened.failure.message);
      connections.push(opened.value);
    }
    return await work(connections);
  } catch (error) {
    checks.push(failed('redis.verify.completes', ctx.signal.aborted ? 'The drill was cancelled.' : `The restored Redis could not be looked at: ${error instanceof Error ? error.message : 'for no reason given'}`));
    return { checks, takenMs: 0, newestMs: undefined, servers: [] };
  } finally {
    await Promise.all(connections.map((connection) => connection.close()));
  }
}

/** By the manifest; without one, a file that is named as that of a node, or several of them, are shards of one cluster. */
function isCluster(files: readonly Copied[], manifest: Manifest | undefined): boolean {
  return manifest === undefined ? files.length > 1 || files.some(({ node }) => node !== undefined) : manifest.source.mode === 'cluster';
}

function claimsOf(set: BackupSet, manifest: Manifest | undefined, files: readonly CheckedFile[]): readonly Claim[] {
  const headers = files.flatMap(({ head }) => (head?.createdMs === undefined ? [] : [{ of: 'header' as const, atMs: head.createdMs }]));
  return [
    { of: 'name', atMs: set.namedMs },
    ...(manifest === undefined ? [] : [{ of: 'manifest' as const, atMs: Date.parse(manifest.takenAt) }]),
    ...headers,
    ...set.files.map(({ modifiedMs }) => ({ of: 'mtime' as const, atMs: modifiedMs })),
  ];
}

/** One file for each primary: a CronJob succeeds as long as one of them could be reached. */
function checkShards(files: readonly Fetched[], manifest: Manifest | undefined): readonly Check[] {
  const name = 'redis.shards.complete';
  if (manifest?.redis === undefined) {
    const single = files.filter(({ node }) => node === undefined);
    if (single.length > 0 && files.length > 1) return [failed(name, `${single.map(({ path }) => path).join(', ')} is a backup of a single server, and stands among shards of a cluster.`)];
    const nodes = new Set(files.map(({ node }) => node));
    const highest = Math.max(-1, ...files.map(({ node = -1 }) => node));
    const lost = Array.from({ length: highest + 1 }, (_, node) => node).filter((node) => !nodes.has(node));
    if (lost.length > 0) return [failed(name, `There is a shard of node ${highest}, and none of node ${someOf(lost.map(String))}.`)];
    return [skipped(name, `${files.length} file(s); without a manifest nobody says how many primaries there were.`)];
  }
  const missing = manifest.redis.shards.filter(({ file }) => !files.some(({ path }) => path === file)).map(({ file }) => file);
  const extra = files.filter(({ path }) => manifest.redis?.shards.every(({ file }) => file !== path)).map(({ path }) => path);
  if (!manifest.complete) return [failed(name, `The backup itself says that it is not complete: ${manifest.missing.join(', ')}.`)];
  if (missing.length > 0) return [failed(name, `Of ${manifest.redis.shards.length} shards ${missing.join(', ')} is missing.`)];
  if (extra.length > 0) return [failed(name, `${extra.join(', ')} is no shard of this backup.`)];
  return [passed(name, `All ${files.length} shards are there.`)];
}

/** What the server has loaded must be what stands in the file: records whose time is over are left out, and counted. */
function checkLoaded(servers: readonly SandboxRedis[], files: readonly CheckedFile[]): readonly Check[] {
  const loaded = servers.reduce((sum, { loaded: { keys } }) => sum + keys, 0);
  const expired = servers.reduce((sum, { loaded: one }) => sum + one.expired, 0);
  const inFiles = files.every(({ keys }) => keys !== undefined) ? files.reduce((sum, { keys = 0 }) => sum + keys, 0) : undefined;
  const detail = `Redis ${servers[0]?.version ?? ''} loaded ${loaded} keys and left out ${expired} whose time was over`;
  if (inFiles !== undefined && loaded + expired !== inFiles) return [failed('redis.restore.loads', `${detail}, but the files hold ${inFiles}.`)];
  return [passed('redis.restore.loads', `${detail}.`)];
}
