import { createServer } from 'node:net';

/** A TCP port of 127.0.0.1 that was free a moment ago. Another process may take it meanwhile: servers try again then. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('a listening server has no port'))));
    });
  });
}
