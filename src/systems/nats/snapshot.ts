/**
 * The snapshot and restore protocol of JetStream, which no JavaScript client has. Facts from nats-server and jsm.go, and
 * measured on 2.9.10 and 2.15.1 (reliability.md §C.2): a snapshot of a server before 2.10 ends without saying whether it
 * is whole, so whoever takes one looks at the archive afterwards.
 */
import type { Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import { fail, succeed, type Failure, type FailureReason, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';

/** The server sends so much before it waits for us. Both are its defaults. */
const CHUNK_BYTES = 128 * 1024;
const WINDOW_BYTES = 8 * 1024 * 1024;
/** jsm.go sends chunks of this size, each as a request. */
const RESTORE_CHUNK_BYTES = 64 * 1024;
const REQUEST_MS = 10_000;
/** With `jsck` the server reads the whole stream before it answers. */
const SNAPSHOT_ANSWER_MS = 120_000;
/** No chunk for this long: the server has gone, or forgotten us. */
const SILENCE_MS = 30_000;
/** The server rebuilds the stream behind the last, empty chunk; jsm.go waits an hour. */
const RESTORE_END_MS = 60 * 60_000;
/** What waits to be written. Beyond it the next acknowledgement is held back, and the server waits. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;

const STREAM_NAME = /^[A-Za-z0-9_-]{1,255}$/;

/** Read leniently, kept whole: the restore sends both back as they came. */
const facts = z.looseObject({
  messages: z.number().int().nonnegative(),
  bytes: z.number().nonnegative(),
  first_seq: z.number().int().nonnegative(),
  last_seq: z.number().int().nonnegative(),
  consumer_count: z.number().int().nonnegative().default(0),
  num_deleted: z.number().int().nonnegative().default(0),
});
const config = z.looseObject({ name: z.string() });
const apiError = z.object({ code: z.number().default(0), err_code: z.number().default(0), description: z.string().default('') });
const snapshotAnswer = z.object({ error: apiError.optional(), config: config.optional(), state: facts.optional() });
const restoreAnswer = z.object({ error: apiError.optional(), deliver_subject: z.string().optional() });
const restoredAnswer = z.object({ error: apiError.optional(), config: config.optional(), state: facts.optional() });

export type StreamFacts = z.output<typeof facts>;

export interface Snapshot {
  readonly config: JsonObject;
  readonly state: StreamFacts;
  readonly bytes: number;
}

export interface SnapshotOptions {
  readonly stream: string;
  /** Verify the checksums of all messages first (servers before 2.15). */
  readonly check: boolean;
  readonly noConsumers?: boolean;
  readonly signal?: AbortSignal;
  /** Only the answer is wanted: with `check`, a server before 2.15 has read the whole stream when it gives it. */
  readonly answerOnly?: boolean;
  /** Called for each chunk, in order; the next is handed over when it has resolved. */
  write(chunk: Uint8Array): Promise<void>;
}

/** Takes a snapshot; resolves when the server has ended it and everything is written. */
export async function snapshotStream(nc: NatsConnection, options: SnapshotOptions): Promise<Result<Snapshot>> {
  const { stream } = options;
  if (!STREAM_NAME.test(stream)) return fail('invalid', `"${stream.slice(0, 80)}" is not the name of a stream.`);
  const { createInbox } = await import('nats');
  const inbox = createInbox();
  // Subscribed first: the server waits two seconds for somebody to listen.
  const chunks = nc.subscribe(inbox);
  try {
    // A server that hangs answers no flush, and the client waits for minutes.
    const flushed = await within(nc.flush(), REQUEST_MS, options.signal);
    if (flushed === 'aborted') return fail('cancelled', `The snapshot of ${stream} was cancelled.`);
    if (flushed === 'silent') return fail('timeout', `NATS did not answer within ${REQUEST_MS / 1_000} s, before the snapshot of ${stream}.`);
    const body = { deliver_subject: inbox, no_consumers: options.noConsumers ?? false, chunk_size: CHUNK_BYTES, window_size: WINDOW_BYTES, jsck: options.check };
    const answer = await within(ask(nc, `$JS.API.STREAM.SNAPSHOT.${stream}`, body, snapshotAnswer, SNAPSHOT_ANSWER_MS), SNAPSHOT_ANSWER_MS, options.signal);
    if (answer === 'aborted') return fail('cancelled', `The snapshot of ${stream} was cancelled.`);
    if (answer === 'silent') return fail('timeout', `NATS did not answer the request for a snapshot of ${stream} within ${SNAPSHOT_ANSWER_MS / 1_000} s.`);
    if (!answer.ok) return answer;
    const { error, config: streamConfig, state } = answer.value;
    // "no impl": before 2.15 a memory stream has none (2.10.27).
    if (error !== undefined && /\bno impl\b/.test(error.description)) return fail('invalid', `${stream} is kept in memory only, and nats-server ${nc.info?.version ?? ''} gives no snapshot of such a stream: 2.15 or later does.`);
    if (error !== undefined) return { ok: false, failure: ofApi(`NATS gave no snapshot of ${stream}`, error) };
    if (streamConfig === undefined || state === undefined) return fail('unexpected', `NATS answered the request for a snapshot of ${stream} with something that cannot be read.`);
    if (options.answerOnly === true) return succeed({ config: streamConfig as JsonObject, state, bytes: 0 });
    const received = await receive(nc, chunks, options);
    return received.ok ? succeed({ config: streamConfig as JsonObject, state, bytes: received.value }) : received;
  } catch (error) {
    return { ok: false, failure: ofError(`The snapshot of ${stream} broke off`, error) };
  } finally {
    chunks.unsubscribe();
  }
}

async function receive(nc: NatsConnection, chunks: AsyncIterable<Msg>, { stream, signal, write }: SnapshotOptions): Promise<Result<number>> {
  let bytes = 0;
  let waiting = 0;
  let writing: Promise<void> = Promise.resolve();
  let broken: unknown;
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    const next = await within(iterator.next(), SILENCE_MS, signal);
    if (next === 'aborted') return fail('cancelled', `The snapshot of ${stream} was cancelled.`);
    if (next === 'silent') return fail('timeout', `NATS sent nothing of the snapshot of ${stream} for ${SILENCE_MS / 1_000} s.`);
    if (next.done === true) return fail('unreachable', `The connection to NATS closed in the middle of the snapshot of ${stream}.`);
    const message = next.value;
    if (message.data.length === 0) {
      const code = message.headers?.code ?? 0;
      // Without headers (old servers, small streams) only the archive can tell whether it is whole.
      if (code !== 0 && code !== 204) return fail('unavailable', `NATS broke off the snapshot of ${stream}: ${code} ${message.headers?.description ?? ''}`.trim());
      break;
    }
    bytes += message.data.length;
    waiting += message.data.length;
    const { data } = message;
    writing = writing.then(async () => {
      if (broken !== undefined) return;
      try {
        await write(data);
      } catch (error) {
        broken = error;
      }
      waiting -= data.length;
    });
    if (waiting > WAITING_MAX_BYTES) await writing;
    // At once, before it is on disk: the server's patience is 10 ms to 5 s, by version.
    if (message.reply !== undefined && message.reply !== '') nc.publish(message.reply);
    if (broken !== undefined) break;
  }
  await writing;
  if (broken !== undefined) throw broken;
  return succeed(bytes);
}

export interface RestoreOptions {
  readonly config: JsonObject;
  readonly state: JsonObject;
  readonly source: AsyncIterable<Uint8Array>;
  /** So many bytes a request; the server must take messages as long as that. */
  readonly chunkBytes?: number;
  readonly signal?: AbortSignal;
}

/** Restores a stream; the answer is its state as the server then has it. After a failure a part of it may stand there. */
export async function restoreStream(nc: NatsConnection, options: RestoreOptions): Promise<Result<StreamFacts>> {
  const { chunkBytes = RESTORE_CHUNK_BYTES } = options;
  const name = typeof options.config['name'] === 'string' ? options.config['name'] : '';
  if (!STREAM_NAME.test(name)) return fail('invalid', 'The backup names no stream that can be restored.');
  try {
    const answer = await ask(nc, `$JS.API.STREAM.RESTORE.${name}`, { config: withoutBegin(options), state: options.state }, restoreAnswer, REQUEST_MS);
    if (!answer.ok) return answer;
    const { error, deliver_subject: subject } = answer.value;
    if (error !== undefined) return { ok: false, failure: ofApi(`NATS does not restore ${name}`, error) };
    if (subject === undefined) return fail('unexpected', `NATS answered the request to restore ${name} with something that cannot be read.`);
    for await (const chunk of options.source) {
      for (let at = 0; at < chunk.length; at += chunkBytes) {
        if (options.signal?.aborted === true) return fail('cancelled', `The restore of ${name} was cancelled.`);
        const reply = await nc.request(subject, chunk.subarray(at, at + chunkBytes), { timeout: REQUEST_MS });
        if (reply.data.length > 0) return refused(name, reply);
      }
    }
    const end = await nc.request(subject, undefined, { timeout: RESTORE_END_MS });
    const read = readAnswer(end, restoredAnswer);
    if (read?.error !== undefined) return { ok: false, failure: ofApi(`NATS did not restore ${name}`, read.error) };
    return read?.state === undefined ? fail('unexpected', `NATS did not say what it restored of ${name}.`) : succeed(read.state);
  } catch (error) {
    return { ok: false, failure: ofError(`The restore of ${name} broke off`, error) };
  }
}

/**
 * The sequence that a stream was to begin with says nothing any more once it has been reached. 2.10.27 begins the restored stream
 * anew because of it, and drops every message (measured; 2.15.1 does not).
 */
function withoutBegin({ config: given, state }: RestoreOptions): JsonObject {
  const { first_seq: begin, ...rest } = given;
  return Number(begin ?? 0) > 0 && Number(state['last_seq'] ?? 0) >= Number(begin) ? rest : given;
}

function refused(name: string, reply: Msg): Result<StreamFacts> {
  const read = readAnswer(reply, restoredAnswer);
  if (read?.error === undefined) return fail('unexpected', `NATS answered a chunk of ${name} with something that cannot be read.`);
  return { ok: false, failure: ofApi(`NATS broke off the restore of ${name}`, read.error) };
}

async function ask<T>(nc: NatsConnection, subject: string, body: JsonObject, shape: z.ZodType<T>, timeout: number): Promise<Result<T>> {
  const reply = await nc.request(subject, JSON.stringify(body), { timeout });
  const read = readAnswer(reply, shape);
  return read === undefined ? fail('unexpected', `NATS answered ${subject} with something that cannot be read.`) : succeed(read);
}

function readAnswer<T>(reply: Msg, shape: z.ZodType<T>): T | undefined {
  try {
    const read = shape.safeParse(reply.json());
    return read.success ? read.data : undefined;
  } catch {
    return undefined;
  }
}

const BY_CODE: ReadonlyMap<number, FailureReason> = new Map([
  [400, 'invalid'],
  [403, 'forbidden'],
  [404, 'notFound'],
  [408, 'timeout'],
  [500, 'unavailable'],
  [503, 'unavailable'],
]);
/** "stream name already in use, cannot restore". */
const NAME_IN_USE = 10_130;

function ofApi(what: string, error: z.output<typeof apiError>): Failure {
  const reason = error.err_code === NAME_IN_USE ? 'conflict' : (BY_CODE.get(error.code) ?? 'unexpected');
  return { reason, message: `${what}: ${error.description || 'it does not say why'} (${error.code}/${error.err_code}).` };
}

/** The messages of nats.js hold subjects and codes, never credentials. */
function ofError(what: string, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason: FailureReason = code === 'TIMEOUT' ? 'timeout' : code === '503' ? 'unavailable' : code.includes('CONNECTION') ? 'unreachable' : 'unexpected';
  const said = code === '503' ? 'nobody answers there: JetStream is off, or the server forgot the transfer' : error instanceof Error ? error.message : 'for no reason given';
  return { reason, message: `${what}: ${said}.` };
}

async function within<T>(work: Promise<T>, ms: number, signal: AbortSignal | undefined): Promise<T | 'silent' | 'aborted'> {
  const limit = AbortSignal.timeout(ms);
  const either = signal === undefined ? limit : AbortSignal.any([limit, signal]);
  if (signal?.aborted === true) return 'aborted';
  let listener = (): void => undefined;
  const over = new Promise<'silent' | 'aborted'>((resolve) => {
    listener = () => resolve(signal?.aborted === true ? 'aborted' : 'silent');
    either.addEventListener('abort', listener, { once: true });
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    either.removeEventListener('abort', listener);
  }
}
