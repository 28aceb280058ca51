/** A drill put together: the sandbox of this machine, the readers of the live system, the protocols. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { addToContent } from '#backups/archive/natsarc.ts';
import { stampOf, type Store } from '#backups/names.ts';
import type { RedisConnection } from '#backups/redis/connection.ts';
import { versionOf } from '#backups/redis/topology.ts';
import { findProgram } from '#config/programs.ts';
import { failed, type Check } from '#drills/check.ts';
import type { Choice } from '#drills/choose.ts';
import { drillConfig } from '#drills/config/drill-config.ts';
import { measureConsistency, type Consistency } from '#drills/consistency/consistency.ts';
import { messagesAboutJobs } from '#drills/consistency/nats-messages.ts';
import { jobsOf } from '#drills/consistency/redis-jobs.ts';
import type { DrillContext, Phase } from '#drills/context.ts';
import type { Drilled } from '#drills/drilled.ts';
import { drillNats } from '#drills/nats/drill-nats.ts';
import type { NatsLive } from '#drills/nats/facts.ts';
import { readNatsLive } from '#drills/nats/live.ts';
import { drillRedis } from '#drills/redis/drill-redis.ts';
import type { Canary, RedisLive } from '#drills/redis/facts.ts';
import { readRedisLive } from '#drills/redis/live.ts';
import { runDrill, type DrillOutcome, type DrillParts, type DrillRequest, type StorePart } from '#drills/run.ts';
import { createLocalSandbox, type LocalSandboxParts } from '#drills/sandbox/local.ts';
import type { DrillScope } from '#drills/scope.ts';
import type { Clock } from '#kernel/clock.ts';
import { succeed, type Result } from '#kernel/failure.ts';
import { Secret } from '#kernel/secret.ts';
import { greet } from '#systems/nats/greeting.ts';
import { openStreamClient } from '#systems/nats/stream-client.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import { natsOf, redisOf, type LiveSystem } from './live-system.ts';

const GREET_MS = 5_000;

export interface DrillToDo {
  readonly store: DrillScope;
  readonly directory: string;
  readonly choice: Choice;
  readonly limits: DrillRequest['limits'];
  readonly live?: Lives;
  readonly canary?: Canary;
  /** Where the sandbox makes its folder. */
  readonly temp: string;
}

/** The live systems to compare with, where there are any. Configuration lives in the same Redis. */
export interface Lives {
  readonly redis?: LiveSystem;
  readonly nats?: LiveSystem;
}

export interface DrillRun {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  onStep?(phase: Phase, doing: string): void;
}

/** Ids begin with the time, so that evidence lies in its order. */
export function newDrillId(store: DrillScope, clock: Clock): string {
  return `${stampOf(clock.now())}-${store}-${randomBytes(3).toString('hex')}`;
}

export async function performDrill(id: string, toDo: DrillToDo, run: DrillRun): Promise<DrillOutcome> {
  const { store, directory, choice, limits } = toDo;
  const parts = storeParts(toDo, run.clock);
  const request: DrillRequest = { id, store, directory, choice, limits, parts: store === 'all' ? [parts.redis, parts.nats, parts.config] : [parts[store]] };
  return runDrill(store === 'all' ? { ...request, across: measureAcross } : request, partsOf(toDo, run));
}

function storeParts({ directory, live = {}, canary, store }: DrillToDo, clock: Clock): Readonly<Record<Store, StorePart>> {
  const readRedis = live.redis === undefined ? {} : { readLive: redisReader(live.redis) };
  const redis: StorePart<RedisLive> = {
    store: 'redis',
    ...readRedis,
    drill: (set, facts, ctx) => drillRedis({ directory, set, live: facts, canary }, ctx),
  };
  const nats: StorePart<NatsLive> = {
    store: 'nats',
    ...(live.nats === undefined ? {} : { readLive: natsReader(live.nats, clock) }),
    drill: (set, facts, ctx) => drillNats({ directory, set, live: facts, connectNats: openNats }, ctx),
  };
  const config: StorePart<RedisLive> = {
    store: 'config',
    // Among all stores it is a further one: what Redis holds is restored with Redis.
    ...(store === 'all' ? { optional: true } : {}),
    ...readRedis,
    drill: (set, facts, ctx) => drillConfig({ directory, set, live: facts }, ctx),
  };
  return { redis, nats, config };
}

/** What stands in the sandbox after both were restored. */
async function measureAcross(drilled: readonly Drilled[], ctx: DrillContext): Promise<{ readonly checks: readonly Check[]; readonly consistency: Consistency | null }> {
  const redis = drilled.find(({ result }) => result.copy?.store === 'redis');
  const nats = drilled.find(({ result }) => result.copy?.store === 'nats');
  if (redis?.result.copy?.store !== 'redis' || nats?.result.copy?.store !== 'nats') {
    const missing = [redis === undefined ? 'Redis' : '', nats === undefined ? 'NATS' : ''].filter((name) => name !== '').join(' and ');
    return { checks: [failed('system.consistency.jobs', `Not measured: ${missing} could not be restored.`)], consistency: null };
  }
  const { servers } = redis.result.copy;
  const { server, streams } = nats.result.copy;
  return ctx.during('verify', 'comparing the jobs of Redis and NATS', async () => {
    const connections: RedisConnection[] = [];
    const client = await openNats(server);
    try {
      for (const at of servers) {
        const opened = await ctx.connect(at);
        if (!opened.ok) throw new Error(opened.failure.message);
        connections.push(opened.value);
      }
      const { checks, consistency } = await measureConsistency(
        { redis: redis.set, nats: nats.set },
        { nowMs: ctx.clock.now(), jobs: () => jobsOf(connections, ctx.signal), messages: () => messagesAboutJobs(streams, (stream, subjects) => client.messages(stream, subjects, ctx.signal)) },
      );
      return { checks, consistency };
    } finally {
      await client.close();
      await Promise.all(connections.map((connection) => connection.close()));
    }
  });
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
        return succeed({ runId: field('run_id'), version: versionOf(field) });
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

/** Read once, also where two stores live in it. */
function redisReader(live: LiveSystem): (signal: AbortSignal) => Promise<Result<RedisLive>> {
  const { addresses, open } = redisOf(live);
  let read: Promise<Result<RedisLive>> | undefined;
  return (signal) => (read ??= readRedisLive(addresses, { open, resolve }, signal));
}

function natsReader(live: LiveSystem, clock: Clock): (signal: AbortSignal) => Promise<Result<NatsLive>> {
  const { addresses, options } = natsOf(live);
  return (signal) => readNatsLive(addresses, {
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
