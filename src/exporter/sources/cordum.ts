/** What Cordum's own API says, and no metric of Cordum does. Each is a small port, so that a target's client can be handed in. */
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Look, Source } from '../source.ts';

const STATUS_EVERY_MS = 15_000;
const SLOWER_EVERY_MS = 60_000;
const LICENSE_EVERY_MS = 300_000;
/** They register themselves with Cordum (its `/api/v1/status`, `replicas`); no other service does. */
const REGISTERED = ['api-gateway', 'scheduler', 'workflow-engine'] as const;
/** Failures of a gateway that says nothing at all; every other failure is an answer of it. */
const SILENT: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'cancelled']);
/** What Cordum calls a licence that still stands: `active` in the recordings of v0.9.7, the others in its code. */
const VALID_LICENSE: ReadonlySet<string> = new Set(['active', 'valid', 'warning']);

export interface StatusFacts {
  readonly natsConnected: boolean;
  readonly redisOk: boolean;
  /** Cordum shares one cached answer between all roles, so the rest may be missing now and be there in two seconds. */
  readonly adminFieldsSeen: boolean;
  readonly inputBreaker: { readonly state: string };
  readonly outputBreaker: { readonly state: string };
  readonly replicas: readonly { readonly service: string }[];
}

export interface ReadinessFacts {
  readonly checks: readonly { readonly name: string; readonly status: string }[];
}

export interface StatusPort {
  status(call: Call): Promise<Result<StatusFacts>>;
  /** `/readyz`, which is not rate limited: with its Redis away, Cordum answers 429 to everything else. */
  readyz(call: Call): Promise<Result<ReadinessFacts>>;
}

export function statusSource(target: string, cordum: StatusPort): Source {
  return {
    target,
    name: 'status',
    everyMs: STATUS_EVERY_MS,
    async look(call) {
      const read = await cordum.status(call);
      const answered = read.ok || !SILENT.has(read.failure.reason);
      const reachable: Sample = { series: 'cordum_gateway_reachable', labels: {}, value: answered ? 1 : 0 };
      if (!read.ok) return { samples: [reachable, ...(answered ? await readinessSamples(cordum, call) : [])], failure: read.failure };
      const { natsConnected, redisOk, adminFieldsSeen, inputBreaker, outputBreaker, replicas } = read.value;
      const samples: Sample[] = [
        reachable,
        { series: 'cordum_nats_connected', labels: {}, value: natsConnected ? 1 : 0 },
        { series: 'cordum_redis_ok', labels: {}, value: redisOk ? 1 : 0 },
      ];
      if (!adminFieldsSeen) return { samples, failure: { reason: 'forbidden', message: 'Cordum left out the fields that only admins see: give the bot a key with the scope admin.' } };
      samples.push(...breakerSamples('input', inputBreaker.state), ...breakerSamples('output', outputBreaker.state));
      for (const service of REGISTERED) samples.push({ series: 'cordum_service_replicas', labels: { component: service }, value: replicas.filter((one) => one.service === service).length });
      return { samples };
    },
  };
}

async function readinessSamples(cordum: StatusPort, call: Call): Promise<Sample[]> {
  const read = await cordum.readyz(call);
  if (!read.ok) return [];
  const parts = { nats: 'cordum_nats_connected', redis: 'cordum_redis_ok' } as const;
  return read.value.checks.flatMap(({ name, status }): Sample[] => (name === 'nats' || name === 'redis' ? [{ series: parts[name], labels: {}, value: /^(?:ok|connected)$/i.test(status) ? 1 : 0 }] : []));
}

/** A breaker whose state Cordum does not know has no series: it is neither open nor closed. */
function breakerSamples(breaker: string, state: string): Sample[] {
  const word = state.toUpperCase();
  return word === 'OPEN' || word === 'CLOSED' ? [{ series: 'cordum_circuit_breaker_open', labels: { breaker }, value: word === 'OPEN' ? 1 : 0 }] : [];
}

export interface LicenseFacts {
  /** `active`, `valid`, `warning`, `grace`, `degraded`, …; empty when Cordum does not say. */
  readonly state: string;
  /** Undefined for a licence that does not expire, as the community's. */
  readonly expiresAtMs: number | undefined;
}

export function licenseSource(target: string, license: (call: Call) => Promise<Result<LicenseFacts>>): Source {
  return {
    target,
    name: 'license',
    everyMs: LICENSE_EVERY_MS,
    async look(call) {
      const read = await license(call);
      if (!read.ok) return { samples: [], failure: read.failure };
      const { state, expiresAtMs } = read.value;
      const expiry: Sample[] = expiresAtMs === undefined ? [] : [{ series: 'cordum_license_expiry_timestamp_seconds', labels: {}, value: expiresAtMs / 1_000 }];
      return { samples: [{ series: 'cordum_license_valid', labels: {}, value: VALID_LICENSE.has(state.toLowerCase()) ? 1 : 0 }, ...expiry] };
    },
  };
}

/** `waiting`: how many wait for a person, of at most as many as its reader counts. */
export function approvalsSource(target: string, waiting: (call: Call) => Promise<Result<number>>): Source {
  return {
    target,
    name: 'approvals',
    everyMs: SLOWER_EVERY_MS,
    look: async (call) => ofOne(await waiting(call), (value) => [{ series: 'cordum_approvals_waiting', labels: {}, value }]),
  };
}

export interface PoolFacts {
  readonly name: string;
  readonly workers: number;
  readonly activeJobs: number;
}

export function poolsSource(target: string, pools: (call: Call) => Promise<Result<readonly PoolFacts[]>>): Source {
  return {
    target,
    name: 'pools',
    everyMs: SLOWER_EVERY_MS,
    look: async (call) =>
      ofOne(await pools(call), (rows) =>
        rows.flatMap(({ name: pool, workers, activeJobs }): Sample[] => [
          { series: 'cordum_pool_workers', labels: { pool }, value: workers },
          { series: 'cordum_pool_active_jobs', labels: { pool }, value: activeJobs },
        ]),
      ),
  };
}

function ofOne<T>(read: Result<T>, samples: (value: T) => readonly Sample[]): Look {
  return read.ok ? { samples: samples(read.value) } : { samples: [], failure: read.failure };
}
