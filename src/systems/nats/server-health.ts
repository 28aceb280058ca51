/** One row for each server, from its monitoring port or from its greeting, and the sentence about all of them. Pure. */
import { type Result, z } from '#step-kit/index.ts';
import type { RoundTrip } from './bus.ts';
import { quote } from './failure.ts';
import type { Greeted } from './greeting.ts';
import type { Varz } from './schema.ts';
import { ageSeconds, someOf } from './values.ts';

export const serverHealthRow = z.object({
  address: z.string(),
  name: z.string(),
  reachable: z.boolean(),
  /** It answers and calls itself healthy. Without a monitor: it greets us and is not about to leave. */
  healthy: z.boolean(),
  why: z.string(),
  version: z.string(),
  cluster: z.string(),
  /** 0 where only a monitor would know and there is none; so are the numbers below. */
  uptimeSeconds: z.int(),
  connections: z.int(),
  slowConsumers: z.int(),
  memoryBytes: z.int(),
  jetstream: z.boolean(),
  storageBytes: z.int(),
  /** 0: no limit is known. */
  storageLimitBytes: z.int(),
  storagePercent: z.int(),
  apiErrors: z.int(),
  /** It is about to stop and sends its clients away. */
  lameDuck: z.boolean(),
});
export type HealthRow = z.output<typeof serverHealthRow>;

const NOTHING: HealthRow = {
  address: '',
  name: '',
  reachable: false,
  healthy: false,
  why: '',
  version: '',
  cluster: '',
  uptimeSeconds: 0,
  connections: 0,
  slowConsumers: 0,
  memoryBytes: 0,
  jetstream: false,
  storageBytes: 0,
  storageLimitBytes: 0,
  storagePercent: 0,
  apiErrors: 0,
  lameDuck: false,
};

export function healthFromMonitor(address: string, varz: Result<Varz>, healthz: Result<{ readonly status: string; readonly error: string }>): HealthRow {
  const reachable = varz.ok || healthz.ok;
  const why = whyNot(varz, healthz);
  if (!varz.ok) return { ...NOTHING, address, reachable, why };
  const { value } = varz;
  const stats = value.jetstream?.stats;
  const limit = Math.max(0, value.jetstream?.config?.max_storage ?? 0);
  const used = stats?.storage ?? 0;
  return {
    ...NOTHING,
    address,
    name: value.server_name,
    reachable,
    healthy: why === '',
    why,
    version: value.version,
    cluster: value.cluster?.name ?? '',
    uptimeSeconds: value.start === 0 ? 0 : ageSeconds(value.start, value.now),
    connections: value.connections,
    slowConsumers: value.slow_consumers,
    memoryBytes: value.mem,
    jetstream: value.jetstream?.config !== undefined,
    storageBytes: used,
    storageLimitBytes: limit,
    storagePercent: limit === 0 ? 0 : Math.min(100, Math.floor((used / limit) * 100)),
    apiErrors: stats?.api?.errors ?? 0,
  };
}

function whyNot(varz: Result<Varz>, healthz: Result<{ readonly status: string; readonly error: string }>): string {
  if (!healthz.ok) return healthz.failure.message;
  if (healthz.value.status !== 'ok') return `It calls itself ${quote(healthz.value.status) || 'not healthy'}${healthz.value.error === '' ? '' : `: ${quote(healthz.value.error)}`}.`;
  return varz.ok ? '' : varz.failure.message;
}

/** Without a monitor all we have is that it greets us; whether JetStream is well, it does not say. */
export function healthFromGreeting(address: string, answer: Result<Greeted>): HealthRow {
  if (!answer.ok) return { ...NOTHING, address, why: answer.failure.message };
  const { info } = answer.value;
  const why = info.ldm ? 'It is about to stop (lame duck mode).' : '';
  return { ...NOTHING, address, name: info.server_name, reachable: true, healthy: why === '', why, version: info.version, cluster: info.cluster, jetstream: info.jetstream, lameDuck: info.ldm };
}

export function sayHealth(rows: readonly HealthRow[], trip: Result<RoundTrip>): string {
  const bad = rows.filter((row) => !row.healthy);
  const servers =
    bad.length === 0
      ? rows.length === 1
        ? 'The server is healthy'
        : `All ${rows.length} servers are healthy`
      : `${bad.length} of ${rows.length} servers ${bad.every((row) => !row.reachable) ? 'do not answer' : 'are not healthy'} (${someOf(bad.map((row) => row.address))}): ${bad[0]?.why ?? ''}`.replace(/\.$/, '');
  return trip.ok ? `${servers}, and we can log in (${trip.value.rttMs} ms).` : `${servers}. We have no connection as a client: ${trip.failure.message}`;
}
