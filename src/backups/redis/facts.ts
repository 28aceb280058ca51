/** The facts that the manifest of a Redis backup keeps, read from servers that have just loaded it. */
import { isoTime } from '#kernel/clock.ts';
import type { RedisFacts } from '../manifest.ts';
import type { RedisConnection } from './connection.ts';
import { lookAtRecords } from './cordum-records.ts';
import { countDataset, countFieldTimes, digestKey, type PrefixCount, type SampledKey } from './dataset.ts';

/** Values that a drill compares. */
export const SAMPLE_KEYS = 200;
/** Without them Cordum does not start with its own configuration and policy. */
export const REQUIRED_KEYS = ['cfg:system:default', 'cfg:system:policy'] as const;

export async function readFacts(connections: readonly RedisConnection[], options: { readonly seed: string; readonly signal?: AbortSignal }): Promise<Omit<RedisFacts, 'shards'>> {
  const prefixes = new Map<string, PrefixCount>();
  const sample: SampledKey[] = [];
  const required: { key: string; sha256: string }[] = [];
  const unreadable: { key: string; why: string }[] = [];
  let newestMs = 0;
  let fieldTimes = 0;
  for (const connection of connections) {
    fieldTimes += await countFieldTimes(connection);
    const counted = await countDataset(connection, { seed: options.seed, choose: Math.ceil(SAMPLE_KEYS / connections.length), ...(options.signal === undefined ? {} : { signal: options.signal }) });
    for (const one of counted.prefixes) prefixes.set(one.prefix, addCounts(prefixes.get(one.prefix), one));
    for (const key of counted.chosen) sample.push(...(await digests(connection, key)));
    for (const key of REQUIRED_KEYS) required.push(...(await digests(connection, key)).map(({ sha256 }) => ({ key, sha256 })));
    const look = await lookAtRecords(connection, new Set(counted.prefixes.map(({ prefix }) => prefix)), options.signal);
    unreadable.push(...look.unreadable);
    newestMs = Math.max(newestMs, look.newestMs ?? 0);
  }
  return {
    keysByPrefix: [...prefixes.values()].toSorted((a, b) => (a.prefix < b.prefix ? -1 : 1)),
    required,
    ...(fieldTimes === 0 ? {} : { fieldTimes }),
    sample: sample.map(({ key, type, sha256, expiresAtMs, fieldsEndAtMs }) => ({ key, type, sha256, expiresAt: expiresAtMs === null ? null : isoTime(expiresAtMs), ...(fieldsEndAtMs === undefined ? {} : { fieldsEndAt: isoTime(fieldsEndAtMs) }) })),
    sampleSeed: options.seed,
    unreadable,
    newestRecordAt: newestMs === 0 ? null : isoTime(newestMs),
  };
}

export function addCounts(known: PrefixCount | undefined, more: PrefixCount): PrefixCount {
  return { prefix: more.prefix, count: (known?.count ?? 0) + more.count, volatile: (known?.volatile ?? 0) + more.volatile };
}

/** None where the key stands in another shard, is gone, or is too large to be digested. */
async function digests(connection: RedisConnection, key: string): Promise<readonly SampledKey[]> {
  try {
    const found = await digestKey(connection, key);
    return found === undefined ? [] : [found];
  } catch (error) {
    if (error instanceof Error && /^(?:MOVED|CLUSTERDOWN) /.test(error.message)) return [];
    throw error;
  }
}
