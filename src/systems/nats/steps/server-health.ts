import { defineRead, type Failure, succeed, z } from '#step-kit/index.ts';
import { type HealthRow, healthFromGreeting, healthFromMonitor, sayHealth, serverHealthRow } from '../server-health.ts';
import { Nats } from '../system.ts';

export const serverHealth = defineRead({
  name: 'nats.server.health',
  summary: 'Asks every NATS server whether it is healthy, and whether we can log in; says who does not answer and why.',
  input: z.object({}),
  output: z.object({
    /** Every server answers and calls itself healthy, and we could log in and had an answer. */
    healthy: z.boolean(),
    /** At least one server answers, on whatever port. */
    reachable: z.boolean(),
    why: z.string(),
    say: z.string(),
    /** Servers asked, and how many of them answered and how many are healthy. */
    total: z.int(),
    answering: z.int(),
    healthyServers: z.int(),
    /** `monitor`: by the monitoring ports. `client`: none are configured, so only what a server says to a client. */
    source: z.string(),
    /** JetStream runs on at least one server. */
    jetstream: z.boolean(),
    /** Connections that a server gave up since it started because the client read too slowly; of all servers. */
    slowConsumers: z.int(),
    servers: z.array(serverHealthRow),
    client: z.object({
      connected: z.boolean(),
      /** A round trip; 0 when there was none. */
      rttMs: z.int(),
      /** The server that let us in. */
      server: z.string(),
      /** Why not: `unauthorised`, `timeout`, `unreachable` …; empty when connected. */
      reason: z.string(),
      why: z.string(),
    }),
  }),
  examples: [
    {
      title: 'One server, as Cordum starts it by default',
      with: {},
      output: {
        healthy: true,
        reachable: true,
        why: '',
        say: 'The server is healthy, and we can log in (1 ms).',
        total: 1,
        answering: 1,
        healthyServers: 1,
        source: 'monitor',
        jetstream: true,
        slowConsumers: 0,
        servers: [
          {
            address: 'nats:8222',
            name: 'cordum-local',
            reachable: true,
            healthy: true,
            why: '',
            version: '2.15.1',
            cluster: '',
            uptimeSeconds: 408,
            connections: 7,
            slowConsumers: 0,
            memoryBytes: 22441984,
            jetstream: true,
            storageBytes: 136486,
            storageLimitBytes: 2147483648,
            storagePercent: 0,
            apiErrors: 4,
            lameDuck: false,
          },
        ],
        client: { connected: true, rttMs: 1, server: 'nats:4222', reason: '', why: '' },
      },
    },
  ],
  async run(_input, ctx) {
    const { bus, monitors } = ctx.use(Nats);
    const call = { signal: ctx.signal };
    const [rows, trip] = await Promise.all([
      monitors.length > 0
        ? Promise.all(monitors.map(async (monitor): Promise<HealthRow> => {
            const [varz, healthz] = await Promise.all([monitor.varz(call), monitor.healthz(call)]);
            return healthFromMonitor(monitor.label, varz, healthz);
          }))
        : bus.greetings(call).then((greetings) => greetings.map(({ address, answer }) => healthFromGreeting(address.label, answer))),
      bus.roundTrip(call),
    ]);
    const answering = rows.filter((row) => row.reachable).length;
    const healthyServers = rows.filter((row) => row.healthy).length;
    const failure: Failure | undefined = trip.ok ? undefined : trip.failure;
    const healthy = rows.length > 0 && healthyServers === rows.length && trip.ok;
    return succeed({
      healthy,
      reachable: answering > 0 || trip.ok || failure?.reason === 'unauthorised' || failure?.reason === 'forbidden',
      why: healthy ? '' : (rows.find((row) => !row.healthy)?.why ?? failure?.message ?? ''),
      say: sayHealth(rows, trip),
      total: rows.length,
      answering,
      healthyServers,
      source: monitors.length > 0 ? 'monitor' : 'client',
      jetstream: rows.some((row) => row.jetstream),
      slowConsumers: rows.reduce((sum, row) => sum + row.slowConsumers, 0),
      servers: rows,
      client: trip.ok
        ? { connected: true, rttMs: trip.value.rttMs, server: trip.value.greeted.address.label, reason: '', why: '' }
        : { connected: false, rttMs: 0, server: '', reason: trip.failure.reason, why: trip.failure.message },
    });
  },
});
