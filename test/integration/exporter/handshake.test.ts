import { createServer as createPlain, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTls, TLSSocket, type TlsOptions } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createHandshake } from '#exporter/handshake.ts';
import type { Endpoint } from '#exporter/sources/certificates.ts';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import { type Certificates, makeCertificates } from '../../kit/servers/certificates.ts';

const CALL = { signal: new AbortController().signal };
const handshake = createHandshake(systemClock, 2_000);

async function listening(server: Server): Promise<Endpoint> {
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

describe('the end of a certificate', () => {
  test('is seen though nobody trusts it, it is for another name, and it has expired', async () => {
    const expired = await makeCertificates({ names: ['elsewhere.example'], expiresInDays: -1 });
    const end = await handshake(await listening(tlsServer(expired)), CALL);
    expect(end).toEqual({ ok: true, value: endOf(expired) });
    expect(endOf(expired)).toBeLessThan(Date.now());
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is seen of a server that wants to know who we are, with and without an answer (%s)', async (maxVersion) => {
    const made = await makeCertificates({ names: ['127.0.0.1'] });
    const endpoint = await listening(tlsServer(made, { requestCert: true, rejectUnauthorized: true, maxVersion }));
    expect(await handshake(endpoint, CALL)).toEqual({ ok: true, value: endOf(made) });
    expect(await handshake({ ...endpoint, identity: { cert: made.clientCert, key: new Secret(made.clientKey) } }, CALL)).toEqual({ ok: true, value: endOf(made) });
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
    expect(await handshake({ ...(await listening(server)), greeting: 'nats' }, CALL)).toEqual({ ok: true, value: endOf(made) });
  });

  test.each([
    ['says nothing', () => {}, 'none', 'timeout'],
    ['speaks no TLS', (socket: Socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'none', 'unreachable'],
    ['hangs up', (socket: Socket) => socket.destroy(), 'none', 'unreachable'],
    ['is no NATS', (socket: Socket) => socket.write('HELLO\r\n'), 'nats', 'unexpected'],
    ['greets without end', (socket: Socket) => socket.write('I'.repeat(200_000)), 'nats', 'unexpected'],
  ] as const)('is not seen of a server that %s', async (_what, act, greeting, reason) => {
    const server = createPlain((socket) => {
      socket.on('error', () => {});
      act(socket);
    });
    expect(await handshake({ ...(await listening(server)), greeting }, CALL)).toMatchObject({ ok: false, failure: { reason } });
  });

  test('is not seen where nobody listens, nor after the look was ended', async () => {
    const endpoint = await listening(createPlain());
    expect(await handshake({ ...endpoint, port: 1 }, CALL)).toMatchObject({ ok: false, failure: { reason: 'unreachable' } });
    expect(await handshake(endpoint, { signal: AbortSignal.abort() })).toMatchObject({ ok: false, failure: { reason: 'cancelled' } });
  });
});
