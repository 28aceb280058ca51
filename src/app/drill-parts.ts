/** A drill put together: the sandbox of this machine, the readers of the live system, the protocols. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { addToContent } from '#backups/archive/natsarc.ts';
import { stampOf, type Store } from '#backups/names.ts';
import { findProgram } from '#config/programs.ts';
import type { Choice } from '#drills/choose.ts';
import { drillConfig } from '#drills/config/drill-config.ts';
import type { Phase } from '#drills/context.ts';
import { drillNats } from '#drills/nats/drill-nats.ts';
import { readNatsLive } from '#drills/nats/live.ts';
import { drillRedis } from '#drills/redis/drill-redis.ts';
import type { Canary } from '#drills/redis/facts.ts';
import { readRedisLive } from '#drills/redis/live.ts';
import { runDrill, type DrillOutcome, type DrillParts, type DrillRequest } from '#drills/run.ts';
import { createLocalSandbox, type LocalSandboxParts } from '#drills/sandbox/local.ts';
import type { Clock } from '#kernel/clock.ts';
import { succeed } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import { greet } from '#systems/nats/greeting.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import { natsOf, redisOf, type LiveSystem } from './live-system.ts';

const GREET_MS = 5_000;

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
  const { addresses, open } = redisOf(live);
  return readRedisLive(addresses, { open, resolve }, signal);
}

function readNats(live: LiveSystem, clock: Clock, signal: AbortSignal) {
  const { addresses, options } = natsOf(live);
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
