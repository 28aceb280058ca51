import { TestRunner } from 'vitest';
import { systemClock, waitUntil } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { createNatsClient, type NatsClient, type NatsOptions } from '#systems/nats/client.ts';
import type { AnyContext } from './step-context.ts';

/** A client of ours, closed with the test, in the time of the machine. */
export function natsClient(options: Partial<Omit<NatsOptions, 'url'>> & { readonly url: string }): NatsClient {
  const client = createNatsClient({ monitorUrls: [], clock: systemClock, ...options, url: new Secret(options.url) });
  TestRunner.getCurrentTest()?.context.onTestFinished(() => client.close());
  return client;
}

/** Steps that wait do so in real time. */
export const REAL_TIME: Partial<AnyContext> = { sleep: (ms) => waitUntil(systemClock, systemClock.now() + ms) };

export interface ConsumerOptions {
  readonly ackWaitMs?: number;
  readonly maxAckPending?: number;
  readonly pull?: boolean;
}

type Requests = { request(subject: string, payload: string, options: { timeout: number }): Promise<{ string(): string }> };

/** One call of the JetStream API, which must succeed. */
export async function jetstreamApi(nc: Requests, subject: string, body: object = {}): Promise<Record<string, unknown>> {
  const answer = JSON.parse((await nc.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: 10_000 })).string()) as Record<string, unknown>;
  if (answer['error'] !== undefined) throw new Error(`${subject}: ${JSON.stringify(answer['error'])}`);
  return answer;
}

export const CORDUM_CONSUMERS = [
  ['cordum-scheduler', 'sys.job.submit'],
  ['cordum-scheduler', 'sys.job.result'],
  ['cordum-workflow-engine', 'sys.job.result'],
  ['cordum-gateway', 'sys.job.dlq'],
] as const;

/** The streams of Cordum v0.9.7, as its recording shows them. */
export async function makeCordumStreams(nc: Requests, replicas = 1): Promise<void> {
  const common = { retention: 'limits', storage: 'file', num_replicas: replicas, max_age: 604_800_000_000_000, duplicate_window: 120_000_000_000 };
  await jetstreamApi(nc, 'STREAM.CREATE.CORDUM_SYS', { ...common, name: 'CORDUM_SYS', subjects: ['sys.>'] });
  await jetstreamApi(nc, 'STREAM.CREATE.CORDUM_JOBS', { ...common, name: 'CORDUM_JOBS', subjects: ['job.>', 'worker.*.jobs'] });
}

export function durableOf(queue: string, subject: string): string {
  return `dur_${queue}__${subject.replaceAll('.', '_')}`;
}

/** A durable consumer as Cordum's services make them; whoever subscribes to the returned subject in the queue is bound. */
export async function makeCordumConsumer(nc: Requests, queue: string, subject: string, { ackWaitMs = 600_000, maxAckPending = 2_048, pull = false }: ConsumerOptions = {}): Promise<string> {
  const name = durableOf(queue, subject);
  const deliver = `deliver.${name}`;
  await jetstreamApi(nc, `CONSUMER.DURABLE.CREATE.CORDUM_SYS.${name}`, {
    stream_name: 'CORDUM_SYS',
    config: {
      durable_name: name,
      deliver_policy: 'all',
      ack_policy: 'explicit',
      ack_wait: ackWaitMs * 1_000_000,
      max_deliver: 100,
      max_ack_pending: maxAckPending,
      filter_subject: subject,
      ...(pull ? {} : { deliver_subject: deliver, deliver_group: queue }),
    },
  });
  return deliver;
}

/** A BusPacket with a JobResult, as Cordum's scheduler sends to sys.job.dlq (reference cordum.md §5.5). */
export function deadLetterPacket(of: { readonly jobId: string; readonly code: string; readonly reason: string; readonly status?: number; readonly atMs?: number }): Uint8Array {
  const atMs = of.atMs ?? Date.UTC(2026, 10, 20);
  const created = Buffer.concat([field(1, Math.floor(atMs / 1_000)), field(2, (atMs % 1_000) * 1_000_000)]);
  const result = Buffer.concat([field(1, of.jobId), field(2, of.status ?? 6), field(6, of.code), field(7, of.reason), field(9, 101)]);
  return Buffer.concat([field(1, of.jobId), field(2, 'cordum-scheduler'), field(3, created), field(4, 1), field(11, result)]);
}

function field(number: number, value: number | string | Buffer): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number << 3), varint(value)]);
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}
