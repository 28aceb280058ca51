/** Who may post alerts. Webhooks carry their credential in `Authorization` and nowhere else. */
import { isFromHere } from '#kernel/locality.ts';
import type { Secret } from '#kernel/secret.ts';
import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

export interface AlertmanagerAuth {
  readonly bearerToken?: Secret;
  readonly basic?: { readonly username: string; readonly password: Secret };
}

/** Undefined: it may. Otherwise why it may not, without repeating anything of what was sent. */
export type Gate = (request: FastifyRequest) => string | undefined;

const AUTHORIZATION = /^(bearer|basic) +(\S+) *$/i;

/** Without a configured credential only the same machine is heard, and only directly: behind a proxy everybody looks local. */
export function createGate(auth: AlertmanagerAuth): Gate {
  const wanted = new Map<string, Buffer>();
  if (auth.bearerToken !== undefined) wanted.set('bearer', digest(auth.bearerToken.reveal()));
  if (auth.basic !== undefined) wanted.set('basic', digest(`${auth.basic.username}:${auth.basic.password.reveal()}`));
  if (wanted.size === 0) return ({ socket, headers }) => (isFromHere({ remoteAddress: socket.remoteAddress, headers }) ? undefined : 'No credential is configured for alerts, so they are taken from this machine only: from and to a loopback address or localhost, and through no proxy.');
  return ({ headers }) => {
    const [, scheme = '', sent = ''] = AUTHORIZATION.exec(headers.authorization ?? '') ?? [];
    const kind = scheme.toLowerCase();
    const expected = wanted.get(kind);
    const given = digest(kind === 'basic' ? Buffer.from(sent, 'base64') : sent);
    return expected !== undefined && timingSafeEqual(given, expected) ? undefined : 'The Authorization header is missing or wrong.';
  };
}

export function challengesOf(auth: AlertmanagerAuth): readonly string[] {
  return [...(auth.basic === undefined ? [] : ['Basic realm="alerts"']), ...(auth.bearerToken !== undefined || auth.basic === undefined ? ['Bearer realm="alerts"'] : [])];
}

/** Digests have one length, so comparing them in constant time gives away neither the length nor a prefix of the secret. */
function digest(secret: string | Buffer): Buffer {
  return hash('sha256', secret, 'buffer');
}
