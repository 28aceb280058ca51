/** Which hosts a target may be asked about: exactly those that it names (pure but for the looks of an address). */
import { fail, type Result, succeed } from '#kernel/failure.ts';
import { kindOfAddress } from './addresses.ts';

/** One host that may be asked. */
export interface Place {
  /** As URLs write it: in lower case, an IPv6 address without its brackets, decimal and octal addresses in plain form. */
  readonly host: string;
  readonly port: number;
  /** Named in the allow-list as this machine itself. */
  readonly isLoopback: boolean;
}

export interface AllowList {
  place(host: string, port: number): Result<Place>;
  /** Whether a connection to this address may be made for that place: the name may have been pointed elsewhere. */
  admits(place: Place, address: string): boolean;
}

interface Entry {
  readonly host: string;
  readonly port: number | undefined;
}

export function createAllowList(allow: readonly string[]): AllowList {
  const entries = allow.flatMap((text) => entryOf(text) ?? []);
  return {
    place(host, port) {
      const name = plainHost(host);
      if (name === undefined) return fail('refused', 'The host of that address cannot be read.');
      if (!entries.some((entry) => entry.host === name && (entry.port === undefined || entry.port === port))) {
        return fail('refused', `${name}:${port} is not in the target's http.allow, so it is not asked.`);
      }
      const place = { host: name, port, isLoopback: isLoopbackName(name) };
      // An address in the list does not make a metadata service a fair question.
      return /^[\d.]+$|:/.test(name) && !admits(place, name) ? fail('refused', `${name} is a link-local, metadata, multicast or reserved address: it is never asked.`) : succeed(place);
    },
    admits,
  };
}

function admits(place: Place, address: string): boolean {
  const kind = kindOfAddress(address);
  return kind === 'public' || kind === 'private' || (kind === 'loopback' && place.isLoopback);
}

function isLoopbackName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || kindOfAddress(name) === 'loopback';
}

function entryOf(text: string): Entry | undefined {
  const match = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] === undefined ? undefined : plainHost(match[1]);
  return host === undefined ? undefined : { host, port: match?.[2] === undefined ? undefined : Number(match[2]) };
}

/** Through the URL parser, which writes `0x7f.1`, `2130706433` and `０` in one form, as the connection would read them. */
function plainHost(host: string): string | undefined {
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
  if (/[/?#@\\\s]/.test(bracketed) || !URL.canParse(`http://${bracketed}/`)) return undefined;
  const { hostname, port } = new URL(`http://${bracketed}/`);
  const plain = hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  return port === '' && plain !== '' ? plain : undefined;
}
