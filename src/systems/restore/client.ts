/**
 * What the steps that restore are given. The files of backups and the protocols belong to other areas; `app` puts them together
 * behind this, for the one directory that the target's configuration names.
 */
import type { Result } from '#step-kit/index.ts';

export interface Call {
  readonly signal: AbortSignal;
}

export type StoreName = 'redis' | 'nats' | 'config';

/** One backup of a store, as it lies in the directory. */
export interface SetFacts {
  readonly stamp: string;
  readonly takenAtMs: number;
  readonly bytes: number;
  readonly files: number;
  /** Why it may not be restored, a sentence; empty when nothing speaks against it at first sight. */
  readonly because: string;
}

/** What stands under a key, or shall stand there. */
export interface Side {
  readonly present: boolean;
  /** Of the text; empty when there is none. */
  readonly sha256: string;
  readonly bytes: number;
  /** −1 where there is none. */
  readonly revision: number;
}

export interface ConfigChange {
  readonly key: string;
  readonly now: Side;
  readonly next: Side;
}

export interface ConfigAsked {
  readonly stamp: string;
  /** Undefined: all that the set holds. */
  readonly keys: readonly string[] | undefined;
  /** Keys that are to go. */
  readonly remove: readonly string[];
}

export interface ConfigComparison {
  readonly takenAtMs: number;
  /** Only what differs. */
  readonly changes: readonly ConfigChange[];
  readonly same: number;
  /** Sentences on what is left alone. */
  readonly notes: readonly string[];
}

export interface ConfigRestore {
  /** The set against what is there; a set that is damaged is a failure. */
  compare(asked: ConfigAsked, call: Call): Promise<Result<ConfigComparison>>;
  /** Backs up the configuration that is there; the stamp of the new set. */
  save(call: Call): Promise<Result<string>>;
  /** A set since then that holds just these values; undefined when there is none. */
  savedSince(sinceMs: number, values: readonly { readonly key: string; readonly sha256: string }[], call: Call): Promise<Result<string | undefined>>;
  /** Makes the change if the key still is as `now` says and that value is in a backup; `changed`: it is not as it was. */
  put(change: ConfigChange, asked: ConfigAsked, call: Call): Promise<Result<'done' | 'changed'>>;
  look(keys: readonly string[], call: Call): Promise<Result<readonly { readonly key: string; readonly side: Side }[]>>;
}

export interface StreamSide {
  readonly present: boolean;
  readonly messages: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly consumers: number;
}

/** What is to come of one stream. What it holds now is no part of it: messages that grow too old go by themselves, and services write until they are stopped. */
export interface StreamChange {
  readonly stream: string;
  readonly next: StreamSide;
  /** Messages that are older than this go as soon as they are restored; 0: none. */
  readonly maxAgeSeconds: number;
}

export interface StreamFound extends StreamChange {
  readonly now: StreamSide;
  /** It holds what the backup holds, messages that have outlived their age left aside. */
  readonly same: boolean;
}

export interface StreamsAsked {
  readonly stamp: string;
  /** Undefined: all that the set holds. */
  readonly streams: readonly string[] | undefined;
}

export interface StreamComparison {
  readonly takenAtMs: number;
  readonly streams: readonly StreamFound[];
}

/**
 * How far a restore of one stream is: `restored`; `kept`, it holds something else and a whole backup holds that; `gone`, it is not there; `part`, it
 * holds no more than the backup and no backup holds just that, as a transfer leaves it that broke off; `other`, it holds something that no backup has.
 */
export interface StreamStanding {
  readonly is: 'restored' | 'kept' | 'gone' | 'part' | 'other';
  readonly side: StreamSide;
  /** The backup that holds it, where it is `kept`. */
  readonly set: string;
}

export interface StreamRestore {
  /** How it is known that nobody writes; a failure names who does. `services`: nobody but those services that the restore will stop. */
  writers(allowed: 'nobody' | 'services', call: Call): Promise<Result<readonly string[]>>;
  /** The set, read from end to end, against what is there. */
  compare(asked: StreamsAsked, call: Call): Promise<Result<StreamComparison>>;
  /** Backs up those of the streams that are there, until the backup holds just what they hold. The stamp of the set; empty when none is there. */
  save(streams: readonly string[], effect: string, call: Call): Promise<Result<string>>;
  /** The whole set that this effect has taken; undefined when there is none. */
  savedBy(effect: string, call: Call): Promise<Result<string | undefined>>;
  /** Removes what is there, which a whole backup has to hold, and restores. `changed`: the set holds something else than was approved. `part`: see the standing; back it up first. */
  put(change: StreamChange, stamp: string, call: Call): Promise<Result<'done' | 'changed' | 'part'>>;
  standing(change: StreamChange, call: Call): Promise<Result<StreamStanding>>;
}

/** A service of Cordum that writes, as it is now. */
export interface ServiceState {
  readonly service: string;
  /** Of its Deployment. */
  readonly name: string;
  /** How many it shall have. */
  readonly wanted: number;
  readonly ready: number;
  /** Pods that are there, those that are still going included. */
  readonly pods: number;
  /** How many it had when a restore stopped it, by its own note on the Deployment; 0: there is none. */
  readonly noted: number;
  /** The mark of the last effect of the bot on it; empty without one. */
  readonly mark: string;
  /** It will not come up by itself: a sentence; else empty. */
  readonly stuck: string;
}

/** Stops and starts the services of Cordum that write. */
export interface ServiceControl {
  /** In the order in which they are stopped; `notes` says which are not installed. */
  list(call: Call): Promise<Result<{ readonly services: readonly ServiceState[]; readonly notes: readonly string[] }>>;
  look(service: string, call: Call): Promise<Result<ServiceState>>;
  /** To 0, with a note of how many it had; `changed`: it does not run, or somebody wrote it in between. */
  stop(service: string, mark: string, call: Call): Promise<Result<number | 'changed'>>;
  /** Back to the number of the note, which then goes; `changed`: it runs, has no note, or somebody wrote it in between. */
  start(service: string, mark: string, call: Call): Promise<Result<number | 'changed'>>;
}

/** One live primary. */
export interface RedisPrimary {
  /** `host:port`. */
  readonly name: string;
  /** Of a cluster the id of the node, else the run id of the server. */
  readonly id: string;
  /** `0-5460 …`; empty for a server that is no cluster. */
  readonly slots: string;
}

export interface RedisOutline {
  readonly takenAtMs: number;
  /** Of the files of the backup. */
  readonly sha256: string;
  readonly keys: number;
  readonly primaries: readonly RedisPrimary[];
}

export interface RedisSurvey {
  readonly servers: readonly { readonly name: string; readonly version: string; readonly keysNow: number; readonly keysNext: number; readonly bytesNext: number; readonly bytesMax: number; readonly appendOnly: boolean }[];
  readonly prefixes: readonly { readonly prefix: string; readonly now: number; readonly next: number }[];
  /** ms since the epoch; 0 when no record says when it was written. */
  readonly newestNowMs: number;
  readonly newestNextMs: number;
  readonly wroteVersion: string;
  readonly loadedVersion: string;
  readonly notes: readonly string[];
}

export interface RedisPut {
  readonly removed: number;
  readonly copied: number;
  readonly keys: number;
}

export interface RedisLook {
  /** Ends of sentences; empty when all is as it was backed up. */
  readonly problems: readonly string[];
  /** Replicas that have not taken over all of it yet. */
  readonly behind: readonly string[];
  readonly keys: number;
  readonly samples: number;
  readonly replicas: number;
}

export interface RedisRestore {
  /** Names of those who are connected and could write: neither the bot, nor replicas, nor Sentinels. */
  connected(call: Call): Promise<Result<{ readonly servers: number; readonly others: readonly { readonly name: string }[] }>>;
  /** What would be changed, by the manifest alone. */
  outline(stamp: string, call: Call): Promise<Result<RedisOutline>>;
  /** The backup is loaded and compared with what is there; a failure says why it cannot be restored. */
  survey(stamp: string, call: Call): Promise<Result<RedisSurvey>>;
  /** Backs up what is there; the stamp of the new set, which names the effect. */
  save(effect: string, call: Call): Promise<Result<string>>;
  /** The set that this effect has made, undefined when there is none. */
  savedBy(effect: string): Promise<Result<string | undefined>>;
  /** Makes the primary hold what the backup holds for it, if every value that is there stands in a backup; may be done twice. `changed`: it is another server by now, or owns other slots. */
  put(stamp: string, primary: RedisPrimary, call: Call): Promise<Result<RedisPut | 'changed'>>;
  /** Whether the primary holds just that; a sentence's end on what differs first, empty when nothing does. */
  difference(stamp: string, primary: RedisPrimary, call: Call): Promise<Result<string | 'changed'>>;
  /** Against the manifest. `part`: not all primaries are restored yet; `moved`: services write again. */
  look(stamp: string, so: 'part' | 'whole' | 'moved', call: Call): Promise<Result<RedisLook>>;
}

export interface RestoreClient {
  readonly directory: string;
  /** Undefined: the target has no Kubernetes, so people stop and start the services. */
  readonly services: ServiceControl | undefined;
  sets(store: StoreName): Promise<Result<readonly SetFacts[]>>;
  /** A failure when the target has no Redis that can be restored into, and why. */
  config(): Result<ConfigRestore>;
  /** A failure when the target has no NATS. */
  streams(): Result<StreamRestore>;
  /** A failure when the target has no Redis. */
  redis(): Result<RedisRestore>;
  close(): Promise<void>;
}
