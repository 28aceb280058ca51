/** What an archive of a JetStream stream holds, seen without a server. */

export interface ArchivedConsumer {
  readonly name: string;
}

export interface BlockGap {
  readonly said: string;
  /** Sequences that stand in none of the blocks on both sides. */
  readonly sequences: number;
}

export interface ArchivedState {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly deleted: number;
  readonly consumers: number;
  /** 0 where it does not say. */
  readonly subjects: number;
  /** When the newest message was stored, as the server writes it; empty where it does not say. */
  readonly lastAt: string;
}

export interface StreamArchive {
  /** `v1`: tar in S2, servers up to 2.14. `v2`: `NATSARC1` in S2, from 2.15. */
  readonly format: 'v1' | 'v2';
  /** The name of the stream by the archive itself; empty where it does not say (v2). */
  readonly stream: string;
  /** Message records that stand in it. In v1 those that were deleted but not yet cleaned up are among them. */
  readonly messages: number;
  /** What these records take up, as the state of a stream counts it (v1 only). */
  readonly recordBytes?: number;
  /** When the server wrote it, ms since the epoch; 0 where it does not say. */
  readonly writtenMs?: number;
  /** 0 without messages. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the newest message was stored, ms since the epoch; 0 without messages. */
  readonly newestMs: number;
  readonly consumers: readonly ArchivedConsumer[];
  /** What the archive says of the stream (v2 only). */
  readonly state?: ArchivedState;
  /** SHA-256 over sequence, subject, headers and payload of every message, in order (v2 only: v1 holds deleted ones as well). */
  readonly contentSha256?: string;
  /** The same over every record of a v1 archive: the digest of the content where none of them had been deleted. */
  readonly recordsSha256?: string;
  /** SHA-256 over the checksums of these records (v1 only), each of which the server made of sequence, time, subject, headers and payload. */
  readonly sealsSha256?: string;
  /** Of the messages those that were stored at or after the time that was asked for, and have not outlived their own time to live. */
  readonly messagesSince?: number;
  /** Marks of deletions that servers write since 2.10 (v1 only). */
  readonly deletionMarks?: number;
  /** It has one index of all blocks (`msgs/index.db`), as servers write since 2.10 (v1 only). */
  readonly indexedAsOne?: boolean;
  /** The configuration that the archive itself holds (v1 only), which servers before 2.10 restore instead of the one they are given. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Blocks that are not there (v1 only). A server drops a block with the last of its messages, so only the state tells whether they are lost: see `lostBlocks`. */
  readonly gaps?: readonly BlockGap[];
  /** The checksums of its chunks were not compared here. */
  readonly checkedElsewhere?: boolean;
  /** What is wrong with it, a sentence each. Empty: nothing that can be seen without a server. */
  readonly problems: readonly string[];
}

export interface ReadHow {
  /** Messages of this time and later are counted apart. */
  readonly sinceMs?: number;
  /** With `sinceMs`: those whose own time to live (`Nats-TTL`) is over at this time are not among them. */
  readonly ttlAtMs?: number;
  /** The content itself is not digested (v1), which takes a third of the time. */
  readonly sealsOnly?: boolean;
  /** Somebody else compares the checksums of its chunks (CRC-32C), over the same bytes: they are not made here. */
  readonly checkedElsewhere?: boolean;
}

/** Problems are kept up to this many; a broken archive may have one for each message. */
export const PROBLEMS_MAX = 20;

/**
 * Of the blocks that are not there those that hold more than what was deleted. Without a state all of them count, but for streams
 * that drop messages from their middle: there nothing tells.
 */
export function lostBlocks({ gaps = [], config }: StreamArchive, state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number } | undefined): readonly string[] {
  if (state === undefined && dropsFromItsMiddle(config)) return [];
  const deleted = state === undefined ? -1 : state.last_seq - state.first_seq + 1 - state.messages;
  const missing = gaps.reduce((sum, { sequences }) => sum + sequences, 0);
  return missing > deleted ? gaps.map(({ said }) => said) : [];
}

/** A v2 archive holds the state that the server answered with as well: what `backup.json` or a manifest says otherwise, by name. */
export function differingState({ state: archived }: StreamArchive, state: { readonly messages: number; readonly first_seq: number; readonly last_seq: number; readonly [field: string]: unknown } | undefined): readonly string[] {
  if (archived === undefined || state === undefined) return [];
  const { bytes = archived.bytes, num_deleted: deleted = 0, consumer_count: consumers = 0, num_subjects: subjects = 0, last_ts: lastAt = '' } = state;
  return [
    ...(state.messages === archived.messages ? [] : ['messages']),
    ...(bytes === archived.bytes ? [] : ['bytes']),
    ...(state.first_seq === archived.firstSeq ? [] : ['first_seq']),
    ...(state.last_seq === archived.lastSeq ? [] : ['last_seq']),
    ...(deleted === archived.deleted ? [] : ['num_deleted']),
    ...(consumers === archived.consumers ? [] : ['consumer_count']),
    ...(subjects === 0 || archived.subjects === 0 || subjects === archived.subjects ? [] : ['num_subjects']),
    ...(lastAt === '' || archived.lastAt === '' || Date.parse(String(lastAt)) === Date.parse(archived.lastAt) ? [] : ['last_ts']),
  ];
}

/** Work queues and interest drop what was acknowledged, limits by subject and roll-ups what was written over. */
function dropsFromItsMiddle(config: StreamArchive['config']): boolean {
  return config !== undefined && ((config['retention'] ?? 'limits') !== 'limits' || Number(config['max_msgs_per_subject'] ?? 0) > 0 || config['allow_rollup_hdrs'] === true);
}
