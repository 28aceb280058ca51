import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TestRunner } from 'vitest';
import type { Certificates } from './certificates.ts';
import { requireServer } from './find.ts';
import { freeze } from './freeze.ts';
import { freePort } from './port.ts';
import { type ServerProcess, startProcess, waitFor } from './process.ts';

const run = promisify(execFile);
const CLI_WITHIN_MS = 20_000;
const READY_WITHIN_MS = 20_000;
/** A free port may be taken between the look and the start; so many times another one is tried. */
const STARTS_MAX = 3;

export interface RedisServerOptions {
  /** Further flags, `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
  /** With it the port speaks TLS only. */
  readonly tls?: { readonly certificates: Certificates; /** Whether clients must show a certificate. */ readonly mutual?: boolean };
  readonly password?: string;
  readonly port?: number;
  /** Keep the data of an earlier start. */
  readonly directory?: string;
}

export interface RedisServer extends ServerProcess {
  readonly port: number;
  readonly address: string;
  /** With the password, when there is one. */
  readonly url: string;
  readonly directory: string;
  /** What redis-cli answers, without the last line break. Throws when it fails or says an error. */
  cli(...args: readonly string[]): Promise<string>;
  /** SIGSTOP: it hangs, its port stays open. It is woken before it is stopped. */
  freeze(): void;
  thaw(): void;
}

/** A real redis-server on 127.0.0.1, ready to answer, gone with the test. Skips the test (fails it under `CI=true`) without one. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const command = requireServer('redis');
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'redis-')));
  if (options.directory === undefined) TestRunner.getCurrentTest()?.context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (let start = 1; ; start += 1) {
    const port = options.port ?? (await freePort());
    const child = startProcess({ what: 'Redis', command, args: serverArgs(options, port, directory), cwd: directory });
    const server = dress(child, options, port, directory);
    try {
      await untilItAnswers(server);
      return server;
    } catch (error) {
      await child.stop('SIGKILL');
      if (start < STARTS_MAX && options.port === undefined && child.output().includes('Address already in use')) continue;
      throw error;
    }
  }
}

function serverArgs({ args = [], tls, password }: RedisServerOptions, port: number, directory: string): string[] {
  const listening =
    tls === undefined
      ? ['--port', String(port)]
      : ['--port', '0', '--tls-port', String(port), '--tls-cert-file', tls.certificates.serverCertFile, '--tls-key-file', tls.certificates.serverKeyFile, '--tls-ca-cert-file', tls.certificates.caFile, '--tls-auth-clients', tls.mutual === true ? 'yes' : 'no', '--tls-replication', 'yes', '--tls-cluster', 'yes'];
  const secret = password === undefined ? [] : ['--requirepass', password, '--masterauth', password];
  // A primary waits five seconds for further replicas before it sends itself to the first; `redis-cli --rdb` is one to it.
  return [...listening, '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--appendonly', 'no', '--repl-diskless-sync-delay', '0', ...secret, ...args];
}

function dress(child: ServerProcess, { tls, password }: RedisServerOptions, port: number, directory: string): RedisServer {
  // The kit trusts its own server, also one whose certificate a test has spoilt.
  const secure = tls === undefined ? [] : ['--tls', '--insecure', '--cert', tls.certificates.clientCertFile, '--key', tls.certificates.clientKeyFile];
  const stop = async (signal?: NodeJS.Signals): Promise<void> => {
    if (child.running()) process.kill(child.pid, 'SIGCONT');
    await child.stop(signal);
  };
  TestRunner.getCurrentTest()?.context.onTestFinished(() => stop());
  const credentials = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return {
    ...child,
    port,
    address: `127.0.0.1:${port}`,
    url: `${tls === undefined ? 'redis' : 'rediss'}://${credentials}127.0.0.1:${port}`,
    directory,
    cli: (...args) => cli(['-p', String(port), ...secure, ...(password === undefined ? [] : ['-a', password, '--no-auth-warning']), ...args]),
    freeze: () => freeze(child.pid),
    thaw: () => void process.kill(child.pid, 'SIGCONT'),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

async function cli(args: readonly string[]): Promise<string> {
  const program = join(dirname(requireServer('redis')), 'redis-cli');
  const { stdout } = await run(program, ['-h', '127.0.0.1', '-e', ...args], { timeout: CLI_WITHIN_MS, maxBuffer: 16 * 1024 * 1024 });
  return stdout.replace(/\r?\n$/, '');
}

async function untilItAnswers(server: RedisServer): Promise<void> {
  await waitFor(
    async () => {
      if (!server.running()) throw new Error(`Redis ended before it was ready:\n${server.output()}`);
      return server.cli('PING').then(
        (said) => (said === 'PONG' ? true : undefined),
        () => undefined,
      );
    },
    { until: `Redis answers at ${server.address}`, withinMs: READY_WITHIN_MS, everyMs: 30 },
  );
}

export interface RedisCluster {
  /** Three masters, then three replicas, as they stood at the start. */
  readonly nodes: readonly RedisServer[];
  /** Waits until every running node sees the cluster as said. */
  until(state: 'ok' | 'fail'): Promise<void>;
}

export interface RedisClusterOptions extends Pick<RedisServerOptions, 'args' | 'tls' | 'password'> {
  /** Default 1: three masters and three replicas. */
  readonly replicas?: 0 | 1;
}

/** A cluster of six on loopback, formed and ready. Node time-out 1 s, so that a dead master is seen soon. */
export async function startRedisCluster({ replicas = 1, args = [], ...rest }: RedisClusterOptions = {}): Promise<RedisCluster> {
  const own = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1000', '--cluster-config-file', 'nodes.conf', ...args];
  const size = 3 * (1 + replicas);
  const nodes = await Promise.all(Array.from({ length: size }, async () => startRedis({ ...rest, port: await freePort(), args: own })));
  const [first] = nodes;
  if (first === undefined) throw new Error('a cluster has nodes');
  await first.cli('--cluster', 'create', ...nodes.map(({ address }) => address), '--cluster-replicas', String(replicas), '--cluster-yes');
  const until = async (state: 'ok' | 'fail'): Promise<void> => {
    await waitFor(
      async () => {
        const said = await Promise.all(nodes.filter((node) => node.running()).map((node) => node.cli('CLUSTER', 'INFO').catch(() => '')));
        return said.every((text) => text.includes(`cluster_state:${state}`)) ? true : undefined;
      },
      { until: `the cluster is ${state}`, withinMs: READY_WITHIN_MS },
    );
  };
  await until('ok');
  await waitFor(
    async () => {
      const said = await Promise.all(nodes.map((node) => node.cli('CLUSTER', 'NODES')));
      return said.every((text) => (text.match(/\bslave\b/g)?.length ?? 0) === 3 * replicas && !/handshake|\bfail\b/.test(text)) ? true : undefined;
    },
    { until: 'all nodes know all roles', withinMs: READY_WITHIN_MS },
  );
  await untilInSync(nodes.slice(3));
  return { nodes, until };
}

async function untilInSync(replicas: readonly RedisServer[]): Promise<void> {
  await waitFor(
    async () => ((await Promise.all(replicas.map((node) => node.cli('INFO', 'replication')))).every((text) => text.includes('master_link_status:up')) ? true : undefined),
    { until: 'the replicas have synchronised', withinMs: READY_WITHIN_MS },
  );
}

export interface RedisSentinels {
  readonly name: string;
  readonly master: RedisServer;
  readonly replicas: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
}

/** A master, two replicas and three Sentinels with quorum 2, which know each other. A master is held for down after 1 s. */
export async function startRedisSentinel({ password }: Pick<RedisServerOptions, 'password'> = {}): Promise<RedisSentinels> {
  const name = 'cordum';
  const secret = password === undefined ? {} : { password };
  const master = await startRedis(secret);
  const replicas = await Promise.all([0, 1].map(() => startRedis({ ...secret, args: ['--replicaof', '127.0.0.1', String(master.port)] })));
  // A Sentinel asks a replica for its link when it finds it, and then every ten seconds only.
  await untilInSync(replicas);
  const sentinels = await Promise.all([0, 1, 2].map(() => startSentinel(name, master, password)));
  await waitFor(
    async () => {
      const said = await Promise.all(sentinels.map((sentinel) => sentinel.cli('SENTINEL', 'MASTER', name)));
      return said.every((text) => /num-slaves\s+2\b/.test(text) && /num-other-sentinels\s+2\b/.test(text)) ? true : undefined;
    },
    { until: 'the Sentinels know each other and the replicas', withinMs: READY_WITHIN_MS },
  );
  return { name, master, replicas, sentinels };
}

async function startSentinel(name: string, master: RedisServer, password: string | undefined): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'sentinel-'));
  TestRunner.getCurrentTest()?.context.onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const port = await freePort();
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`, `sentinel down-after-milliseconds ${name} 1000`, `sentinel failover-timeout ${name} 5000`];
  if (password !== undefined) lines.push(`sentinel auth-pass ${name} ${password}`);
  const file = join(directory, 'sentinel.conf');
  await writeFile(file, `${lines.join('\n')}\n`);
  const child = startProcess({ what: 'Sentinel', command: requireServer('redis'), args: [file, '--sentinel'], cwd: directory });
  const server = dress(child, {}, port, directory);
  await untilItAnswers(server);
  return server;
}
