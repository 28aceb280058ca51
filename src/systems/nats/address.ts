/** The addresses of `nats.url`: we read them ourselves, since the client of NATS takes a password of digits for a port. */
import { Secret } from '#kernel/secret.ts';

const DEFAULT_PORT = 4222;
/** Servers of one target. */
const MOST_SERVERS = 16;

export interface ServerAddress {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` as it stands in messages; never with credentials. */
  readonly label: string;
  /** From `tls://`. */
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: Secret;
  /** `nats://token@host`: a user without a password is a token. */
  readonly token?: Secret;
}

/** Throws a TypeError that holds no part of the URL, for it may hold a password. */
export function readAddresses(url: Secret): readonly ServerAddress[] {
  const parts = url.reveal().split(',').map((part) => part.trim()).filter((part) => part !== '');
  if (parts.length === 0 || parts.length > MOST_SERVERS) throw new TypeError(`nats.url must be one to ${MOST_SERVERS} addresses, separated by commas`);
  return parts.map(readAddress);
}

function readAddress(text: string): ServerAddress {
  const whole = text.includes('://') ? text : `nats://${text}`;
  const url = URL.canParse(whole) ? new URL(whole) : undefined;
  if (url === undefined || url.hostname === '' || !['nats:', 'tls:'].includes(url.protocol)) throw new TypeError('each address of nats.url must be nats://host:4222 or tls://host:4222');
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const user = decoded(url.username);
  const password = decoded(url.password);
  return {
    host,
    port,
    label: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    tls: url.protocol === 'tls:',
    ...(user !== '' && password === '' ? { token: new Secret(user) } : {}),
    ...(user !== '' && password !== '' ? { username: user, password: new Secret(password) } : {}),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
