/** What the nodes of a cluster say, put together: each knows only its own moving slots, and they may disagree. Pure. */
import { z } from '#step-kit/index.ts';
import { ALL_SLOTS, type ClusterNode, type ClusterState } from './cluster-nodes.ts';
import type { RedisFailure } from './failure.ts';
import { type Problem, why } from './records.ts';
import { writeAddress } from './target.ts';

/** One node, asked over a connection of its own. */
export interface NodeView {
  readonly id: string;
  readonly failure: RedisFailure | undefined;
  readonly state: ClusterState | undefined;
  readonly nodes: readonly ClusterNode[];
}

export const nodeRow = z.object({
  id: z.string(),
  address: z.string(),
  hostname: z.string(),
  role: z.enum(['master', 'replica']),
  /** How many slots it serves. */
  slots: z.int(),
  /** `0-5460 5462`, cut. */
  slotRanges: z.string(),
  flags: z.string(),
  /** Between the node that was asked first and this one. */
  linkUp: z.boolean(),
  /** `fail`: a majority agrees. `pfail`: the node that was asked first suspects it. */
  health: z.enum(['ok', 'pfail', 'fail', 'handshake', 'noaddr']),
  failing: z.boolean(),
  /** Whether it answers us. */
  reachable: z.boolean(),
  why,
  /** The state of the cluster as this node sees it. */
  sees: z.enum(['ok', 'fail', 'unknown']),
  /** Of a replica. */
  masterAddress: z.string(),
  /** Of a master: how many replicas of it are not failing. */
  replicas: z.int(),
});
export type NodeRow = z.output<typeof nodeRow>;

export const moveRow = z.object({ slot: z.int(), from: z.string(), to: z.string(), /** Both ends know of it. */ agreed: z.boolean() });
export type MoveRow = z.output<typeof moveRow>;

const MOST_RANGES = 20;
const MOST_MOVES = 100;

export interface ClusterPicture {
  readonly rows: readonly NodeRow[];
  readonly moves: readonly MoveRow[];
  readonly movesTotal: number;
  readonly mastersWithoutReplica: readonly NodeRow[];
  readonly disagree: boolean;
  readonly state: ClusterState;
  readonly problems: readonly Problem[];
}

export function pictureOf(seen: readonly ClusterNode[], views: readonly NodeView[], entry: ClusterState): ClusterPicture {
  const byId = new Map(views.map((view) => [view.id, view]));
  const addressOf = (id: string): string => nameOf(seen.find((node) => node.id === id), id);
  const rows = seen.map((node) => rowOf(node, seen, byId.get(node.id), addressOf));
  const moves = movesOf(views, addressOf);
  const mastersWithoutReplica = rows.filter((row) => row.role === 'master' && row.slots > 0 && row.replicas === 0);
  const opinions = new Set(rows.filter((row) => row.reachable).map((row) => row.sees));
  const partial = { rows, moves: moves.slice(0, MOST_MOVES), movesTotal: moves.length, mastersWithoutReplica, disagree: opinions.size > 1, state: entry };
  return { ...partial, problems: problemsOf(partial) };
}

function rowOf(node: ClusterNode, all: readonly ClusterNode[], view: NodeView | undefined, addressOf: (id: string) => string): NodeRow {
  const more = node.slotRanges.length > MOST_RANGES ? ' …' : '';
  return {
    id: node.id,
    address: nameOf(node, node.id),
    hostname: node.hostname.slice(0, 253),
    role: node.role,
    slots: node.slots,
    slotRanges: `${node.slotRanges.slice(0, MOST_RANGES).join(' ')}${more}`,
    flags: node.flags.join(','),
    linkUp: node.linkUp || node.myself,
    health: node.health,
    failing: node.health === 'fail' || node.health === 'pfail',
    reachable: view !== undefined && view.failure === undefined,
    why: view === undefined ? 'unexpected' : (view.failure?.why ?? 'ok'),
    sees: view?.state?.state ?? 'unknown',
    masterAddress: node.masterId === '' ? '' : addressOf(node.masterId),
    replicas: all.filter((other) => other.masterId === node.id && other.role === 'replica' && other.health === 'ok').length,
  };
}

function nameOf(node: ClusterNode | undefined, id: string): string {
  return node?.address === undefined ? `node ${id.slice(0, 8)}` : writeAddress(node.address);
}

/** A slot on the move stands in the line that each node writes of itself, and nowhere else. */
function movesOf(views: readonly NodeView[], addressOf: (id: string) => string): MoveRow[] {
  const moves = new Map<string, { slot: number; from: string; to: string; ends: number }>();
  const note = (slot: number, from: string, to: string): void => {
    const key = `${slot} ${from} ${to}`;
    const known = moves.get(key) ?? { slot, from, to, ends: 0 };
    moves.set(key, { ...known, ends: known.ends + 1 });
  };
  for (const view of views) {
    const self = view.nodes.find((node) => node.myself);
    for (const { slot, peerId } of self?.migrating ?? []) note(slot, view.id, peerId);
    for (const { slot, peerId } of self?.importing ?? []) note(slot, peerId, view.id);
  }
  return [...moves.values()].map(({ slot, from, to, ends }) => ({ slot, from: addressOf(from), to: addressOf(to), agreed: ends > 1 })).toSorted((one, other) => one.slot - other.slot);
}

function problemsOf({ rows, moves, movesTotal, mastersWithoutReplica, disagree, state }: Omit<ClusterPicture, 'problems'>): Problem[] {
  const critical: Problem[] = [];
  const warning: Problem[] = [];
  const entry = rows.find((row) => row.flags.includes('myself'))?.address ?? '';
  if (state.state === 'fail') critical.push({ code: 'clusterFail', severity: 'critical', address: entry, say: 'The cluster is down: it refuses commands, because not all slots are served.' });
  const unassigned = ALL_SLOTS - state.slotsAssigned;
  if (unassigned > 0) critical.push({ code: 'slotsNotAssigned', severity: 'critical', address: entry, say: `${unassigned} of ${ALL_SLOTS} slots are assigned to no node.` });
  for (const row of rows) {
    const { address } = row;
    if (row.failing && row.role === 'master' && row.slots > 0) {
      const hope = row.replicas > 0 ? 'a replica of it is there and should take over' : 'no replica of it is there to take over';
      critical.push({ code: row.health === 'fail' ? 'masterFailed' : 'masterSuspected', severity: 'critical', address, say: `Master ${address} with ${row.slots} slots is ${row.health === 'fail' ? 'down' : 'suspected to be down'}; ${hope}.` });
    } else if (row.failing) {
      warning.push({ code: row.health === 'fail' ? 'nodeFailed' : 'nodeSuspected', severity: 'warning', address, say: `${row.role === 'master' ? 'Former master' : 'Replica'} ${address} is ${row.health === 'fail' ? 'down' : 'suspected to be down'}.` });
    } else if (!row.reachable) warning.push({ code: 'nodeNotSeen', severity: 'warning', address, say: `Node ${address} does not answer us (${row.why}), though the cluster holds it for ${row.health}.` });
  }
  if (disagree) warning.push({ code: 'nodesDisagree', severity: 'warning', address: entry, say: 'The nodes disagree on the state of the cluster: some see it down, as in a network partition.' });
  for (const row of mastersWithoutReplica) if (!row.failing) warning.push({ code: 'noReplica', severity: 'warning', address: row.address, say: `Master ${row.address} with ${row.slots} slots has no working replica: its loss would take the cluster down.` });
  const [first] = moves;
  if (first !== undefined) {
    const half = moves.filter((move) => !move.agreed).length;
    const halves = half > 0 ? ` Of ${half} of them only one end is known: the move was broken off and wants "redis-cli --cluster fix".` : '';
    warning.push({ code: half > 0 ? 'slotMoveBroken' : 'slotMoving', severity: 'warning', address: first.from, say: `${movesTotal} slot${movesTotal === 1 ? ' is' : 's are'} on the move, such as ${first.slot} from ${first.from} to ${first.to}.${halves}` });
  }
  return [...critical, ...warning];
}
