import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { serverPing } from '#systems/redis/steps/server-ping.ts';
import { redisClient } from '../../../kit/redis.ts';
import { read } from '../../../kit/step-context.ts';

const CHUNK = Buffer.alloc(1024 * 1024, 'x');

it('an answer of Redis without end is dropped before it fills the memory', async () => {
  let sent = 0;
  const server: Server = createServer((socket) => {
    const pump = (): void => {
      while (!socket.destroyed && socket.writable) {
        sent += CHUNK.length;
        if (!socket.write(CHUNK)) return;
      }
    };
    socket.on('error', () => {});
    socket.on('drain', pump);
    socket.once('data', () => {
      socket.write('$999999999999\r\n');
      pump();
    });
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = redisClient({ url: `redis://:pw@127.0.0.1:${(server.address() as AddressInfo).port}` }, { timeoutMs: 60_000, connectTimeoutMs: 60_000 });
  expect(await read(serverPing, {}, client)).toMatchObject({ reachable: false, why: 'unexpected', say: expect.stringContaining('over 64 MiB') });
  expect(sent).toBeLessThan(128 * 1024 * 1024);
});

it('a server that repeats what it does not know repeats no password to us', async () => {
  // As Redis says it since version 5, where AUTH has another name: the arguments stand in the reply.
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (said: Buffer) => void socket.write(`-ERR unknown command 'AUTH', with args beginning with: ${said.toString().replaceAll('\r\n', ' ')}\r\n`));
    onTestFinished(() => void socket.destroy());
  });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  for (const url of [`redis://:s3cr3tS3cr3t@127.0.0.1:${port}`, `redis://bot:s3cr3tS3cr3t@127.0.0.1:${port}`]) {
    const answer = await read(serverPing, {}, redisClient({ url }));
    expect(answer).toMatchObject({ reachable: false, why: 'unsupported' });
    expect(JSON.stringify(answer)).not.toContain('s3cr3t');
  }
});
