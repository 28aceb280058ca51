/**
 * Where a drill restores: servers of its own, far from the live system, thrown away afterwards. `local` starts processes on this
 * machine; another place (a namespace of Kubernetes) is another implementation of this port.
 */
import type { Result } from '#kernel/failure.ts';

/** One server that has loaded one RDB file. */
export interface SandboxRedis {
  readonly host: string;
  readonly port: number;
  readonly password: string;
  /** `run_id`: what tells it from any other server. */
  readonly runId: string;
  readonly version: string;
  /** By the server's own log: keys that it loaded, and keys that it left out because their time was over. */
  readonly loaded: { readonly keys: number; readonly expired: number };
  readonly loadMs: number;
}

export interface SandboxNats {
  readonly url: string;
  readonly token: string;
  readonly serverId: string;
  readonly version: string;
}

export interface RedisToLoad {
  /** The RDB, on this machine. It is not changed. */
  readonly file: string;
  /** Somebody else compares the checksum of its records: the server need not. */
  readonly checkedElsewhere?: boolean;
  /** Slots that the shard owned, for a cluster that is formed again; undefined for a server that is no cluster. */
  readonly slots?: readonly string[];
}

export interface Teardown {
  /** Processes that were started, and are gone. */
  readonly processes: number;
  readonly directoryGone: boolean;
  /** Sentences; empty when nothing was left behind. */
  readonly left: readonly string[];
}

export interface Sandbox {
  readonly kind: 'local';
  readonly id: string;
  /** A folder of the sandbox's own, for copies. */
  readonly directory: string;
  /** Ports that it listens on, each on 127.0.0.1. */
  addresses(): readonly string[];
  loadRedis(shards: readonly RedisToLoad[], signal: AbortSignal): Promise<Result<readonly SandboxRedis[]>>;
  startNats(signal: AbortSignal): Promise<Result<SandboxNats>>;
  /** Ends everything. Safe to call twice; never throws. */
  teardown(): Promise<Teardown>;
}
