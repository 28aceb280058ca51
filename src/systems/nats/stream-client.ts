/** Whole streams: snapshot, restore, verification and digest. For backups and drills; the steps of a runbook only look. */
import { createHash } from 'node:crypto';
import type { JetStreamManager, NatsConnection } from 'nats';
import { fail, succeed, type Failure, type Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import { restoreStream, snapshotStream, type Snapshot } from './snapshot.ts';
import { readMessages, type StoredMessage } from './stream-messages.ts';

const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
/** Messages of one fetch, while a stream is read from end to end. */
const BATCH = 5_000;
const BATCH_WITHIN_MS = 10_000;

export interface StreamState {
  readonly messages: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly deleted: number;
  /** When the newest message was stored, ms since the epoch; 0 without messages. */
  readonly newestMs: number;
  /** When the first message was stored, ms since the epoch; 0 without messages. */
  readonly firstMs: number;
  /** When the stream was made, ms since the epoch; 0 where the server does not say. */
  readonly createdMs: number;
  /** `memory`: its state is kept in memory only, and stands in no snapshot. `createdMs`: 0 where the server does not say. */
  readonly consumers: readonly { readonly name: string; readonly delivering: boolean; readonly memory: boolean; readonly durable: boolean; readonly createdMs: number }[];
}

export interface StreamClient {
  readonly server: { readonly id: string; readonly name: string; readonly version: string; readonly cluster: string };
  streams(): Promise<Result<readonly string[]>>;
  state(stream: string): Promise<Result<StreamState>>;
  snapshot(stream: string, options: { readonly check: boolean; readonly signal?: AbortSignal; write(chunk: Uint8Array): Promise<void> }): Promise<Result<Snapshot>>;
  /** What a failure has left of the stream is removed. */
  restore(backup: { readonly config: JsonObject; readonly state: JsonObject; readonly source: AsyncIterable<Uint8Array>; readonly chunkBytes?: number; readonly signal?: AbortSignal }): Promise<Result<StreamState>>;
  /** For good. One that is not there is a failure. */
  remove(stream: string): Promise<Result<null>>;
  /** Lets the server verify the checksums of all messages. */
  check(stream: string, signal?: AbortSignal): Promise<Result<null>>;
  /** SHA-256 over sequence, subject, headers and payload of every message, in order; undefined when they cannot all be read. */
  digest(stream: string, range: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number }, signal?: AbortSignal): Promise<string | undefined>;
  /** The messages of these subjects, or all, in order. Throws where they cannot all be read. */
  messages(stream: string, subjects: string | undefined, signal: AbortSignal): AsyncIterable<StoredMessage>;
  close(): Promise<void>;
}

export interface StreamClientOptions {
  /** Servers, with or without credentials in the URL. */
  readonly servers: readonly string[];
  readonly token?: string;
  readonly username?: string;
  readonly password?: string;
  /** The text of a `.creds` file. */
  readonly credentials?: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** How the digest takes in one message: the same as for archives. */
  addToContent(hash: { update(data: Uint8Array | string): unknown }, sequence: number, subject: string, header: Uint8Array, payload: Uint8Array): void;
}

export async function openStreamClient(options: StreamClientOptions): Promise<Result<StreamClient>> {
  const { connect, credsAuthenticator } = await import('nats');
  let nc: NatsConnection;
  try {
    nc = await connect({
      servers: [...options.servers],
      ...(options.token === undefined ? {} : { token: options.token }),
      ...(options.username === undefined ? {} : { user: options.username, pass: options.password ?? '' }),
      ...(options.credentials === undefined ? {} : { authenticator: credsAuthenticator(new TextEncoder().encode(options.credentials)) }),
      ...(options.tls === undefined ? {} : { tls: { ...options.tls } }),
      name: 'cordum-runbook-bot-drill',
      timeout: CONNECT_MS,
      reconnect: false,
      maxReconnectAttempts: 0,
    });
  } catch (error) {
    const reason = reasonOf(error);
    const label = options.servers.map((server) => server.replace(/^[a-z]+:\/\/(?:[^@/]*@)?/, '')).join(', ');
    return fail(reason, reason === 'unauthorised' ? `NATS at ${label} refuses the credentials.` : `NATS at ${label} cannot be reached: ${messageOf(error)}.`);
  }
  const jsm = await nc.jetstreamManager({ timeout: REQUEST_MS, checkAPI: false });
  return succeed(clientOf(nc, jsm, options));
}

function clientOf(nc: NatsConnection, jsm: JetStreamManager, options: StreamClientOptions): StreamClient {
  const state = async (stream: string): Promise<Result<StreamState>> => {
    try {
      const info = await jsm.streams.info(stream);
      const consumers: StreamState['consumers'][number][] = [];
      // The server leaves the field out of a consumer that nobody listens to.
      for await (const { name, created, config, push_bound: delivering = false } of jsm.consumers.list(stream)) {
        consumers.push({ name, delivering, memory: config.mem_storage === true, durable: (config.durable_name ?? '') !== '', createdMs: msOf(created) });
      }
      const newest = info.state.messages === 0 ? 0 : Date.parse(info.state.last_ts);
      return succeed({ messages: info.state.messages, bytes: info.state.bytes, firstSeq: info.state.first_seq, lastSeq: info.state.last_seq, deleted: info.state.num_deleted ?? 0, newestMs: Number.isNaN(newest) ? 0 : newest, firstMs: info.state.messages === 0 ? 0 : msOf(info.state.first_ts), createdMs: msOf(info.created), consumers });
    } catch (error) {
      return { ok: false, failure: failureOf(`The state of ${stream} cannot be read`, error) };
    }
  };
  const info = nc.info;
  return {
    server: { id: info?.server_id ?? '', name: info?.server_name ?? '', version: info?.version ?? '', cluster: info?.cluster ?? '' },
    async streams() {
      try {
        const names: string[] = [];
        for await (const name of jsm.streams.names()) names.push(name);
        return succeed(names);
      } catch (error) {
        return { ok: false, failure: failureOf('The streams cannot be listed', error) };
      }
    },
    state,
    snapshot: (stream, given) => snapshotStream(nc, { stream, ...given }),
    async restore(backup) {
      const restored = await restoreStream(nc, backup);
      if (restored.ok) return state(String(backup.config['name']));
      // A newer server writes while it restores: what is there now is a part, and would pass for the whole.
      if (restored.failure.reason !== 'conflict') await removePart(jsm, String(backup.config['name']));
      return restored;
    },
    async remove(stream) {
      try {
        await jsm.streams.delete(stream);
        return succeed(null);
      } catch (error) {
        return { ok: false, failure: failureOf(`${stream} cannot be removed`, error) };
      }
    },
    async check(stream, signal) {
      const checked = await snapshotStream(nc, { stream, check: true, noConsumers: true, answerOnly: checksFirst(nc.info?.version ?? ''), ...(signal === undefined ? {} : { signal }), write: () => Promise.resolve() });
      return checked.ok ? succeed(null) : checked;
    },
    messages: (stream, subjects, signal) => readMessages(nc, { stream, subjects, signal }),
    digest: (stream, range, signal) => digest(nc, stream, range, { addToContent: options.addToContent, signal }),
    async close() {
      await nc.close();
    },
  };
}

/** Before 2.15 the checksums are verified before the answer; since then while the messages are sent (reliability.md §C.2). */
function checksFirst(version: string): boolean {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)\./.exec(version) ?? [];
  return Number(major) < 2 || (Number(major) === 2 && Number(minor) < 15);
}

async function removePart(jsm: JetStreamManager, stream: string): Promise<void> {
  try {
    await jsm.streams.delete(stream);
  } catch {
    // There was none.
  }
}

async function digest(nc: NatsConnection, stream: string, range: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number }, how: { readonly addToContent: StreamClientOptions['addToContent']; readonly signal: AbortSignal | undefined }): Promise<string | undefined> {
  const hash = createHash('sha256');
  if (range.messages === 0) return hash.digest('hex');
  const jsm = await nc.jetstreamManager({ timeout: REQUEST_MS, checkAPI: false });
  const retention: string = (await jsm.streams.info(stream)).config.retention;
  if (retention !== 'limits') return digestOneByOne(jsm, stream, range, how);
  const consumer = await nc.jetstream().consumers.get(stream, { opt_start_seq: range.firstSeq });
  let seen = 0;
  let last = 0;
  try {
    while (seen < range.messages && last < range.lastSeq) {
      how.signal?.throwIfAborted();
      const before = seen;
      const batch = await consumer.fetch({ max_messages: Math.min(BATCH, range.messages - seen), expires: BATCH_WITHIN_MS });
      for await (const message of batch) {
        if (message.seq > range.lastSeq) break;
        how.addToContent(hash, message.seq, message.subject, encodeHeaders(message.headers), message.data);
        seen += 1;
        last = message.seq;
      }
      if (seen === before) return undefined;
    }
  } finally {
    await consumer.delete().catch(() => false);
  }
  return seen === range.messages ? hash.digest('hex') : undefined;
}

/**
 * A work queue takes no further consumer (measured on 2.9.10: refused, and the library asks again for ever), and one on a stream
 * of interest would be part of that interest: these are read message by message, which changes nothing.
 */
async function digestOneByOne(jsm: JetStreamManager, stream: string, range: { readonly messages: number; readonly firstSeq: number; readonly lastSeq: number }, how: { readonly addToContent: StreamClientOptions['addToContent']; readonly signal: AbortSignal | undefined }): Promise<string | undefined> {
  const hash = createHash('sha256');
  let next = range.firstSeq;
  for (let seen = 0; seen < range.messages; seen += 1) {
    how.signal?.throwIfAborted();
    const message = await messageFrom(jsm, stream, next);
    if (message === undefined || message.seq > range.lastSeq) return undefined;
    how.addToContent(hash, message.seq, message.subject, encodeHeaders(message.header), message.data);
    next = message.seq + 1;
  }
  return hash.digest('hex');
}

/** The message of this sequence, or the next one after it; undefined when there is none. */
async function messageFrom(jsm: JetStreamManager, stream: string, sequence: number) {
  // The library hands the request on as it is, and types a part of it only.
  const request = { seq: sequence, next_by_subj: '>' };
  try {
    return await jsm.streams.getMessage(stream, request);
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code) === '404') return undefined;
    throw error;
  }
}

/** The bytes on the wire: the library keeps order and writing of the keys. */
function encodeHeaders(headers: unknown): Uint8Array {
  const empty = new Uint8Array(0);
  if (typeof headers !== 'object' || headers === null || !('encode' in headers) || typeof headers.encode !== 'function') return empty;
  const bytes: unknown = headers.encode();
  return bytes instanceof Uint8Array ? bytes : empty;
}

function msOf(time: unknown): number {
  const ms = Date.parse(String(time));
  return Number.isNaN(ms) ? 0 : ms;
}

function reasonOf(error: unknown): Failure['reason'] {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/AUTHORIZATION|AUTHENTICATION|PERMISSIONS/i.test(code)) return 'unauthorised';
  if (code === '404') return 'notFound';
  return /TIMEOUT/.test(code) ? 'timeout' : 'unreachable';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'for no reason given';
}

function failureOf(what: string, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === '503') return { reason: 'unavailable', message: `${what}: JetStream is off there, or has no leader.` };
  return { reason: reasonOf(error), message: `${what}: ${messageOf(error)}.` };
}
