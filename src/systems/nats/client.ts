/** The client of one NATS: the monitoring port of each server, and one connection as a client for JetStream and for listening. */
import type { Dispatcher } from 'undici';
import type { Clock } from '#kernel/clock.ts';
import type { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { readAddresses } from './address.ts';
import { type Bus, createBus } from './bus.ts';
import { createConnection } from './connection.ts';
import { createMonitor, createMonitorPool, type Monitor } from './monitor.ts';

/** A list of streams of which one has no leader is answered after 4 s (seen on 2.9.10). */
const CALL_TIMEOUT_MS = 10_000;
const MONITOR_TIMEOUT_MS = 5_000;
/** Servers of one target that are asked. */
const MOST_MONITORS = 16;

export interface NatsOptions {
  /** One or more URLs, separated by commas. A secret as a whole, for it may hold a password. */
  readonly url: Secret;
  /** Of each server, `http://host:8222`. */
  readonly monitorUrls: readonly string[];
  readonly username?: string;
  readonly password?: Secret;
  readonly token?: Secret;
  /** The text of a `.creds` file. */
  readonly credentials?: Secret;
  readonly tls?: TlsMaterial;
  readonly clock: Clock;
  /** How long one call may take, ms; by default 10 s, a monitor 5 s. */
  readonly timeoutMs?: number;
}

export interface NatsClient {
  readonly bus: Bus;
  /** Of each server whose monitoring address is configured; may be none. */
  readonly monitors: readonly Monitor[];
  /** Ends its connections. */
  close(): Promise<void>;
}

/** Cheap: it reads the addresses and connects to nothing. */
export function createNatsClient(options: NatsOptions): NatsClient {
  const { clock, tls } = options;
  if (options.monitorUrls.length > MOST_MONITORS) throw new TypeError(`nats.monitorUrls must be at most ${MOST_MONITORS}`);
  let pool: ReturnType<typeof createMonitorPool> | undefined;
  const dispatcher = (): Promise<Dispatcher> => (pool ??= createMonitorPool(tls));
  const connection = createConnection({ ...options, addresses: readAddresses(options.url) });
  return {
    bus: createBus(connection, clock, options.timeoutMs ?? CALL_TIMEOUT_MS),
    monitors: options.monitorUrls.map((url) => createMonitor({ url, dispatcher, clock, timeoutMs: options.timeoutMs ?? MONITOR_TIMEOUT_MS })),
    async close() {
      await Promise.all([connection.close(), pool?.then((agent) => agent.destroy())]);
    },
  };
}
