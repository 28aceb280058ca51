import { defineRead, succeed, z } from '#step-kit/index.ts';
import { plain } from '../failure.ts';
import { observe } from '../observe.ts';
import { nodeFacts, problem, why } from '../records.ts';
import { Redis } from '../system.ts';

const MOST_PROBLEMS = 100;

export const serverInfo = defineRead({
  name: 'redis.server.info',
  summary: 'Reads INFO of every server of the Redis (memory, clients, replication, persistence) and says what is wrong. Answers also when it is down.',
  input: z.object({}),
  output: z.object({
    reachable: z.boolean(),
    why,
    mode: z.enum(['standalone', 'cluster', 'sentinel', 'unknown']),
    /** The server that was asked first; its row is among `nodes`. */
    address: z.string(),
    nodes: z.array(nodeFacts),
    nodesTotal: z.int(),
    nodesReachable: z.int(),
    masters: z.int(),
    replicas: z.int(),
    /** Replicas that answer and have a link to their master. */
    replicasInSync: z.int(),
    /** The fullest of the servers that have a limit. */
    memoryUsedPercent: z.number(),
    usedMemoryBytes: z.int(),
    /** False when any server has none: `memoryUsedPercent` then says nothing of it. */
    memoryLimited: z.boolean(),
    /** Of all servers, the worst first. */
    problems: z.array(problem),
    truncated: z.boolean(),
    say: z.string(),
  }),
  examples: [
    {
      title: 'A single server without a memory limit',
      with: {},
      output: {
        reachable: true,
        why: 'ok',
        mode: 'standalone',
        address: 'redis:6379',
        nodes: [
          {
            address: 'redis:6379',
            reachable: true,
            why: 'ok',
            say: 'Redis at redis:6379 has no memory limit (maxmemory 0): it grows until the system kills it.',
            role: 'master',
            version: '7.0.15',
            uptimeSeconds: 86_400,
            latencyMs: 1,
            connectedClients: 24,
            blockedClients: 0,
            maxClients: 10_000,
            usedMemoryBytes: 2_097_152,
            maxMemoryBytes: 0,
            memoryLimited: false,
            memoryUsedPercent: 0,
            maxMemoryPolicy: 'noeviction',
            fragmentationRatio: 1.2,
            evictedKeys: 0,
            rejectedConnections: 0,
            opsPerSecond: 120,
            keys: 258,
            keyspace: [{ db: 0, keys: 258, expires: 120, avgTtlMs: 300_000 }],
            replication: { connectedReplicas: 0, replicas: [], masterAddress: '', masterLinkUp: false, masterLinkDownSeconds: 0, syncInProgress: false },
            persistence: {
              loading: false,
              rdbLastSaveAt: '2026-11-20T19:00:00.000Z',
              rdbLastSaveAgeSeconds: 900,
              rdbLastSaveOk: true,
              rdbSaveInProgress: false,
              rdbChangesSinceSave: 40,
              aofEnabled: true,
              aofLastWriteOk: true,
              aofLastRewriteOk: true,
            },
            problems: [{ code: 'noMemoryLimit', severity: 'info', address: 'redis:6379', say: 'Redis at redis:6379 has no memory limit (maxmemory 0): it grows until the system kills it.' }],
          },
        ],
        nodesTotal: 1,
        nodesReachable: 1,
        masters: 1,
        replicas: 0,
        replicasInSync: 0,
        memoryUsedPercent: 0,
        usedMemoryBytes: 2_097_152,
        memoryLimited: false,
        problems: [{ code: 'noMemoryLimit', severity: 'info', address: 'redis:6379', say: 'Redis at redis:6379 has no memory limit (maxmemory 0): it grows until the system kills it.' }],
        truncated: false,
        say: '1 of 1 servers answer. Redis at redis:6379 has no memory limit (maxmemory 0): it grows until the system kills it.',
      },
    },
  ],
  timeoutMs: 40_000,
  async run(_input, ctx) {
    const client = ctx.use(Redis);
    const survey = await client.survey(ctx);
    if (!survey.ok) {
      const { failure } = survey;
      if (failure.why === 'cancelled') return plain(failure);
      const problems = [{ code: 'unreachable', severity: 'critical' as const, address: client.address, say: failure.message }];
      const none = { nodes: [], nodesTotal: 0, nodesReachable: 0, masters: 0, replicas: 0, replicasInSync: 0, memoryUsedPercent: 0, usedMemoryBytes: 0, memoryLimited: false };
      return succeed({ ...none, reachable: false, why: failure.why, mode: 'unknown' as const, address: client.address, problems, truncated: false, say: failure.message });
    }
    const nodes = await observe(survey.value, ctx);
    const reached = nodes.filter((node) => node.reachable);
    const replicas = nodes.filter((node) => node.role === 'replica');
    const problems = nodes.flatMap((node) => node.problems).toSorted((one, other) => rank(one.severity) - rank(other.severity));
    const entry = nodes.find(({ address }) => address === survey.value.entry.address);
    return succeed({
      reachable: entry?.reachable ?? false,
      why: entry?.why ?? 'unexpected',
      mode: survey.value.mode,
      address: survey.value.entry.address,
      nodes,
      nodesTotal: nodes.length,
      nodesReachable: reached.length,
      masters: nodes.filter((node) => node.role === 'master').length,
      replicas: replicas.length,
      replicasInSync: replicas.filter((node) => node.reachable && node.replication.masterLinkUp).length,
      memoryUsedPercent: Math.max(0, ...reached.map((node) => node.memoryUsedPercent)),
      usedMemoryBytes: reached.reduce((sum, node) => sum + node.usedMemoryBytes, 0),
      memoryLimited: reached.length > 0 && reached.every((node) => node.memoryLimited),
      problems: problems.slice(0, MOST_PROBLEMS),
      truncated: problems.length > MOST_PROBLEMS,
      say: `${reached.length} of ${nodes.length} servers answer. ${problems[0]?.say ?? 'Nothing is wrong with them.'}`,
    });
  },
});

function rank(severity: 'info' | 'warning' | 'critical'): number {
  return ['critical', 'warning', 'info'].indexOf(severity);
}
