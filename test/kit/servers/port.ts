import { createServer } from 'node:net';

/**
 * Below the ports that Linux gives to whoever names none (32768 on), so that no connection on its way out and no server on
 * port 0 can take one meanwhile. The bus of a Redis Cluster listens on the port plus 10,000: that is below them as well.
 */
const LOWEST = 10_000;
const HIGHEST = 22_000;

/** Test files run in processes of their own, side by side: each begins somewhere else, and gives no port twice. */
let next = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));

/** A TCP port of 127.0.0.1 that was free a moment ago. Another process may take it meanwhile: servers try again then. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < HIGHEST - LOWEST; tried += 1) {
    const port = next;
    next = port >= HIGHEST ? LOWEST : port + 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${LOWEST} to ${HIGHEST} is free`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
