/**
 * A connection that may send anything: to the throw-away servers of a drill, and to the live one where a backup is taken. Steps
 * of a runbook have the narrow one.
 */
import type { RedisOptions } from 'ioredis';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';

const CONNECT_MS = 5_000;
/** A turn of the counting script over 5,000 keys takes milliseconds; a large value some more. */
const COMMAND_MS = 60_000;
/** A server that hangs takes the connection and says nothing. */
const GREET_MS = 5_000;

export interface DataConnection {
  call(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  callBuffer(command: string, ...args: readonly (string | number | Buffer)[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface DataAddress {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: Secret;
  readonly tls?: TlsMaterial;
}

/** Connected and greeted, or why not. It never connects again by itself: a drill must know to which server it talks. */
export async function openDataConnection(at: DataAddress): Promise<Result<DataConnection>> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(optionsOf(at));
  // Without a listener the library prints errors; the failed call says the same.
  let last = '';
  redis.on('error', (error: Error) => {
    last = error.message;
  });
  try {
    await redis.connect();
    await redis.ping();
    redis.options.commandTimeout = COMMAND_MS;
  } catch (error) {
    redis.disconnect();
    const said = error instanceof Error ? error.message : '';
    if (/NOAUTH/.test(said + last) && at.password === undefined) return fail('unauthorised', `Redis at ${at.host}:${at.port} wants a password.`);
    const auth = /NOAUTH|WRONGPASS|invalid password|without any password configured/i.test(said + last);
    return auth ? fail('unauthorised', `Redis at ${at.host}:${at.port} refuses the password.`) : fail('unreachable', `Redis at ${at.host}:${at.port} cannot be reached: ${last || said}.`);
  }
  return succeed({
    call: (command, ...args) => redis.call(command, ...args),
    callBuffer: (command, ...args) => redis.callBuffer(command, ...args),
    close: async () => {
      redis.disconnect();
      await Promise.resolve();
    },
  });
}

function optionsOf({ host, port, username, password, tls }: DataAddress) {
  return {
    host,
    port,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tls === undefined ? {} : { tls: { ...(tls.ca === undefined ? {} : { ca: tls.ca }), ...(tls.cert === undefined ? {} : { cert: tls.cert }), ...(tls.key === undefined ? {} : { key: tls.key.reveal() }), ...(tls.serverName === undefined ? {} : { servername: tls.serverName }) } }),
    // As the answers are read here: pairs in a row, not maps.
    protocol: 2,
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    commandTimeout: GREET_MS,
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'cordum-runbook-bot-drill',
  } satisfies RedisOptions;
}
