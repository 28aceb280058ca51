/** Slots of a cluster, and the forming of a new one out of servers that have each loaded a shard. */
import { waitUntil, type Clock } from '#kernel/clock.ts';
import { fail, succeed, type Result } from '#kernel/failure.ts';
import type { RedisConnection } from './connection.ts';
import { SLOTS, suspiciousGap } from './slots.ts';

const FORMED_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;

export interface ShardNode {
  readonly connection: RedisConnection;
  readonly host: string;
  readonly port: number;
  /** What the backup says it owned; empty when it does not say. */
  readonly slots: readonly string[];
}

export interface SlotRange {
  readonly from: number;
  readonly to: number;
}

/** `0-5460` or `7` → first and last; undefined when it is neither. */
export function readSlots(text: string): SlotRange | undefined {
  const [, from, to] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (from === undefined) return undefined;
  const range = { from: Number(from), to: Number(to ?? from) };
  return range.from <= range.to && range.to < SLOTS ? range : undefined;
}

/**
 * Redis takes the slots of the keys that it has loaded for itself. A slot that two shards hold, or that is not among those which
 * the shard owned, means that a file stands in the wrong place. The rest of the slots is given out, then the nodes meet.
 */
export async function formCluster(nodes: readonly ShardNode[], clock: Clock, signal: AbortSignal): Promise<Result<{ readonly slots: number }>> {
  const owner = new Map<number, number>();
  for (const [i, node] of nodes.entries()) {
    const held = await heldSlots(node.connection);
    const declared = slotSet(node.slots);
    for (const slot of held) {
      const other = owner.get(slot);
      if (other !== undefined) return fail('invalid', `Shards ${other} and ${i} both hold keys of slot ${slot}: a shard stands in twice, or two backups are mixed.`);
      if (declared.size > 0 && !declared.has(slot)) return fail('invalid', `Shard ${i} holds keys of slot ${slot}, which it did not own when the backup was taken.`);
      owner.set(slot, i);
    }
    const rest = [...declared].filter((slot) => !held.has(slot));
    if (rest.length > 0) await addSlots(node.connection, rest);
    for (const slot of rest) {
      if (owner.has(slot)) return fail('invalid', `Shard ${i} owned slot ${slot}, but shard ${owner.get(slot) ?? 0} holds its keys.`);
      owner.set(slot, i);
    }
  }
  const [first] = nodes;
  if (first === undefined) return fail('invalid', 'There is no shard.');
  const gap = nodes.every(({ slots }) => slots.length === 0) ? suspiciousGap(new Set(owner.keys()), nodes.length) : undefined;
  if (gap !== undefined) return fail('invalid', `No shard holds a key of the slots ${gap.from} to ${gap.to}, though ${owner.size} others hold some: a shard is missing.`);
  const free = Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => !owner.has(slot));
  if (free.length > 0 && nodes.some(({ slots }) => slots.length > 0)) return fail('invalid', `Nobody owned ${free.length} of the slots, ${free[0]} among them: a shard is missing.`);
  if (free.length > 0) await addSlots(first.connection, free);
  // A node that has an epoch already refuses another; where two are equal, the nodes settle it among themselves, and `wait` sees it.
  for (const [i, node] of nodes.entries()) await node.connection.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1).catch(() => undefined);
  for (const node of nodes.slice(1)) await first.connection.call('CLUSTER', 'MEET', node.host, node.port);
  return wait(nodes, clock, signal);
}

async function wait(nodes: readonly ShardNode[], clock: Clock, signal: AbortSignal): Promise<Result<{ readonly slots: number }>> {
  const until = clock.now() + FORMED_WITHIN_MS;
  let last = '';
  while (clock.now() < until && !signal.aborted) {
    const infos = await Promise.all(nodes.map(({ connection }) => connection.call('CLUSTER', 'INFO')));
    last = String(infos[0]);
    if (infos.every((info) => /cluster_state:ok/.test(String(info)) && new RegExp(`cluster_known_nodes:${nodes.length}\\b`).test(String(info)))) return succeed({ slots: SLOTS });
    await waitUntil(clock, clock.now() + LOOK_EVERY_MS, signal);
  }
  if (signal.aborted) return fail('cancelled', 'The drill was cancelled.');
  return fail('timeout', `The shards did not form a cluster within ${FORMED_WITHIN_MS / 1_000} s: ${last.split('\n').slice(0, 6).join(', ')}`);
}

/** The slots that the node itself says it serves. */
async function heldSlots(connection: RedisConnection): Promise<ReadonlySet<number>> {
  const line = String(await connection.call('CLUSTER', 'NODES'))
    .split('\n')
    .find((one) => one.includes('myself'));
  return slotSet((line ?? '').trim().split(' ').slice(8));
}

function slotSet(texts: readonly string[]): ReadonlySet<number> {
  const slots = new Set<number>();
  for (const text of texts) {
    const range = readSlots(text);
    if (range === undefined) continue;
    for (let slot = range.from; slot <= range.to; slot += 1) slots.add(slot);
  }
  return slots;
}

async function addSlots(connection: RedisConnection, slots: readonly number[]): Promise<void> {
  const most = 4_096;
  for (let i = 0; i < slots.length; i += most) await connection.call('CLUSTER', 'ADDSLOTS', ...slots.slice(i, i + most));
}
