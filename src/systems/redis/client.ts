/**
 * The client of one target's Redis: standalone, behind Sentinels, or a cluster, which the server itself says. It connects
 * when it is first asked, over one connection for each server, and looks anew at who serves what with every survey.
 */
import type { Clock } from '#kernel/clock.ts';
import { Secret } from '#kernel/secret.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import { type Call, type Connection, type ConnectionDeps, createConnection } from './connection.ts';
import { type Answer, type RedisFailure, trouble } from './failure.ts';
import type { Info } from './info.ts';
import { createKeys, type RedisKeys } from './keys.ts';
import { createNode, type RedisNode } from './node.ts';
import { askSentinel, type SentinelView } from './sentinel.ts';
import { type Address, type Plan, readTarget, type RedisTarget, writeAddress } from './target.ts';

/** What stands where now, and the connections to it. */
export interface Survey {
  readonly mode: 'standalone' | 'cluster' | 'sentinel';
  /** The server that was asked first: the configured one, or the master that the Sentinels name. */
  readonly entry: RedisNode;
  readonly info: Info;
  /** Every known server of data, the entry among them. */
  readonly servers: readonly Server[];
  /** The cluster as the entry sees it; empty otherwise. */
  readonly cluster: readonly ClusterNode[];
  readonly keys: RedisKeys;
  /** Set when the configured address does not answer, and another node of the cluster was asked in its place. */
  readonly detour: RedisFailure | undefined;
}

export interface Server {
  readonly node: RedisNode;
  readonly role: 'master' | 'replica';
  /** Of a cluster: the node's id. */
  readonly id: string;
}

export interface RedisClient {
  /** `host:port` of the configured address, or of the first Sentinel. Without credentials. */
  readonly address: string;
  survey(call: Call): Promise<Answer<Survey>>;
  /** What each configured Sentinel says; undefined when the target has none. */
  sentinels(call: Call): Promise<{ readonly master: string; readonly views: readonly SentinelView[] } | undefined>;
  close(): Promise<void>;
}

export interface RedisClientDeps {
  readonly clock: Clock;
  /** Until a connection stands and has been authenticated. Default 5 s. */
  readonly connectTimeoutMs?: number;
  /** Of one command. Default 10 s. */
  readonly timeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const TIMEOUT_MS = 10_000;
/** Servers that we speak to, at most; the specification allows a cluster of 1,000. */
const MOST_SERVERS = 100;
/** When the configured address is down: so many others of the last survey are tried. */
const MOST_DETOURS = 3;

export function createRedisClient(target: RedisTarget, { clock, connectTimeoutMs = CONNECT_TIMEOUT_MS, timeoutMs = TIMEOUT_MS }: RedisClientDeps): RedisClient {
  const plan = readTarget(target, (text) => new Secret(text));
  const deps = { clock, connectTimeoutMs, timeoutMs };
  const pool = createPool(plan, deps);
  const askSentinels = (call: Call): Promise<SentinelView[]> =>
    Promise.all(
      plan.addresses.map(async (address) => {
        const connection = createConnection(address, plan.sentinelAccess, deps);
        try {
          return await askSentinel(connection, plan.master, call);
        } finally {
          connection.close();
        }
      }),
    );
  return {
    address: nameOf(plan),
    survey: async (call) => (plan.kind === 'sentinel' ? surveySentinel(pool, nameOf(plan), await askSentinels(call), call) : surveyUrl(pool, plan, call)),
    async sentinels(call) {
      return plan.kind === 'sentinel' ? { master: plan.master, views: await askSentinels(call) } : undefined;
    },
    async close() {
      pool.close();
    },
  };
}

/** The connections of a target, one for each server. */
interface Pool {
  to(address: Address): Connection;
  /** Pods get new addresses when they restart: what is no longer named is closed. */
  keepOnly(named: readonly Address[]): void;
  /** The nodes that the last survey of a cluster has named. */
  known(): readonly Address[];
  close(): void;
}

function createPool(plan: Plan, deps: ConnectionDeps): Pool {
  const open = new Map<string, Connection>();
  let known: readonly Address[] = [];
  return {
    to(address) {
      const name = writeAddress(address);
      const connection = open.get(name) ?? createConnection(address, plan.access, deps);
      open.set(name, connection);
      return connection;
    },
    keepOnly(named) {
      known = named;
      const kept = new Set([...named, ...plan.addresses].map(writeAddress));
      for (const [name, connection] of open) {
        if (kept.has(name)) continue;
        connection.close();
        open.delete(name);
      }
    },
    known: () => known,
    close() {
      for (const connection of open.values()) connection.close();
      open.clear();
    },
  };
}

async function surveyUrl(pool: Pool, plan: Plan, call: Call): Promise<Answer<Survey>> {
  const [configured] = plan.addresses;
  if (configured === undefined) return trouble('unexpected', 'no address');
  const first = await look(pool.to(configured), call);
  if (first.ok) return describe(pool, pool.to(configured), { info: first.value, detour: undefined }, call);
  if (!['refused', 'timeout', 'dns', 'network', 'closed'].includes(first.failure.why)) return first;
  const others = pool.known().filter((address) => !sameAddress(configured, address)).slice(0, MOST_DETOURS);
  const looks = await Promise.all(others.map(async (address) => ({ connection: pool.to(address), answer: await look(pool.to(address), call) })));
  for (const { connection, answer } of looks) if (answer.ok) return describe(pool, connection, { info: answer.value, detour: first.failure }, call);
  return first;
}

async function describe(pool: Pool, connection: Connection, seen: { readonly info: Info; readonly detour: RedisFailure | undefined }, call: Call): Promise<Answer<Survey>> {
  const entry = createNode(connection);
  const common = { ...seen, entry, keys: createKeys({ first: connection, connectionTo: pool.to }) };
  if (seen.info.get('cluster_enabled') !== '1') {
    return { ok: true, value: { ...common, mode: 'standalone', cluster: [], servers: [{ node: entry, role: roleOf(seen.info), id: '' }] } };
  }
  const nodes = await entry.clusterNodes(call);
  if (!nodes.ok) return nodes;
  pool.keepOnly(nodes.value.flatMap((node) => node.address ?? []));
  const servers = nodes.value.slice(0, MOST_SERVERS).flatMap((node): Server[] => {
    // The connection that we have leads to `myself`, whatever address it has in the cluster's own eyes.
    if (node.myself) return [{ node: entry, role: node.role, id: node.id }];
    return node.address === undefined ? [] : [{ node: createNode(pool.to(node.address)), role: node.role, id: node.id }];
  });
  return { ok: true, value: { ...common, mode: 'cluster', cluster: nodes.value, servers } };
}

async function surveySentinel(pool: Pool, name: string, views: readonly SentinelView[], call: Call): Promise<Answer<Survey>> {
  const master = agreedMaster(views);
  if (master === undefined) {
    const [failed] = views.flatMap(({ failure }) => failure ?? []);
    return trouble('noMaster', name, failed?.message);
  }
  const replicas = distinct(views.flatMap((view) => (sameAddress(view.master?.address, master) ? view.replicas.map(({ address }) => address) : [])));
  pool.keepOnly([master, ...replicas]);
  const connection = pool.to(master);
  const info = await look(connection, call);
  if (!info.ok) return info;
  const entry = createNode(connection);
  const others = replicas.slice(0, MOST_SERVERS).map((address): Server => ({ node: createNode(pool.to(address)), role: 'replica', id: '' }));
  const servers: Server[] = [{ node: entry, role: roleOf(info.value), id: '' }, ...others];
  return { ok: true, value: { mode: 'sentinel', entry, info: info.value, servers, cluster: [], keys: createKeys({ first: connection, connectionTo: pool.to }), detour: undefined } };
}

/** A user that may not call INFO can still be served: then the server counts as standalone, and MOVED leads on. */
async function look(connection: Connection, call: Call): Promise<Answer<Info>> {
  const info = await createNode(connection).info(call);
  return !info.ok && info.failure.why === 'noPermission' ? { ok: true, value: new Map() } : info;
}

function roleOf(info: Info): 'master' | 'replica' {
  return info.get('role') === 'slave' ? 'replica' : 'master';
}

/** The master that most Sentinels name; of two with the same number, the one named first. */
export function agreedMaster(views: readonly SentinelView[]): Address | undefined {
  const named = views.flatMap(({ master }) => (master === undefined || master.address.host === '' ? [] : [master.address]));
  const votes = (address: Address): number => named.filter((other) => sameAddress(other, address)).length;
  return named.toSorted((one, other) => votes(other) - votes(one))[0];
}

function sameAddress(one: Address | undefined, other: Address): boolean {
  return one !== undefined && writeAddress(one) === writeAddress(other);
}

function distinct(addresses: readonly Address[]): Address[] {
  return [...new Map(addresses.map((address) => [writeAddress(address), address])).values()];
}

function nameOf(plan: Plan): string {
  const [first] = plan.addresses;
  return first === undefined ? '' : writeAddress(first);
}
