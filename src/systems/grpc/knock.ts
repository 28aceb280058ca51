/**
 * One look at a port, beside the gRPC library: who answers there, and with what certificate. The library says UNAVAILABLE to
 * everything that goes wrong before a call; on a socket of our own the causes can be told apart.
 */
import { isIP, connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { ShownCertificate } from '#kernel/certificate.ts';
import type { Clock } from '#kernel/clock.ts';
import { type ConnectionTrouble, connectionTrouble } from '#kernel/network.ts';
import type { TlsMaterial } from '#kernel/tls.ts';

export interface KnockOptions {
  readonly host: string;
  readonly port: number;
  /** Absent: plaintext. Its authorities are asked, but the handshake goes on whatever they say, to see the certificate. */
  readonly tls?: TlsMaterial | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `closed`: it took the connection and ended it without a word; `silent`: it said nothing in time. */
export type Answered = 'http2' | 'http1' | 'tls' | 'other' | 'closed' | 'silent';

export interface Knock {
  /** Whether a connection, and with TLS a handshake, came about. */
  readonly connected: boolean;
  /** What went wrong before that, or broke it. */
  readonly trouble: ConnectionTrouble | undefined;
  readonly answered: Answered;
  readonly certificate: ShownCertificate | undefined;
  /** Why the certificate is not trusted, when the handshake itself went through. */
  readonly distrust: ConnectionTrouble | undefined;
}

/** The client's part of opening HTTP/2: the preface and an empty SETTINGS frame (RFC 9113 section 3.4). */
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);
const SETTINGS_FRAME = 4;
const GOAWAY_FRAME = 7;
const TLS_ALERT = 0x15;
/** A frame's head; less than that is waited for. */
const ENOUGH_BYTES = 9;

export function knock(options: KnockOptions): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = open(options);
    let said = Buffer.alloc(0);
    let connected = false;
    let over = false;
    const end = (answered: Answered, error?: unknown): void => {
      if (over) return;
      over = true;
      stopTimer();
      options.signal?.removeEventListener('abort', onAbort);
      const trouble = error === undefined ? undefined : connectionTrouble(error);
      const result: Knock = { connected, trouble, answered: said.length > 0 ? kindOf(said) : answered, ...certificateOf(socket, connected) };
      // An error after the end is of no interest, and must not become an uncaught one.
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => end('silent', { code: 'ETIMEDOUT' });
    const stopTimer = options.clock.schedule(options.clock.now() + options.timeoutMs, () => end('silent', connected ? undefined : { code: 'ETIMEDOUT' }));
    options.signal?.addEventListener('abort', onAbort, { once: true });
    socket.once(options.tls === undefined ? 'connect' : 'secureConnect', () => {
      connected = true;
      socket.write(PREFACE);
    });
    socket.on('data', (chunk: Buffer) => {
      said = Buffer.concat([said, chunk]);
      if (said.length >= ENOUGH_BYTES) end('other');
    });
    socket.once('error', (error) => end('closed', error));
    socket.once('close', () => end('closed'));
    if (options.signal?.aborted === true) onAbort();
  });
}

function open({ host, port, tls }: KnockOptions): Socket | TLSSocket {
  if (tls === undefined) return connectPlain({ host, port });
  const name = tls.serverName ?? host;
  return connectTls({
    host,
    port,
    ALPNProtocols: ['h2'],
    // An address is no server name (RFC 6066), and is then checked against the addresses of the certificate.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls.key === undefined ? {} : { key: tls.key.reveal() }),
    rejectUnauthorized: false,
  });
}

function certificateOf(socket: Socket | TLSSocket, connected: boolean): Pick<Knock, 'certificate' | 'distrust'> {
  if (!connected || !('getPeerCertificate' in socket)) return { certificate: undefined, distrust: undefined };
  const shown = socket.getPeerCertificate();
  // Typed as an Error; it is the code as text.
  const why: unknown = socket.authorizationError;
  const code = typeof why === 'string' ? why : why instanceof Error && 'code' in why ? why.code : undefined;
  return { certificate: shown as ShownCertificate | undefined, distrust: socket.authorized || why == null ? undefined : connectionTrouble({ code: code ?? 'ERR_TLS_UNKNOWN' }) };
}

function kindOf(said: Buffer): Answered {
  if (said[0] === TLS_ALERT && said[1] === 3) return 'tls';
  const text = said.subarray(0, 8).toString('latin1');
  if (text.startsWith('HTTP/')) return 'http1';
  // A frame's length is small here, its type SETTINGS or GOAWAY, and the stream is the connection itself.
  const type = said[3];
  return said.length >= ENOUGH_BYTES && said[0] === 0 && (type === SETTINGS_FRAME || type === GOAWAY_FRAME) && said.readUInt32BE(5) === 0 ? 'http2' : 'other';
}
