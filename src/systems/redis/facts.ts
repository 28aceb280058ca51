/** From INFO to what a runbook says of a server. Pure. */
import { type RedisFailure, SPOKEN, type Trouble } from './failure.ts';
import { decimalOf, type Info, intOf, keyspaceOf, replicasOf } from './info.ts';
import { problemsOf } from './problems.ts';
import type { NodeFacts } from './records.ts';

/** What one server answered. */
export interface Observed {
  readonly address: string;
  readonly role: 'master' | 'replica' | 'unknown';
  readonly latencyMs: number;
  readonly failure: RedisFailure | undefined;
  readonly info: Info;
  /** What it said to a PING in place of PONG. */
  readonly said: Trouble | undefined;
  /** Undefined: the setting could not be read. */
  readonly stopsWritesOnSaveError: boolean | undefined;
}

/** Refused a little before the limit is reached: the server counts without some of its buffers, and the next write may be the one too much. */
const FULL = 0.99;

export function factsOf(observed: Observed, nowMs: number): NodeFacts {
  const { info, failure } = observed;
  const limit = intOf(info, 'maxmemory');
  const used = intOf(info, 'used_memory');
  const keyspace = keyspaceOf(info);
  const why = failure?.why ?? observed.said ?? (info.size === 0 ? 'noPermission' : whyOf(observed));
  const facts: Omit<NodeFacts, 'problems' | 'say'> = {
    address: observed.address,
    reachable: failure === undefined || SPOKEN.has(failure.why),
    why,
    role: roleOf(observed),
    version: info.get('redis_version') ?? info.get('valkey_version') ?? '',
    uptimeSeconds: intOf(info, 'uptime_in_seconds'),
    latencyMs: observed.latencyMs,
    connectedClients: intOf(info, 'connected_clients'),
    blockedClients: intOf(info, 'blocked_clients'),
    maxClients: intOf(info, 'maxclients'),
    usedMemoryBytes: used,
    maxMemoryBytes: limit,
    memoryLimited: limit > 0,
    memoryUsedPercent: limit > 0 ? Math.round((used / limit) * 1_000) / 10 : 0,
    maxMemoryPolicy: info.get('maxmemory_policy') ?? '',
    fragmentationRatio: decimalOf(info, 'mem_fragmentation_ratio'),
    evictedKeys: intOf(info, 'evicted_keys'),
    rejectedConnections: intOf(info, 'rejected_connections'),
    opsPerSecond: intOf(info, 'instantaneous_ops_per_sec'),
    keys: keyspace.reduce((sum, row) => sum + row.keys, 0),
    keyspace,
    replication: replicationOf(info),
    persistence: persistenceOf(info, nowMs),
  };
  const problems = problemsOf(facts, failure);
  return { ...facts, problems, say: problems[0]?.say ?? `Redis at ${facts.address} serves as ${facts.role}.` };
}

function roleOf({ info, role }: Observed): NodeFacts['role'] {
  const said = info.get('role');
  if (said === 'slave') return 'replica';
  return said === 'master' ? 'master' : role;
}

/** What keeps a server that answers from serving reads and writes; a replica's role is no trouble in itself. */
function whyOf({ info, stopsWritesOnSaveError }: Pick<Observed, 'info' | 'stopsWritesOnSaveError'>): Trouble | 'ok' {
  if (info.get('loading') === '1') return 'loading';
  if (info.get('role') === 'slave') return info.get('master_link_status') === 'down' ? 'masterDown' : 'ok';
  if (isFull(info)) return 'oom';
  if (info.get('aof_last_write_status') === 'err' && info.get('aof_enabled') === '1') return 'misconf';
  return info.get('rdb_last_bgsave_status') === 'err' && stopsWritesOnSaveError !== false ? 'misconf' : 'ok';
}

/** At the limit, and nothing may be evicted for a write; a policy that evicts only keys with a TTL may find none. */
function isFull(info: Info): boolean {
  const limit = intOf(info, 'maxmemory');
  if (limit <= 0) return false;
  const counted = intOf(info, 'used_memory') - intOf(info, 'mem_not_counted_for_evict');
  if (counted < limit * FULL) return false;
  const policy = info.get('maxmemory_policy') ?? '';
  return policy === 'noeviction' || (policy.startsWith('volatile-') && info.has('errorstat_OOM'));
}

function replicationOf(info: Info): NodeFacts['replication'] {
  const replica = info.get('role') === 'slave';
  return {
    connectedReplicas: intOf(info, 'connected_slaves'),
    replicas: replicasOf(info),
    masterAddress: replica ? `${info.get('master_host') ?? '?'}:${info.get('master_port') ?? '?'}` : '',
    masterLinkUp: replica && info.get('master_link_status') === 'up',
    masterLinkDownSeconds: Math.max(0, intOf(info, 'master_link_down_since_seconds')),
    syncInProgress: info.get('master_sync_in_progress') === '1',
  };
}

function persistenceOf(info: Info, nowMs: number): NodeFacts['persistence'] {
  const savedAtSeconds = intOf(info, 'rdb_last_save_time');
  return {
    loading: info.get('loading') === '1',
    rdbLastSaveAt: savedAtSeconds > 0 ? timeText(savedAtSeconds * 1_000) : '',
    rdbLastSaveAgeSeconds: savedAtSeconds > 0 ? Math.max(0, Math.floor(nowMs / 1_000) - savedAtSeconds) : 0,
    rdbLastSaveOk: info.get('rdb_last_bgsave_status') === 'ok',
    rdbSaveInProgress: info.get('rdb_bgsave_in_progress') === '1',
    rdbChangesSinceSave: intOf(info, 'rdb_changes_since_last_save'),
    aofEnabled: info.get('aof_enabled') === '1',
    aofLastWriteOk: info.get('aof_last_write_status') === 'ok',
    aofLastRewriteOk: info.get('aof_last_bgrewrite_status') === 'ok',
  };
}

/** The last time that JavaScript can write; a server's clock may say anything. */
const LAST_TIME_MS = 8.64e15;

export function timeText(ms: number): string {
  return Number.isFinite(ms) && Math.abs(ms) <= LAST_TIME_MS ? new Date(ms).toISOString() : '';
}
