/** A consumer as a row. Pure. */
import { z } from '#step-kit/index.ts';
import { cordumName, type JudgeBy, judgeConsumer } from './consumer-state.ts';
import type { SeenConsumer } from './jetstream.ts';
import { ageSeconds, timeText } from './values.ts';

const MOST_FILTERS = 20;

export const consumerRow = z.object({
  stream: z.string(),
  name: z.string(),
  /** It stays when nobody listens. */
  durable: z.boolean(),
  /** From the name `dur_<queue>__<subject>` that Cordum gives; empty for others. */
  cordumQueue: z.string(),
  cordumSubject: z.string(),
  kind: z.string(),
  filters: z.array(z.object({ subject: z.string() })),
  state: z.string(),
  stalled: z.boolean(),
  why: z.string(),
  /** Somebody listens. Of a pull consumer: a fetch is open at this moment. */
  bound: z.boolean(),
  /** The lag: messages in the stream that it has not delivered yet. */
  pending: z.int(),
  /** Delivered and not acknowledged yet, and the most that this may be (0: no limit). */
  ackPending: z.int(),
  maxAckPending: z.int(),
  /** Of those not acknowledged, how many were delivered more than once. */
  redelivered: z.int(),
  /** Open fetches of a pull consumer. */
  waiting: z.int(),
  /** Empty and 0 when it never delivered anything. */
  lastDelivered: z.string(),
  lastDeliveredAgeSeconds: z.int(),
  lastAcked: z.string(),
  lastAckedAgeSeconds: z.int(),
  /** -1: no limit. */
  maxDeliver: z.int(),
  ackWaitSeconds: z.int(),
  leader: z.string(),
});
export type ConsumerRow = z.output<typeof consumerRow>;

export function rowOfConsumer({ info, stream, fromLeader }: SeenConsumer, by: Omit<JudgeBy, 'fromLeader'>): ConsumerRow {
  const { config, delivered, ack_floor: acked } = info;
  const isPush = config.deliver_subject !== '';
  const cordum = cordumName(info.name, config.filter_subject);
  const filters = config.filter_subject === '' ? config.filter_subjects : [config.filter_subject];
  return {
    stream,
    name: info.name,
    durable: config.durable_name !== '',
    cordumQueue: cordum?.queue ?? '',
    cordumSubject: cordum?.subject ?? '',
    kind: isPush ? 'push' : 'pull',
    filters: filters.slice(0, MOST_FILTERS).map((subject) => ({ subject })),
    ...judgeConsumer(info, { ...by, fromLeader }),
    bound: fromLeader && (isPush ? info.push_bound : info.num_waiting > 0),
    pending: info.num_pending,
    ackPending: info.num_ack_pending,
    maxAckPending: Math.max(0, config.max_ack_pending),
    redelivered: info.num_redelivered,
    waiting: info.num_waiting,
    lastDelivered: timeText(delivered.last_active),
    lastDeliveredAgeSeconds: ageSeconds(delivered.last_active, by.nowMs),
    lastAcked: timeText(acked.last_active),
    lastAckedAgeSeconds: ageSeconds(acked.last_active, by.nowMs),
    maxDeliver: config.max_deliver,
    ackWaitSeconds: Math.round(config.ack_wait / 1_000),
    leader: info.cluster === undefined ? 'this server' : info.cluster.leader,
  };
}
