/** What a drill works with, whatever its store. */
import type { RedisConnection } from '#backups/redis/connection.ts';
import type { Clock } from '#kernel/clock.ts';
import type { Result } from '#kernel/failure.ts';
import type { Sandbox } from './sandbox/sandbox.ts';

/** The parts of the recovery time: finding the backup, bringing it here, loading it, proving it, and until it could serve. */
export const PHASES = ['live', 'detect', 'fetch', 'restore', 'verify', 'ready', 'teardown'] as const;
export type Phase = (typeof PHASES)[number];

export interface DrillLimits {
  /** An older backup fails. */
  readonly maxAgeMs: number;
  /** How far a count of keys may be from the live one, as a share. */
  readonly tolerance: number;
}

export interface DrillContext {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly sandbox: Sandbox;
  readonly limits: DrillLimits;
  /** `redis-check-rdb` on PATH; undefined when there is none. */
  readonly redisCheckRdb: string | undefined;
  /** Only to servers of the sandbox. */
  connect(at: { readonly host: string; readonly port: number; readonly password: string }): Promise<Result<RedisConnection>>;
  /** Measures, and tells what is going on. A phase may be entered several times. */
  during<T>(phase: Phase, doing: string, work: () => Promise<T>): Promise<T>;
}

/** What was read of the live system, before the sandbox was started. */
export interface LiveFacts {
  /** `run_id`s, server ids, ids of cluster nodes. */
  readonly identity: readonly string[];
  /** `host:port` of every server that was asked, and that these named. */
  readonly addresses: readonly string[];
  /** How many connections the reading has opened, and closed again. */
  readonly connections?: { readonly opened: number; readonly closed: number };
}
