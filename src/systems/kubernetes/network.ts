/**
 * Whether the network policies of a namespace let one service talk to another, as their text says. Whether the network holds
 * to them depends on its plugin, which Kubernetes does not tell.
 */
import type { Container, LabelSelector, NetworkPolicy, Peer, PolicyPort } from './records.ts';
import { isEmptySelector, matches } from './selectors.ts';

export type Allowed = 'yes' | 'no' | 'unknown';

export interface Verdict {
  readonly allowed: Allowed;
  /** The policy that decides; empty where none applies. */
  readonly policy: string;
  readonly why: string;
}

/** One end of a connection, within the namespace. Absent labels: anything, of which nothing is known. */
export interface End {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

export interface Wanted {
  readonly namespace: string;
  readonly from: End;
  readonly to: End & { readonly labels: Readonly<Record<string, string>>; readonly containers: readonly Container[] };
  /** Absent: any port at all. */
  readonly port: number | undefined;
}

type Direction = 'ingress' | 'egress';
/** A rule in one direction: whom, and on which ports. No peers: everybody; no ports: all. */
interface Rule {
  readonly peers: readonly Peer[];
  readonly ports: readonly PolicyPort[];
}

export function policiesOn(policies: readonly NetworkPolicy[], labels: Readonly<Record<string, string>>, direction: Direction): NetworkPolicy[] {
  return policies.filter((policy) => directionsOf(policy).includes(direction) && selects(policy.spec.podSelector, labels));
}

export function directionsOf({ spec }: NetworkPolicy): Direction[] {
  if (spec.policyTypes.length > 0) return (['ingress', 'egress'] as const).filter((one) => spec.policyTypes.some((type) => type.toLowerCase() === one));
  return spec.egress === undefined || spec.egress === null ? ['ingress'] : ['ingress', 'egress'];
}

/** An absent selector of a policy is an empty one: it selects every pod. */
function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  return selector === undefined || matches(selector, labels);
}

/** What the policies on the receiving end say, or those on the calling end. */
export function judgeConnection(policies: readonly NetworkPolicy[], wanted: Wanted, direction: Direction): Verdict {
  const own = direction === 'ingress' ? wanted.to : wanted.from;
  const other = direction === 'ingress' ? wanted.from : wanted.to;
  if (own.labels === undefined) return { allowed: 'unknown', policy: '', why: `Which pods ${own.name} has is not known.` };
  const applying = policiesOn(policies, own.labels, direction);
  const [first] = applying;
  if (first === undefined) return { allowed: 'yes', policy: '', why: `No policy restricts ${direction} of ${own.name}.` };
  let unsure: NetworkPolicy | undefined;
  for (const policy of applying) {
    for (const rule of rulesOf(policy, direction)) {
      const answer = both(peersMatch(rule.peers, other, wanted.namespace), portsMatch(rule.ports, wanted));
      if (answer === 'yes') return { allowed: 'yes', policy: policy.metadata.name, why: `${policy.metadata.name} allows it.` };
      if (answer === 'unknown') unsure ??= policy;
    }
  }
  if (unsure !== undefined) return { allowed: 'unknown', policy: unsure.metadata.name, why: `Whether ${unsure.metadata.name} allows it cannot be told from its text alone.` };
  const names = applying.map(({ metadata }) => metadata.name);
  return { allowed: 'no', policy: first.metadata.name, why: `${own.name} is restricted by ${names.slice(0, 5).join(', ')}, and no rule allows it.` };
}

function rulesOf({ spec }: NetworkPolicy, direction: Direction): Rule[] {
  if (direction === 'ingress') return (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
  return (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
}

function peersMatch(peers: readonly Peer[], other: End, namespace: string): Allowed {
  if (peers.length === 0) return 'yes';
  return any(peers.map((peer) => peerMatches(peer, other, namespace)));
}

function peerMatches(peer: Peer, other: End, namespace: string): Allowed {
  // Addresses of pods come and go, and may be rewritten on the way; only a block of all addresses is certain.
  if (peer.ipBlock !== null && peer.ipBlock !== undefined) return peer.ipBlock.cidr === '0.0.0.0/0' ? 'yes' : 'unknown';
  if (other.labels === undefined) return 'unknown';
  const pods: Allowed = selects(peer.podSelector, other.labels) ? 'yes' : 'no';
  return peer.namespaceSelector === undefined ? pods : both(namespaceMatches(peer.namespaceSelector, namespace), pods);
}

/** Of our own namespace only the label is known that Kubernetes itself puts on every one. */
function namespaceMatches(selector: LabelSelector, namespace: string): Allowed {
  if (isEmptySelector(selector)) return 'yes';
  const known = { 'kubernetes.io/metadata.name': namespace };
  const keys = [...Object.keys(selector.matchLabels), ...selector.matchExpressions.map(({ key }) => key)];
  if (keys.every((key) => Object.hasOwn(known, key))) return matches(selector, known) ? 'yes' : 'no';
  const nameOnly = { matchLabels: Object.fromEntries(Object.entries(selector.matchLabels).filter(([key]) => Object.hasOwn(known, key))), matchExpressions: selector.matchExpressions.filter(({ key }) => Object.hasOwn(known, key)) };
  return matches(nameOnly, known) ? 'unknown' : 'no';
}

function portsMatch(ports: readonly PolicyPort[], { port, to }: Wanted): Allowed {
  if (ports.length === 0 || port === undefined) return 'yes';
  return any(ports.map((allowed) => portMatches(allowed, port, to.containers)));
}

function portMatches({ protocol, port: allowed, endPort }: PolicyPort, wanted: number, containers: readonly Container[]): Allowed {
  if (protocol !== '' && protocol !== 'TCP') return 'no';
  if (allowed === null || allowed === undefined) return 'yes';
  if (typeof allowed === 'number') return wanted === allowed || (endPort > 0 && wanted >= allowed && wanted <= endPort) ? 'yes' : 'no';
  const named = containers.flatMap(({ ports }) => ports).filter(({ name }) => name === allowed);
  if (named.length === 0) return 'unknown';
  return named.some(({ containerPort }) => containerPort === wanted) ? 'yes' : 'no';
}

function both(a: Allowed, b: Allowed): Allowed {
  if (a === 'no' || b === 'no') return 'no';
  return a === 'yes' && b === 'yes' ? 'yes' : 'unknown';
}

function any(answers: readonly Allowed[]): Allowed {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unknown') ? 'unknown' : 'no';
}
