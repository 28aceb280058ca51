/** Reads what CLUSTER NODES and CLUSTER INFO answer (formats: redis.io/commands/cluster-nodes). Pure. */
import { parseAddress, type Address } from './target.ts';
import { wholeNumber } from './info.ts';

/** A cluster may have 1,000 nodes by its specification. */
const MOST_NODES = 1_000;
export const ALL_SLOTS = 16_384;

export interface ClusterNode {
  readonly id: string;
  /** Undefined when the cluster does not know the address (`noaddr`), or it is our own and not known to itself. */
  readonly address: Address | undefined;
  readonly hostname: string;
  readonly role: 'master' | 'replica';
  readonly flags: readonly string[];
  readonly myself: boolean;
  /** `fail`: a majority agrees. `pfail`: this node alone suspects it. */
  readonly health: 'ok' | 'pfail' | 'fail' | 'handshake' | 'noaddr';
  readonly masterId: string;
  readonly linkUp: boolean;
  readonly slots: number;
  readonly slotRanges: readonly string[];
  readonly migrating: readonly SlotMove[];
  readonly importing: readonly SlotMove[];
}

export interface SlotMove {
  readonly slot: number;
  /** The node at the other end. */
  readonly peerId: string;
}

export function parseClusterNodes(text: string): readonly ClusterNode[] {
  return text
    .split(/\r?\n/, MOST_NODES)
    .flatMap((line) => parseNode(line.trim()) ?? []);
}

function parseNode(line: string): ClusterNode | undefined {
  const [id = '', where = '', flagText = '', masterId = '', , , , link = '', ...slots] = line.split(/ +/);
  if (!/^[0-9a-f]{40}$/.test(id) || where === '' || flagText === '') return undefined;
  const flags = flagText.split(',').filter((flag) => flag !== '' && flag !== 'noflags');
  const { address, hostname } = parseWhere(where);
  const ranges = slots.filter((slot) => /^\d{1,5}(?:-\d{1,5})?$/.test(slot));
  return {
    id,
    address: flags.includes('noaddr') ? undefined : address,
    hostname,
    role: flags.includes('slave') || flags.includes('replica') ? 'replica' : 'master',
    flags,
    myself: flags.includes('myself'),
    health: healthOf(flags),
    masterId: masterId === '-' ? '' : masterId,
    linkUp: link === 'connected',
    slots: ranges.reduce((sum, range) => sum + slotsIn(range), 0),
    slotRanges: ranges,
    migrating: moves(slots, /^\[(\d{1,5})->-([0-9a-f]{40})\]$/),
    importing: moves(slots, /^\[(\d{1,5})-<-([0-9a-f]{40})\]$/),
  };
}

/** `ip:port@busport[,hostname[,aux=value…]]`; Redis 3 has no bus port. */
function parseWhere(text: string): { readonly address: Address | undefined; readonly hostname: string } {
  const [before = '', hostname = ''] = text.split(',');
  const [client = ''] = before.split('@');
  const { host, port } = parseAddress(client, 0);
  const name = hostname.includes('=') ? '' : hostname;
  const usable = host === '' ? name : host;
  return { address: usable === '' || port === 0 ? undefined : { host: usable, port }, hostname: name };
}

function healthOf(flags: readonly string[]): ClusterNode['health'] {
  if (flags.includes('fail')) return 'fail';
  if (flags.includes('fail?')) return 'pfail';
  if (flags.includes('handshake')) return 'handshake';
  return flags.includes('noaddr') ? 'noaddr' : 'ok';
}

function slotsIn(range: string): number {
  const [from = '', to = from] = range.split('-');
  const size = Number(to) - Number(from) + 1;
  return Number(to) < ALL_SLOTS && size > 0 ? size : 0;
}

function moves(slots: readonly string[], pattern: RegExp): readonly SlotMove[] {
  return slots.flatMap((text) => {
    const [, slot, peerId] = pattern.exec(text) ?? [];
    return slot === undefined || peerId === undefined ? [] : [{ slot: Number(slot), peerId }];
  });
}

export interface ClusterState {
  readonly state: 'ok' | 'fail' | 'unknown';
  readonly slotsAssigned: number;
  readonly slotsOk: number;
  readonly slotsPfail: number;
  readonly slotsFail: number;
  readonly knownNodes: number;
  readonly size: number;
}

export function parseClusterInfo(info: ReadonlyMap<string, string>): ClusterState {
  const state = info.get('cluster_state');
  const count = (name: string): number => wholeNumber(info.get(name));
  return {
    state: state === 'ok' || state === 'fail' ? state : 'unknown',
    slotsAssigned: count('cluster_slots_assigned'),
    slotsOk: count('cluster_slots_ok'),
    slotsPfail: count('cluster_slots_pfail'),
    slotsFail: count('cluster_slots_fail'),
    knownNodes: count('cluster_known_nodes'),
    size: count('cluster_size'),
  };
}
