/** A real gRPC server with the standard health service, in this process. */
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import grpc from '@grpc/grpc-js';
import { HealthImplementation, service as healthService } from 'grpc-health-check';
import { onTestFinished } from 'vitest';

export interface GrpcOptions {
  /** Speaks TLS with this; without it plaintext. */
  readonly tls?: { readonly serverCert: string; readonly serverKey: string };
  readonly status?: 'SERVING' | 'NOT_SERVING';
  /** How long a check takes. */
  readonly slowMs?: number;
}

/** Its port on 127.0.0.1; it ends with the test. */
export async function startGrpc({ tls, status = 'SERVING', slowMs }: GrpcOptions = {}): Promise<number> {
  const server = new grpc.Server();
  if (slowMs === undefined) new HealthImplementation({ '': status }).addToServer(server);
  else {
    server.addService(healthService as unknown as grpc.ServiceDefinition, {
      check: (_call: unknown, answer: (error: null, value: object) => void) => void setTimeout(() => answer(null, { status }), slowMs),
      watch: () => {},
      list: () => {},
    });
  }
  const credentials = tls === undefined ? grpc.ServerCredentials.createInsecure() : grpc.ServerCredentials.createSsl(null, [{ private_key: Buffer.from(tls.serverKey), cert_chain: Buffer.from(tls.serverCert) }], false);
  const port = await new Promise<number>((resolve, reject) => server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))));
  onTestFinished(() => server.forceShutdown());
  return port;
}

/** Takes connections and never says a word, as what is behind a rule that drops packets, or hangs. */
export async function startSilent(): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
