/** Who sees whom in a cluster, and whether its JetStream can decide anything. Pure: answers of monitors in, a judgement out. */
import type { Result } from '#step-kit/index.ts';
import type { Jsz, Routez, Varz } from './schema.ts';
import { someOf } from './values.ts';

/** Peers say something every second (Raft heartbeats). nats-server 2.9 calls a dead one current for many seconds. */
const SILENT_AFTER_MS = 10_000;

export interface ServerAnswers {
  readonly label: string;
  readonly varz: Result<Varz>;
  readonly routez: Result<Routez>;
  readonly jsz: Result<Jsz>;
}

/** What the client's connection says about the leader of JetStream: it asks for something that only the leader answers. */
export type AskedLeader = 'answers' | 'none' | 'unknown';

export interface PeerRow {
  readonly name: string;
  readonly online: boolean;
  readonly current: boolean;
  readonly lag: number;
  readonly silentSeconds: number;
}

export interface ServerRow {
  readonly address: string;
  readonly name: string;
  readonly reachable: boolean;
  readonly why: string;
  /** Other servers that it has a route to. */
  readonly peers: number;
  /** Names of the servers that it should see and does not, as far as they are known; else how many. */
  readonly missing: string;
  readonly metaLeader: string;
}

export interface ClusterView {
  readonly clustered: boolean;
  readonly jetstream: boolean;
  readonly expected: number;
  readonly reachable: number;
  /** The most servers that see each other, directly or over others. */
  readonly together: number;
  readonly servers: readonly ServerRow[];
  readonly gaps: readonly { readonly from: string; readonly to: string }[];
  readonly peers: readonly PeerRow[];
  readonly metaLeader: string;
  readonly quorum: 'yes' | 'no' | 'unknown';
  readonly quorumWhy: string;
  readonly partitioned: boolean;
}

interface Seen {
  readonly label: string;
  readonly id: string;
  readonly name: string;
  readonly varz: Varz;
  /** Undefined when it would not say. */
  readonly peers: ReadonlySet<string> | undefined;
  readonly jsz: Jsz | undefined;
}

export function viewCluster(answers: readonly ServerAnswers[], asked: AskedLeader): ClusterView {
  const seen = answers.flatMap(readSeen);
  const names = namesOf(seen);
  const metaSize = Math.max(0, ...seen.map(({ jsz }) => jsz?.meta_cluster?.cluster_size ?? 0));
  const configured = Math.max(0, ...seen.map(({ varz }) => varz.cluster?.urls.length ?? 0));
  const routed = seen.some(({ peers }) => peers !== undefined && peers.size > 0);
  const clustered = answers.length > 1 || metaSize > 1 || configured > 1 || routed;
  const groups = groupsOf(seen);
  const together = Math.max(0, ...groups.map((group) => group.size));
  const expected = Math.max(answers.length, metaSize, configured, together);
  const gaps = gapsOf(seen);
  const peers = peersOf(seen);
  const quorum = quorumOf({ seen, clustered, size: metaSize > 0 ? metaSize : expected, groups, peers, asked });
  return {
    clustered,
    jetstream: seen.some(({ jsz, varz }) => (jsz === undefined ? varz.jetstream?.config !== undefined : !jsz.disabled)),
    expected,
    reachable: seen.length,
    together,
    servers: answers.map((answer) => rowOf(answer, seen, names, expected)),
    gaps,
    peers,
    metaLeader: leadersOf(seen)[0] ?? '',
    quorum: quorum.quorum,
    quorumWhy: quorum.why,
    partitioned: gaps.length > 0 || leadersOf(seen).length > 1,
  };
}

function readSeen({ label, varz, routez, jsz }: ServerAnswers): Seen[] {
  if (!varz.ok) return [];
  const id = varz.value.server_id;
  // Behind an address that is shared by several servers, two calls may reach two of them.
  const peers = routez.ok && routez.value.server_id === id ? new Set(routez.value.routes.map((route) => route.remote_id).filter((remote) => remote !== '' && remote !== id)) : undefined;
  return [{ label, id, name: varz.value.server_name === '' ? label : varz.value.server_name, varz: varz.value, peers, jsz: jsz.ok && jsz.value.server_id === id ? jsz.value : undefined }];
}

/** Since 2.10 a route says the name of the other side; before, only the names of servers that we reach are known. */
function namesOf(seen: readonly Seen[]): ReadonlyMap<string, string> {
  return new Map(seen.map(({ id, name }) => [id, name]));
}

/** Only pairs of which we reach both: a route that either of them lacks is evidence, a server that we do not reach is none. */
function gapsOf(seen: readonly Seen[]): { from: string; to: string }[] {
  return seen.flatMap((from) => seen.flatMap((to) => (from.id !== to.id && from.peers !== undefined && !from.peers.has(to.id) ? [{ from: from.name, to: to.name }] : [])));
}

/** Sets of servers, by id, that are connected; a server that only others see belongs to them. */
function groupsOf(seen: readonly Seen[]): readonly ReadonlySet<string>[] {
  const groups: Set<string>[] = [];
  for (const { id, peers } of seen) {
    const members = new Set([id, ...(peers ?? [])]);
    for (let at = groups.length - 1; at >= 0; at -= 1) {
      const group = groups[at];
      if (group === undefined || ![...group].some((member) => members.has(member))) continue;
      for (const member of group) members.add(member);
      groups.splice(at, 1);
    }
    groups.push(members);
  }
  return groups;
}

function leadersOf(seen: readonly Seen[]): readonly string[] {
  return [...new Set(seen.map(({ jsz }) => jsz?.meta_cluster?.leader ?? '').filter((leader) => leader !== ''))];
}

/** Only the leader lists the others; where two claim to lead, the one that hears more of them. */
function peersOf(seen: readonly Seen[]): readonly PeerRow[] {
  const lists = seen.map(({ name, jsz }) => (jsz?.meta_cluster?.leader === name ? jsz.meta_cluster.replicas : []).map(peerRow));
  return lists.toSorted((one, other) => onlineIn(other) - onlineIn(one))[0] ?? [];
}

function onlineIn(peers: readonly PeerRow[]): number {
  return peers.filter((peer) => peer.online).length;
}

interface Replica {
  readonly name: string;
  readonly current: boolean;
  readonly offline: boolean;
  readonly heard: boolean;
  readonly active: number;
  readonly lag: number;
}

function peerRow(replica: Replica): PeerRow {
  return { name: replica.name, online: isOnline(replica), current: replica.current && isOnline(replica), lag: replica.lag, silentSeconds: Math.round(replica.active / 1_000) };
}

/** One that its leader has never heard is away unless it is current: of a group that nothing was said in yet all are. */
export function isOnline(replica: Pick<Replica, 'current' | 'offline' | 'heard' | 'active'>): boolean {
  return !replica.offline && (replica.heard || replica.current) && replica.active < SILENT_AFTER_MS;
}

interface Deciding {
  readonly seen: readonly Seen[];
  readonly clustered: boolean;
  readonly size: number;
  readonly groups: readonly ReadonlySet<string>[];
  readonly peers: readonly PeerRow[];
  readonly asked: AskedLeader;
}

function quorumOf({ seen, clustered, size, groups, peers, asked }: Deciding): { quorum: 'yes' | 'no' | 'unknown'; why: string } {
  const withJetStream = seen.filter(({ jsz }) => jsz !== undefined && !jsz.disabled);
  const majority = Math.floor(size / 2) + 1;
  if (withJetStream.length === 0) {
    if (asked === 'answers') return { quorum: 'yes', why: 'The leader of JetStream answers us.' };
    if (asked === 'none') return { quorum: 'no', why: 'The servers say that JetStream has no leader.' };
    return { quorum: 'unknown', why: seen.length === 0 ? 'No server could be asked.' : 'No server with JetStream could be asked.' };
  }
  if (!clustered) return { quorum: 'yes', why: 'It is one server alone, which needs no others.' };
  const [leader] = leadersOf(withJetStream);
  if (leader === undefined) return { quorum: 'no', why: `None of the ${withJetStream.length} servers that answer knows a leader of JetStream; ${majority} of ${size} must see each other.` };
  if (peers.length > 0) {
    const online = 1 + onlineIn(peers);
    if (online >= majority) return { quorum: 'yes', why: `${leader} leads JetStream and hears ${online - 1} of ${size - 1} others.` };
    return { quorum: 'no', why: `The leader of JetStream hears only ${online - 1} of ${size - 1} others, and ${majority} of ${size} must see each other.` };
  }
  const largest = groups.filter((group) => withJetStream.some(({ id }) => group.has(id))).reduce((most, group) => Math.max(most, group.size), 0);
  if (largest < majority) return { quorum: 'no', why: `At most ${largest} of ${size} servers see each other, and it takes ${majority}; that ${leader} leads is no longer true.` };
  if (asked === 'answers') return { quorum: 'yes', why: `${leader} leads JetStream and answers us.` };
  return { quorum: 'unknown', why: `${leader} is said to lead JetStream, and could not be asked itself.` };
}

function rowOf({ label, varz }: ServerAnswers, seen: readonly Seen[], names: ReadonlyMap<string, string>, expected: number): ServerRow {
  const own = seen.find((server) => server.label === label);
  if (own === undefined) return { address: label, name: '', reachable: false, why: varz.ok ? '' : varz.failure.message, peers: 0, missing: '', metaLeader: '' };
  const peers = own.peers ?? new Set<string>();
  const named = [...names].filter(([id]) => id !== own.id && !peers.has(id)).map(([, name]) => name);
  const unnamed = Math.max(0, expected - 1 - peers.size - named.length);
  const missing = own.peers === undefined ? 'it would not say' : someOf([...named, ...(unnamed > 0 ? [`${unnamed} that we do not reach either`] : [])]);
  return { address: label, name: own.name, reachable: true, why: '', peers: peers.size, missing, metaLeader: own.jsz?.meta_cluster?.leader ?? '' };
}

export function sayCluster(view: ClusterView): string {
  if (view.reachable === 0) return `None of the ${view.servers.length} monitoring addresses answers. ${view.quorumWhy}`;
  const parts: string[] = [];
  if (!view.clustered) parts.push('It is one server alone.');
  else if (view.gaps.length > 0) parts.push(`The cluster is partitioned: ${someOf(view.gaps.map(({ from, to }) => `${from} does not see ${to}`))}.`);
  else if (view.together < view.expected) parts.push(`${view.together} of ${view.expected} servers see each other.`);
  else parts.push(`All ${view.expected} servers see each other.`);
  const away = view.servers.filter((server) => !server.reachable).map((server) => server.address);
  if (away.length > 0) parts.push(`Not answering: ${someOf(away)}.`);
  const silent = view.peers.filter((peer) => !peer.online).map((peer) => peer.name);
  if (silent.length > 0) parts.push(`The leader of JetStream does not hear ${someOf(silent)}.`);
  if (view.jetstream) parts.push(view.quorumWhy);
  else parts.push('JetStream is off.');
  return parts.join(' ');
}
