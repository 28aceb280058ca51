/**
 * Takes a backup of a Redis: an RDB of every primary, each checked, then loaded into a sandbox. What is in it is written into the
 * manifest from there, so the facts are those of the backup and not of a live system that has moved on, and it is proven to load.
 */
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { isoTime, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import type { Manifest, RedisFacts } from './manifest.ts';
import { redisFile, stampOf } from './names.ts';
import type { CheckedRdb } from './redis/check-rdb.ts';
import type { RedisConnection } from './redis/connection.ts';
import { lookAtRdb } from './redis/rdb-file.ts';
import { readTopology, type Primary, type Topology } from './redis/topology.ts';
import { codeOf, digestFile, discard, finishFile, prepareDirectory, UNFINISHED, writeManifest, type Taken } from './taking.ts';

export interface TakeRedis {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly tool: Manifest['tool'];
  /** Chooses the sampled keys. */
  readonly seed: string;
}

export interface TakeRedisParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** With the credentials that were given; also to the other nodes of a cluster. */
  connect(at: { readonly host: string; readonly port: number }): Promise<Result<RedisConnection>>;
  /** Copies the RDB of this server into the file. */
  dump(at: { readonly host: string; readonly port: number }, file: string): Promise<Result<null>>;
  checkRdb(file: string): Promise<CheckedRdb>;
  /** Loads the files into a sandbox and reads what is in them. */
  readFacts(files: readonly { readonly file: string; readonly slots: readonly string[] }[], cluster: boolean): Promise<Result<Omit<RedisFacts, 'shards'>>>;
  onStep?(doing: string): void;
}

type Shard = RedisFacts['shards'][number];

export async function takeRedis(take: TakeRedis, parts: TakeRedisParts): Promise<Result<Taken>> {
  const { directory } = take;
  const writable = await prepareDirectory(directory);
  if (!writable.ok) return writable;
  const opened = await parts.connect(take);
  if (!opened.ok) return opened;
  let topology: Topology;
  try {
    topology = await readTopology(opened.value, take);
  } catch (error) {
    return fail('unexpected', `Redis at ${take.host}:${take.port} does not say what it is: ${codeOf(error)}.`);
  } finally {
    await opened.value.close();
  }
  const notPrimary = topology.mode === 'standalone' && topology.role !== 'master' ? `Redis at ${take.host}:${take.port} is a ${topology.role}, not a primary: what it lacks would be lacking in the backup.` : undefined;
  if (notPrimary !== undefined) return fail('refused', notPrimary);
  if (topology.primaries.length === 0) return fail('unavailable', 'No node of the cluster owns a slot.');

  const startedMs = parts.clock.now();
  const stamp = stampOf(startedMs);
  const paths = topology.primaries.map((_, i) => redisFile(stamp, topology.mode === 'cluster' ? i : null));
  try {
    const shards: Shard[] = [];
    const missing: string[] = [];
    for (const [i, primary] of topology.primaries.entries()) {
      const path = paths[i] ?? '';
      parts.onStep?.(`copying ${primary.host}:${primary.port} to ${path}`);
      const shard = await takeShard(primary, path, directory, parts);
      if (shard.ok) shards.push(shard.value);
      else if (topology.mode === 'standalone' || parts.signal.aborted) return shard;
      else missing.push(`${primary.host}:${primary.port} (${shard.failure.message})`);
    }
    if (shards.length === 0) return fail('unavailable', `No primary could be copied: ${missing.join('; ')}`);
    parts.onStep?.(`loading ${shards.length} file(s) into a sandbox to see what is in them`);
    const facts = await parts.readFacts(shards.map(({ file, slots }) => ({ file: join(directory, file + UNFINISHED), slots })), topology.mode === 'cluster');
    if (!facts.ok) return notLoadable(facts.failure);
    for (const { file } of shards) await finishFile(directory, file);
    const files = await Promise.all(shards.map(async ({ file }) => ({ path: file, ...(await digestFile(join(directory, file))) })));
    const uncovered = topology.mode === 'cluster' ? coverage(topology.primaries) : '';
    if (uncovered !== '') missing.push(uncovered);
    const manifest: Manifest = {
      version: 1,
      store: 'redis',
      takenAt: isoTime(startedMs),
      finishedAt: isoTime(parts.clock.now()),
      tool: take.tool,
      source: { address: `${take.host}:${take.port}`, serverVersion: topology.serverVersion, identity: [topology.runId, ...topology.nodeIds], mode: topology.mode },
      files,
      complete: missing.length === 0,
      missing,
      redis: { shards, ...facts.value },
    };
    return succeed(await writeManifest(directory, 'redis', stamp, manifest));
  } catch (error) {
    return fail('unavailable', `The backup could not be written: ${codeOf(error)}.`);
  } finally {
    await discard(directory, paths);
  }
}

async function takeShard(primary: Primary, path: string, directory: string, parts: TakeRedisParts): Promise<Result<Shard>> {
  if (primary.failing) return fail('unreachable', 'the cluster says that it is gone');
  const part = join(directory, path + UNFINISHED);
  const dumped = await parts.dump(primary, part);
  if (!dumped.ok) return dumped;
  await chmod(part, 0o600);
  const look = await lookAtRdb(part);
  if (!look.ok) return fail('invalid', `The RDB of ${primary.host}:${primary.port} is of no use: ${look.because}.`);
  const checked = await parts.checkRdb(part);
  if (!checked.ok) return fail('invalid', `The RDB of ${primary.host}:${primary.port} is damaged: ${checked.because}.`);
  return succeed({ file: path, slots: [...primary.slots], runId: primary.nodeId, keys: checked.keys, expires: checked.volatile });
}

/** A cluster without all slots serves, when it is told to; its backup lacks what nobody owns. */
function coverage(primaries: readonly Primary[]): string {
  const slots = primaries.flatMap(({ slots: owned }) => owned).reduce((sum, range) => {
    const [from = 0, to = from] = range.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
  return slots === 16_384 ? '' : `${16_384 - slots} slots that no primary owns`;
}

function notLoadable(failure: Failure): Result<never> {
  return { ok: false, failure: { reason: failure.reason, message: `The backup was not kept: it does not load. ${failure.message}` } };
}
