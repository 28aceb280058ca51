/** What state a consumer is in, from its numbers. Pure. */
import type { ConsumerInfo } from './schema.ts';
import { ageSeconds } from './values.ts';

/**
 * `flowing` something waits and moves · `idle` nothing waits · `paused` · `noLeader` · `noSubscriber` nobody listens ·
 * `full` no more is delivered until something is acknowledged · `notAcknowledging` what was delivered is not acknowledged in time ·
 * `notDelivering` messages wait, somebody listens, and nothing is delivered · `unknown`.
 */
export type ConsumerState = 'flowing' | 'idle' | 'paused' | 'noLeader' | 'noSubscriber' | 'full' | 'notAcknowledging' | 'notDelivering' | 'unknown';

export interface Judgement {
  readonly state: ConsumerState;
  /** Messages wait, and on the evidence they will not move by themselves. */
  readonly stalled: boolean;
  readonly why: string;
}

export interface JudgeBy {
  readonly nowMs: number;
  readonly stalledAfterSeconds: number;
  /** False when the numbers come from a server that does not lead the consumer: such a one does not know who listens. */
  readonly fromLeader: boolean;
}

export function judgeConsumer(consumer: ConsumerInfo, { nowMs, stalledAfterSeconds, fromLeader }: JudgeBy): Judgement {
  const { num_pending: pending, num_ack_pending: ackPending, config } = consumer;
  const waits = pending + ackPending;
  const noticed = waits > 0 ? `${pending} messages wait and ${ackPending} are not acknowledged` : 'nothing waits';
  if (consumer.cluster !== undefined && consumer.cluster.leader === '') return { state: 'noLeader', stalled: true, why: `It has no leader, so nothing is delivered: too few of its replicas are there (${noticed}).` };
  if (!fromLeader) return { state: 'unknown', stalled: false, why: 'Its leader could not be asked; these numbers come from a replica.' };
  if (consumer.paused) return { state: 'paused', stalled: waits > 0, why: `It is paused (${noticed}).` };
  const isPush = config.deliver_subject !== '';
  if (isPush && !consumer.push_bound) {
    return { state: 'noSubscriber', stalled: waits > 0, why: `Nobody listens${config.deliver_group === '' ? '' : ` in the group ${config.deliver_group}`}: the service is down, or lost its connection (${noticed}).` };
  }
  if (config.max_ack_pending > 0 && ackPending >= config.max_ack_pending) {
    return { state: 'full', stalled: true, why: `${ackPending} messages are not acknowledged, which is the most it allows; no more is delivered (${pending} wait).` };
  }
  const ackWaitSeconds = Math.max(stalledAfterSeconds, Math.ceil(config.ack_wait / 1_000));
  const lastAckMs = Math.max(consumer.ack_floor.last_active, consumer.created);
  if (ackPending > 0 && consumer.num_redelivered > 0 && ageSeconds(lastAckMs, nowMs) > ackWaitSeconds) {
    return { state: 'notAcknowledging', stalled: true, why: `${ackPending} messages are not acknowledged, ${consumer.num_redelivered} were delivered again, and the last acknowledgement was ${ageSeconds(lastAckMs, nowMs)} s ago: the service takes messages and cannot finish them.` };
  }
  if (pending > 0) {
    const silentSeconds = ageSeconds(Math.max(consumer.delivered.last_active, consumer.created), nowMs);
    if (silentSeconds > stalledAfterSeconds) {
      const nobody = !isPush && consumer.num_waiting === 0 ? ', and nobody is fetching' : '';
      return { state: 'notDelivering', stalled: true, why: `${pending} messages wait, and none was delivered for ${silentSeconds} s${nobody}.` };
    }
    return { state: 'flowing', stalled: false, why: `${pending} messages wait, and the last was delivered ${silentSeconds} s ago.` };
  }
  return ackPending > 0 ? { state: 'flowing', stalled: false, why: `${ackPending} messages are being worked on.` } : { state: 'idle', stalled: false, why: 'Nothing waits.' };
}

export interface CordumName {
  readonly queue: string;
  /** With dots; from the filter where there is one, for a subject may itself hold an underscore. */
  readonly subject: string;
}

/** Cordum names its durable consumers `dur_<queue>__<subject, dots as underscores>` (reference: core/infra/bus/nats.go:1033-1055). */
export function cordumName(durable: string, filterSubject: string): CordumName | undefined {
  const [, queue, subject] = /^dur_(.+?)__(.+)$/.exec(durable.slice(0, 512)) ?? [];
  if (queue === undefined || subject === undefined) return undefined;
  return { queue, subject: filterSubject === '' ? subject.replaceAll('_', '.') : filterSubject };
}
