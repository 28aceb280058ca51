/** What we ask over the connection of a client: a round trip, the JetStream API, and listening without any consumer. */
import type { Msg } from 'nats';
import { type Clock, waitUntil } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import type { z } from '#step-kit/index.ts';
import type { ServerAddress } from './address.ts';
import { type Connection, type Lease, orAborted } from './connection.ts';
import { cancelled, failureOfApi, failureOfError, timedOut, tooLarge, unreadable } from './failure.ts';
import type { Greeted } from './greeting.ts';
import type { Call } from './monitor.ts';
import { accountInfo, apiError, type ConsumerInfo, consumerPage, type StreamInfo, streamPage } from './schema.ts';

/** Of one message that is listened to; a dead letter is a few hundred bytes. */
const MOST_HEARD_BYTES = 64 * 1024;
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;
/** The server gives at most 256 in a page. */
const MOST_PAGES = 20;
/** As they may stand in a subject of the API: nothing that a subject understands. */
const SAFE_NAME = /^[A-Za-z0-9_-]{1,255}$/;

export interface RoundTrip {
  readonly greeted: Greeted;
  readonly rttMs: number;
}

export interface Listed<Item> {
  readonly items: readonly Item[];
  /** Known to exist, but no leader answered for them. */
  readonly missing: readonly string[];
  readonly total: number;
}

/** What came over the wire, and when. */
export interface Heard {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly atMs: number;
}

export interface Hearing {
  readonly heard: readonly Heard[];
  /** All that came, also what was not kept. */
  readonly total: number;
  /** The connection ended before the time was up. */
  readonly cutOff: boolean;
}

export interface Bus {
  greetings(call?: Call): Promise<readonly { readonly address: ServerAddress; readonly answer: Result<Greeted> }[]>;
  roundTrip(call?: Call): Promise<Result<RoundTrip>>;
  /** Answered by the leader of the whole JetStream, so it succeeds only while there is one. */
  account(call?: Call): Promise<Result<z.output<typeof accountInfo>>>;
  streams(call?: Call): Promise<Result<Listed<StreamInfo>>>;
  consumers(streamName: string, call?: Call): Promise<Result<Listed<ConsumerInfo>>>;
  /** Core NATS only: nothing is acknowledged and no consumer is made, so nobody loses a message to us. */
  listen(subject: string, of: { readonly forMs: number; readonly most: number; readonly wait: (ms: number) => Promise<void> }, call?: Call): Promise<Result<Hearing>>;
}

export function createBus(connection: Connection, clock: Clock, timeoutMs: number): Bus {
  const ask = asker(connection, timeoutMs);
  return {
    greetings: (call) => connection.greetings(call),
    async roundTrip(call) {
      const leased = await connection.lease(call);
      if (!leased.ok) return leased;
      const { nc, where, greeted, release } = leased.value;
      const timeout = new AbortController();
      const late = waitUntil(clock, clock.now() + timeoutMs, timeout.signal).then(() => 'late' as const);
      try {
        const ms = await orAborted(Promise.race([nc.rtt(), late]), call?.signal);
        release(ms === 'late');
        if (ms === 'late') return { ok: false, failure: timedOut(where, 'answer a ping', timeoutMs) };
        return ms === undefined ? { ok: false, failure: cancelled(where, 'answer a ping') } : succeed({ greeted, rttMs: ms });
      } catch (error) {
        release(true);
        return { ok: false, failure: failureOfError(error, where, 'answer a ping') };
      } finally {
        timeout.abort();
      }
    },
    account: (call) => ask('say what our account uses', '$JS.API.INFO', {}, accountInfo, call),
    streams: (call) => paged((offset) => ask('list the streams', '$JS.API.STREAM.LIST', { offset }, streamPage, call), ({ streams }) => streams),
    async consumers(streamName, call) {
      if (!SAFE_NAME.test(streamName)) return { ok: false, failure: notAName(streamName) };
      return paged((offset) => ask(`list the consumers of ${streamName}`, `$JS.API.CONSUMER.LIST.${streamName}`, { offset }, consumerPage, call), ({ consumers }) => consumers);
    },
    listen: (subject, of, call) => listen(connection, clock, subject, of, call),
  };
}

function notAName(streamName: string) {
  return unreadable('the bot', 'look up a stream', `${streamName.slice(0, 60)} is no name of a stream that we can ask for`);
}

type Ask = <Schema extends z.ZodType>(doing: string, subject: string, body: object, schema: Schema, call?: Call) => Promise<Result<z.output<Schema>>>;

function asker(connection: Connection, timeoutMs: number): Ask {
  return async (doing, subject, body, schema, call) => {
    const leased = await connection.lease(call);
    if (!leased.ok) return leased;
    const { where } = leased.value;
    const answer = await request(leased.value, { doing, subject, body, timeoutMs }, call);
    if (!answer.ok) return answer;
    if (answer.value.data.length > MOST_ANSWER_BYTES) return { ok: false, failure: tooLarge(where, doing, MOST_ANSWER_BYTES) };
    const json = parseJson(new TextDecoder().decode(answer.value.data));
    const said = apiError.safeParse(json);
    if (said.success) return { ok: false, failure: failureOfApi(said.data.error, where, doing) };
    const read = schema.safeParse(json);
    if (read.success) return succeed(read.data);
    const [issue] = read.error.issues;
    return { ok: false, failure: unreadable(where, doing, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`) };
  };
}

async function request(lease: Lease, what: { doing: string; subject: string; body: object; timeoutMs: number }, call: Call | undefined): Promise<Result<Msg>> {
  const { doing, subject, timeoutMs } = what;
  try {
    const answer = await orAborted(lease.nc.request(subject, JSON.stringify(what.body), { timeout: timeoutMs }), call?.signal);
    lease.release();
    return answer === undefined ? { ok: false, failure: cancelled(lease.where, doing) } : succeed(answer);
  } catch (error) {
    const failure = failureOfError(error, lease.where, doing);
    // A server that hangs keeps its connection open: the next call is made on a new one, perhaps to another server.
    lease.release(failure.reason === 'timeout' || failure.reason === 'unreachable');
    return { ok: false, failure };
  }
}

async function paged<Page extends { readonly total: number; readonly limit: number; readonly missing: readonly string[] }, Item>(
  ask: (offset: number) => Promise<Result<Page>>,
  itemsOf: (page: Page) => readonly Item[],
): Promise<Result<Listed<Item>>> {
  const items: Item[] = [];
  const missing = new Set<string>();
  let total = 0;
  let offset = 0;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await ask(offset);
    if (!answer.ok) return answer;
    const got = itemsOf(answer.value);
    items.push(...got);
    for (const name of answer.value.missing) missing.add(name);
    total = Math.max(total, answer.value.total, items.length);
    // The offset counts what the server went through, those without a leader included.
    offset += got.length + answer.value.missing.length;
    if (got.length + answer.value.missing.length === 0 || offset >= answer.value.total) break;
  }
  return succeed({ items, missing: [...missing], total });
}

async function listen(connection: Connection, clock: Clock, subject: string, of: { readonly forMs: number; readonly most: number; readonly wait: (ms: number) => Promise<void> }, call: Call | undefined): Promise<Result<Hearing>> {
  const leased = await connection.lease(call);
  if (!leased.ok) return leased;
  const { nc, where, release } = leased.value;
  const heard: Heard[] = [];
  let total = 0;
  let refused: unknown;
  try {
    const subscription = nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) {
          refused = error;
          return;
        }
        total += 1;
        if (heard.length < of.most) heard.push({ subject: message.subject, data: message.data.slice(0, MOST_HEARD_BYTES), atMs: clock.now() });
      },
    });
    // The answer to a flush proves that the server has taken the subscription, or has refused it.
    await orAborted(nc.flush(), call?.signal);
    if (refused === undefined) await Promise.race([of.wait(of.forMs), nc.closed()]);
    const cutOff = nc.isClosed();
    if (!cutOff) subscription.unsubscribe();
    release(cutOff);
    if (refused !== undefined) return { ok: false, failure: failureOfError(refused, where, `let us listen on ${subject}`) };
    if (call?.signal?.aborted === true) return { ok: false, failure: cancelled(where, `let us listen on ${subject}`) };
    return succeed({ heard, total, cutOff });
  } catch (error) {
    release(true);
    return { ok: false, failure: failureOfError(error, where, `let us listen on ${subject}`) };
  }
}
