/**
 * The certificate that an endpoint shows, read by a TLS handshake and nothing more. Whether it is trusted is not asked: an
 * expired certificate must be seen as well. Addresses come from the configuration alone, and nothing is ever sent.
 */
import type { Clock } from '#kernel/clock.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import type { Call } from './source.ts';
import type { Endpoint } from './sources/certificates.ts';

const HANDSHAKE_TIMEOUT_MS = 5_000;
/** The greeting of NATS, `INFO {…}`, is one line; longer than this it is none. */
const LONGEST_GREETING = 65_536;

export function createHandshake(clock: Clock, timeoutMs = HANDSHAKE_TIMEOUT_MS): (endpoint: Endpoint, call: Call) => Promise<Result<number>> {
  return async (endpoint, { signal }) => {
    const late = new AbortController();
    const cancel = clock.schedule(clock.now() + timeoutMs, () => late.abort());
    try {
      return await expiryOf(endpoint, AbortSignal.any([signal, late.signal]), timeoutMs);
    } finally {
      cancel();
    }
  };
}

async function expiryOf({ host, port, greeting, serverName, identity }: Endpoint, signal: AbortSignal, timeoutMs: number): Promise<Result<number>> {
  const [net, tls] = await Promise.all([import('node:net'), import('node:tls')]);
  const where = `${host}:${port}`;
  if (signal.aborted) return fail('cancelled', `The handshake with ${where} was not begun.`);
  const name = serverName ?? host;
  return new Promise((resolve) => {
    const raw = net.connect({ host, port });
    let secure: import('node:tls').TLSSocket | undefined;
    const end = (result: Result<number>): void => {
      signal.removeEventListener('abort', abort);
      resolve(result);
      secure?.destroy();
      raw.destroy();
    };
    const abort = (): void => end(fail('timeout', `${where} did not finish a TLS handshake within ${timeoutMs / 1_000} s.`));
    const broken = (error: NodeJS.ErrnoException): void => {
      // A server that wants a certificate of ours has shown its own by the time it says no.
      const shown = secure?.getPeerX509Certificate()?.validTo;
      end(shown === undefined ? fail('unreachable', `No TLS handshake with ${where}: ${error.code ?? error.message}.`) : read(shown, where));
    };
    const shakeHands = (): void => {
      // `rejectUnauthorized` off: we look at the certificate, and send nothing over the connection.
      const own = identity === undefined ? {} : { cert: identity.cert, key: identity.key.reveal() };
      secure = tls.connect({ socket: raw, rejectUnauthorized: false, ...own, ...(net.isIP(name) === 0 ? { servername: name } : {}) });
      secure.on('error', broken);
      secure.once('close', () => end(fail('unreachable', `${where} closed the connection during the TLS handshake.`)));
      secure.once('secureConnect', () => end(read(secure?.getPeerX509Certificate()?.validTo, where)));
    };
    signal.addEventListener('abort', abort, { once: true });
    raw.on('error', broken);
    raw.once('close', () => end(fail('unreachable', `${where} closed the connection during the TLS handshake.`)));
    raw.once('connect', () => (greeting === 'nats' ? afterGreeting(raw, shakeHands, () => end(fail('unexpected', `${where} does not greet like NATS.`))) : shakeHands()));
  });
}

/** Waits for NATS' first line. TLS begins right after it, so the rest of a chunk, if any, goes back. */
function afterGreeting(raw: import('node:net').Socket, then: () => void, give: () => void): void {
  let line = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    line = Buffer.concat([line, chunk]);
    const end = line.indexOf('\r\n');
    if (end === -1 && line.length <= LONGEST_GREETING) return;
    raw.off('data', onData);
    raw.pause();
    if (end === -1 || !line.subarray(0, 5).equals(Buffer.from('INFO '))) return give();
    const rest = line.subarray(end + 2);
    if (rest.length > 0) raw.unshift(rest);
    then();
  };
  raw.on('data', onData);
}

function read(validTo: string | undefined, where: string): Result<number> {
  const atMs = Date.parse(validTo ?? '');
  return Number.isFinite(atMs) ? succeed(atMs) : fail('unexpected', `${where} showed no certificate that can be read.`);
}
