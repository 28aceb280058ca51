import type { Secret } from './secret.ts';

/** What a client of an outside system needs to speak TLS, read from files by config. PEM texts. */
export interface TlsMaterial {
  /** The authorities that are trusted, in place of the machine's own. */
  readonly ca?: string;
  /** With `key`: who we are (mTLS). */
  readonly cert?: string;
  readonly key?: Secret;
  /** The name that the certificate of the other side must carry, where it is not that of the address. */
  readonly serverName?: string;
}

/** As Node's TLS takes it, and with it the HTTP, Redis and NATS clients that stand on it. */
export interface NodeTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
}

/** A certificate without its key, or the other way round, is nobody's identity. */
export function nodeTls({ ca, cert, key, serverName }: TlsMaterial = {}): NodeTls {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { cert, key: key.reveal() }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}
