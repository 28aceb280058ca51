/** Says what went wrong with a call to NATS, from the errors of its client, of TLS, of HTTP and of the JetStream API. */
import { type Failure, type FailureReason, fail } from '#kernel/failure.ts';
import { quoteForeign } from '#kernel/redact.ts';

/** Foreign text that may stand in a message, in characters. */
const LONGEST_QUOTE = 200;

interface Meaning {
  readonly reason: FailureReason;
  readonly say: string;
}

const unreachable = (say: string): Meaning => ({ reason: 'unreachable', say });
const certificate = (say: string): Meaning => unreachable(`its certificate ${say}`);
const UNKNOWN_CA = certificate('comes from an unknown authority: give nats.tls its CA');

/** Of Node and undici: the connection did not come about, or broke. */
const NETWORK: Readonly<Record<string, Meaning>> = {
  ECONNREFUSED: unreachable('nothing listens there: check that the server runs, and the address'),
  CONNECTION_REFUSED: unreachable('nothing listens there: check that the server runs, and the address'),
  ENOTFOUND: unreachable('its name is not known: check the address and DNS'),
  EAI_AGAIN: unreachable('its name could not be looked up: check DNS'),
  EHOSTUNREACH: unreachable('there is no way to the host: check the network'),
  ENETUNREACH: unreachable('there is no way to its network: check the network'),
  ECONNRESET: unreachable('the connection was cut: a restart, a NetworkPolicy, or TLS on one side only'),
  EPIPE: unreachable('the connection was cut: a restart, or a proxy on the way'),
  DISCONNECT: unreachable('the connection was lost: a restart of the server, or the network'),
  CONNECTION_CLOSED: unreachable('the connection was lost: a restart of the server, or the network'),
  UND_ERR_SOCKET: unreachable('the connection was cut: a restart, or a proxy on the way'),
  UND_ERR_CONNECT_TIMEOUT: { reason: 'timeout', say: 'no connection came about in time: check the network, a NetworkPolicy, or whether the server hangs' },
  UND_ERR_HEADERS_TIMEOUT: { reason: 'timeout', say: 'it took the connection and did not answer: it hangs or is overloaded' },
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_CA,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_CA,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_CA,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_CA,
  CERT_HAS_EXPIRED: certificate('has expired: renew it'),
  CERT_NOT_YET_VALID: certificate('is not valid yet: check both clocks'),
  CERT_SIGNATURE_FAILURE: certificate('is not signed by the CA of nats.tls, though it has its name'),
  ERR_TLS_CERT_ALTNAME_INVALID: certificate('is for another name: check the address, or set nats.tls.serverName'),
  ERR_SSL_WRONG_VERSION_NUMBER: unreachable('it does not speak TLS there: check tls:// or https:// in the address'),
  ERR_SSL_PACKET_LENGTH_TOO_LONG: unreachable('it does not speak TLS there: check tls:// or https:// in the address'),
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: { reason: 'unauthorised', say: 'it asks for a client certificate (mTLS): give nats.tls cert and key' },
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: { reason: 'unauthorised', say: 'it does not trust the authority of our client certificate: check nats.tls cert' },
  ERR_SSL_SSL_TLSV1_ALERT_UNKNOWN_CA: { reason: 'unauthorised', say: 'it does not trust the authority of our client certificate: check nats.tls cert' },
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: { reason: 'unauthorised', say: 'it refuses our client certificate: check nats.tls cert and key' },
  ERR_SSL_SSL_ALERT_BAD_CERTIFICATE: { reason: 'unauthorised', say: 'it refuses our client certificate: check nats.tls cert and key' },
};

/** Of the NATS protocol, by the codes of the `nats` package 2.29. */
const PROTOCOL: Readonly<Record<string, Meaning>> = {
  AUTHORIZATION_VIOLATION: { reason: 'unauthorised', say: 'it refused our credentials (Authorization Violation): check nats.username, password, token or credentials' },
  BAD_AUTHENTICATION: { reason: 'unauthorised', say: 'it refused our credentials: check nats.username, password, token or credentials' },
  AUTHENTICATION_EXPIRED: { reason: 'unauthorised', say: 'our credentials have expired: renew them' },
  ACCOUNT_EXPIRED: { reason: 'unauthorised', say: 'the account of our credentials has expired: renew it' },
  AUTHENTICATION_TIMEOUT: { reason: 'timeout', say: 'logging in took longer than the server allows: it, or the network, is slow' },
  BAD_CREDS: { reason: 'invalid', say: 'nats.credentials is not the text of a .creds file' },
  PERMISSIONS_VIOLATION: { reason: 'forbidden', say: 'our user may not do that (Permissions Violation): allow it $JS.API.> and _INBOX.> for the JetStream reads' },
  SERVER_OPT_NA: unreachable('it offers no TLS, though tls:// or nats.tls asks for it: set up TLS there, or use nats://'),
  '503': { reason: 'unavailable', say: 'JetStream is off: no server answers its API for our account (no responders)' },
  TIMEOUT: { reason: 'timeout', say: 'no answer came in time: the server hangs, or what was asked for has no leader' },
  CONNECTION_TIMEOUT: { reason: 'timeout', say: 'no connection came about in time: the server hangs, or the network swallows packets' },
  MAX_PAYLOAD_EXCEEDED: { reason: 'tooLarge', say: 'the request is larger than the server allows' },
};

/** Of the JetStream API, by `err_code`. */
const JETSTREAM: Readonly<Record<number, Meaning>> = {
  10_008: { reason: 'unavailable', say: 'JetStream has no leader: too few servers of the cluster see each other (10008)' },
  10_009: { reason: 'unavailable', say: 'no peer of the cluster is fit for it (10009)' },
  10_014: { reason: 'notFound', say: 'there is no such consumer (10014)' },
  10_035: { reason: 'unavailable', say: 'JetStream is not enabled for our account (10035)' },
  10_039: { reason: 'unavailable', say: 'JetStream is not enabled for our account (10039)' },
  10_059: { reason: 'notFound', say: 'there is no such stream (10059)' },
  10_076: { reason: 'unavailable', say: 'JetStream is not enabled on the servers (10076)' },
  10_118: { reason: 'unavailable', say: 'the stream is offline: its server is away (10118)' },
};

/** From the client of NATS, a socket, TLS or HTTP. `doing` completes "NATS (where) did not …". */
export function failureOfError(error: unknown, where: string, doing: string): Failure {
  const known = meaningOf(error);
  if (known !== undefined) return of(known, where, doing);
  const code = codesOf(error)[0] ?? '';
  return of(unreachable(`the connection failed${code === '' ? '' : ` (${quote(code)})`}: ${quote(messageOf(error))}`), where, doing);
}

export function failureOfApi(error: { readonly code: number; readonly err_code: number; readonly description: string }, where: string, doing: string): Failure {
  const known = JETSTREAM[error.err_code];
  if (known !== undefined) return of(known, where, doing);
  const reason: FailureReason = error.code === 404 ? 'notFound' : error.code === 503 || error.code === 500 ? 'unavailable' : error.code === 403 ? 'forbidden' : 'invalid';
  return of({ reason, say: `JetStream says: ${quote(error.description)} (${error.err_code})` }, where, doing);
}

export function failureOfStatus(status: number, where: string, doing: string): Failure {
  if (status === 404) return of({ reason: 'unexpected', say: 'that path is not there (404): is it the monitoring port of nats-server (8222)?' }, where, doing);
  if (status === 401 || status === 403) return of({ reason: status === 401 ? 'unauthorised' : 'forbidden', say: `something in front of the monitoring port says no (${status})` }, where, doing);
  if (status >= 500) return of({ reason: 'unavailable', say: `it failed (${status})` }, where, doing);
  return of({ reason: 'unexpected', say: `it answered ${status}: is it the monitoring port of nats-server (8222)?` }, where, doing);
}

export function timedOut(where: string, doing: string, afterMs: number): Failure {
  return of({ reason: 'timeout', say: `no answer within ${afterMs} ms: the server hangs, or the network swallows packets` }, where, doing);
}

export function cancelled(where: string, doing: string): Failure {
  return of({ reason: 'cancelled', say: 'the run was cancelled, or its time was up' }, where, doing);
}

export function unreadable(where: string, doing: string, because: string): Failure {
  return of({ reason: 'unexpected', say: `it answered something else than nats-server does (${quote(because)})` }, where, doing);
}

export function tooLarge(where: string, doing: string, mostBytes: number): Failure {
  return of({ reason: 'tooLarge', say: `its answer was over ${mostBytes} bytes and was dropped` }, where, doing);
}

/** Foreign text, made fit for one sentence: no control characters, no secret, not long. Redacted before it is cut. */
export function quote(said: string): string {
  return quoteForeign(said.slice(0, 4_000), LONGEST_QUOTE);
}

function of({ reason, say }: Meaning, where: string, doing: string): Failure {
  return fail(reason, `NATS (${quote(where)}) did not ${doing}: ${say}.`).failure;
}

function meaningOf(error: unknown): Meaning | undefined {
  for (const code of codesOf(error)) {
    const known = PROTOCOL[code] ?? NETWORK[code];
    if (known !== undefined) return known;
  }
  return undefined;
}

/** The code of an error and of what caused it: the client of NATS wraps TLS errors, Node wraps the addresses that it tried. */
function codesOf(error: unknown, depth = 0): string[] {
  if (typeof error !== 'object' || error === null || depth > 3) return [];
  const own = 'code' in error && typeof error.code === 'string' ? [error.code] : [];
  const chained = 'chainedError' in error ? codesOf(error.chainedError, depth + 1) : [];
  const causes = 'cause' in error ? codesOf(error.cause, depth + 1) : [];
  const several = error instanceof AggregateError ? error.errors.slice(0, 4).flatMap((one: unknown) => codesOf(one, depth + 1)) : [];
  return [...chained, ...several, ...own, ...causes];
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no reason was given';
}
