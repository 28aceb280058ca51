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
