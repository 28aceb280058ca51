/** From what the configuration says of a Redis to the addresses that we connect to. No I/O. */
import type { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';

/** What `config` says under `targets[].redis`. Its own type, since a system does not know config. */
export interface RedisTarget {
  readonly url?: Secret;
  readonly sentinel?: { readonly master: string; readonly addresses: readonly string[]; readonly password?: Secret };
  readonly username?: string;
  readonly password?: Secret;
  readonly tls?: TlsMaterial;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How to prove ourselves and how to speak, the same for all nodes of a target. */
export interface Access {
  readonly username: string;
  readonly password: Secret | undefined;
  readonly db: number;
  readonly secure: boolean;
  readonly tls: TlsMaterial;
  /** Names that a certificate may carry besides the address that we connect to: pods announce addresses that no certificate holds. */
  readonly trustedNames: readonly string[];
}

export interface Plan {
  readonly kind: 'url' | 'sentinel';
  /** The configured address, or those of the Sentinels. */
  readonly addresses: readonly Address[];
  readonly master: string;
  readonly access: Access;
  readonly sentinelAccess: Access;
}

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Throws on a configuration without an address: `config` has looked at it before. */
export function readTarget(target: RedisTarget, makeSecret: (text: string) => Secret): Plan {
  if (target.sentinel !== undefined) {
    const addresses = target.sentinel.addresses.map((address) => parseAddress(address, SENTINEL_PORT));
    const common = { db: 0, secure: target.tls !== undefined, tls: target.tls ?? {}, trustedNames: addresses.map(({ host }) => host) };
    return {
      kind: 'sentinel',
      addresses,
      master: target.sentinel.master,
      access: { ...common, username: target.username ?? '', password: target.password },
      sentinelAccess: { ...common, username: '', password: target.sentinel.password },
    };
  }
  const url = new URL(target.url?.reveal() ?? '');
  const host = bare(url.hostname) || '127.0.0.1';
  const fromUrl = decode(url.password);
  const access: Access = {
    username: target.username ?? decode(url.username),
    password: target.password ?? (fromUrl === '' ? undefined : makeSecret(fromUrl)),
    db: Number(/^\/(\d{1,5})$/.exec(url.pathname)?.[1] ?? 0),
    secure: url.protocol === 'rediss:',
    tls: target.tls ?? {},
    trustedNames: [host],
  };
  return { kind: 'url', addresses: [{ host, port: url.port === '' ? REDIS_PORT : Number(url.port) }], master: '', access, sentinelAccess: access };
}

/** `host:port`, `[::1]:port`, `::1:port` as servers write them; without a port the given one. */
export function parseAddress(text: string, port: number): Address {
  const colon = text.lastIndexOf(':');
  const tail = text.slice(colon + 1);
  if (colon < 0 || !/^\d{1,5}$/.test(tail)) return { host: bare(text), port };
  return { host: bare(text.slice(0, colon)), port: Number(tail) };
}

export function writeAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function bare(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
