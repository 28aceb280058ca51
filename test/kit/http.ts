/** The HTTP surface over a fake door, with a key of alice and one of robot. */
import { silentLog } from '#kernel/log.ts';
import type { Log } from '#kernel/log.ts';
import { Secret } from '#kernel/secret.ts';
import { createAuthentication } from '#surfaces/http/auth.ts';
import type { Authenticator } from '#surfaces/http/auth.ts';
import { createHttpServer } from '#surfaces/http/server.ts';
import type { HttpServer, HttpServerOptions } from '#surfaces/http/server.ts';
import { createVirtualClock } from './clock.ts';
import type { VirtualClock } from './clock.ts';
import { createFakeOperations } from './operations.ts';
import type { FakeOperations } from './operations.ts';

export const ALICE_KEY = 'alice-key-0123456789';
export const ROBOT_KEY = 'robot-key-0123456789';
export const ALICE = { authorization: `Bearer ${ALICE_KEY}` };

export interface TestHttp extends HttpServer {
  readonly operations: FakeOperations;
  readonly clock: VirtualClock;
}

export async function createTestHttp(options: Partial<HttpServerOptions> & { authenticators?: readonly Authenticator[]; log?: Log } = {}): Promise<TestHttp> {
  const { authenticators = [], ...rest } = options;
  const operations = createFakeOperations();
  const clock = createVirtualClock();
  const server = await createHttpServer({
    listen: { host: '127.0.0.1', port: 0 },
    operations,
    authenticate: createAuthentication({
      apiKeys: [
        { key: new Secret(ALICE_KEY), principal: 'alice', roles: ['oncall'] },
        { key: new Secret(ROBOT_KEY), principal: 'robot', roles: [] },
      ],
      authenticators,
    }),
    clock,
    log: silentLog,
    version: '0.0.0-test',
    ...rest,
  });
  return { ...server, operations, clock };
}
