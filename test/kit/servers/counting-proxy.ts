import { connect, createServer, type Socket } from 'node:net';
import { TestRunner } from 'vitest';

export interface CountingProxy {
  readonly port: number;
  /** What clients did so far. */
  counts(): { readonly connections: number; readonly bytes: number; readonly open: number };
}

/** A TCP proxy in front of a server of 127.0.0.1 that counts what clients send. Gone with the test. */
export async function startCountingProxy(to: number): Promise<CountingProxy> {
  let connections = 0;
  let bytes = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(to, '127.0.0.1');
    sockets.add(client);
    client.on('data', (chunk) => {
      bytes += chunk.length;
    });
    client.pipe(upstream).pipe(client);
    const end = (): void => {
      sockets.delete(client);
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
  TestRunner.getCurrentTest()?.context.onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port, counts: () => ({ connections, bytes, open: sockets.size }) };
}
