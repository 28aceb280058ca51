/** Which addresses may never be connected to, whatever an allow-list says (pure). Ranges: IANA's special-purpose registries. */
import { BlockList, isIP } from 'node:net';

export type AddressKind = 'public' | 'private' | 'loopback' | 'forbidden';

type Range = readonly [string, number, 'ipv4' | 'ipv6'];

/** Link-local (the metadata services of clouds live there), multicast, "this network", reserved, broadcast. */
const FORBIDDEN: readonly Range[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['224.0.0.0', 4, 'ipv4'],
  ['240.0.0.0', 4, 'ipv4'],
  // Metadata of Alibaba Cloud, and the host agent of Azure.
  ['100.100.100.200', 32, 'ipv4'],
  ['168.63.129.16', 32, 'ipv4'],
  ['fe80::', 10, 'ipv6'],
  ['fec0::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
  // Metadata of AWS and of Google Cloud over IPv6; Teredo, which holds an IPv4 address in disguise; discard and documentation.
  ['fd00:ec2::254', 128, 'ipv6'],
  ['fd20:ce::254', 128, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
];
const LOOPBACK: readonly Range[] = [
  ['127.0.0.0', 8, 'ipv4'],
  ['::1', 128, 'ipv6'],
];
const PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['fc00::', 7, 'ipv6'],
];

const forbidden = listOf(FORBIDDEN);
const loopback = listOf(LOOPBACK);
const local = listOf(PRIVATE);

function listOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const [address, bits, family] of ranges) list.addSubnet(address, bits, family);
  return list;
}

/** Of a textual address as sockets give it. What is none is forbidden. An IPv4 address within an IPv6 one counts as itself. */
export function kindOfAddress(address: string): AddressKind {
  const plain = address.replace(/%.*$/, '');
  const family = isIP(plain);
  if (family === 0) return 'forbidden';
  const groups = family === 6 ? groupsOf(plain) : undefined;
  const within = groups === undefined ? undefined : ipv4Within(groups);
  if (within !== undefined) return kindOfAddress(within);
  const type = family === 4 ? 'ipv4' : 'ipv6';
  if (groups?.every((group) => group === 0) === true || forbidden.check(plain, type)) return 'forbidden';
  if (loopback.check(plain, type)) return 'loopback';
  return local.check(plain, type) ? 'private' : 'public';
}

/** IPv4-mapped (::ffff:0:0/96), IPv4-compatible (::/96), IPv4-translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48) and 6to4 (2002::/16). */
function ipv4Within(groups: readonly number[]): string | undefined {
  const [a, b, c] = groups;
  const high = groups.slice(0, 6);
  const low = groups.slice(6) as [number, number];
  const zeros = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  const mapped = zeros(0, 5) && high[5] === 0xff_ff;
  const translated = zeros(0, 4) && high[4] === 0xff_ff && high[5] === 0;
  const compatible = zeros(0, 6) && (low[0] !== 0 || low[1] > 1);
  const nat64 = a === 0x64 && b === 0xff_9b && (c === 1 || zeros(2, 6));
  if (mapped || translated || compatible || nat64) return dotted(low);
  return a === 0x20_02 ? dotted([b ?? 0, c ?? 0]) : undefined;
}

function dotted([high, low]: readonly [number, number]): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): number[] {
  const ipv4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  const part = (i: number): number => Number(ipv4?.[i] ?? 0);
  const text = ipv4 === null ? address : `${ipv4[1] ?? ''}${(part(2) * 256 + part(3)).toString(16)}:${(part(4) * 256 + part(5)).toString(16)}`;
  const [head = '', tail] = text.split('::');
  const numbers = (side: string): number[] => (side === '' ? [] : side.split(':').map((group) => Number.parseInt(group, 16)));
  const first = numbers(head);
  if (tail === undefined) return first;
  const last = numbers(tail);
  return [...first, ...Array.from({ length: Math.max(0, 8 - first.length - last.length) }, () => 0), ...last];
}
