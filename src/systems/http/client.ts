/** Looks at addresses that the target names: one GET, or the certificate that a port shows. It never writes, and never goes elsewhere. */
import { certificateFacts, type CertificateFacts } from '#kernel/certificate.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import type { Secret } from '#kernel/secret.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import { type ConnectionCause, connectionTrouble } from '#kernel/network.ts';
import { createAllowList } from './allow-list.ts';
import { type CertificateOptions, readCertificate, type ShownChain } from './certificate.ts';
import { getOnce, type HttpAnswer } from './get.ts';

const LONGEST_URL = 4_000;

export type Cause = ConnectionCause | 'ok';

export interface HttpClientParts {
  /** `host` (any port) or `host:port`. */
  readonly allow: readonly string[];
  /** What speaks TLS among the addresses of the target's systems, by its configuration. */
  readonly endpoints?: readonly TlsEndpoint[];
  readonly clock: Clock;
}

/** An address of one of the target's own systems. That the configuration names it is leave enough to look at its certificate. */
export interface TlsEndpoint {
  /** What people call it: `cordum`, `grpc/safety-kernel`, `nats/nats-0:4222`. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly greeting: 'none' | 'nats';
  readonly serverName?: string;
  readonly ca?: string;
  readonly identity?: { readonly cert: string; readonly key: Secret };
}

export interface Call {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export type Reading<T> = { readonly reachable: true; readonly value: T; readonly durationMs: number } | { readonly reachable: false; readonly cause: ConnectionCause; readonly why: string; readonly durationMs: number };

export interface CertificateAsk extends Call {
  /** The name that is asked for and checked; empty: the host. */
  readonly serverName: string;
  /** NATS speaks plaintext first, and then TLS on the same connection. */
  readonly greeting: 'none' | 'nats';
}

export interface CertificateReading {
  readonly facts: CertificateFacts;
  readonly chain: readonly CertificateFacts[];
  readonly shown: ShownChain;
}

export interface HttpClient {
  /** Refused addresses are failures; that nobody answers is an answer. */
  get(url: string, call: Call): Promise<Result<Reading<HttpAnswer>>>;
  certificate(host: string, port: number, ask: CertificateAsk): Promise<Result<Reading<CertificateReading>>>;
  readonly endpoints: readonly TlsEndpoint[];
  /** Of one of `endpoints`; its trust is that of the authority which the target names for it. */
  endpointCertificate(endpoint: TlsEndpoint, call: Call): Promise<Result<Reading<CertificateReading>>>;
  close(): Promise<void>;
}

export function createHttpClient({ allow, endpoints = [], clock }: HttpClientParts): HttpClient {
  const allowList = createAllowList(allow);
  const look = async (options: Omit<CertificateOptions, 'allowList' | 'signal'>, call: Call): Promise<Result<Reading<CertificateReading>>> => {
    const read = await attempt(clock, call, (signal) => readCertificate({ ...options, allowList, signal }));
    if (!read.ok || !read.value.reachable) return read as Result<Reading<never>>;
    const shown = read.value.value;
    const nowMs = clock.now();
    return succeed({ ...read.value, value: { facts: certificateFacts(shown.leaf, nowMs), chain: shown.chain.map((one) => certificateFacts(one, nowMs)), shown } });
  };

  return {
    endpoints,
    async get(text, call) {
      if (text.length > LONGEST_URL || !URL.canParse(text)) return fail('invalid', 'The address is no URL.');
      const url = new URL(text);
      if (url.protocol !== 'http:' && url.protocol !== 'https:') return fail('refused', 'Only http and https addresses are asked.');
      if (url.username !== '' || url.password !== '') return fail('refused', 'An address with credentials in it is not asked.');
      const place = allowList.place(url.hostname, url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port));
      if (!place.ok) return place;
      return attempt(clock, call, (signal) => getOnce(url, place.value, allowList, signal));
    },
    async certificate(host, port, ask) {
      const place = allowList.place(host, port);
      if (!place.ok) return place;
      const name = ask.serverName === '' ? place.value.host : ask.serverName;
      return look({ place: place.value, name, greeting: ask.greeting }, ask);
    },
    endpointCertificate: ({ host, port, greeting, serverName = host, ca, identity }, call) =>
      look({ place: { host, port, isLoopback: true }, name: serverName, greeting, ...(ca === undefined ? {} : { ca }), ...(identity === undefined ? {} : { identity }) }, call),
    // Every call has a connection of its own that ends with it.
    close: () => Promise.resolve(),
  };
}

async function attempt<T>(clock: Clock, call: Call, work: (signal: AbortSignal) => Promise<T | 'refused'>): Promise<Result<Reading<T>>> {
  if (call.signal?.aborted === true) return fail('cancelled', 'The call was cancelled.');
  const startedMs = clock.now();
  const deadline = deadlineOf(clock, call.timeoutMs, call.signal);
  const since = (): number => Math.max(0, clock.now() - startedMs);
  try {
    const done = await work(deadline.signal);
    if (done === 'refused') return fail('refused', 'That name leads to an address that is never asked (this machine, link-local, metadata, multicast or reserved).');
    return succeed({ reachable: true, value: done, durationMs: since() });
  } catch (error) {
    if (deadline.timedOut()) return succeed({ reachable: false, cause: 'timeout', why: `it did not answer within ${call.timeoutMs} ms`, durationMs: since() });
    if (deadline.cancelled()) return fail('cancelled', 'The call was cancelled.');
    const trouble = connectionTrouble(error);
    return succeed({ reachable: false, cause: trouble.cause, why: trouble.say, durationMs: since() });
  } finally {
    deadline.stop();
  }
}
