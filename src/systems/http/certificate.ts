/** The certificate that a port shows: a handshake and nothing else, on a connection of its own to an admitted address. */
import { once } from 'node:events';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import type { ShownCertificate } from '#kernel/certificate.ts';
import { type ConnectionTrouble, connectionTrouble } from '#kernel/network.ts';
import type { Secret } from '#kernel/secret.ts';
import type { AllowList, Place } from './allow-list.ts';
import { guardedLookup, isAddressRefused } from './connect.ts';

const MOST_CHAIN = 10;
const GREETING_MAX_BYTES = 64 * 1024;

export interface ShownChain {
  readonly leaf: ShownCertificate;
  /** From the leaf upward, as far as the server sent it. */
  readonly chain: readonly ShownCertificate[];
  /** Why the authorities that were asked (this machine's, unless others are given) do not trust it; absent: they do. */
  readonly distrust: ConnectionTrouble | undefined;
  readonly nameMatches: boolean;
  readonly protocol: string;
}

export interface CertificateOptions {
  readonly place: Place;
  readonly allowList: AllowList;
  readonly name: string;
  readonly greeting: 'none' | 'nats';
  readonly signal: AbortSignal;
  /** Asked in place of this machine's authorities. */
  readonly ca?: string;
  /** Who we are, for servers that want to know before they finish the handshake (mTLS). */
  readonly identity?: { readonly cert: string; readonly key: Secret };
}

export async function readCertificate({ place, allowList, name, greeting, signal, ca, identity }: CertificateOptions): Promise<ShownChain | 'refused'> {
  const open: Socket[] = [];
  const end = (): void => {
    // The TLS socket first: it stands on the other's handle, and Node 26 crashes when that is pulled from under it.
    for (const socket of open.toReversed()) socket.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    const plain = connectPlain({ host: place.host, port: place.port, lookup: guardedLookup(allowList, place) });
    open.push(plain);
    // An error after the handshake is of no interest, and must not become an uncaught one.
    plain.on('error', () => {});
    await once(plain, 'connect', { signal });
    if (!allowList.admits(place, plain.remoteAddress ?? '')) return 'refused';
    if (greeting === 'nats') await readGreeting(plain, signal);
    const own = identity === undefined ? {} : { cert: identity.cert, key: identity.key.reveal() };
    const socket = connectTls({ socket: plain, rejectUnauthorized: false, ...own, ...(ca === undefined ? {} : { ca }), ...(isIP(name) === 0 ? { servername: name } : {}) });
    open.push(socket);
    // Who demands a certificate of ours has shown its own before it says no (TLS 1.2). It is read at once: after that it is gone.
    let beforeTheNo: ShownChain | undefined;
    socket.on('error', (error) => (beforeTheNo ??= socket.getPeerX509Certificate() === undefined ? undefined : shownBy(socket, name, error)));
    try {
      await handshake(socket, signal);
    } catch (error) {
      if (beforeTheNo === undefined || signal.aborted) throw error;
      return beforeTheNo;
    }
    return shownBy(socket, name);
  } catch (error) {
    if (isAddressRefused(error)) return 'refused';
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}

/** The server's end of the connection before the handshake is done is no event of its own. */
async function handshake(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  const closed = once(socket, 'close', { signal }).then(() => {
    throw Object.assign(new Error('closed during the handshake'), { code: 'ECONNRESET' });
  });
  await Promise.race([once(socket, 'secureConnect', { signal }), closed]);
}

/** NATS tells of itself in one line (`INFO {…}`) and waits for the client to begin TLS (https://docs.nats.io/reference/reference-protocols/nats-protocol). */
async function readGreeting(socket: Socket, signal: AbortSignal): Promise<void> {
  let said = '';
  while (!said.includes('\n')) {
    const [chunk] = (await once(socket, 'data', { signal })) as [Buffer];
    said += chunk.toString('latin1');
    if (said.length > GREETING_MAX_BYTES || !said.startsWith('INFO '.slice(0, said.length))) throw Object.assign(new Error('no greeting'), { code: 'ERR_TLS_NO_GREETING' });
  }
  socket.pause();
}

/** `refusal`: why the handshake went no further; whether we would have trusted it is then not known. */
function shownBy(socket: TLSSocket, name: string, refusal?: unknown): ShownChain {
  const leaf = socket.getPeerCertificate(true);
  const why: unknown = socket.authorizationError;
  const code = typeof why === 'string' ? why : why instanceof Error && 'code' in why ? why.code : 'ERR_TLS_UNKNOWN';
  // The name is told apart from trust, and is checked against an address where that was asked for.
  const nameMatches = checkServerIdentity(name, leaf) === undefined;
  const trusted = socket.authorized || code === 'ERR_TLS_CERT_ALTNAME_INVALID';
  return { leaf: leaf as ShownCertificate, chain: chainOf(leaf), distrust: refusal !== undefined ? connectionTrouble(refusal) : trusted ? undefined : connectionTrouble({ code }), nameMatches, protocol: socket.getProtocol() ?? '' };
}

function chainOf(leaf: DetailedPeerCertificate): ShownCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  // A root names itself as its issuer.
  for (let one: DetailedPeerCertificate | undefined = leaf; one !== undefined && !chain.includes(one) && chain.length < MOST_CHAIN; one = one.issuerCertificate as DetailedPeerCertificate | undefined) chain.push(one);
  return chain as ShownCertificate[];
}
