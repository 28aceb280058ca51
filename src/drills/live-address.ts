/** The addresses of a live system, with what their names resolve to: a sandbox must have none of them. */
import { isIP } from 'node:net';

export interface LiveAddress {
  readonly host: string;
  readonly port: number;
}

/** From a name to its addresses; empty when nobody knows it. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Each once, as `host:port`, names and what they stand for. */
export async function withResolved(addresses: readonly LiveAddress[], resolve: Resolve): Promise<readonly string[]> {
  const known = new Map<string, readonly string[]>();
  for (const { host } of addresses) if (!known.has(host)) known.set(host, isIP(host) === 0 ? await resolve(host) : []);
  return [...new Set(addresses.flatMap(({ host, port }) => [host, ...(known.get(host) ?? [])].map((one) => writeAddress({ host: one, port }))))];
}

export function writeAddress({ host, port }: LiveAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host:port`, `[::1]:port`; undefined when it is neither. */
export function readAddress(text: string): LiveAddress | undefined {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  return host === undefined ? undefined : { host, port: Number(port) };
}
