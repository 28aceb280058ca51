/**
 * One connection to whichever server of the target answers, made when it is first needed. It never reconnects by itself: whoever
 * calls next makes a new one, so that nothing tries for ever in the background.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { ConnectionOptions, NatsConnection } from 'nats';
import { type Clock, waitUntil } from '#kernel/clock.ts';
import { type Failure, type FailureReason, type Result, succeed } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';
import { nodeTls, type TlsMaterial } from '#kernel/tls.ts';
import type { ServerAddress } from './address.ts';
import { cancelled, failureOfError, timedOut } from './failure.ts';
import { greet, type Greeted } from './greeting.ts';
import type { Call } from './monitor.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** A server that hangs is noticed after two pings without an answer. */
const PING_EVERY_MS = 20_000;
const CLOSE_WITHIN_MS = 1_000;

export interface ConnectionOptionsOf {
  readonly addresses: readonly ServerAddress[];
  readonly username?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  readonly credentials?: Secret;
  readonly tls?: TlsMaterial;
  readonly clock: Clock;
}

/** A connection in use. `release` must be called once; `broken` says that the next caller should not get it again. */
export interface Lease {
  readonly nc: NatsConnection;
  readonly where: string;
  readonly greeted: Greeted;
  release(broken?: boolean): void;
}

export interface Connection {
  /** Asks every address, at once, what it says before any credentials. */
  greetings(call?: Call): Promise<readonly { readonly address: ServerAddress; readonly answer: Result<Greeted> }[]>;
  lease(call?: Call): Promise<Result<Lease>>;
  close(): Promise<void>;
}

interface Shared {
  readonly nc: NatsConnection;
  readonly greeted: Greeted;
  users: number;
  broken: boolean;
}

export function createConnection(options: ConnectionOptionsOf): Connection {
  const { addresses, clock } = options;
  const closing = new AbortController();
  const open = new Set<Shared>();
  let current: Shared | undefined;
  let connecting: Promise<Result<Shared>> | undefined;

  const retire = (shared: Shared): void => {
    shared.broken = true;
    if (current === shared) current = undefined;
    if (shared.users > 0) return;
    open.delete(shared);
    // It is broken, so closing may fail as well; nobody uses it any more.
    shared.nc.close().catch(() => undefined);
  };

  const connectOnce = async (): Promise<Result<Shared>> => {
    const made = await connectAny(options, closing.signal);
    if (!made.ok) return made;
    const shared: Shared = { ...made.value, users: 0, broken: false };
    open.add(shared);
    // It ends when the server goes away; the reason is told to whoever is waiting for an answer.
    void shared.nc.closed().then(() => retire(shared));
    if (closing.signal.aborted) retire(shared);
    else current = shared;
    return succeed(shared);
  };

  const take = (shared: Shared): Lease => {
    shared.users += 1;
    let released = false;
    return {
      nc: shared.nc,
      where: shared.greeted.address.label,
      greeted: shared.greeted,
      release(broken = false) {
        if (released) return;
        released = true;
        shared.users -= 1;
        if (broken || shared.broken) retire(shared);
      },
    };
  };

  return {
    greetings: (call) => Promise.all(addresses.map(async (address) => ({ address, answer: await greet(address, { clock, timeoutMs: CONNECT_TIMEOUT_MS, ...call }) }))),
    async lease(call) {
      if (closing.signal.aborted || call?.signal?.aborted === true) return { ok: false, failure: cancelled(labelOf(addresses), 'take our connection') };
      if (current !== undefined && !current.broken && !current.nc.isClosed()) return succeed(take(current));
      connecting ??= connectOnce().finally(() => {
        connecting = undefined;
      });
      const made = await orAborted(connecting, call?.signal);
      if (made === undefined) return { ok: false, failure: cancelled(labelOf(addresses), 'take our connection') };
      return made.ok ? succeed(take(made.value)) : made;
    },
    async close() {
      closing.abort();
      await connecting;
      // One that cannot be closed in order is gone with its socket, and must not keep the others open.
      const ended = Promise.all([...open].map((shared) => shared.nc.close().catch(() => undefined)));
      await Promise.race([ended, waitUntil(clock, clock.now() + CLOSE_WITHIN_MS)]);
    },
  };
}

/** All addresses are greeted at once; those that answer are tried in the order of their answers. */
async function connectAny(options: ConnectionOptionsOf, signal: AbortSignal): Promise<Result<{ nc: NatsConnection; greeted: Greeted }>> {
  const others = new AbortController();
  const both = AbortSignal.any([signal, others.signal]);
  const waiting = new Map(options.addresses.map((address, at) => [at, greet(address, { clock: options.clock, timeoutMs: CONNECT_TIMEOUT_MS, signal: both }).then((answer) => ({ at, answer }))]));
  const failures: Failure[] = [];
  while (waiting.size > 0) {
    const { at, answer } = await Promise.race(waiting.values());
    waiting.delete(at);
    const made = answer.ok ? await connectTo(answer.value, options) : answer;
    if (made.ok) {
      others.abort();
      return made;
    }
    failures.push(made.failure);
  }
  return { ok: false, failure: mostTelling(failures) ?? cancelled(labelOf(options.addresses), 'connect') };
}

async function connectTo(greeted: Greeted, options: ConnectionOptionsOf): Promise<Result<{ nc: NatsConnection; greeted: Greeted }>> {
  const { address } = greeted;
  const { connect } = await import('nats');
  const trying = connect(await clientOptions(address, options)).then(
    (nc) => succeed({ nc, greeted }),
    (error: unknown) => ({ ok: false, failure: failureOfError(error, address.label, 'let us in') }) as const,
  );
  // The client bounds the connection, but not the look-up of the name before.
  const deadline = new AbortController();
  const late = waitUntil(options.clock, options.clock.now() + 2 * CONNECT_TIMEOUT_MS, deadline.signal).then(() => undefined);
  const made = await Promise.race([trying, late]);
  deadline.abort();
  if (made !== undefined) return made;
  // Should it come about after all, it is closed again; whoever asked has had the answer.
  void trying.then((answer) => (answer.ok ? answer.value.nc.close() : undefined)).catch(() => undefined);
  return { ok: false, failure: timedOut(address.label, 'let us in', 2 * CONNECT_TIMEOUT_MS) };
}

async function clientOptions(address: ServerAddress, options: ConnectionOptionsOf): Promise<ConnectionOptions> {
  const user = options.username ?? address.username;
  const pass = options.password ?? address.password;
  const token = options.token ?? address.token;
  const { credsAuthenticator } = await import('nats');
  return {
    servers: [address.label],
    name: 'cordum-runbook-bot',
    reconnect: false,
    maxReconnectAttempts: 0,
    // We dial the configured addresses and no others: the name on the certificate must be that of the address.
    ignoreClusterUpdates: true,
    timeout: CONNECT_TIMEOUT_MS,
    pingInterval: PING_EVERY_MS,
    maxPingOut: 2,
    noAsyncTraces: true,
    ...(user === undefined ? {} : { user }),
    ...(user === undefined || pass === undefined ? {} : { pass: pass.reveal() }),
    ...(token === undefined ? {} : { token: token.reveal() }),
    ...(options.credentials === undefined ? {} : { authenticator: credsAuthenticator(new TextEncoder().encode(options.credentials.reveal())) }),
    ...(address.tls || options.tls !== undefined ? { tls: tlsOptions(address, options.tls) } : {}),
  };
}

/** The client hands further keys to Node's TLS. It would check the certificate of an IP address against `localhost`. */
function tlsOptions(address: ServerAddress, tls: TlsMaterial | undefined): NonNullable<ConnectionOptions['tls']> {
  const name = tls?.serverName ?? address.host;
  return {
    ...nodeTls(tls),
    ...(isIP(name) === 0 ? { servername: name } : {}),
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate),
  } as NonNullable<ConnectionOptions['tls']>;
}

/** Of several servers, the answer that says most: one that refuses us is alive, one that hangs has at least been found. */
const TELLING: readonly FailureReason[] = ['unauthorised', 'forbidden', 'invalid', 'unexpected', 'timeout', 'unreachable'];

function mostTelling(failures: readonly Failure[]): Failure | undefined {
  for (const reason of TELLING) {
    const found = failures.find((failure) => failure.reason === reason);
    if (found !== undefined) return found;
  }
  return failures[0];
}

function labelOf(addresses: readonly ServerAddress[]): string {
  return addresses.map(({ label }) => label).join(', ');
}

/** Undefined when the caller was aborted first: what is shared goes on for the others. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return promise;
  if (signal.aborted) return undefined;
  let stop = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    const onAbort = (): void => resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stop();
  }
}
