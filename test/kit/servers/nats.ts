import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type NatsConnection } from 'nats';
import { TestRunner } from 'vitest';
import type { Certificates } from './certificates.ts';
import { requireServer } from './find.ts';
import { freeze } from './freeze.ts';
import { freePort } from './port.ts';
import { waitFor } from './process.ts';
import { startServer } from './server.ts';
import type { RealServer } from './server.ts';

const CLUSTER_READY_WITHIN_MS = 60_000;

export interface NatsServerOptions {
  /** Default true. */
  readonly jetstream?: boolean;
  /** The server's certificate; `verify` asks clients for one of the same authority. */
  readonly tls?: Certificates & { readonly verify?: boolean };
  readonly auth?: { readonly username: string; readonly password: string } | { readonly token: string };
  /** Further lines of its configuration: accounts, permissions. */
  readonly config?: string;
  readonly port?: number;
}

export interface NatsServer extends RealServer {
  readonly name: string;
  /** `127.0.0.1:PORT` for clients. */
  readonly address: string;
  readonly clientPort: number;
  /** `url` is its monitoring address. */
  readonly monitorUrl: string;
  /** A connection of the test's own, closed with the test. */
  client(options?: ConnectionOptions): Promise<NatsConnection>;
  /** Stops it in its tracks (SIGSTOP) and lets it go on: it keeps its connections and answers nobody. */
  freeze(): void;
  thaw(): void;
}

export interface NatsCluster {
  readonly nodes: readonly NatsServer[];
  /** For `nats.url`. */
  readonly url: string;
  readonly monitorUrls: readonly string[];
  /** The node of this name. */
  node(name: string): NatsServer;
  /** The name of the leader of JetStream, undefined while there is none. */
  metaLeader(): Promise<string | undefined>;
}

/** A real nats-server on loopback, ready to answer. Skips the test (fails it under `CI=true`) when there is none on PATH. */
export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  return startOne('nats-0', options, options.port ?? (await freePort()), '');
}

/** Three servers with JetStream on loopback that see each other and have a leader. */
export async function startNatsCluster(size = 3): Promise<NatsCluster> {
  const ports = await Promise.all(Array.from({ length: size }, async () => ({ client: await freePort(), route: await freePort() })));
  const routes = ports.map(({ route }) => `nats://127.0.0.1:${route}`).join(', ');
  const nodes = await Promise.all(
    ports.map(({ client, route }, at) => startOne(`nats-${at}`, {}, client, `cluster { name: test, listen: "127.0.0.1:${route}", routes: [${routes}] }`, '/varz')),
  );
  const cluster: NatsCluster = {
    nodes,
    url: nodes.map(({ address }) => `nats://${address}`).join(','),
    monitorUrls: nodes.map(({ monitorUrl }) => monitorUrl),
    node(name) {
      const found = nodes.find((node) => node.name === name);
      if (found === undefined) throw new Error(`no node ${name}`);
      return found;
    },
    async metaLeader() {
      for (const node of nodes) {
        if (!node.running()) continue;
        const meta = await metaOf(node);
        if (meta?.leader === node.name) return node.name;
      }
      return undefined;
    },
  };
  await waitFor(
    async () => {
      for (const node of nodes) {
        const meta = await metaOf(node);
        if (meta?.leader === node.name && meta.replicas?.length === size - 1 && meta.replicas.every((replica) => replica.current === true)) return true;
      }
      return undefined;
    },
    { until: `the ${size} nats-servers have a leader that hears the others`, withinMs: CLUSTER_READY_WITHIN_MS },
  );
  return cluster;
}

interface Meta {
  readonly leader?: string;
  readonly replicas?: readonly { readonly name: string; readonly current?: boolean }[];
}

async function metaOf(node: NatsServer): Promise<Meta | undefined> {
  try {
    const response = await fetch(`${node.monitorUrl}/jsz`, { signal: AbortSignal.timeout(2_000) });
    return ((await response.json()) as { meta_cluster?: Meta }).meta_cluster;
  } catch {
    return undefined;
  }
}

async function startOne(name: string, options: NatsServerOptions, clientPort: number, extra: string, readyPath = '/healthz'): Promise<NatsServer> {
  const server = await startServer({
    what: `nats-server-${name}`,
    command: requireServer('nats'),
    readyPath,
    prepare: (directory) => writeFile(join(directory, 'nats.conf'), configOf(name, options, clientPort, join(directory, 'data'), extra)),
    args: (directory, port) => ['--config', join(directory, 'nats.conf'), '--http_port', String(port)],
  });
  const address = `127.0.0.1:${clientPort}`;
  const signal = (which: NodeJS.Signals): void => {
    if (!server.running()) return;
    try {
      process.kill(server.pid, which);
    } catch {
      // It ended between the look and the signal.
    }
  };
  // A stopped process cannot end by SIGTERM.
  const stop = async (which?: NodeJS.Signals): Promise<void> => {
    signal('SIGCONT');
    await server.stop(which);
  };
  TestRunner.getCurrentTest()?.context.onTestFinished(() => signal('SIGCONT'));
  return {
    ...server,
    name,
    address,
    clientPort,
    monitorUrl: server.url,
    stop,
    [Symbol.asyncDispose]: () => stop(),
    async client(more = {}) {
      const nc = await connect({ servers: address, reconnect: false, timeout: 5_000, ...more });
      TestRunner.getCurrentTest()?.context.onTestFinished(() => nc.close().catch(() => undefined));
      return nc;
    },
    freeze: () => freeze(server.pid),
    thaw: () => signal('SIGCONT'),
  };
}

function configOf(name: string, { jetstream = true, tls, auth, config = '' }: NatsServerOptions, port: number, store: string, extra: string): string {
  return [
    `server_name: ${name}`,
    `listen: "127.0.0.1:${port}"`,
    jetstream ? `jetstream { store_dir: "${store}", max_memory_store: 67108864, max_file_store: 268435456 }` : '',
    tls === undefined ? '' : `tls { cert_file: "${tls.serverCertFile}", key_file: "${tls.serverKeyFile}", ca_file: "${tls.caFile}", verify: ${tls.verify === true} }`,
    auth === undefined ? '' : 'token' in auth ? `authorization { token: "${auth.token}" }` : `authorization { user: "${auth.username}", password: "${auth.password}" }`,
    extra,
    config,
  ].join('\n');
}
