/** The sandbox on this machine: processes of redis-server and nats-server from PATH, in a temporary folder, on ports of their own. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { startChild, type Child } from './child.ts';
import { killIn, leaseFolder, processesIn, reapOrphans, type Reaped } from './lease.ts';
import { clusterPortOf, startRedisNode } from './local-redis.ts';
import type { RedisToLoad, Sandbox, SandboxNats, SandboxRedis, Teardown } from './sandbox.ts';

const READY_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 20;
/** A cluster of more shards than this is not drilled on one machine. */
const SHARDS_MAX = 100;
/** A port that was free may be taken until the server listens there; so many are tried. */
const STARTS_MAX = 3;
/** Ports whose neighbour is taken, or does not exist, are passed over, so many times. */
const PORT_TRIES = 200;

export interface LocalSandboxParts {
  /** Where folders are made: a disk with room for the backup. */
  readonly parent: string;
  readonly redisServer: string | undefined;
  readonly natsServer: string | undefined;
  readonly clock: Clock;
  /** Opens a connection to a server of the sandbox, and names it: `run_id` and version. */
  identifyRedis(at: { readonly host: string; readonly port: number; readonly password: string }): Promise<Result<{ readonly runId: string; readonly version: string }>>;
  identifyNats(at: { readonly url: string; readonly token: string }): Promise<Result<{ readonly serverId: string; readonly version: string }>>;
}

export async function createLocalSandbox(parts: LocalSandboxParts): Promise<{ readonly sandbox: Sandbox; readonly reaped: readonly Reaped[] }> {
  const { parent, clock } = parts;
  const reaped = await reapOrphans(parent, clock);
  const directory = await leaseFolder(parent);
  return { sandbox: sandboxIn(directory, parts), reaped };
}

function sandboxIn(directory: string, parts: LocalSandboxParts): Sandbox {
  const { clock } = parts;
  const children: Child[] = [];
  const addresses: string[] = [];
  const password = randomBytes(24).toString('hex');
  let ended: Promise<Teardown> | undefined;
  return {
    kind: 'local',
    id: directory.slice(-6),
    directory,
    addresses: () => [...addresses],
    async loadRedis(shards, signal) {
      if (parts.redisServer === undefined) return fail('notFound', 'There is no redis-server on PATH: install it (Debian: redis-server) to drill Redis here.');
      if (shards.length > SHARDS_MAX) return fail('tooLarge', `The backup has ${shards.length} shards; at most ${SHARDS_MAX} are drilled on one machine.`);
      return loadShards(shards, { directory, password, children, addresses, parts, command: parts.redisServer, signal });
    },
    async startNats(signal) {
      if (parts.natsServer === undefined) return fail('notFound', 'There is no nats-server on PATH: install it (Debian: nats-server) to drill NATS here.');
      return startNats({ directory, token: password, children, addresses, parts, command: parts.natsServer, signal });
    },
    teardown: () => (ended ??= teardown(directory, children, clock)),
  };
}

interface Starting {
  readonly directory: string;
  readonly children: Child[];
  readonly addresses: string[];
  readonly parts: LocalSandboxParts;
  readonly command: string;
  readonly signal: AbortSignal;
}

async function loadShards(shards: readonly RedisToLoad[], starting: Starting & { readonly password: string }): Promise<Result<readonly SandboxRedis[]>> {
  const { directory, password, children, addresses, parts, command, signal } = starting;
  const servers: SandboxRedis[] = [];
  const ports = await freePorts(shards.length);
  // All at once would load all at once: memory and disk are those of one machine.
  for (const [i, shard] of shards.entries()) {
    let port = ports[i] ?? 0;
    // Named by its port: one sandbox may load several backups.
    const start = () => startRedisNode({ command, folder: join(directory, `redis-${port}`), port, password, shard, clock: parts.clock, signal });
    let node = await start();
    // Another drill that begins at this moment may have found the same port free.
    for (let tries = 1; !node.ok && node.failure.reason === 'conflict' && tries < STARTS_MAX; tries += 1) {
      [port = 0] = await freePorts(1);
      node = await start();
    }
    if (!node.ok) return node;
    addresses.push(`127.0.0.1:${port}`);
    children.push(node.value.child);
    const at = { host: '127.0.0.1', port, password };
    const named = await parts.identifyRedis(at);
    if (!named.ok) return named;
    servers.push({ ...at, ...named.value, loaded: node.value.loaded, loadMs: node.value.loadMs });
  }
  return succeed(servers);
}

async function startNats({ directory, token, children, addresses, parts, command, signal }: Starting & { readonly token: string }): Promise<Result<SandboxNats>> {
  const { clock } = parts;
  const [port = 0] = await freePorts(1);
  const folder = join(directory, 'nats');
  await mkdir(folder, { mode: 0o700 });
  const conf = join(folder, 'nats.conf');
  await writeFile(conf, `host: "127.0.0.1"\nport: ${port}\nserver_name: "drill-${directory.slice(-6)}"\nauthorization { token: "${token}" }\njetstream { store_dir: ${JSON.stringify(join(folder, 'store'))} }\n`, { mode: 0o600 });
  addresses.push(`127.0.0.1:${port}`);
  const child = startChild(command, ['-c', conf], folder);
  children.push(child);
  const until = clock.now() + READY_WITHIN_MS;
  while (!/Server is ready/.test(child.output())) {
    if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
    if (!child.running()) return fail('unavailable', `The nats-server of the sandbox does not start: ${child.output().trim().split('\n').slice(-2).join(' / ')}`);
    if (clock.now() >= until) return fail('timeout', `The nats-server of the sandbox was not ready within ${READY_WITHIN_MS / 1_000} s.`);
    await waitUntil(clock, clock.now() + LOOK_EVERY_MS, signal);
  }
  const at = { url: `nats://127.0.0.1:${port}`, token };
  const named = await parts.identifyNats(at);
  return named.ok ? succeed({ ...at, ...named.value }) : named;
}

async function teardown(directory: string, children: readonly Child[], clock: Clock): Promise<Teardown> {
  const left: string[] = [];
  await Promise.all(children.map((child) => child.kill()));
  // Also what was started and not yet known when a drill broke off.
  await killIn(directory, clock);
  const still = await processesIn(directory);
  if (still.length > 0) left.push(`processes ${still.join(', ')} do not end`);
  try {
    await rm(directory, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    left.push(`${directory} cannot be removed: ${error instanceof Error ? error.message : 'for no reason given'}`);
  }
  return { processes: children.length, directoryGone: await isGone(directory), left };
}

async function isGone(directory: string): Promise<boolean> {
  try {
    await stat(directory);
    return false;
  } catch (error) {
    // What cannot be looked at is not known to be gone.
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}

/** Ports that nobody listens on now, and whose cluster port (10,000 up) is free as well. */
async function freePorts(count: number): Promise<number[]> {
  const held: Listening[] = [];
  const ports: number[] = [];
  try {
    for (let tries = 0; ports.length < count && tries < count + PORT_TRIES; tries += 1) {
      const port = await listen(0);
      held.push(port);
      const busPort = clusterPortOf(port.port);
      const bus = busPort === undefined ? undefined : await listen(busPort).catch(() => undefined);
      if (bus === undefined) continue;
      held.push(bus);
      ports.push(port.port);
    }
  } finally {
    await Promise.all(held.map(({ close }) => close()));
  }
  return ports;
}

interface Listening {
  readonly port: number;
  close(): Promise<void>;
}

function listen(port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({ port: typeof address === 'object' && address !== null ? address.port : 0, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
