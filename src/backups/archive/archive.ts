/** What an archive of a JetStream stream holds, seen without a server. */

export interface ArchivedConsumer {
  readonly name: string;
}

export interface StreamArchive {
  /** `v1`: tar in S2, servers up to 2.14. `v2`: `NATSARC1` in S2, from 2.15. */
  readonly format: 'v1' | 'v2';
  /** The name of the stream by the archive itself; empty where it does not say (v2). */
  readonly stream: string;
  /** Message records that stand in it. In v1 those that were deleted but not yet cleaned up are among them. */
  readonly messages: number;
  /** 0 without messages. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the newest message was stored, ms since the epoch; 0 without messages. */
  readonly newestMs: number;
  readonly consumers: readonly ArchivedConsumer[];
  /** What the archive says of the stream (v2 only). */
  readonly state?: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number; readonly consumers: number };
  /** SHA-256 over sequence, subject, headers and payload of every message, in order (v2 only: v1 holds deleted ones as well). */
  readonly contentSha256?: string;
  /** The same over every record of a v1 archive: the digest of the content where none of them had been deleted. */
  readonly recordsSha256?: string;
  /** Of the messages those that were stored at or after the time that was asked for. */
  readonly messagesSince?: number;
  /** The configuration that the archive itself holds (v1 only), which servers before 2.10 restore instead of the one they are given. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** What is wrong with it, a sentence each. Empty: nothing that can be seen without a server. */
  readonly problems: readonly string[];
}

/** Problems are kept up to this many; a broken archive may have one for each message. */
export const PROBLEMS_MAX = 20;
