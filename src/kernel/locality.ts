/** What a request shows of where it comes from. */
export interface Origin {
  /** Of the socket. */
  readonly remoteAddress: string | undefined;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const LOOPBACK_ADDRESS = /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/;
/** Without its port. Browsers write an IPv6 address in brackets. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;
/** A proxy on this machine speaks for others, so what it forwards is not from here. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'] as const;

/**
 * Whether a request was made on this machine, to this machine. The Host counts as well: a page of another site whose name
 * suddenly resolves to 127.0.0.1 (DNS rebinding) sends from here, but under its own name.
 */
export function isFromHere({ remoteAddress, headers }: Origin): boolean {
  const { host } = headers;
  if (!LOOPBACK_ADDRESS.test(remoteAddress ?? '') || typeof host !== 'string' || !LOOPBACK_HOST.test(host)) return false;
  return FORWARDED.every((name) => headers[name] === undefined);
}
