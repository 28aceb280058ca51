/** Shapes that several steps hand out. */
import { z } from '#step-kit/index.ts';
import { TROUBLES } from './failure.ts';

/** `ok`, or what is wrong with reaching or using it. */
export const why = z.enum(['ok', ...TROUBLES]);

export const problem = z.object({
  /** A closed word: see `problems.ts`. */
  code: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  /** The server that it was seen on. */
  address: z.string(),
  /** One sentence for a person. */
  say: z.string(),
});
export type Problem = z.output<typeof problem>;

export const nodeFacts = z.object({
  address: z.string(),
  reachable: z.boolean(),
  /** Why not reachable, or what keeps it from serving. */
  why,
  say: z.string(),
  role: z.enum(['master', 'replica', 'unknown']),
  version: z.string(),
  uptimeSeconds: z.int(),
  latencyMs: z.int(),
  connectedClients: z.int(),
  blockedClients: z.int(),
  maxClients: z.int(),
  usedMemoryBytes: z.int(),
  /** 0: no limit; then `memoryLimited` is false. */
  maxMemoryBytes: z.int(),
  memoryLimited: z.boolean(),
  /** Of the limit; 0 without one. */
  memoryUsedPercent: z.number(),
  maxMemoryPolicy: z.string(),
  fragmentationRatio: z.number(),
  /** Since the server has started. */
  evictedKeys: z.int(),
  /** Since the server has started. */
  rejectedConnections: z.int(),
  opsPerSecond: z.int(),
  keys: z.int(),
  keyspace: z.array(z.object({ db: z.int(), keys: z.int(), expires: z.int(), avgTtlMs: z.int() })),
  replication: z.object({
    connectedReplicas: z.int(),
    replicas: z.array(z.object({ address: z.string(), state: z.string(), online: z.boolean(), lagSeconds: z.int(), behindBytes: z.int() })),
    /** Of a replica; empty on a master. */
    masterAddress: z.string(),
    /** Of a replica; false on a master. */
    masterLinkUp: z.boolean(),
    masterLinkDownSeconds: z.int(),
    syncInProgress: z.boolean(),
  }),
  persistence: z.object({
    loading: z.boolean(),
    /** RFC 3339. The time of the start when nothing was saved since. Empty: not seen. */
    rdbLastSaveAt: z.string(),
    rdbLastSaveAgeSeconds: z.int(),
    rdbLastSaveOk: z.boolean(),
    rdbSaveInProgress: z.boolean(),
    rdbChangesSinceSave: z.int(),
    aofEnabled: z.boolean(),
    aofLastWriteOk: z.boolean(),
    aofLastRewriteOk: z.boolean(),
  }),
  problems: z.array(problem),
});
export type NodeFacts = z.output<typeof nodeFacts>;
