import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTls, TLSSocket, type TlsOptions } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { createHttpClient, type TlsEndpoint } from '#systems/http/client.ts';
import { type Certificates, makeCertificates } from '../kit/servers/certificates.ts';

/** When the certificate ends, and whether it is trusted; or why none was seen. */
async function handshake(endpoint: TlsEndpoint, signal = new AbortController().signal): Promise<unknown> {
  const read = await createHttpClient({ allow: [], clock: systemClock }).endpointCertificate(endpoint, { timeoutMs: 2_000, signal });
  if (!read.ok) return read.failure.reason;
  if (!read.value.reachable) return read.value.cause;
  const { facts, shown } = read.value.value;
  return { endsAtMs: Date.parse(facts.notAfter), trusted: shown.distrust === undefined };
}

async function listening(server: Server): Promise<TlsEndpoint> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => void open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { name: 'x', host: '127.0.0.1', port: (server.address() as AddressInfo).port, greeting: 'none' };
}

function tlsServer({ serverCert: cert, serverKey: key, ca }: Certificates, options: TlsOptions = {}): Server {
  return createTls({ cert, key, ca, ...options }, (socket) => void socket.on('error', () => {})).on('tlsClientError', () => {});
}

const endOf = ({ serverCert }: Certificates): number => Date.parse(new X509Certificate(serverCert).validTo);

describe('the certificate of an endpoint', () => {
  test('is seen though nobody trusts it, it is for another name, and it has expired', async () => {
    const expired = await makeCertificates({ names: ['elsewhere.example'], expiresInDays: -1 });
    expect(await handshake(await listening(tlsServer(expired)))).toEqual({ endsAtMs: endOf(expired), trusted: false });
    expect(endOf(expired)).toBeLessThan(Date.now());
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is seen of a server that wants to know who we are, with and without an answer (%s)', async (maxVersion) => {
    const made = await makeCertificates({ names: ['127.0.0.1'] });
    const endpoint = { ...(await listening(tlsServer(made, { requestCert: true, rejectUnauthorized: true, maxVersion }))), ca: made.ca };
    expect(await handshake(endpoint)).toMatchObject({ endsAtMs: endOf(made) });
    expect(await handshake({ ...endpoint, identity: { cert: made.clientCert, key: new Secret(made.clientKey) } })).toEqual({ endsAtMs: endOf(made), trusted: true });
  });

  test('is seen of NATS, which greets in the clear, also in pieces', async () => {
    const made = await makeCertificates({ names: ['127.0.0.1'] });
    const server = createPlain((socket) => {
      socket.on('error', () => {});
      socket.write('INFO {"tls_re');
      setImmediate(() => {
        socket.write('quired":true}\r\n');
        new TLSSocket(socket, { isServer: true, cert: made.serverCert, key: made.serverKey }).on('error', () => {});
      });
    });
    expect(await handshake({ ...(await listening(server)), greeting: 'nats', ca: made.ca })).toEqual({ endsAtMs: endOf(made), trusted: true });
  });

  test.each([
    ['says nothing', () => {}, 'none', 'timeout'],
    ['speaks no TLS', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'none', 'plaintextExpected'],
    ['hangs up', (socket: Socket) => socket.destroy(), 'none', 'reset'],
    ['is no NATS', (socket: Socket) => socket.write('HELLO\r\n'), 'nats', 'tlsFailed'],
    ['greets without end', (socket: Socket) => socket.write(`INFO ${'I'.repeat(200_000)}`), 'nats', 'tlsFailed'],
  ] as const)('is not seen of a server that %s', async (_what, act, greeting, cause) => {
    const server = createPlain((socket) => {
      socket.on('error', () => {});
      act(socket);
    });
    expect(await handshake({ ...(await listening(server)), greeting })).toBe(cause);
  });

  test('is not seen where nobody listens, nor after the look was ended', async () => {
    const endpoint = await listening(createPlain());
    expect(await handshake({ ...endpoint, port: 1 })).toBe('refused');
    expect(await handshake(endpoint, AbortSignal.abort())).toBe('cancelled');
  });
});
