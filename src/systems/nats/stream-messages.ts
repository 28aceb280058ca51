/** The messages of a stream from end to end, one after the other: for looking at a restored stream as a whole. */
import type { NatsConnection } from 'nats';

const REQUEST_MS = 10_000;
/** Messages of one fetch. */
const BATCH = 5_000;
const BATCH_WITHIN_MS = 10_000;
const NANOS_A_MS = 1_000_000;
const CONSUMER_IDLE_MS = 60_000;

export interface StoredMessage {
  readonly subject: string;
  /** `Nats-Msg-Id`; empty without. */
  readonly msgId: string;
  readonly payload: Uint8Array;
  /** When the server stored it, ms since the epoch. */
  readonly storedMs: number;
}

/** Those of these subjects, or all. Throws where they cannot all be read: a work queue, for one, takes no further consumer. */
export async function* readMessages(nc: NatsConnection, { stream, subjects, signal }: { readonly stream: string; readonly subjects: string | undefined; readonly signal: AbortSignal }): AsyncGenerator<StoredMessage, void, undefined> {
  const { AckPolicy, DeliverPolicy, nanos } = await import('nats');
  const jsm = await nc.jetstreamManager({ timeout: REQUEST_MS, checkAPI: false });
  const added = await jsm.consumers.add(stream, { ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.All, ...(subjects === undefined ? {} : { filter_subject: subjects }), inactive_threshold: nanos(CONSUMER_IDLE_MS), mem_storage: true });
  const consumer = await nc.jetstream().consumers.get(stream, added.name);
  try {
    let left = added.num_pending;
    while (left > 0) {
      signal.throwIfAborted();
      const before = left;
      for await (const message of await consumer.fetch({ max_messages: Math.min(BATCH, left), expires: BATCH_WITHIN_MS })) {
        left -= 1;
        yield { subject: message.subject, msgId: message.headers?.get('Nats-Msg-Id') ?? '', payload: message.data, storedMs: Math.floor(message.info.timestampNanos / NANOS_A_MS) };
      }
      if (left === before) throw new Error(`${left} messages of ${stream} do not arrive`);
    }
  } finally {
    await consumer.delete().catch(() => false);
  }
}
