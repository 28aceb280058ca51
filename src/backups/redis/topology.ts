/** Which servers make up a Redis: itself, or the primaries of its cluster. */
import type { Result } from '#kernel/failure.ts';
import type { RedisConnection } from './connection.ts';

export interface Primary {
  readonly host: string;
  readonly port: number;
  /** Empty for a server that is no cluster. */
  readonly slots: readonly string[];
  /** Of the cluster: the id of the node; else the run id of the server. */
  readonly nodeId: string;
  /** The others of the cluster say that it is gone. */
  readonly failing: boolean;
}

export interface Topology {
  readonly mode: 'standalone' | 'cluster';
  readonly role: string;
  readonly serverVersion: string;
  readonly runId: string;
  readonly primaries: readonly Primary[];
  /** Every node that the cluster names, primaries and replicas: `host:port`. */
  readonly addresses: readonly string[];
  readonly nodeIds: readonly string[];
}

export async function readTopology(connection: RedisConnection, at: { readonly host: string; readonly port: number }): Promise<Topology> {
  const info = String(await connection.call('INFO', 'everything'));
  const field = (name: string): string => new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const common = { role: field('role'), serverVersion: versionOf(field), runId: field('run_id') };
  if (field('cluster_enabled') !== '1') {
    const primary: Primary = { ...at, slots: [], nodeId: common.runId, failing: false };
    return { mode: 'standalone', ...common, primaries: [primary], addresses: [`${at.host}:${at.port}`], nodeIds: [] };
  }
  const nodes = readNodes(String(await connection.call('CLUSTER', 'NODES')), at);
  return {
    mode: 'cluster',
    ...common,
    primaries: nodes.filter(({ primary, slots }) => primary && slots.length > 0).map(({ host, port, slots, nodeId, failing }) => ({ host, port, slots, nodeId, failing })),
    addresses: nodes.map(({ host, port }) => `${host}:${port}`),
    nodeIds: nodes.map(({ nodeId }) => nodeId),
  };
}

/** Valkey gives the Redis that it is compatible with as its version, and its own beside it (measured on 8.0.1 and 9.1.2). */
export function versionOf(field: (name: string) => string): string {
  const [redis, valkey] = [field('redis_version'), field('valkey_version')];
  return valkey === '' ? redis : `${redis} (Valkey ${valkey})`;
}

interface Node extends Primary {
  readonly primary: boolean;
}

/** `id ip:port@cport[,host] flags master ping pong epoch link slot …`; a node that does not know its own address leaves it out. */
export function readNodes(text: string, at: { readonly host: string; readonly port: number }): readonly Node[] {
  return text.split('\n').flatMap((line): Node[] => {
    const [nodeId, address = '', flags = '', , , , , , ...slots] = line.trim().split(' ');
    const [, host = '', port] = /^(.*):(\d+)(?:@\d+)?(?:,.*)?$/.exec(address) ?? [];
    if (nodeId === undefined || port === undefined) return [];
    const words = flags.split(',');
    return [
      {
        nodeId,
        host: host === '' ? at.host : host,
        port: Number(port),
        primary: words.includes('master'),
        failing: words.includes('fail') || words.includes('noaddr'),
        // `[93->-…]` is a slot on the move; its owner stands in the plain ranges.
        slots: slots.filter((slot) => /^\d+(?:-\d+)?$/.test(slot)),
      },
    ];
  });
}

export interface Reached {
  readonly host: string;
  readonly port: number;
  readonly connection: RedisConnection;
}

type Connect = (at: { readonly host: string; readonly port: number }) => Promise<Result<RedisConnection>>;

/**
 * A primary of a cluster, where it announces itself, or else (port forwarding, containers) on the same port of the host that was
 * given. There another server may listen, so it has to say that it is this node.
 */
export async function reachPrimary(primary: Primary, given: { readonly host: string }, connect: Connect): Promise<Result<Reached>> {
  const announced = await reachAt(primary, primary.host, connect);
  if (announced.ok || primary.host === given.host) return announced;
  const forwarded = await reachAt(primary, given.host, connect);
  return forwarded.ok ? forwarded : announced;
}

async function reachAt({ nodeId, port }: Primary, host: string, connect: Connect): Promise<Result<Reached>> {
  const opened = await connect({ host, port });
  if (!opened.ok) return opened;
  const connection = opened.value;
  try {
    if (String(await connection.call('CLUSTER', 'MYID')) === nodeId) return { ok: true, value: { host, port, connection } };
  } catch (error) {
    await connection.close();
    return { ok: false, failure: { reason: 'unexpected', message: `Redis at ${host}:${port} does not say which node it is: ${error instanceof Error ? error.message : 'for no reason given'}.` } };
  }
  await connection.close();
  return { ok: false, failure: { reason: 'unreachable', message: `Redis at ${host}:${port} is another node than the cluster says.` } };
}
