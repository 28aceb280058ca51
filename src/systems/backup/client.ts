/**
 * What the steps that look at backups, and take them, are given. The files and the protocols belong to other areas; `app` puts
 * them together behind this, for the one directory that the target's configuration names.
 */
import type { Result } from '#step-kit/index.ts';

export interface Call {
  readonly signal: AbortSignal;
}

export type StoreName = 'redis' | 'nats' | 'config';

/** One set, as it lies in the directory: names, sizes and the manifest were read, no contents. */
export interface SetFacts {
  /** `redis-20261121T060000Z`. */
  readonly set: string;
  readonly store: StoreName;
  /** By its name. */
  readonly takenAt: string;
  readonly ageSeconds: number;
  readonly bytes: number;
  readonly files: number;
  /** RDB files of Redis, streams of NATS; 1 for configuration. */
  readonly shards: number;
  readonly manifest: 'there' | 'none' | 'unreadable';
  /** `unknown`: nothing speaks against it, but no manifest says that it is. */
  readonly complete: 'yes' | 'no' | 'unknown';
  /** Its size against the median of those before it: `unknown` with too few of them. */
  readonly size: 'usual' | 'small' | 'large' | 'unknown';
  /** Its size, 1 being that median; null with too few of them. */
  readonly sizeRatio: number | null;
  /** Sentences. */
  readonly notes: readonly string[];
}

export interface StoreFacts {
  readonly store: StoreName;
  /** All of them, also those that are not shown. */
  readonly sets: number;
  /** Null without any. */
  readonly oldestAt: string | null;
}

export interface Listed {
  readonly stores: readonly StoreFacts[];
  /** The newest first, by store; at most so many of each as were asked for. */
  readonly sets: readonly SetFacts[];
  readonly skewSeconds: number | null;
  readonly unfinished: readonly string[];
  readonly strangers: readonly string[];
}

export interface Room {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

export interface Verdict {
  /** `unread`: the programs of the bot's machine could not look at it; nothing speaks against it. */
  readonly problems: readonly { readonly file: string; readonly problem: string; readonly unread?: true }[];
  readonly notes: readonly string[];
}

/** A backup that has been taken, by its manifest. */
export interface TakenFacts {
  readonly set: string;
  readonly complete: boolean;
  readonly missing: readonly string[];
  readonly bytes: number;
  readonly files: number;
  readonly takenAt: string;
  readonly finishedAt: string;
}

/** What is to be copied, as the store itself says now. */
export interface SourceFacts {
  /** Servers that are read from, without credentials. */
  readonly from: readonly string[];
  /** What it holds; undefined where it does not tell. A copy is seldom larger. */
  readonly bytes: number | undefined;
  /** What a copy costs there, sentences. */
  readonly load: readonly string[];
}

export interface BackupClient {
  readonly directory: string;
  /** How long sets are to be kept; undefined where nobody has said so. */
  readonly keptSeconds: number | undefined;
  /** A failure when the directory cannot be read. */
  list(perStore: number, call: Call): Promise<Result<Listed>>;
  /** Undefined where the file system does not tell. */
  room(): Promise<Room | undefined>;
  /** Reads the files of one set; undefined: there is no such set. */
  verify(set: string, call: Call): Promise<Result<Verdict | undefined>>;
  /** A failure when the store does not answer, or cannot be backed up, and why. */
  source(store: StoreName, call: Call): Promise<Result<SourceFacts>>;
  /** `effect` is written into its manifest. */
  take(store: StoreName, effect: string, call: Call): Promise<Result<TakenFacts>>;
  /** The finished backup of this effect; undefined when there is none. */
  find(store: StoreName, asked: { readonly effect: string; readonly sinceMs: number }, call: Call): Promise<Result<TakenFacts | undefined>>;
  close(): Promise<void>;
}
