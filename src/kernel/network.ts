/** What it means that a connection did not come about or broke, by the codes of Node, OpenSSL and undici. Pure: it looks at the error only. */

/** In the order in which a connection comes about: name, way, port, TLS, then the call itself. */
export const CONNECTION_CAUSES = [
  'nameNotFound',
  'noRoute',
  'refused',
  'timeout',
  'plaintextExpected', // we speak TLS, the other side does not
  'tlsUntrusted',
  'tlsNameMismatch',
  'tlsExpired',
  'clientCertificateRequired',
  'tlsFailed',
  'reset',
] as const;
export type ConnectionCause = (typeof CONNECTION_CAUSES)[number];

export interface ConnectionTrouble {
  readonly cause: ConnectionCause;
  /** Goes on after "… cannot be reached: ". Holds nothing that the other side said. */
  readonly say: string;
  /** The code of Node or OpenSSL, empty when there is none. */
  readonly code: string;
  /** Whether a request may have gone out before it broke. */
  readonly sent: boolean;
}

type Meaning = readonly [ConnectionCause, string];

const UNTRUSTED: Meaning = ['tlsUntrusted', 'its certificate comes from an authority that is not trusted (give its CA in tls.caFile)'];
const NO_TLS: Meaning = ['plaintextExpected', 'it does not speak TLS on that port'];
const CLIENT_CERTIFICATE: Meaning = ['clientCertificateRequired', 'it demands a client certificate and got none that it accepts (give tls.certFile and tls.keyFile)'];

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: ['nameNotFound', 'its name is not known to DNS'],
  EAI_AGAIN: ['nameNotFound', 'its name could not be looked up: DNS does not answer'],
  EHOSTUNREACH: ['noRoute', 'there is no way to the host'],
  ENETUNREACH: ['noRoute', 'there is no way to its network'],
  EHOSTDOWN: ['noRoute', 'the host is down'],
  ECONNREFUSED: ['refused', 'nothing listens there'],
  ETIMEDOUT: ['timeout', 'no connection came about in time: the host is gone, or a firewall or NetworkPolicy drops packets'],
  UND_ERR_CONNECT_TIMEOUT: ['timeout', 'no connection came about in time: the host is gone, or a firewall or NetworkPolicy drops packets'],
  UND_ERR_HEADERS_TIMEOUT: ['timeout', 'it took the request and did not answer in time'],
  UND_ERR_BODY_TIMEOUT: ['timeout', 'it stopped in the middle of its answer'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['tlsUntrusted', 'its certificate is self-signed (give it, or its CA, in tls.caFile)'],
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_REVOKED: ['tlsUntrusted', 'its certificate is revoked'],
  INVALID_CA: UNTRUSTED,
  CERT_HAS_EXPIRED: ['tlsExpired', 'its certificate has expired'],
  CERT_NOT_YET_VALID: ['tlsExpired', 'its certificate is not valid yet (check both clocks)'],
  ERR_TLS_CERT_ALTNAME_INVALID: ['tlsNameMismatch', 'its certificate is for another name (check the address, or give tls.serverName)'],
  HOSTNAME_MISMATCH: ['tlsNameMismatch', 'its certificate is for another name (check the address, or give tls.serverName)'],
  ERR_SSL_WRONG_VERSION_NUMBER: NO_TLS,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NO_TLS,
  ERR_SSL_HTTP_REQUEST: NO_TLS,
  ERR_SSL_UNKNOWN_PROTOCOL: NO_TLS,
  EPROTO: ['tlsFailed', 'TLS could not be agreed on'],
};

/** Alerts by which a server refuses what the client showed, or did not show, of itself: RFC 8446 section 6.2, and bad_certificate by servers on Go with TLS 1.2. */
const ABOUT_OUR_CERTIFICATE = /^ERR_SSL_.*ALERT_(?:CERTIFICATE_REQUIRED|BAD_CERTIFICATE|NO_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_(?:UNKNOWN|EXPIRED|REVOKED)|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)$/;

/** What broke before a request can have been taken. Of the others nobody knows. */
const BEFORE_THE_REQUEST: ReadonlySet<ConnectionCause> = new Set(['nameNotFound', 'noRoute', 'refused', 'plaintextExpected', 'tlsUntrusted', 'tlsNameMismatch', 'tlsExpired', 'clientCertificateRequired', 'tlsFailed']);

export function connectionTrouble(error: unknown): ConnectionTrouble {
  const code = codeOf(error, 0);
  const [cause, say] = meaningOf(code);
  const sent = !BEFORE_THE_REQUEST.has(cause) && code !== 'UND_ERR_CONNECT_TIMEOUT' && code !== 'ETIMEDOUT';
  return { cause, say: code === '' ? say : `${say} (${code})`, code, sent };
}

function meaningOf(code: string): Meaning {
  const known = Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : undefined;
  if (known !== undefined) return known;
  if (ABOUT_OUR_CERTIFICATE.test(code)) return CLIENT_CERTIFICATE;
  if (/^ERR_(?:SSL|TLS|OSSL)_/.test(code)) return ['tlsFailed', 'TLS could not be agreed on: versions, ciphers, or a client certificate that it wants'];
  return ['reset', 'the connection broke'];
}

/** Of an attempt over several addresses each has an error of its own; the first one speaks. */
function codeOf(error: unknown, depth: number): string {
  if (typeof error !== 'object' || error === null || depth > 3) return '';
  const { code, errors, cause } = error as { code?: unknown; errors?: unknown; cause?: unknown };
  if (typeof code === 'string' && /^[A-Z0-9_]{1,80}$/.test(code) && code !== 'UND_ERR_SOCKET') return code;
  const inner = (Array.isArray(errors) ? codeOf(errors[0], depth + 1) : '') || codeOf(cause, depth + 1);
  return inner || (typeof code === 'string' && code === 'UND_ERR_SOCKET' ? code : '');
}
