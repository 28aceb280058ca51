/** When the certificates expire that the endpoints of a target show, looked up by a handshake with each. */
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 3_600_000;
/** A gateway that is being restarted must not be asked by all at once. */
const AT_ONCE = 4;

interface Endpoint {
  /** What people call it: `cordum`, `grpc/safety-kernel`, `nats/nats-0:4222`. */
  readonly name: string;
}

/** `expiryOf`: when the certificate that the endpoint shows expires, ms since the epoch; whether it is trusted does not matter. */
export function certificatesSource<E extends Endpoint>(target: string, endpoints: readonly E[], expiryOf: (endpoint: E, call: Call) => Promise<Result<number>>): Source {
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
