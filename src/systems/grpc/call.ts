/** One call of grpc.health.v1.Health/Check, on a connection of its own: nothing stays open, nothing reconnects in the background. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import type { TlsMaterial } from '#kernel/tls.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const MOST_ANSWER_BYTES = 64 * 1024;
/**
 * The library gives whatever it dials as server name to Node, which throws where that is an address (RFC 6066 allows none). Then
 * this name is sent, and the certificate is checked against the address.
 */
const NAME_OF_AN_ADDRESS = 'by-address.invalid';

/** As proto-loader reads the answer, with enums as texts. */
const answerShape = z.object({ status: z.string() });

export type CallEnd =
  | { readonly kind: 'answered'; readonly status: string }
  | { readonly kind: 'failed'; readonly code: number; readonly details: string }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'cancelled' };

export interface CallOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsMaterial | undefined;
  /** The name of the service that is asked for; empty: the server as a whole. */
  readonly service: string;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** Loaded for the first call, since many bots ask no gRPC service. It takes most of a second and is no latency of the service, so it is waited for before the time is taken. */
export async function loadLibrary() {
  const [{ default: grpc }, { service: definition }] = await Promise.all([import('@grpc/grpc-js'), import('grpc-health-check')]);
  return { grpc, definition };
}

export async function callHealth({ grpc, definition }: Library, options: CallOptions): Promise<CallEnd> {
  const method = definition['Check'];
  if (method === undefined) throw new Error('grpc-health-check has no Check');
  const { host, port, tls, signal, clock } = options;
  if (signal?.aborted === true) return { kind: 'cancelled' };
  const address = `dns:${host.includes(':') ? `[${host}]` : host}:${port}`;
  const name = tls?.serverName ?? host;
  const sentName = isIP(name) === 0 ? name : NAME_OF_AN_ADDRESS;
  const client = new grpc.Client(address, credentialsOf(grpc.credentials, tls, name), {
    // A proxy of the environment would be asked instead of the service.
    'grpc.enable_http_proxy': 0,
    'grpc.enable_retries': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': MOST_ANSWER_BYTES,
    ...(tls === undefined ? {} : { 'grpc.ssl_target_name_override': sentName }),
    ...(tls?.serverName === undefined ? {} : { 'grpc.default_authority': tls.serverName }),
  });
  return new Promise<CallEnd>((resolve) => {
    let ended: CallEnd | undefined;
    const call = client.makeUnaryRequest(CHECK, method.requestSerialize, method.responseDeserialize, { service: options.service }, (error, answer: unknown) => {
      stopTimer();
      signal?.removeEventListener('abort', onAbort);
      client.close();
      if (ended !== undefined) return resolve(ended);
      if (error !== null) return resolve({ kind: 'failed', code: error.code, details: error.details });
      const read = answerShape.safeParse(answer);
      resolve(read.success ? { kind: 'answered', status: read.data.status } : { kind: 'failed', code: grpc.status.INTERNAL, details: 'the answer cannot be read' });
    });
    const stop = (end: CallEnd): void => {
      ended ??= end;
      call.cancel();
    };
    const onAbort = (): void => stop({ kind: 'cancelled' });
    const stopTimer = clock.schedule(clock.now() + options.timeoutMs, () => stop({ kind: 'timeout' }));
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

interface CredentialsMaker {
  createInsecure(): ChannelCredentials;
  createSsl(rootCerts: Buffer | null, privateKey: Buffer | null, certChain: Buffer | null, verify: { checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined }): ChannelCredentials;
}

function credentialsOf(make: CredentialsMaker, tls: TlsMaterial | undefined, name: string): ChannelCredentials {
  if (tls === undefined) return make.createInsecure();
  // Key and certificate go together, or the library throws; config holds that too.
  const both = tls.key !== undefined && tls.cert !== undefined ? { key: Buffer.from(tls.key.reveal()), cert: Buffer.from(tls.cert) } : undefined;
  const verify = { checkServerIdentity: (_sent: string, certificate: PeerCertificate): Error | undefined => checkServerIdentity(name, certificate) };
  return make.createSsl(tls.ca === undefined ? null : Buffer.from(tls.ca), both?.key ?? null, both?.cert ?? null, verify);
}
