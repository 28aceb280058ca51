/**
 * A v2 archive (nats-server ≥ 2.15, `archive/archive.go`): `NATSARC1`, then entries of name, time, sequence, headers and payload:
 * the state, the consumers, the messages, and an all-empty sentinel at the end. The server itself takes one whose middle message
 * is missing or changed for whole (measured on 2.15.1); here sequences and counts are compared with the state.
 */
import { z } from 'zod';
import { PROBLEMS_MAX, type ArchivedConsumer, type ReadHow, type StreamArchive } from './archive.ts';
import { createContentDigest } from './content.ts';
import { createInput, type Input } from './input.ts';
import { DamagedArchive } from './s2.ts';
import { outlived } from './ttl.ts';

export const NATSARC_MAGIC = 'NATSARC1';
const CONSUMERS_MAX = 100_000;
const NAME_MAX_BYTES = 64 * 1024;
const PART_MAX_BYTES = 65 * 1024 * 1024;

const stateShape = z.looseObject({
  messages: z.number().int().nonnegative(),
  first_seq: z.number().int().nonnegative(),
  last_seq: z.number().int().nonnegative(),
  consumer_count: z.number().int().nonnegative().default(0),
  num_deleted: z.number().int().nonnegative().default(0),
  bytes: z.number().nonnegative().default(0),
  last_ts: z.string().default(''),
  num_subjects: z.number().int().nonnegative().default(0),
});
const place = z.looseObject({ consumer_seq: z.number().nonnegative().default(0), stream_seq: z.number().nonnegative().default(0) });
const consumerShape = z.looseObject({
  config: z.looseObject({ name: z.string().optional(), durable_name: z.string().optional() }),
  state: z.looseObject({ delivered: place.optional(), ack_floor: place.optional() }).nullish(),
});

/** Its bytes are written over when the next one is read. */
interface Entry {
  readonly name: string;
  /** The name as it stands there: that of a message is its subject. */
  readonly subject: Buffer;
  readonly timeMs: number;
  readonly sequence: number;
  readonly header: Buffer;
  readonly payload: Buffer;
}

export async function readNatsArchive(decoded: AsyncIterable<Buffer>, { sinceMs = 0, ttlAtMs }: ReadHow = {}): Promise<StreamArchive> {
  const problems: string[] = [];
  const problem = (sentence: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(sentence);
  };
  const consumers: ArchivedConsumer[] = [];
  const known = new Set<string>();
  const content = createContentDigest();
  const facts = { messages: 0, firstSeq: 0, lastSeq: 0, newestMs: 0, messagesSince: 0, writtenMs: 0 };
  let state: z.output<typeof stateShape> | undefined;
  try {
    const input = createInput(decoded);
    if ((await input.take(NATSARC_MAGIC.length))?.toString('latin1') !== NATSARC_MAGIC) throw new DamagedArchive(`it does not begin with ${NATSARC_MAGIC}`);
    for (let n = 0; ; n += 1) {
      const entry = await readEntry(input);
      if (entry === undefined) break;
      if (n === 0) {
        state = readState(entry, problem);
        // Of the snapshot; so have the consumers (measured on 2.15.1).
        facts.writtenMs = Math.max(0, entry.timeMs);
      } else if (entry.sequence === 0) {
        if (facts.messages > 0) problem(`the consumer ${shown(entry.name)} stands behind messages`);
        const consumer = readConsumer(entry, problem);
        if (consumers.length >= CONSUMERS_MAX) throw new DamagedArchive(`it says that there are more than ${CONSUMERS_MAX} consumers`);
        if (known.has(consumer.name)) problem(`the consumer ${shown(consumer.name)} stands in it twice`);
        known.add(consumer.name);
        consumers.push(consumer);
      } else {
        if (entry.sequence <= facts.lastSeq) problem(`message ${entry.sequence} follows message ${facts.lastSeq}`);
        facts.messages += 1;
        if (facts.firstSeq === 0) facts.firstSeq = entry.sequence;
        facts.lastSeq = entry.sequence;
        facts.newestMs = Math.max(facts.newestMs, entry.timeMs);
        if (entry.timeMs >= sinceMs && !outlived(entry.header, entry.timeMs, ttlAtMs)) facts.messagesSince += 1;
        content.add(entry.sequence, { subject: entry.subject.length, header: entry.header.length, payload: entry.payload.length }, entry.subject, entry.header, entry.payload);
      }
    }
    if ((await input.take(1)) !== undefined) problem('something follows behind its end');
    compare(state, facts, consumers, problem);
  } catch (error) {
    problem(error instanceof DamagedArchive ? error.message : `it cannot be read: ${error instanceof Error ? error.message : 'for no reason given'}`);
  }
  return {
    format: 'v2',
    stream: '',
    ...facts,
    consumers,
    contentSha256: content.hex(),
    ...(state === undefined ? {} : { state: { messages: state.messages, bytes: state.bytes, firstSeq: state.first_seq, lastSeq: state.last_seq, deleted: state.num_deleted, consumers: state.consumer_count, subjects: state.num_subjects, lastAt: state.last_ts } }),
    problems,
  };
}

/** The digest of a stream's content: of each message its sequence, subject, headers and payload, with their lengths. */
export function addToContent(hash: { update(data: Uint8Array | string): unknown }, sequence: number, subject: string, header: Uint8Array, payload: Uint8Array): void {
  hash.update(`${sequence} ${Buffer.byteLength(subject)} ${header.length} ${payload.length}\n`);
  hash.update(subject);
  hash.update(header);
  hash.update(payload);
}

/** Five numbers of at most ten bytes each stand before the name. */
const HEAD_MAX_BYTES = 50;

/** Undefined: the sentinel. */
async function readEntry(input: Input): Promise<Entry | undefined> {
  const at = input.position();
  const head = await input.peek(HEAD_MAX_BYTES);
  if (head.length === 0) throw new DamagedArchive('it has no end: the sentinel behind the last entry is missing');
  const numbers = readHead(head, at);
  const { nameLength, rawTime, sequence, headerLength, payloadLength } = numbers;
  if (nameLength > NAME_MAX_BYTES || headerLength > PART_MAX_BYTES || payloadLength > PART_MAX_BYTES) throw new DamagedArchive(`the entry at byte ${at} says that it is larger than any message`);
  const whole = await input.take(numbers.bytes + nameLength + headerLength + payloadLength);
  if (whole === undefined) throw new DamagedArchive(`it ends within the entry at byte ${at}`);
  if (nameLength === 0 && rawTime === 0n && sequence === 0 && headerLength === 0 && payloadLength === 0) return undefined;
  const timeNs = (rawTime >> 1n) ^ -(rawTime & 1n);
  const name = whole.subarray(numbers.bytes, numbers.bytes + nameLength);
  const header = whole.subarray(numbers.bytes + nameLength, whole.length - payloadLength);
  return { name: name.toString('utf8'), subject: name, timeMs: Number(timeNs / 1_000_000n), sequence, header, payload: whole.subarray(whole.length - payloadLength) };
}

interface Head {
  readonly nameLength: number;
  readonly rawTime: bigint;
  readonly sequence: number;
  readonly headerLength: number;
  readonly payloadLength: number;
  readonly bytes: number;
}

function readHead(head: Buffer, at: number): Head {
  let next = 0;
  const big = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = head[next];
      if (byte === undefined) throw new DamagedArchive(`it ends within the entry at byte ${at}`);
      next += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new DamagedArchive(`the entry at byte ${at} cannot be read`);
  };
  const number = (): number => {
    const value = big();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new DamagedArchive(`the entry at byte ${at} cannot be read`);
    return Number(value);
  };
  return { nameLength: number(), rawTime: big(), sequence: number(), headerLength: number(), payloadLength: number(), bytes: next };
}

function readState(entry: Entry, problem: (sentence: string) => void): z.output<typeof stateShape> | undefined {
  const read = entry.name === 'state.json' ? stateShape.safeParse(parse(entry.payload)) : undefined;
  if (read?.success === true) return read.data;
  problem('its first entry is not a state that can be read');
  return undefined;
}

function readConsumer(entry: Entry, problem: (sentence: string) => void): ArchivedConsumer {
  const name = entry.name.replace(/^consumers\//, '');
  if (!entry.name.startsWith('consumers/')) problem(`the entry ${shown(entry.name)} is neither a consumer nor a message`);
  else {
    const fault = consumerFault(name, entry.payload);
    if (fault !== '') problem(`the consumer ${shown(name)} ${fault}`);
  }
  return { name };
}

function consumerFault(name: string, payload: Buffer): string {
  const read = consumerShape.safeParse(parse(payload));
  if (!read.success) return 'cannot be read';
  const { config, state } = read.data;
  const own = config.durable_name ?? config.name ?? '';
  if (own !== '' && own !== name) return `is that of ${shown(own)}`;
  // None can be acknowledged that was not delivered.
  const { delivered, ack_floor: acked } = state ?? {};
  if (delivered !== undefined && acked !== undefined && (acked.consumer_seq > delivered.consumer_seq || acked.stream_seq > delivered.stream_seq)) return 'has a state that cannot be';
  return '';
}

function compare(state: z.output<typeof stateShape> | undefined, facts: { messages: number; firstSeq: number; lastSeq: number }, consumers: readonly ArchivedConsumer[], problem: (sentence: string) => void): void {
  if (state === undefined) return;
  if (state.messages !== facts.messages) problem(`its state says ${state.messages} messages, it holds ${facts.messages}`);
  else if (facts.messages > 0) {
    if (state.first_seq !== facts.firstSeq) problem(`its state says that the first message is ${state.first_seq}, it is ${facts.firstSeq}`);
    // Messages at the end may have been deleted: then the last sequence is higher than that of any message.
    if (state.num_deleted > 0 && state.last_seq - state.first_seq + 1 - state.messages !== state.num_deleted) problem(`its state says that ${state.num_deleted} messages were deleted between ${state.first_seq} and ${state.last_seq}, and that ${state.messages} are left`);
    if (state.last_seq < facts.lastSeq || (state.last_seq > facts.lastSeq && state.num_deleted === 0)) problem(`its state says that the last message is ${state.last_seq}, it is ${facts.lastSeq}`);
  }
  if (state.consumer_count !== consumers.length) problem(`its state says ${state.consumer_count} consumers, it holds ${consumers.length}`);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

function shown(name: string): string {
  return /^[\w./@:-]{1,120}$/.test(name) ? name : '(unusual name)';
}
