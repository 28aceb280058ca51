/** The primaries of a Redis while something is restored into it, and which of them has a key. */
import { fail, succeed, type Result } from '#kernel/failure.ts';
import { readSlots, type SlotRange } from '../redis/cluster.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { reachPrimary, readTopology, type Topology } from '../redis/topology.ts';

export interface RedisAt {
  readonly host: string;
  readonly port: number;
}

export type Connect = (at: RedisAt) => Promise<Result<RedisConnection>>;

export interface PrimaryServer extends RedisAt {
  /** Of a cluster the id of the node, else the run id: another server at the same address has another one. */
  readonly id: string;
  /** Empty for a server that is no cluster. */
  readonly slots: readonly SlotRange[];
  readonly connection: RedisConnection;
}

export interface Servers {
  readonly topology: Topology;
  readonly primaries: readonly PrimaryServer[];
  /** Undefined: nobody serves the slot of the key. */
  of(key: string): Promise<RedisConnection | undefined>;
  close(): Promise<void>;
}

/** All of them, or none: a restore into a part of a cluster is none. */
export async function openServers(addresses: readonly RedisAt[], connect: Connect): Promise<Result<Servers>> {
  let first: { readonly at: RedisAt; readonly connection: RedisConnection } | undefined;
  let why = fail('invalid', 'No address of Redis was given.');
  for (const at of addresses) {
    const opened = await connect(at);
    if (opened.ok) {
      first = { at, connection: opened.value };
      break;
    }
    why = opened;
  }
  if (first === undefined) return why;
  const { at, connection } = first;
  const open: RedisConnection[] = [connection];
  const close = async (): Promise<void> => {
    for (const one of open) await one.close();
  };
  try {
    const topology = await readTopology(connection, at);
    if (topology.mode === 'standalone') {
      if (topology.role !== 'slave') return succeed({ topology, primaries: [{ ...at, id: topology.runId, slots: [], connection }], of: () => Promise.resolve(connection), close });
      await close();
      return fail('refused', `Redis at ${at.host}:${at.port} is a replica: a restore goes to its primary.`, 'no');
    }
    const primaries: PrimaryServer[] = [];
    for (const primary of topology.primaries) {
      const reached = await reachPrimary(primary, at, connect);
      if (!reached.ok) {
        await close();
        return reached;
      }
      open.push(reached.value.connection);
      const { host, port } = reached.value;
      primaries.push({ host, port, id: primary.nodeId, connection: reached.value.connection, slots: primary.slots.flatMap((text) => readSlots(text) ?? []) });
    }
    return succeed({
      topology,
      primaries,
      async of(key) {
        const slot = Number(await connection.call('CLUSTER', 'KEYSLOT', key));
        return primaries.find(({ slots }) => slots.some(({ from, to }) => slot >= from && slot <= to))?.connection;
      },
      close,
    });
  } catch (error) {
    await close();
    return fail('unavailable', `Redis at ${at.host}:${at.port} does not say what it is: ${error instanceof Error ? error.message : 'for no reason given'}.`, 'no');
  }
}
