/**
 * What a drill reads of the live Redis, before its sandbox starts: who its servers are, and how many keys they hold. It sends
 * commands that cannot write only, and every connection is closed when it returns.
 */
import type { RedisConnection } from '#backups/redis/connection.ts';
import { countDataset, OTHER_PREFIX, type PrefixCount } from '#backups/redis/dataset.ts';
import { addCounts, REQUIRED_KEYS } from '#backups/redis/facts.ts';
import { readTopology, type Topology } from '#backups/redis/topology.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { readDocument, type Document } from '../documents-live.ts';
import { withResolved, writeAddress, type LiveAddress, type Resolve } from '../live-address.ts';
import type { RedisLive } from './facts.ts';

/** Keys of one turn of SCAN, where scripts are forbidden. */
const SCAN_COUNT = 500;
const PREFIXES_MAX = 500;
const PREFIX_MAX_LENGTH = 64;

export interface RedisLiveParts {
  /** With the credentials that were given. */
  open(at: LiveAddress): Promise<Result<RedisConnection>>;
  readonly resolve: Resolve;
}

/** `at`: what was given, any of which may answer. */
export async function readRedisLive(at: readonly LiveAddress[], parts: RedisLiveParts, signal: AbortSignal): Promise<Result<RedisLive>> {
  let opened = 0;
  let closed = 0;
  const using = async <T>(where: LiveAddress, work: (connection: RedisConnection) => Promise<T>): Promise<Result<T>> => {
    if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
    const connection = await parts.open(where);
    if (!connection.ok) return connection;
    opened += 1;
    try {
      return succeed(await work(connection.value));
    } catch (error) {
      if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
      return fail('unexpected', `Redis at ${writeAddress(where)} does not answer what is asked: ${error instanceof Error ? error.message : 'for no reason given'}.`);
    } finally {
      await connection.value.close();
      closed += 1;
    }
  };

  const first = await firstOf(at, (where) => using(where, (connection) => lookAt(connection, where)));
  if (!first.ok) return first;
  const { topology, others } = first.value;
  const identity = new Set([topology.runId, ...topology.nodeIds]);
  const prefixes = new Map<string, PrefixCount>();
  const primaries: { slots: readonly string[]; keys: number }[] = [];
  const documents = new Map<string, Document | 'absent'>();
  for (const primary of topology.primaries) {
    const counted = await using(primary, async (connection) => ({ runId: await runIdOf(connection), prefixes: await countPrefixes(connection, signal), documents: await readDocuments(connection) }));
    if (!counted.ok) return counted;
    identity.add(counted.value.runId);
    primaries.push({ slots: primary.slots, keys: counted.value.prefixes.reduce((sum, { count }) => sum + count, 0) });
    for (const [key, document] of counted.value.documents) documents.set(key, document);
    for (const one of counted.value.prefixes) prefixes.set(one.prefix, addCounts(prefixes.get(one.prefix), one));
  }
  // A replica that is down has no run id, and none of its keys are missed: its address and node id are known all the same.
  const replicas = others.filter(({ host, port }) => !topology.primaries.some((primary) => primary.host === host && primary.port === port));
  for (const replica of replicas) {
    const named = await using(replica, runIdOf);
    if (named.ok) identity.add(named.value);
  }
  if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
  const counts = [...prefixes.values()];
  return succeed({
    identity: [...identity].filter((id) => id !== ''),
    addresses: await withResolved([...at, ...topology.primaries, ...others], parts.resolve),
    connections: { opened, closed },
    mode: topology.mode,
    primaries,
    documents: [...documents.values()].filter((one) => one !== 'absent'),
    unread: REQUIRED_KEYS.filter((key) => !documents.has(key)),
    keys: counts.reduce((sum, { count }) => sum + count, 0),
    prefixes: counts.toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
  });
}

async function firstOf<T>(at: readonly LiveAddress[], ask: (where: LiveAddress) => Promise<Result<T>>): Promise<Result<T>> {
  let last: Result<T> = fail('invalid', 'No address of the live Redis was given.');
  for (const where of at) {
    last = await ask(where);
    if (last.ok) return last;
  }
  return last;
}

interface Look {
  readonly topology: Topology;
  /** Nodes of the cluster, or the primary and the replicas that the server names. */
  readonly others: readonly LiveAddress[];
}

async function lookAt(connection: RedisConnection, where: LiveAddress): Promise<Look> {
  const topology = await readTopology(connection, where);
  if (topology.mode === 'cluster') return { topology, others: topology.addresses.flatMap(addressOf) };
  const info = String(await connection.call('INFO', 'replication'));
  const primary = [...info.matchAll(/^master_host:(\S+)\r?\nmaster_port:(\d+)/gm)].map(([, host = '', port]) => ({ host, port: Number(port) }));
  const replicas = [...info.matchAll(/^slave\d+:ip=([^,\s]+),port=(\d+)/gm)].map(([, host = '', port]) => ({ host, port: Number(port) }));
  return { topology, others: [...primary, ...replicas] };
}

/** As `topology` writes them: an IPv6 address stands without brackets. */
function addressOf(text: string): readonly LiveAddress[] {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  return host === undefined ? [] : [{ host, port: Number(port) }];
}

async function runIdOf(connection: RedisConnection): Promise<string> {
  return /^run_id:(\w+)/m.exec(String(await connection.call('INFO', 'server')))?.[1] ?? '';
}

/** Those without which Cordum does not start. Nothing of a key that is another node's, or may not be read. */
async function readDocuments(connection: RedisConnection): Promise<ReadonlyMap<string, Document | 'absent'>> {
  const documents = new Map<string, Document | 'absent'>();
  for (const key of REQUIRED_KEYS) {
    try {
      const text = await connection.call('GET', key);
      documents.set(key, typeof text === 'string' ? readDocument(key, text) : 'absent');
    } catch (error) {
      if (!(error instanceof Error) || !/^(?:MOVED|CLUSTERDOWN|NOPERM|WRONGTYPE)\b/.test(error.message)) throw error;
    }
  }
  return documents;
}

/** By a script that cannot write; where the user may not run scripts, key by key. */
async function countPrefixes(connection: RedisConnection, signal: AbortSignal): Promise<readonly PrefixCount[]> {
  try {
    return (await countDataset(connection, { seed: '', choose: 0, signal })).prefixes;
  } catch (error) {
    if (!(error instanceof Error) || !/^NOPERM|unknown command|disabled/i.test(error.message)) throw error;
    return countByScan(connection, signal);
  }
}

async function countByScan(connection: RedisConnection, signal: AbortSignal): Promise<readonly PrefixCount[]> {
  const counts = new Map<string, PrefixCount>();
  let cursor = '0';
  do {
    signal.throwIfAborted();
    const [next, keys] = (await connection.call('SCAN', cursor, 'COUNT', SCAN_COUNT)) as [string, string[]];
    cursor = next;
    const expiries = await Promise.all(keys.map((key) => connection.call('PTTL', key)));
    for (const [i, key] of keys.entries()) {
      const prefix = prefixOf(key);
      const name = counts.has(prefix) || counts.size < PREFIXES_MAX ? prefix : OTHER_PREFIX;
      counts.set(name, addCounts(counts.get(name), { prefix: name, count: 1, volatile: Number(expiries[i]) >= 0 ? 1 : 0 }));
    }
  } while (cursor !== '0');
  return [...counts.values()];
}

/** The same as the script's in `backups/redis/dataset.ts`. */
export function prefixOf(key: string): string {
  const [, first, second] = /^([^:]+):([a-z_%-]+):/.exec(key) ?? [];
  const prefix = first === undefined ? (/^([^:]+):/.exec(key)?.[1] ?? key) : `${first}:${second}`;
  return prefix.slice(0, PREFIX_MAX_LENGTH);
}
