/** Jobs as Cordum keeps them in Redis (cordum.md §6.1) and on its bus (§5.1, §5.4, §5.5), as far as drills read them. */
import { headers } from 'nats';
import type { NatsServer } from '../servers/nats.ts';
import type { RedisServer } from '../servers/redis.ts';

/** A field with a length, as protobuf writes it. */
function field(number: number, bytes: Uint8Array): Buffer {
  const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)]);
  return Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
}

/** A BusPacket: trace_id, sender_id, protocol_version (a number), and what it carries, with the id of a job in field 1. */
export function packet(carries: number, id: string): Buffer {
  return Buffer.concat([field(1, Buffer.from('trace')), field(2, Buffer.from('scheduler')), Buffer.from([4 * 8, 1]), field(carries, Buffer.concat([field(1, Buffer.from(id)), field(2, Buffer.from('job.default'))])), field(18, Buffer.alloc(200))]);
}

/** Records and indexes of jobs that move now. */
export async function keepJobs(redis: RedisServer, jobs: Readonly<Record<string, string>>): Promise<void> {
  const micros = String(Date.now() * 1_000);
  for (const [id, state] of Object.entries(jobs)) {
    await redis.cli('HSET', `job:meta:${id}`, 'state', state, 'topic', 'job.default', 'tenant', 'default', 'updated_at', micros);
    await redis.cli('ZADD', `job:index:${state.toLowerCase()}`, micros, id);
    await redis.cli('ZADD', 'job:recent', micros, id);
  }
}

/** The streams, with heartbeats, which are about no job. */
export async function startBus(nats: NatsServer): Promise<void> {
  const nc = await nats.client();
  const jsm = await nc.jetstreamManager();
  await jsm.streams.add({ name: 'CORDUM_SYS', subjects: ['sys.>'] });
  await jsm.streams.add({ name: 'CORDUM_JOBS', subjects: ['job.>', 'worker.*.jobs'] });
  for (let i = 0; i < 20; i += 1) await nc.jetstream().publish('sys.heartbeat', packet(12, 'w-1'));
}

/** Told as the gateway and the scheduler tell it: with a message id. */
export async function tellJob(nats: NatsServer, id: string, ...subjects: readonly string[]): Promise<void> {
  const nc = await nats.client();
  for (const subject of subjects) {
    const head = headers();
    head.set('Nats-Msg-Id', subject === 'sys.job.result' ? `${subject}:${id}` : `jobreq:${id}`);
    await nc.jetstream().publish(subject, packet(subject === 'sys.job.result' ? 11 : 10, id), { headers: head });
  }
}
