import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer as createHttps } from 'node:https';
import { createServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net';
import grpc from '@grpc/grpc-js';
import { HealthImplementation, service as healthService } from 'grpc-health-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { createGrpcHealthClient } from '#systems/grpc/client.ts';
import { healthCheck } from '#systems/grpc/steps/health-check.ts';
import { makeCertificates, type Certificates } from '../../kit/servers/certificates.ts';
import { freePort } from '../../kit/servers/port.ts';
import { read, tryRead } from '../../kit/step-context.ts';

/** A gRPC server with the health service as it says it is, on a free port of 127.0.0.1. */
async function startGrpc(credentials: grpc.ServerCredentials, statuses: Record<string, 'SERVING' | 'NOT_SERVING'> | undefined): Promise<number> {
  const server = new grpc.Server();
  if (statuses !== undefined) new HealthImplementation(statuses).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))));
  onTestFinished(() => server.forceShutdown());
  return port;
}

const PLAIN = grpc.ServerCredentials.createInsecure();

function withTls(of: Certificates, demandClient = false): grpc.ServerCredentials {
  return grpc.ServerCredentials.createSsl(demandClient ? Buffer.from(of.ca) : null, [{ private_key: Buffer.from(of.serverKey), cert_chain: Buffer.from(of.serverCert) }], demandClient);
}

async function listen(server: NetServer): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function check(address: string | number, tls?: TlsMaterial, input: object = {}): Promise<Record<string, unknown>> {
  const client = createGrpcHealthClient({ services: [{ name: 'kernel', address: typeof address === 'number' ? `127.0.0.1:${address}` : address, ...(tls === undefined ? {} : { tls }) }], clock: systemClock });
  return read(healthCheck, { service: 'kernel', ...input }, client);
}

describe('the health of a gRPC service', () => {
  it('in plaintext is serving, not serving, unknown or not offered', async () => {
    const port = await startGrpc(PLAIN, { '': 'SERVING', part: 'NOT_SERVING' });
    expect(await check(port)).toMatchObject({ healthy: true, reachable: true, status: 'SERVING', cause: 'ok', certificate: { seen: false } });
    expect(await check(port, undefined, { part: 'part' })).toMatchObject({ healthy: false, reachable: true, status: 'NOT_SERVING', cause: 'notServing' });
    expect(await check(port, undefined, { part: 'nobody' })).toMatchObject({ healthy: false, reachable: true, status: 'SERVICE_UNKNOWN', cause: 'serviceUnknown' });
    expect(await check(await startGrpc(PLAIN, undefined))).toMatchObject({ healthy: false, reachable: true, status: 'UNIMPLEMENTED', cause: 'unimplemented' });
  });

  it('over TLS comes with the facts of the certificate', async () => {
    const good = await makeCertificates({ names: ['localhost', '127.0.0.1'], expiresInDays: 30 });
    const port = await startGrpc(withTls(good), { '': 'SERVING' });
    for (const address of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect(await check(address, { ca: good.ca }), address).toMatchObject({
        healthy: true, cause: 'ok', tls: true,
        certificate: { seen: true, daysLeft: 29, expired: false, issuer: 'CN=Test authority', names: [{ name: 'localhost' }, { name: '127.0.0.1' }] },
      });
    }
  });

  it('over TLS is told apart: wrong authority, wrong name, expired, none at all, plaintext to a TLS port', async () => {
    const good = await makeCertificates({ names: ['safety-kernel'] });
    const other = await makeCertificates({ names: ['127.0.0.1'] });
    const expired = await makeCertificates({ names: ['127.0.0.1'], expiresInDays: -1 });
    const port = await startGrpc(withTls(good), { '': 'SERVING' });
    expect(await check(port, { ca: other.ca })).toMatchObject({ healthy: false, reachable: false, status: 'unreachable', cause: 'tlsUntrusted', certificate: { seen: true, names: [{ name: 'safety-kernel' }] } });
    expect(await check(port, {})).toMatchObject({ cause: 'tlsUntrusted' });
    expect(await check(port, { ca: good.ca })).toMatchObject({ cause: 'tlsNameMismatch' });
    expect(await check(port, { ca: good.ca, serverName: 'safety-kernel' })).toMatchObject({ healthy: true, cause: 'ok' });
    expect(await check(port)).toMatchObject({ status: 'unreachable', cause: 'tlsRequired', tls: false, certificate: { seen: true } });
    expect(await check(await startGrpc(withTls(expired), { '': 'SERVING' }), { ca: expired.ca })).toMatchObject({ cause: 'tlsExpired', certificate: { seen: true, expired: true } });
    expect(await check(await startGrpc(PLAIN, { '': 'SERVING' }), { ca: good.ca })).toMatchObject({ cause: 'plaintextExpected', certificate: { seen: false } });
  });

  it('over mTLS needs a client certificate that the server accepts', async () => {
    const good = await makeCertificates({ names: ['127.0.0.1'] });
    const other = await makeCertificates({ names: ['127.0.0.1'] });
    const port = await startGrpc(withTls(good, true), { '': 'SERVING' });
    expect(await check(port, { ca: good.ca, cert: good.clientCert, key: new Secret(good.clientKey) })).toMatchObject({ healthy: true });
    expect(await check(port, { ca: good.ca })).toMatchObject({ status: 'unreachable', cause: 'clientCertificateRequired', certificate: { seen: true } });
    expect(await check(port, { ca: good.ca, cert: other.clientCert, key: new Secret(other.clientKey) })).toMatchObject({ cause: 'clientCertificateRequired' });
    expect(await check(port)).toMatchObject({ cause: 'tlsRequired' });
  });

  it('cannot be asked where nobody listens, the name is unknown, or something else answers', async () => {
    expect(await check(await freePort())).toMatchObject({ reachable: false, status: 'unreachable', cause: 'refused', healthy: false });
    expect(await check('no-such-host.invalid:50051')).toMatchObject({ cause: 'nameNotFound' });
    const good = await makeCertificates({ names: ['127.0.0.1'] });
    const http = await listen(createHttp((_request, response) => response.end('hello')));
    expect(await check(http)).toMatchObject({ cause: 'wrongPort' });
    const https = await listen(createHttps({ key: good.serverKey, cert: good.serverCert }, (_request, response) => response.end('hello')));
    expect(await check(https, { ca: good.ca })).toMatchObject({ reachable: false, cause: expect.stringMatching(/^(?:wrongPort|tlsFailed)$/) });
    const http2 = await listen(createHttp2((_request, response) => response.writeHead(404).end('not here')));
    expect(await check(http2)).toMatchObject({ cause: 'wrongPort' });
    const greeting = await listen(createServer((socket) => void socket.write('INFO {"server_id":"not grpc"}\r\n')));
    expect(await check(greeting)).toMatchObject({ cause: 'wrongPort' });
    const closing = await listen(createServer((socket) => socket.destroy()));
    expect(await check(closing)).toMatchObject({ reachable: false, cause: 'reset' });
  });

  it('is slow but alive, or hangs', async () => {
    const slow = new grpc.Server();
    slow.addService(healthService as unknown as grpc.ServiceDefinition, {
      check: (_call: unknown, answer: (error: null, value: object) => void) => void setTimeout(() => answer(null, { status: 'SERVING' }), 300),
      watch: () => {},
      list: () => {},
    });
    const port = await new Promise<number>((resolve) => slow.bindAsync('127.0.0.1:0', PLAIN, (_error, bound) => resolve(bound)));
    onTestFinished(() => slow.forceShutdown());
    expect(await check(port, undefined, { slowMs: 100 })).toMatchObject({ healthy: true, slow: true, cause: 'ok' });
    expect(await check(port, undefined, { withinMs: 100 })).toMatchObject({ healthy: false, status: 'unreachable', cause: 'timeout' });
    const silent = await listen(createServer(() => {}));
    expect(await check(silent, undefined, { withinMs: 300 })).toMatchObject({ status: 'unreachable', cause: 'timeout' });
  });

  it('is asked twice before it is called a hang, and the time of both counts', async () => {
    let asked = 0;
    const server = new grpc.Server();
    server.addService(healthService as unknown as grpc.ServiceDefinition, {
      check: (_call: unknown, answer: (error: null, value: object) => void) => {
        asked += 1;
        if (asked > 1) answer(null, { status: 'SERVING' });
      },
      watch: () => {},
      list: () => {},
    });
    const port = await new Promise<number>((resolve) => server.bindAsync('127.0.0.1:0', PLAIN, (_error, bound) => resolve(bound)));
    onTestFinished(() => server.forceShutdown());
    expect(await check(port, undefined, { withinMs: 2_000, slowMs: 1_000 })).toMatchObject({ healthy: true, slow: true, cause: 'ok' });
    expect(asked).toBe(2);
  });

  it('of a service that the target does not have is a mistake, with a hint', async () => {
    const client = createGrpcHealthClient({ services: [{ name: 'safety-kernel', address: '127.0.0.1:1' }], clock: systemClock });
    expect(await tryRead(healthCheck, { service: 'safety-kernal' }, client)).toMatchObject({ ok: false, failure: { reason: 'invalid', message: expect.stringContaining('safety-kernel') } });
  });
});
