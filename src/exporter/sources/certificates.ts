/** When the certificates expire that the endpoints of a target show, looked up by a handshake with each. */
import type { Result } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 3_600_000;
/** A gateway that is being restarted must not be asked by all at once. */
const AT_ONCE = 4;

export interface Endpoint {
  /** What people call it: `cordum`, `grpc/safety-kernel`, `nats/nats-0:4222`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** NATS says a line in the clear before it speaks TLS. */
  readonly greeting: 'none' | 'nats';
  /** The name that is asked for, where it is not that of the host. */
  readonly serverName?: string;
  /** The authority that the target names for it. When a certificate expires does not depend on it. */
  readonly ca?: string;
  /** Who we are, for endpoints that want to know before they finish the handshake (mTLS). */
  readonly identity?: { readonly cert: string; readonly key: Secret };
}

/** When the certificate that the endpoint shows expires, ms since the epoch. */
export type ExpiryOf = (endpoint: Endpoint, call: Call) => Promise<Result<number>>;

export function certificatesSource(target: string, endpoints: readonly Endpoint[], expiryOf: ExpiryOf): Source {
  return {
    target,
    name: 'certificates',
    everyMs: EVERY_MS,
    async look(call) {
      const queue = [...endpoints];
      const samples: Sample[] = [];
      const troubles: string[] = [];
      const worker = async (): Promise<void> => {
        for (let endpoint = queue.shift(); endpoint !== undefined; endpoint = queue.shift()) {
          const labels = { endpoint: endpoint.name };
          const read = await expiryOf(endpoint, call);
          samples.push({ series: 'cordum_certificate_seen', labels, value: read.ok ? 1 : 0 });
          if (read.ok) samples.push({ series: 'cordum_certificate_expiry_timestamp_seconds', labels, value: Math.floor(read.value / 1_000) });
          else troubles.push(`${endpoint.name}: ${read.failure.message}`);
        }
      };
      await Promise.all(Array.from({ length: Math.min(AT_ONCE, endpoints.length) }, worker));
      const [first] = troubles.toSorted();
      return first === undefined ? { samples } : { samples, failure: { reason: 'unreachable', message: `${first}${troubles.length > 1 ? ` (and ${troubles.length - 1} more)` : ''}` } };
    },
  };
}
