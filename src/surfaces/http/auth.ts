/** Who is asking. Every path under /api/v1 needs an answer, reads too. */
import type { IncomingMessage } from 'node:http';
import { sha256 } from '#kernel/digest.ts';
import { isFromHere } from '#kernel/locality.ts';
import type { Secret } from '#kernel/secret.ts';
import type { Principal } from '#policy/model.ts';

export interface ApiKey {
  readonly key: Secret;
  /** The principal's id. */
  readonly principal: string;
  readonly roles: readonly string[];
}

/**
 * Finds the principal by something that the browser sends by itself, such as a session cookie. `undefined`: the request
 * carries nothing of the kind; `refused`: it does, and it does not hold. Must not throw.
 */
export type Authenticator = (request: IncomingMessage) => Promise<Principal | undefined | 'refused'>;

export type Authentication =
  /** `ambient`: sent by the browser by itself, so another site can have caused it, and unsafe methods need more. */
  | { readonly ok: true; readonly principal: Principal; readonly ambient: boolean }
  | { readonly ok: false; readonly because: string };

export type Authenticate = (request: IncomingMessage) => Promise<Authentication>;

export interface AuthenticationOptions {
  readonly apiKeys: readonly ApiKey[];
  /** Asked in this order, only when no API key was sent. */
  readonly authenticators?: readonly Authenticator[];
}

/** RFC 6750: the scheme in any case, one space or more, then a token68 or any other visible characters. */
const BEARER = /^bearer +([\x21-\x7e]{1,512})$/i;
const API_KEY = /^[\x21-\x7e]{1,512}$/;
/** Our own command line says who it is; it changes the word in the audit and nothing else. */
const CLI_AGENT = 'runbook-bot-cli';

export function createAuthentication(options: AuthenticationOptions): Authenticate {
  // By digest: comparing digests tells a guesser nothing about the key, however long the look-up takes.
  const principals = new Map<string, ApiKey>();
  for (const apiKey of options.apiKeys) {
    const digest = sha256(apiKey.key.reveal());
    if (principals.has(digest)) throw new Error(`two principals share one API key: ${principals.get(digest)?.principal} and ${apiKey.principal}`);
    principals.set(digest, apiKey);
  }

  return async (request) => {
    const sent = readApiKey(request);
    if (sent === 'malformed') return refuse('The credentials are malformed: send one API key, as "Authorization: Bearer KEY" or "X-API-Key: KEY".');
    if (sent !== undefined) {
      const found = principals.get(sha256(sent));
      if (found === undefined) return refuse('The API key is not known.');
      return { ok: true, ambient: false, principal: principalOf(found, request) };
    }
    for (const authenticator of options.authenticators ?? []) {
      const principal = await authenticator(request);
      if (principal === 'refused') return refuse('The session has ended: open the console by a new link.');
      if (principal !== undefined) return { ok: true, ambient: true, principal };
    }
    return refuse('Send an API key, as "Authorization: Bearer KEY" or "X-API-Key: KEY".');
  };
}

function refuse(because: string): Authentication {
  return { ok: false, because };
}

function principalOf(apiKey: ApiKey, request: IncomingMessage): Principal {
  const via = request.headers['user-agent']?.startsWith(CLI_AGENT) === true ? 'cli' : 'api';
  return { id: apiKey.principal, kind: 'human', roles: apiKey.roles, via };
}

/**
 * The one key of the request. Read from the raw headers, because Node keeps only the first of repeated Authorization
 * headers: two of them may be an attempt to show one to a proxy and the other to us.
 */
function readApiKey(request: IncomingMessage): string | undefined | 'malformed' {
  const authorization = valuesOf(request, 'authorization');
  const apiKey = valuesOf(request, 'x-api-key');
  if (authorization.length > 1 || apiKey.length > 1) return 'malformed';
  const bearer = authorization[0] === undefined ? undefined : BEARER.exec(authorization[0])?.[1];
  if (authorization[0] !== undefined && bearer === undefined) return 'malformed';
  if (apiKey[0] !== undefined && !API_KEY.test(apiKey[0])) return 'malformed';
  if (bearer !== undefined && apiKey[0] !== undefined && sha256(bearer) !== sha256(apiKey[0])) return 'malformed';
  return bearer ?? apiKey[0];
}

function valuesOf(request: IncomingMessage, name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    if (request.rawHeaders[i]?.toLowerCase() === name) values.push(request.rawHeaders[i + 1] ?? '');
  }
  return values;
}

/** The header that a page of ours adds: another site cannot add it without asking first, and nobody answers it. */
const CONSOLE_HEADER = 'x-runbook-bot';
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Why a request that a browser authenticated by itself may come from another site, or undefined when it is ours: unsafe
 * methods need our header, `Sec-Fetch-Site: same-origin` where the browser says it, and an Origin that is our own host.
 */
export function crossSite(request: IncomingMessage): string | undefined {
  if (SAFE_METHODS.has(request.method ?? '')) return undefined;
  const { host, origin, 'sec-fetch-site': site } = request.headers;
  if (request.headers[CONSOLE_HEADER] === undefined) return `A session needs the header ${CONSOLE_HEADER} to change something.`;
  if (site !== undefined && site !== 'same-origin') return 'Only pages of this console may change something with a session.';
  if (origin === undefined) return site === undefined ? 'The browser does not say where the request comes from.' : undefined;
  return host !== undefined && hostOf(origin) === host ? undefined : 'Only pages of this console may change something with a session.';
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Whether a request comes from this machine, and not through a proxy. */
export function isFromThisMachine({ socket, headers }: IncomingMessage): boolean {
  return isFromHere({ remoteAddress: socket.remoteAddress, headers });
}
