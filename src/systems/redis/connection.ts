/** One connection to one Redis server: opened by the first command, dropped when it hangs or has been idle, never retried by itself. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Redis as IoRedis, RedisOptions } from 'ioredis';
import type { Clock } from '#kernel/clock.ts';
import { nodeTls } from '#kernel/tls.ts';
import { type Answer, classify, trouble } from './failure.ts';
import { type Access, type Address, writeAddress } from './target.ts';
import { hearUnasked } from './unasked.ts';

/** All that we ever send. `EVAL` is the one that writes: the deletion in `keys.ts`. */
export type CommandName =
  | 'PING' | 'INFO' | 'CLUSTER' | 'CONFIG' | 'SLOWLOG' | 'LATENCY' | 'MEMORY' | 'CLIENT' | 'SENTINEL' | 'DBSIZE'
  | 'SCAN' | 'TYPE' | 'PTTL' | 'STRLEN' | 'GET' | 'LLEN' | 'SCARD' | 'ZCARD' | 'HLEN' | 'XLEN' | 'ZCOUNT' | 'ZRANGE' | 'EVAL';
export type Command = readonly [CommandName, ...(string | number | Buffer)[]];

export interface Call {
  readonly signal: AbortSignal;
}

export interface SendOptions extends Call {
  /** The key is on the move: the server that receives it serves it only after ASKING. */
  readonly asking?: boolean;
}

export interface Connection {
  readonly address: string;
  /** Texts as texts. */
  send(command: Command, options: SendOptions): Promise<Answer<unknown>>;
  /** Texts as bytes. */
  sendBytes(command: Command, options: SendOptions): Promise<Answer<unknown>>;
  close(): void;
}

export interface ConnectionDeps {
  readonly clock: Clock;
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
}

/** Shorter than what proxies and Redis' own `timeout` usually allow, so that a dead connection is not used again. */
const IDLE_MS = 30_000;
/** For the library's own socket: how long a hung one may take to end before it is destroyed. */
const DISCONNECT_WITHIN_MS = 200;
const CLIENT_NAME = 'cordum-runbook-bot';
/** Of answers that have not ended yet: the library would gather one without end. Ten thousand clients are about 4 MiB. */
const MOST_REPLY_BYTES = 64 * 1024 * 1024;

export function createConnection(to: Address, access: Access, deps: ConnectionDeps): Connection {
  const address = writeAddress(to);
  let current: IoRedis | undefined;
  let opening: Promise<Answer<Opened>> | undefined;
  let closed = false;
  let inFlight = 0;
  let cancelIdle: () => void = () => {};

  const drop = (): void => {
    const old = current;
    current = undefined;
    opening = undefined;
    old?.disconnect();
  };

  const open = async (): Promise<Answer<Opened>> => {
    const { Redis } = await import('ioredis');
    if (closed) return trouble('cancelled', address);
    const redis = new Redis(optionsOf(to, access, deps.connectTimeoutMs));
    current = redis;
    const heard = { bytes: 0 };
    redis.once('connect', () => {
      redis.stream.on('data', (chunk: Buffer) => {
        heard.bytes += chunk.length;
        if (heard.bytes > MOST_REPLY_BYTES) redis.stream.destroy(new ReplyTooLarge());
      });
    });
    redis.once('end', () => {
      if (current === redis) drop();
    });
    const answer = await within(greet(redis, access, address, heard), { ...deps, ms: deps.connectTimeoutMs, address });
    if (answer.ok) return answer;
    redis.disconnect();
    // A port without TLS may wait for more of what it takes for a command; a hung server looks the same.
    return answer.failure.why === 'timeout' && access.secure ? trouble('timeout', address, 'no TLS connection came about; a port that does not speak TLS looks like that as well') : answer;
  };

  const connected = async (): Promise<Answer<Opened>> => {
    opening ??= open();
    const mine = opening;
    const answer = await mine;
    if (!answer.ok && opening === mine) drop();
    return answer;
  };

  const exchange = async (command: Command, options: SendOptions, bytes: boolean): Promise<Answer<unknown>> => {
    if (closed || options.signal.aborted) return trouble('cancelled', address);
    cancelIdle();
    inFlight += 1;
    try {
      const ready = await within(connected(), { ...deps, ms: deps.connectTimeoutMs * 2, address, signal: options.signal });
      if (!ready.ok) return ready;
      const answer = await within(perform(ready.value, command, { bytes, asking: options.asking === true, address }), { ...deps, ms: deps.timeoutMs, address, signal: options.signal });
      // What comes back later on this connection would stand behind a command that hangs.
      if (!answer.ok && answer.failure.why === 'timeout') drop();
      return answer;
    } finally {
      inFlight -= 1;
      if (inFlight === 0 && !closed) cancelIdle = deps.clock.schedule(deps.clock.now() + IDLE_MS, drop);
    }
  };

  const told = async (command: Command, options: SendOptions, bytes: boolean): Promise<Answer<unknown>> => {
    const answer = await exchange(command, options, bytes);
    if (answer.ok || answer.failure.why !== 'closed') return answer;
    const failure = await hearUnasked(to, access.secure ? tlsOf(to, access) : undefined, deps.clock);
    return failure === undefined ? answer : { ok: false, failure };
  };

  return {
    address,
    send: (command, options) => told(command, options, false),
    sendBytes: (command, options) => told(command, options, true),
    close() {
      closed = true;
      cancelIdle();
      drop();
    },
  };
}

class ReplyTooLarge extends Error {
  override readonly message = `an answer of over ${MOST_REPLY_BYTES / 1024 / 1024} MiB`;
}

interface Opened {
  readonly redis: IoRedis;
  /** Since the last answer that was whole. */
  readonly heard: { bytes: number };
  /** Of an error reply itself; of a socket that ended, what ended it, which the library says elsewhere. */
  cause(error: unknown): unknown;
}

/** Connects, proves who we are, says our name. The library's own AUTH would write warnings to the console. */
async function greet(redis: IoRedis, access: Access, address: string, heard: Opened['heard']): Promise<Answer<Opened>> {
  let last: unknown;
  redis.on('error', (error: unknown) => {
    last = error;
  });
  // A TLS server that wants a certificate, and one that has too many clients, say so unasked and hang up, perhaps before our
  // first command is out: what came last tells more than "closed".
  const cause = (error: unknown): unknown => (error instanceof Error && /Connection is closed|Stream isn't writeable/i.test(error.message) ? (last ?? error) : error);
  try {
    await redis.connect();
  } catch (error) {
    return classify(last ?? error, address);
  }
  try {
    if (access.password !== undefined) {
      const said = access.password.reveal();
      await (access.username === '' ? redis.auth(said) : redis.auth(access.username, said));
    }
  } catch (error) {
    if (!wantsNoPassword(error)) return classify(cause(error), address);
  }
  // A name in CLIENT LIST is a courtesy; servers and users without it work as well.
  void redis.client('SETNAME', CLIENT_NAME).catch(() => undefined);
  try {
    if (access.db !== 0) await redis.select(access.db);
  } catch (error) {
    return classify(cause(error), address);
  }
  return { ok: true, value: { redis, cause, heard } };
}

/** Redis 6 and later, and before: a password that nobody asked for is no trouble. */
function wantsNoPassword(error: unknown): boolean {
  return error instanceof Error && /without any password configured|no password is set/.test(error.message);
}

async function perform({ redis, cause, heard }: Opened, command: Command, how: { readonly bytes: boolean; readonly asking: boolean; readonly address: string }): Promise<Answer<unknown>> {
  const [name, ...args] = command;
  try {
    // Both go out in one turn, so nothing of another step comes between them.
    const asked = how.asking ? redis.asking() : undefined;
    const sent = how.bytes ? redis.callBuffer(name, ...args) : redis.call(name, ...args);
    const [, value] = await Promise.all([asked, sent]);
    heard.bytes = 0;
    return { ok: true, value };
  } catch (error) {
    return classify(cause(error), how.address);
  }
}

interface Within {
  readonly clock: Clock;
  readonly ms: number;
  readonly address: string;
  readonly signal?: AbortSignal;
}

/** The work's answer, or `timeout`, or `cancelled`. The work itself goes on unheard; it never rejects. */
function within<T>(work: Promise<Answer<T>>, { clock, ms, address, signal }: Within): Promise<Answer<T>> {
  return new Promise((resolve) => {
    const end = (answer: Answer<T>): void => {
      cancel();
      signal?.removeEventListener('abort', aborted);
      resolve(answer);
    };
    const aborted = (): void => end(trouble('cancelled', address));
    const cancel = clock.schedule(clock.now() + ms, () => end(trouble('timeout', address, `${ms} ms`)));
    signal?.addEventListener('abort', aborted, { once: true });
    work.then(end, (error: unknown) => end(classify(error, address)));
  });
}

function optionsOf(to: Address, access: Access, connectTimeoutMs: number): Omit<RedisOptions, 'replyMapping'> {
  return {
    host: to.host,
    port: to.port,
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    // A server that loads its data answers INFO and says LOADING to the rest: that is what we want to see.
    enableReadyCheck: false,
    protocol: 2,
    disableClientInfo: true,
    connectTimeout: connectTimeoutMs,
    disconnectTimeout: DISCONNECT_WITHIN_MS,
    ...(access.secure ? { tls: tlsOf(to, access) } : {}),
  };
}

function tlsOf(to: Address, { tls, trustedNames }: Access): NonNullable<RedisOptions['tls']> {
  const names = tls.serverName === undefined ? [to.host, ...trustedNames] : [tls.serverName];
  const sni = names.find((name) => isIP(name) === 0);
  return {
    ...nodeTls(tls),
    ...(sni === undefined ? {} : { servername: sni }),
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => mismatch(names, certificate),
  };
}

/** The certificate must carry one of the names; the error is that of the first. */
function mismatch(names: readonly string[], certificate: PeerCertificate): Error | undefined {
  const errors = names.map((name) => checkServerIdentity(name, certificate));
  return errors.includes(undefined) ? undefined : errors[0];
}
