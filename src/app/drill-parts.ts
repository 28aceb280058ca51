/** A drill put together: the sandbox of this machine, the readers of the live system, the protocols. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { addToContent } from '#backups/archive/natsarc.ts';
import { stampOf, type Store } from '#backups/names.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { findProgram } from '#config/programs.ts';
import type { Choice } from '#drills/choose.ts';
import { drillConfig } from '#drills/config/drill-config.ts';
import type { Phase } from '#drills/context.ts';
import type { LiveAddress } from '#drills/live-address.ts';
import { drillNats } from '#drills/nats/drill-nats.ts';
import { readNatsLive } from '#drills/nats/live.ts';
import { drillRedis, type Canary } from '#drills/redis/drill-redis.ts';
import { readRedisLive } from '#drills/redis/live.ts';
import { runDrill, type DrillOutcome, type DrillParts, type DrillRequest } from '#drills/run.ts';
import { createLocalSandbox, type LocalSandboxParts } from '#drills/sandbox/local.ts';
import type { Clock } from '#kernel/clock.ts';
import { succeed, type Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { readAddresses } from '#systems/nats/address.ts';
import { greet } from '#systems/nats/greeting.ts';
import { openStreamClient, type StreamClientOptions } from '#systems/nats/stream-client.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';

const GREET_MS = 5_000;
const REDIS_PORT = 6379;

export interface LiveSystem {
  /** One address, or several with commas between them; may hold credentials. */
  readonly url: Secret;
  readonly username?: string;
  readonly password?: Secret;
  readonly tls?: TlsMaterial;
}

export interface DrillToDo {
  readonly store: Store;
  readonly directory: string;
  readonly choice: Choice;
  readonly limits: DrillRequest<never>['limits'];
  readonly live?: LiveSystem;
  readonly canary?: Canary;
  /** Where the sandbox makes its folder. */
  readonly temp: string;
}

export interface DrillRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onStep?(phase: Phase, doing: string): void;
}

/** Ids begin with the time, so that evidence lies in its order. */
export function newDrillId(store: Store, clock: Clock): string {
  return `${stampOf(clock.now())}-${store}-${randomBytes(3).toString('hex')}`;
}

export async function performDrill(id: string, toDo: DrillToDo, run: DrillRun): Promise<DrillOutcome> {
  const { store, directory, choice, limits, live, canary } = toDo;
  const common = { id, store, directory, choice, limits };
  const parts = partsOf(toDo, run);
  if (store === 'nats') {
    return runDrill(
      {
        ...common,
        ...(live === undefined ? {} : { readLive: (signal: AbortSignal) => readNats(live, run.clock, signal) }),
        drill: (set, facts, ctx) => drillNats({ directory, set, live: facts, connectNats: openNats }, ctx),
      },
      parts,
    );
  }
  return runDrill(
    {
      ...common,
      // Configuration lives in the same Redis.
      ...(live === undefined ? {} : { readLive: (signal: AbortSignal) => readRedis(live, signal) }),
      drill: (set, facts, ctx) => (store === 'config' ? drillConfig({ directory, set, live: facts }, ctx) : drillRedis({ directory, set, live: facts, canary }, ctx)),
    },
    parts,
  );
}

function partsOf(toDo: DrillToDo, { clock, signal, onStep }: DrillRun): DrillParts {
  return {
    clock,
    signal,
    redisCheckRdb: findProgram('redis-check-rdb'),
    connect: (at) => openDataConnection({ ...at, password: new Secret(at.password) }),
    createSandbox: () => createLocalSandbox(sandboxParts(toDo.temp, clock)),
    ...(onStep === undefined ? {} : { onStep }),
  };
}

/** Servers of this machine, for drills and for looking into backups. */
export function sandboxParts(temp: string, clock: Clock): LocalSandboxParts {
  return {
    parent: temp,
    redisServer: findProgram('redis-server'),
    natsServer: findProgram('nats-server'),
    clock,
    async identifyRedis(at) {
      const connection = await openDataConnection({ ...at, password: new Secret(at.password) });
      if (!connection.ok) return connection;
      try {
        const info = String(await connection.value.call('INFO', 'server'));
        const field = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
        return succeed({ runId: field('run_id'), version: field('redis_version') });
      } finally {
        await connection.value.close();
      }
    },
    async identifyNats({ url, token }) {
      const client = await openStreamClient({ servers: [url], token, addToContent });
      if (!client.ok) return client;
      const { id, version } = client.value.server;
      await client.value.close();
      return succeed({ serverId: id, version });
    },
  };
}

async function openNats({ url, token }: { readonly url: string; readonly token: string }) {
  const client = await openStreamClient({ servers: [url], token, addToContent });
  if (!client.ok) throw new Error(client.failure.message);
  return client.value;
}

function readRedis(live: LiveSystem, signal: AbortSignal) {
  const [first = '', ...others] = live.url.reveal().split(',');
  const url = new URL(first);
  const addresses = [url, ...others.map((text) => new URL(text.includes('://') ? text : `redis://${text}`))].map(({ hostname, port }): LiveAddress => ({ host: hostname.replace(/^\[|\]$/g, '') || '127.0.0.1', port: port === '' ? REDIS_PORT : Number(port) }));
  const username = live.username ?? decoded(url.username);
  const password = live.password ?? (url.password === '' ? undefined : new Secret(decoded(url.password)));
  // A cluster of pods announces addresses that no certificate holds: they are known by the name that was given.
  const name = addresses[0]?.host ?? '';
  const tls = live.tls === undefined ? {} : { tls: { ...(isIP(name) === 0 ? { serverName: name } : {}), ...live.tls } };
  const open = (at: LiveAddress): Promise<Result<RedisConnection>> => openDataConnection({ ...at, ...(username === '' ? {} : { username }), ...(password === undefined ? {} : { password }), ...tls });
  return readRedisLive(addresses, { open, resolve }, signal);
}

function readNats(live: LiveSystem, clock: Clock, signal: AbortSignal) {
  const addresses = readAddresses(live.url);
  const [first] = addresses;
  const username = live.username ?? first?.username;
  const password = live.password ?? first?.password;
  const { ca, cert, key } = live.tls ?? {};
  const options: StreamClientOptions = {
    servers: addresses.map(({ label, tls }) => `${tls ? 'tls' : 'nats'}://${label}`),
    ...(username === undefined ? {} : { username, password: password?.reveal() ?? '' }),
    // A password without a user is a token.
    ...(username === undefined && (first?.token ?? live.password) !== undefined ? { token: (live.password ?? first?.token)?.reveal() ?? '' } : {}),
    ...(live.tls === undefined ? {} : { tls: { ...(ca === undefined ? {} : { ca }), ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key: key.reveal() }) } }),
    addToContent,
  };
  return readNatsLive(addresses, {
    async greet({ host, port }, stop) {
      const greeted = await greet({ host, port, label: `${host}:${port}`, tls: false }, { clock, timeoutMs: GREET_MS, signal: stop });
      return greeted.ok ? succeed({ serverId: greeted.value.info.server_id, cluster: greeted.value.info.cluster, others: greeted.value.info.connect_urls }) : greeted;
    },
    open: () => openStreamClient(options),
    resolve,
  }, signal);
}

async function resolve(host: string): Promise<readonly string[]> {
  try {
    return (await lookup(host, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
