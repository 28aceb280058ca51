/** The gRPC services of a target, by their names: what grpc.health.v1 says, and else why it cannot be asked. */
import { certificateFacts, type CertificateFacts } from '#kernel/certificate.ts';
import type { Clock } from '#kernel/clock.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import { didYouMean } from '#kernel/hints.ts';
import type { TlsMaterial } from '#kernel/tls.ts';
import { callHealth, loadLibrary, type CallEnd } from './call.ts';
import { diagnose, type Cause, type Status } from './diagnosis.ts';
import { knock, type Knock } from './knock.ts';

/** A look besides the call ends after this. */
const KNOCK_TIMEOUT_MS = 3_000;
const ADDRESS = /^(?:\[(?<v6>[0-9A-Fa-f:.]+)\]|(?<name>[A-Za-z0-9._-]+)):(?<port>\d{1,5})$/;

export interface GrpcService {
  readonly name: string;
  /** `host:port`. */
  readonly address: string;
  /** Present, even empty: it is asked with TLS. */
  readonly tls?: TlsMaterial;
}

export interface GrpcHealthParts {
  readonly services: readonly GrpcService[];
  readonly clock: Clock;
}

export interface HealthAsk {
  readonly service: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface HealthReading {
  readonly status: Status;
  readonly cause: Cause;
  readonly latencyMs: number;
  readonly address: string;
  readonly tls: boolean;
  readonly certificate: CertificateFacts;
  readonly say: string;
}

export interface GrpcHealthClient {
  readonly names: readonly string[];
  /** Fails only when the target has no such service, or the run is cancelled: that it cannot be reached is an answer. */
  check(name: string, ask: HealthAsk): Promise<Result<HealthReading>>;
  close(): Promise<void>;
}

export function createGrpcHealthClient({ services, clock }: GrpcHealthParts): GrpcHealthClient {
  const byName = new Map(services.map((service) => [service.name, service]));
  return {
    names: [...byName.keys()],
    async check(name, ask) {
      const service = byName.get(name);
      if (service === undefined) return fail('invalid', `The target has no gRPC service "${name}" (${didYouMean(name, byName.keys()) ?? 'none is configured under grpc'}).`);
      const at = ADDRESS.exec(service.address)?.groups;
      if (at === undefined) return fail('invalid', `The address of the gRPC service "${name}" is not HOST:PORT.`);
      const where = { host: at['v6'] ?? at['name'] ?? '', port: Number(at['port']), clock, signal: ask.signal };
      const library = await loadLibrary();
      const startedMs = clock.now();
      const call = () => callHealth(library, { ...where, tls: service.tls, service: ask.service, timeoutMs: ask.timeoutMs });
      const first = await call();
      // One silence may be our own: the first looks of a process load the clients of other systems meanwhile. The time of both counts.
      const end = first.kind === 'timeout' ? await call() : first;
      const latencyMs = Math.max(0, clock.now() - startedMs);
      if (end.kind === 'cancelled') return fail('cancelled', `The health check of ${name} was cancelled.`);
      const looks = { ...where, timeoutMs: Math.min(KNOCK_TIMEOUT_MS, ask.timeoutMs) };
      const knocked = service.tls !== undefined || end.kind !== 'answered' ? await knock({ ...looks, tls: service.tls }) : undefined;
      const tlsToo = mayBeTls(end, knocked, service) ? await knock({ ...looks, tls: {} }) : undefined;
      const diagnosis = diagnose(end, knocked, tlsToo, service.tls !== undefined);
      return succeed({
        ...diagnosis,
        say: `${name} ${diagnosis.say}`,
        latencyMs,
        address: service.address,
        tls: service.tls !== undefined,
        certificate: certificateFacts((tlsToo ?? knocked)?.certificate, clock.now()),
      });
    },
    // Every check has a connection of its own that ends with it.
    close: () => Promise.resolve(),
  };
}

/** A server that speaks TLS ends a plaintext connection without a word, or says something in HTTP/1 (Go does). */
function mayBeTls(end: CallEnd, knocked: Knock | undefined, service: GrpcService): boolean {
  if (service.tls !== undefined || end.kind === 'answered' || knocked === undefined) return false;
  return (knocked.connected || knocked.trouble?.cause === 'reset') && knocked.answered !== 'http2' && knocked.answered !== 'other';
}
