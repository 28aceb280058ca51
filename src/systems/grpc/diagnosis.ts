/** What a health check, or its failure, means (pure). */
import type { CallEnd } from './call.ts';
import type { Knock } from './knock.ts';

export const STATUSES = ['SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN', 'UNIMPLEMENTED', 'UNKNOWN', 'unreachable'] as const;
export type Status = (typeof STATUSES)[number];

export const CAUSES = [
  'ok',
  'notServing',
  'serviceUnknown',
  'unimplemented',
  'unauthorised', // alive; it wants credentials for the call
  'unavailable', // alive; it answers that it cannot
  'nameNotFound',
  'noRoute',
  'refused',
  'timeout',
  'tlsRequired', // it speaks TLS, the target has none configured
  'plaintextExpected', // the target has TLS configured, it speaks none
  'tlsUntrusted',
  'tlsNameMismatch',
  'tlsExpired',
  'clientCertificateRequired',
  'tlsFailed',
  'wrongPort', // something else than gRPC answers
  'reset',
] as const;
export type Cause = (typeof CAUSES)[number];

export interface Diagnosis {
  readonly status: Status;
  readonly cause: Cause;
  /** Goes on after the name of the service. */
  readonly say: string;
}

/** Codes of gRPC (https://grpc.io/docs/guides/status-codes/). */
const CODE = { notFound: 5, permissionDenied: 7, unimplemented: 12, internal: 13, unavailable: 14, unauthenticated: 16 } as const;

/** What the library says of an answer that is HTTP but not gRPC. */
const NOT_GRPC = /HTTP status code|content[- ]type/i;
/** And of a call for which no connection came about. */
const NO_CONNECTION = /^(?:No connection established|Name resolution failed|Failed to connect)|connection dropped|ECONN|EPIPE|tls|certificate|SSL/i;

/** `knocked` is needed for failures; `tlsToo` is the look with TLS at a port that is to speak plaintext. */
export function diagnose(end: CallEnd, knocked: Knock | undefined, tlsToo: Knock | undefined, haveTls: boolean): Diagnosis {
  if (end.kind === 'answered') return fromStatus(end.status);
  if (end.kind === 'failed') {
    const said = fromCode(end.code, end.details);
    if (said !== undefined) return said;
  }
  if (knocked === undefined) return unreachable('reset', 'cannot be reached.');
  const early = beforeTheCall(knocked, tlsToo, haveTls);
  if (early !== undefined) return early;
  if (end.kind === 'timeout') return { status: 'unreachable', cause: 'timeout', say: 'takes connections but does not answer the health check in time: it hangs or is overloaded.' };
  if (end.kind === 'failed' && end.code === CODE.unavailable && !NO_CONNECTION.test(end.details)) return { status: 'UNKNOWN', cause: 'unavailable', say: 'answers, and says that it is not available.' };
  if (end.kind === 'failed' && end.code === CODE.internal) return unreachable('wrongPort', 'does not answer as gRPC does: is it the right port?');
  return unreachable('reset', 'took the connection, and it broke: it restarts, or a proxy is on the way.');
}

function fromStatus(status: string): Diagnosis {
  if (status === 'SERVING') return { status, cause: 'ok', say: 'is serving.' };
  if (status === 'NOT_SERVING') return { status, cause: 'notServing', say: 'is reachable and says that it is not serving.' };
  if (status === 'SERVICE_UNKNOWN') return { status, cause: 'serviceUnknown', say: 'is reachable and does not know that service.' };
  return { status: 'UNKNOWN', cause: 'notServing', say: 'is reachable and does not say whether it is serving.' };
}

/** Answers that only a living gRPC server gives. */
function fromCode(code: number, details: string): Diagnosis | undefined {
  if (NOT_GRPC.test(details)) return unreachable('wrongPort', 'is answered for by something that speaks HTTP but not gRPC: is it the right port?');
  switch (code) {
    case CODE.notFound:
      return { status: 'SERVICE_UNKNOWN', cause: 'serviceUnknown', say: 'is reachable and does not know that service.' };
    case CODE.unimplemented:
      return { status: 'UNIMPLEMENTED', cause: 'unimplemented', say: 'is reachable and alive, but offers no health service.' };
    case CODE.unauthenticated:
    case CODE.permissionDenied:
      return { status: 'UNKNOWN', cause: 'unauthorised', say: 'is reachable and wants credentials for the health check.' };
    default:
      return undefined;
  }
}

function beforeTheCall(knocked: Knock, tlsToo: Knock | undefined, haveTls: boolean): Diagnosis | undefined {
  const { trouble, distrust, answered, connected } = knocked;
  if (trouble !== undefined && trouble.cause !== 'reset') return unreachable(trouble.cause, `cannot be reached: ${trouble.say}.`);
  if (distrust !== undefined) return unreachable(distrust.cause, `is not to be trusted: ${distrust.say}.`);
  if (answered === 'http2') return undefined;
  if (answered === 'tls' || tlsToo?.connected === true || tlsToo?.trouble?.cause === 'clientCertificateRequired') {
    return unreachable('tlsRequired', 'speaks TLS on that port, and the target has none configured: give grpc[].tls.');
  }
  if (answered === 'http1' || answered === 'other') return unreachable('wrongPort', `is answered for by something that does not speak gRPC${answered === 'http1' ? ' but HTTP/1' : ''}: is it the right port?`);
  if (answered === 'silent') return { status: 'unreachable', cause: 'timeout', say: 'takes connections and says nothing: it hangs, or is not gRPC.' };
  if (haveTls && !connected) return unreachable('tlsFailed', 'ends the connection during the TLS handshake: it does not speak TLS on that port, or refuses ours.');
  // A gRPC server speaks first on a new connection; with TLS 1.3 the client's certificate is judged after the handshake.
  if (haveTls) return unreachable('clientCertificateRequired', 'ends the connection just after the TLS handshake, as servers do that demand a client certificate and get none that they accept (give tls.certFile and tls.keyFile).');
  return unreachable('reset', 'takes connections and ends them at once: it starts or stops, or a proxy has nobody behind it.');
}

function unreachable(cause: Cause, say: string): Diagnosis {
  return { status: 'unreachable', cause, say };
}
