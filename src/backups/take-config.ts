/** Takes a backup of Cordum's configuration and policy: small, and taken on change rather than by the hour. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isoTime, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { CONFIG_PATTERNS, type ConfigEntry, type ConfigFile } from './config-file.ts';
import type { Manifest } from './manifest.ts';
import type { RedisConnection } from './redis/connection.ts';
import { REQUIRED_KEYS } from './redis/facts.ts';
import { isPolicyFromFile, POLICY_KEY, policyTrace, type PolicyTrace } from './redis/policy-source.ts';
import { reachPrimary, readTopology, type Primary, type Topology } from './redis/topology.ts';
import { cancelled, claimStamp, codeOf, digestFile, discard, finishSet, isOfSystem, prepareDirectory, UNFINISHED, writeFailure, type Taken } from './taking.ts';

const KEYS_MAX = 10_000;
const SCAN_COUNT = 1_000;

export interface TakeConfig {
  readonly host: string;
  readonly port: number;
  readonly directory: string;
  readonly tool: Manifest['tool'];
}

export interface TakeConfigParts {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  connect(at: { readonly host: string; readonly port: number }): Promise<Result<RedisConnection>>;
  onStep?(doing: string): void;
}

export async function takeConfig(take: TakeConfig, parts: TakeConfigParts): Promise<Result<Taken>> {
  const { directory } = take;
  const writable = await prepareDirectory(directory);
  if (!writable.ok) return writable;
  const opened = await parts.connect(take);
  if (!opened.ok) return opened;
  const claimed = await claimStamp(directory, 'config', parts.clock, parts.signal);
  if (!claimed.ok) {
    await opened.value.close();
    return claimed;
  }
  const { stamp, startedMs } = claimed.value;
  const path = `config-${stamp}.json`;
  try {
    const topology = await readTopology(opened.value, take);
    const keys: ConfigEntry[] = [];
    const missing: string[] = [];
    const traces: PolicyTrace[] = [];
    for (const primary of topology.primaries) {
      parts.onStep?.(`reading the configuration from ${primary.host}:${primary.port}`);
      const read = await readPrimary(primary, take, topology, opened.value, parts);
      if (read.ok) {
        keys.push(...read.value.keys);
        traces.push(read.value.trace);
      } else missing.push(`${primary.host}:${primary.port} (${read.failure.message})`);
    }
    const policyFromFile = missing.length === 0 && isPolicyFromFile(traces);
    for (const key of REQUIRED_KEYS) if (!keys.some((entry) => entry.key === key) && !(policyFromFile && key === POLICY_KEY)) missing.push(key);
    if (keys.length === 0) return fail('notFound', `There is no configuration of Cordum in Redis at ${take.host}:${take.port}${missing.length > 0 ? `: ${missing.join('; ')}` : ''}.`);
    const sorted = keys.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const file: ConfigFile = { version: 1, takenAt: isoTime(startedMs), keys: sorted };
    await writeFile(join(directory, path + UNFINISHED), `${JSON.stringify(file, null, 1)}\n`, { mode: 0o600 });
    const manifest: Manifest = {
      version: 1,
      store: 'config',
      takenAt: isoTime(startedMs),
      finishedAt: isoTime(parts.clock.now()),
      tool: take.tool,
      source: { address: `${take.host}:${take.port}`, serverVersion: topology.serverVersion, identity: [topology.runId, ...topology.nodeIds], mode: topology.mode },
      files: [{ path, ...(await digestFile(join(directory, path + UNFINISHED))) }],
      complete: missing.length === 0,
      missing,
      config: { keys: sorted.map(({ key, type, value, dump }) => ({ key, type, sha256: createHash('sha256').update(value ?? Buffer.from(dump, 'base64')).digest('hex') })), ...(policyFromFile ? { policyFromFile } : {}) },
    };
    return succeed(await finishSet(directory, stamp, [path], manifest));
  } catch (error) {
    if (parts.signal.aborted) return cancelled();
    return isOfSystem(error) ? { ok: false, failure: writeFailure(directory, error) } : fail('unavailable', `Redis at ${take.host}:${take.port} does not give its configuration: ${codeOf(error)}.`);
  } finally {
    await discard(directory, 'config', stamp, [path]);
    await opened.value.close();
  }
}

async function readPrimary(primary: Primary, given: TakeConfig, topology: Topology, first: RedisConnection, { connect, signal }: TakeConfigParts): Promise<Result<{ readonly keys: readonly ConfigEntry[]; readonly trace: PolicyTrace }>> {
  const readAll = async (connection: RedisConnection) => ({ keys: await readKeys(connection, signal), trace: await policyTrace(connection) });
  if (topology.mode === 'standalone') return succeed(await readAll(first));
  const opened = await reachPrimary(primary, given, connect);
  if (!opened.ok) return opened;
  try {
    return succeed(await readAll(opened.value.connection));
  } finally {
    await opened.value.connection.close();
  }
}

async function readKeys(connection: RedisConnection, signal: AbortSignal): Promise<readonly ConfigEntry[]> {
  const names = new Set<string>();
  for (const pattern of CONFIG_PATTERNS) {
    let cursor = '0';
    do {
      signal.throwIfAborted();
      const [next, found] = (await connection.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT)) as [string, string[]];
      cursor = next;
      for (const key of found) names.add(key);
      if (names.size > KEYS_MAX) throw new Error(`it has more than ${KEYS_MAX} keys of configuration`);
    } while (cursor !== '0');
  }
  const entries: ConfigEntry[] = [];
  for (const key of names) {
    const type = String(await connection.call('TYPE', key));
    const dump = await connection.callBuffer('DUMP', key);
    if (!Buffer.isBuffer(dump)) continue;
    const value = type === 'string' ? await connection.call('GET', key) : null;
    entries.push({ key, type, value: typeof value === 'string' ? value : null, dump: dump.toString('base64') });
  }
  return entries;
}
