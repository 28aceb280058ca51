/**
 * Takes a backup of a Redis: an RDB of every primary, each checked, then loaded into a sandbox. What is in it is written into the
 * manifest from there, so the facts are those of the backup and not of a live system that has moved on, and it is proven to load.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { isoTime, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import type { Manifest, RedisFacts } from './manifest.ts';
import { redisFile } from './names.ts';
import type { CheckedRdb } from './redis/check-rdb.ts';
import type { RedisConnection } from './redis/connection.ts';
import { lookAtRdb } from './redis/rdb-file.ts';
import { reachPrimary, readTopology, type Primary, type Topology } from './redis/topology.ts';
import { cancelled, claimStamp, codeOf, digestFile, discard, finishSet, isOfSystem, prepareDirectory, UNFINISHED, writeFailure, type Taken } from './taking.ts';

export interface TakeRedis {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly tool: Manifest['tool'];
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

  const claimed = await claimStamp(directory, 'redis', parts.clock, parts.signal);
  if (!claimed.ok) return claimed;
  const { stamp, startedMs } = claimed.value;
  const paths = topology.primaries.map((_, i) => redisFile(stamp, topology.mode === 'cluster' ? i : null));
  try {
    const shards: Shard[] = [];
    const missing: string[] = [];
    for (const [i, primary] of topology.primaries.entries()) {
      const path = paths[i] ?? '';
      parts.onStep?.(`copying ${primary.host}:${primary.port} to ${path}`);
      const shard = await takeShard(primary, path, { take, topology, parts });
      if (shard.ok) shards.push(shard.value);
      else if (parts.signal.aborted) return cancelled();
      else if (topology.mode === 'standalone') return shard;
      else missing.push(`${primary.host}:${primary.port} (${shard.failure.message})`);
    }
    if (shards.length === 0) return fail('unavailable', `No primary could be copied: ${missing.join('; ')}.`);
    const uncovered = topology.mode === 'cluster' ? coverage(topology.primaries) : '';
    if (uncovered !== '') missing.push(uncovered);
    parts.onStep?.(`loading ${shards.length} file(s) into a sandbox to see what is in them`);
    const facts = await parts.readFacts(shards.map(({ file, slots }) => ({ file: join(directory, file + UNFINISHED), slots })), topology.mode === 'cluster' && missing.length === 0);
    if (parts.signal.aborted) return cancelled();
    if (!facts.ok) return notLoadable(facts.failure);
    const files = await Promise.all(shards.map(async ({ file }) => ({ path: file, ...(await digestFile(join(directory, file + UNFINISHED))) })));
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
    return succeed(await finishSet(directory, stamp, shards.map(({ file }) => file), manifest));
  } catch (error) {
    if (parts.signal.aborted) return cancelled();
    return isOfSystem(error) ? { ok: false, failure: writeFailure(directory, error) } : fail('unavailable', `The backup could not be taken: ${codeOf(error)}.`);
  } finally {
    await discard(directory, 'redis', stamp, paths);
  }
}

interface Taking {
  readonly take: TakeRedis;
  readonly topology: Topology;
  readonly parts: TakeRedisParts;
}

async function takeShard(primary: Primary, path: string, { take, topology, parts }: Taking): Promise<Result<Shard>> {
  if (primary.failing) return fail('unreachable', 'the cluster says that it is gone');
  const at = topology.mode === 'cluster' ? await whereIs(primary, take, parts) : succeed(primary);
  if (!at.ok) return at;
  const part = join(take.directory, path + UNFINISHED);
  // Made here, so that nobody else can read it while it is filled.
  await (await open(part, 'wx', 0o600)).close();
  const dumped = await parts.dump(at.value, part);
  if (!dumped.ok) return dumped;
  const look = await lookAtRdb(part);
  if (!look.ok) return fail('invalid', `The RDB of ${primary.host}:${primary.port} is of no use: ${look.because}.`);
  const checked = await parts.checkRdb(part);
  if (checked.tooNew) return fail('unavailable', `The RDB of ${primary.host}:${primary.port} was not kept: ${checked.because}, and a redis-server with it.`);
  if (!checked.ok) return fail('invalid', `The RDB of ${primary.host}:${primary.port} is damaged: ${checked.because}.`);
  return succeed({ file: path, slots: [...primary.slots], runId: primary.nodeId, keys: checked.keys, expires: checked.volatile });
}

async function whereIs(primary: Primary, take: TakeRedis, parts: TakeRedisParts): Promise<Result<{ readonly host: string; readonly port: number }>> {
  const reached = await reachPrimary(primary, take, (at) => parts.connect(at));
  if (!reached.ok) return reached;
  await reached.value.connection.close();
  return succeed({ host: reached.value.host, port: reached.value.port });
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
