/** Who sits at this machine's browser: a one-time link becomes a session, and a session a local principal. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#kernel/clock.ts';

/** A link that nobody opens stops working, ms. */
const LINK_VALID_MS = 15 * 60_000;
/** A shift and its handover, ms. */
const SESSION_VALID_MS = 12 * 3_600_000;
const SESSIONS_MAX = 100;

export interface Sessions {
  /** A new one-time token; the one before it stops working. */
  newToken(): string;
  /** Opens a session with the token, once. Undefined when it is wrong, used or too old. */
  open(token: string): string | undefined;
  isOpen(session: string): boolean;
  /** Whether the newest token still opens a session. */
  hasToken(): boolean;
}

export function createSessions(clock: Clock): Sessions {
  let link: { readonly digest: Buffer; readonly until: number } | undefined;
  const open = new Map<string, number>();
  return {
    newToken() {
      const token = randomBytes(32).toString('base64url');
      link = { digest: digest(token), until: clock.now() + LINK_VALID_MS };
      return token;
    },
    open(token) {
      if (link === undefined || link.until < clock.now() || !timingSafeEqual(link.digest, digest(token))) return undefined;
      link = undefined;
      const oldest = open.keys().next().value;
      if (open.size >= SESSIONS_MAX && oldest !== undefined) open.delete(oldest);
      const session = randomBytes(32).toString('base64url');
      open.set(digest(session).toString('hex'), clock.now() + SESSION_VALID_MS);
      return session;
    },
    hasToken: () => link !== undefined && link.until >= clock.now(),
    isOpen: (session) => (open.get(digest(session).toString('hex')) ?? 0) > clock.now(),
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
