/** A live Redis or NATS that a command names: its addresses, and how a connection to it is opened. */
import { isIP } from 'node:net';
import { addToContent } from '#backups/archive/natsarc.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import type { LiveAddress } from '#drills/live-address.ts';
import type { Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { readAddresses } from '#systems/nats/address.ts';
import type { StreamClientOptions } from '#systems/nats/stream-client.ts';
import { openDataConnection, type DataAddress } from '#systems/redis/data-connection.ts';

const REDIS_PORT = 6379;

export interface LiveSystem {
  /** One address, or several with commas between them; may hold credentials. */
  readonly url: Secret;
  readonly username?: string;
  readonly password?: Secret;
  /** The text of a `.creds` file; of NATS only. */
  readonly credentials?: Secret;
  readonly tls?: TlsMaterial;
}

export interface LiveRedis {
  readonly addresses: readonly LiveAddress[];
  /** User, password and TLS: the same for every node. */
  readonly access: Omit<DataAddress, 'host' | 'port'>;
  open(at: LiveAddress): Promise<Result<RedisConnection>>;
}

export function redisOf(live: LiveSystem): LiveRedis {
  const [first = '', ...others] = live.url.reveal().split(',');
  const url = new URL(first);
  const addresses = [url, ...others.map((text) => new URL(text.includes('://') ? text : `redis://${text}`))].map(({ hostname, port }): LiveAddress => ({ host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: port === '' ? REDIS_PORT : Number(port) }));
  const username = live.username ?? decoded(url.username);
  const password = live.password ?? (url.password === '' ? undefined : new Secret(decoded(url.password)));
  // A cluster of pods announces addresses that no certificate holds: they are known by the name that was given.
  const name = addresses[0]?.host ?? '';
  const tls = live.tls === undefined ? {} : { tls: { ...(isIP(name) === 0 ? { serverName: name } : {}), ...live.tls } };
  const access = { ...(username === '' ? {} : { username }), ...(password === undefined ? {} : { password }), ...tls };
  return { addresses, access, open: (at) => openDataConnection({ ...at, ...access }) };
}

export function natsOf(live: LiveSystem): { readonly addresses: ReturnType<typeof readAddresses>; readonly options: StreamClientOptions } {
  const addresses = readAddresses(live.url);
  const [first] = addresses;
  const username = live.username ?? first?.username;
  const password = live.password ?? first?.password;
  const { ca, cert, key } = live.tls ?? {};
  const options: StreamClientOptions = {
    servers: addresses.map(({ label, tls }) => `${tls ? 'tls' : 'nats'}://${label}`),
    ...(username === undefined ? {} : { username, password: password?.reveal() ?? '' }),
    // A password without a user is a token.
    ...(username === undefined && (first?.token ?? live.password) !== undefined ? { token: (live.password ?? first?.token)?.reveal() ?? '' } : {}),
    ...(live.credentials === undefined ? {} : { credentials: live.credentials.reveal() }),
    ...(live.tls === undefined ? {} : { tls: { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key: key.reveal() }) } }),
    addToContent,
  };
  return { addresses, options };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
