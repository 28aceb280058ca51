/** What is wrong with a server, worst first, from its facts. Pure. */
import { type RedisFailure, SPOKEN } from './failure.ts';
import type { NodeFacts, Problem } from './records.ts';

type Facts = Omit<NodeFacts, 'problems' | 'say'>;
type Found = Omit<Problem, 'address'>;

const MEMORY_HIGH_PERCENT = 80;
const MEMORY_FULL_PERCENT = 95;
const FRAGMENTED = 1.5;
/** Of a small server the ratio says nothing. */
const FRAGMENTED_FROM_BYTES = 100 * 1024 * 1024;
const REPLICA_LAG_SECONDS = 10;
const REPLICA_BEHIND_BYTES = 10 * 1024 * 1024;
const CLIENTS_HIGH = 0.9;
const ORDER = { critical: 0, warning: 1, info: 2 } as const;

export function problemsOf(facts: Facts, failure: RedisFailure | undefined): Problem[] {
  const found = failure === undefined ? [...serving(facts), ...(facts.version === '' ? [] : [...memory(facts), ...replication(facts), ...persistence(facts), ...clients(facts)])] : [{ code: SPOKEN.has(failure.why) ? 'notServing' : 'unreachable', severity: 'critical' as const, say: failure.message }];
  return found.toSorted((one, other) => ORDER[one.severity] - ORDER[other.severity]).map((one) => ({ ...one, address: facts.address }));
}

function serving({ why, address, maxMemoryPolicy, persistence: { aofLastWriteOk, aofEnabled } }: Facts): Found[] {
  if (why === 'noPermission') return [{ code: 'notSeen', severity: 'warning', say: `Redis at ${address} answers, but our user may not call INFO: how it is cannot be seen.` }];
  if (why === 'loading') return [{ code: 'loading', severity: 'critical', say: `Redis at ${address} is loading its data from disk and does not serve yet.` }];
  if (why === 'oom') return [{ code: 'memoryFull', severity: 'critical', say: `Redis at ${address} is at its memory limit and, with policy ${maxMemoryPolicy || 'unknown'}, refuses writes.` }];
  if (why === 'busy' || why === 'noReplicas') return [{ code: 'notServing', severity: 'critical', say: why === 'busy' ? `Redis at ${address} is blocked by a script that runs too long.` : `Redis at ${address} has fewer good replicas than it wants and refuses writes.` }];
  if (why !== 'misconf') return [];
  const what = aofEnabled && !aofLastWriteOk ? 'its last write to the append-only file failed' : 'its last save to disk failed';
  return [{ code: 'writesRefused', severity: 'critical', say: `Redis at ${address} refuses writes, because ${what}. Look at its disk and its log.` }];
}

function memory({ address, why, memoryLimited, memoryUsedPercent, fragmentationRatio, usedMemoryBytes, evictedKeys, maxMemoryPolicy }: Facts): Found[] {
  const found: Found[] = [];
  if (!memoryLimited) found.push({ code: 'noMemoryLimit', severity: 'info', say: `Redis at ${address} has no memory limit (maxmemory 0): it grows until the system kills it.` });
  else if (why !== 'oom' && memoryUsedPercent >= MEMORY_HIGH_PERCENT) {
    found.push({ code: 'memoryHigh', severity: memoryUsedPercent >= MEMORY_FULL_PERCENT ? 'critical' : 'warning', say: `Redis at ${address} uses ${memoryUsedPercent} % of its memory limit.` });
  }
  if (evictedKeys > 0) found.push({ code: 'evicting', severity: 'warning', say: `Redis at ${address} has evicted ${evictedKeys} keys since it started (policy ${maxMemoryPolicy}): Cordum's data is being lost.` });
  if (fragmentationRatio > FRAGMENTED && usedMemoryBytes > FRAGMENTED_FROM_BYTES) found.push({ code: 'fragmented', severity: 'warning', say: `The memory of Redis at ${address} is fragmented (ratio ${fragmentationRatio}).` });
  return found;
}

function replication({ address, role, replication: { replicas, masterLinkUp, masterLinkDownSeconds, masterAddress, syncInProgress } }: Facts): Found[] {
  const found: Found[] = [];
  if (role === 'replica' && !masterLinkUp) {
    const since = masterLinkDownSeconds > 0 ? ` for ${masterLinkDownSeconds} s` : '';
    found.push({ code: 'masterLinkDown', severity: 'critical', say: `Replica ${address} has had no link to its master ${masterAddress}${since}${syncInProgress ? '; it is synchronising' : ''}.` });
  }
  for (const replica of replicas) {
    if (!replica.online) found.push({ code: 'replicaNotOnline', severity: 'warning', say: `Replica ${replica.address} of ${address} is not online (${replica.state || 'state unknown'}).` });
    else if (replica.lagSeconds > REPLICA_LAG_SECONDS || replica.behindBytes > REPLICA_BEHIND_BYTES) {
      found.push({ code: 'replicaLagging', severity: 'warning', say: `Replica ${replica.address} of ${address} is ${replica.lagSeconds} s and ${replica.behindBytes} bytes behind.` });
    }
  }
  return found;
}

function persistence({ address, why, persistence: { rdbLastSaveOk, aofEnabled, aofLastRewriteOk, loading } }: Facts): Found[] {
  const found: Found[] = [];
  if (loading) return found;
  if (!rdbLastSaveOk && why !== 'misconf') found.push({ code: 'saveFailed', severity: 'warning', say: `The last save to disk of Redis at ${address} failed.` });
  if (aofEnabled && !aofLastRewriteOk) found.push({ code: 'aofRewriteFailed', severity: 'warning', say: `The last rewrite of the append-only file of Redis at ${address} failed.` });
  return found;
}

function clients({ address, connectedClients, maxClients, rejectedConnections }: Facts): Found[] {
  const found: Found[] = [];
  if (maxClients > 0 && connectedClients >= maxClients * CLIENTS_HIGH) found.push({ code: 'clientsHigh', severity: 'warning', say: `Redis at ${address} has ${connectedClients} of at most ${maxClients} clients.` });
  if (rejectedConnections > 0) found.push({ code: 'connectionsRejected', severity: 'warning', say: `Redis at ${address} has rejected ${rejectedConnections} connections since it started: its limit of clients was reached.` });
  return found;
}
