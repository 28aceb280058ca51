/**
 * Socket Mode: the same requests over connections that the bot opens itself. @slack/socket-mode 3.1 waits five seconds after every refresh
 * that Slack asks for, and an error while it reconnects ends the process. So each connection here is used once and replaced by us,
 * and there are several, so that a click finds one while another is replaced.
 */
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Secret } from '#kernel/secret.ts';
import { CALL_TIMEOUT_MS, quietLogger } from './api.ts';
import type { Inbound } from './inbound.ts';

export interface SocketOptions {
  readonly appToken: Secret;
  readonly apiUrl?: string;
  readonly inbound: Inbound;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Sockets {
  /** Opens the connections; resolves at once, they are tried until they stand. */
  start(): void;
  stop(): Promise<void>;
  /** How many connections stand now. */
  connected(): number;
}

/** Slack allows ten an app. */
const LANES = 2;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 30_000;
/** From dialling to Slack's `hello`. */
const HELLO_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 2_000;

type Client = InstanceType<typeof import('@slack/socket-mode').SocketModeClient>;

const ackSchema = z.custom<(answer?: unknown) => Promise<unknown>>((value) => typeof value === 'function');
const requestSchema = z.object({ body: z.record(z.string(), z.unknown()), ack: ackSchema, retry_num: z.number().optional() });

export async function createSockets(options: SocketOptions): Promise<Sockets> {
  const { SocketModeClient } = await import('@slack/socket-mode');
  const logger = await quietLogger(options.log);
  const clientOptions = { retryConfig: { retries: 0 }, timeout: CALL_TIMEOUT_MS, rejectRateLimitedCalls: true, ...(options.apiUrl === undefined ? {} : { slackApiUrl: options.apiUrl }) };
  const dial = (): Client => new SocketModeClient({ appToken: options.appToken.reveal(), autoReconnectEnabled: false, clientOptions: { ...clientOptions }, logger });
  const lanes = Array.from({ length: LANES }, () => new Lane(dial, options));
  return {
    start: () => lanes.forEach((lane) => lane.start()),
    stop: async () => void (await Promise.all(lanes.map((lane) => lane.stop()))),
    connected: () => lanes.filter((lane) => lane.connected).length,
  };
}

/** One connection after another. */
class Lane {
  connected = false;
  readonly #dial: () => Client;
  readonly #options: SocketOptions;
  #client: Client | undefined;
  #failures = 0;
  #stopped = true;
  #cancelRetry: (() => void) | undefined;

  constructor(dial: () => Client, options: SocketOptions) {
    this.#dial = dial;
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry?.();
    const client = this.#client;
    if (client === undefined) return;
    const { clock } = this.#options;
    let cancel = (): void => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = clock.schedule(clock.now() + STOP_WITHIN_MS, resolve);
    });
    await Promise.race([hangUp(client), tooLong]);
    cancel();
    this.connected = false;
  }

  async #connect(): Promise<void> {
    const { clock, log } = this.#options;
    const client = this.#dial();
    this.#client = client;
    let over = false;
    /** Once a connection: it was closed, asked to be replaced, or never stood. */
    const replace = (failed: boolean): void => {
      if (over) return;
      over = true;
      if (this.#client === client) this.#replace(failed);
    };
    client.on('slack_event', (request: unknown) => this.#receive(request));
    client.on('ws_message', (frame: unknown) => {
      // The client closes this connection by itself; the next one is opened without waiting for that.
      if (isDisconnect(frame)) replace(false);
    });
    client.on('disconnected', () => replace(true));
    const cancelWait = clock.schedule(clock.now() + HELLO_WITHIN_MS, () => void hangUp(client));
    try {
      await client.start();
      this.#failures = 0;
      this.connected = !over;
    } catch (error) {
      if (!over && !this.#stopped) log.warn({ because: error instanceof Error ? error.message : 'the connection was closed' }, 'a Socket Mode connection could not be opened');
      replace(true);
    } finally {
      cancelWait();
    }
    if (this.#stopped || over) void hangUp(client);
  }

  #replace(failed: boolean): void {
    this.connected = false;
    if (this.#stopped) return;
    const { clock } = this.#options;
    if (!failed) return void this.#connect();
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, LONGEST_BACKOFF_MS);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#cancelRetry = clock.schedule(clock.now() + backoffMs, () => void this.#connect());
  }

  #receive(request: unknown): void {
    const read = requestSchema.safeParse(request);
    if (!read.success) return this.#options.log.warn({}, 'a Socket Mode request could not be read');
    const { body, ack, retry_num: retryNum } = read.data;
    const acknowledge = async (answer?: unknown): Promise<void> => void (await ack(answer));
    void this.#options.inbound.receive({ body, ack: acknowledge, ...(retryNum === undefined ? {} : { retryNum }) });
  }
}

/** It is given up: whether its end goes well changes nothing any more. */
async function hangUp(client: { disconnect(): Promise<void> }): Promise<void> {
  await client.disconnect().catch(() => {});
}

function isDisconnect(frame: unknown): boolean {
  if (typeof frame !== 'string' || frame.length > 2_000) return false;
  try {
    return z.object({ type: z.literal('disconnect') }).safeParse(JSON.parse(frame)).success;
  } catch {
    return false;
  }
}
