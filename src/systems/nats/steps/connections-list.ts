import { defineRead, fail, succeed, z } from '#step-kit/index.ts';
import { type ConnectionRow, closedRows, connectionRow, openRows, totalsByName } from '../connections.ts';
import { Nats } from '../system.ts';
import { someOf } from '../values.ts';

export const connectionsList = defineRead({
  name: 'nats.connections.list',
  summary: 'Lists who is connected to NATS, the slowest first, and who was thrown out for reading too slowly.',
  input: z.object({
    /** At most this many connections; `byName` counts all that were seen. */
    limit: z.int().min(1).max(1_000).default(200),
    /** From this many bytes that a client has not read yet, it counts as slow. NATS throws it out at 64 MiB. */
    slowBytes: z.int().min(1).default(1_048_576),
  }),
  output: z.object({
    items: z.array(connectionRow),
    total: z.int(),
    truncated: z.boolean(),
    note: z.string(),
    say: z.string(),
    /** Connections that are slow now. */
    slow: z.int(),
    byName: z.array(z.object({ name: z.string(), role: z.string(), connections: z.int(), pendingBytes: z.int(), slow: z.int() })),
    /** The newest that a server ended because they read too slowly. */
    thrownOut: z.array(z.object({ server: z.string(), name: z.string(), reason: z.string(), at: z.string(), secondsAgo: z.int() })),
  }),
  examples: [
    {
      title: 'A worker beside the scheduler',
      with: { limit: 200 },
      output: {
        items: [
          { server: 'nats:8222', cid: 13, name: 'cordum-bus', role: 'scheduler', ip: '10.0.0.7', client: 'go 1.49.0', pendingBytes: 0, slow: false, rttMs: 1, subscriptions: 7, messagesIn: 70, messagesOut: 319, idleSeconds: 1, connectedSeconds: 408 },
          { server: 'nats:8222', cid: 24, name: '', role: 'worker', ip: '10.0.0.9', client: 'go 1.49.0', pendingBytes: 0, slow: false, rttMs: 1, subscriptions: 1, messagesIn: 87, messagesOut: 8, idleSeconds: 1, connectedSeconds: 235 },
        ],
        total: 2,
        truncated: false,
        note: '',
        say: '2 connections (1 scheduler, 1 worker); none is slow.',
        slow: 0,
        byName: [
          { name: 'cordum-bus', role: 'scheduler', connections: 1, pendingBytes: 0, slow: 0 },
          { name: '', role: 'worker', connections: 1, pendingBytes: 0, slow: 0 },
        ],
        thrownOut: [],
      },
    },
  ],
  async run({ limit, slowBytes }, ctx) {
    const { monitors } = ctx.use(Nats);
    if (monitors.length === 0) return fail('refused', 'Connections are listed by the monitoring port, and none is configured: set nats.monitorUrl.');
    const call = { signal: ctx.signal };
    const answers = await Promise.all(
      monitors.map(async (monitor) => ({ label: monitor.label, open: await monitor.connz({ state: 'open', limit: 1_000 }, call), closed: await monitor.connz({ state: 'closed', limit: 500 }, call) })),
    );
    const rows: ConnectionRow[] = answers.flatMap(({ label, open }) => (open.ok ? openRows(label, open.value, ctx.now(), slowBytes) : []));
    const total = answers.reduce((sum, { open }) => sum + (open.ok ? Math.max(open.value.total, open.value.connections.length) : 0), 0);
    const failures = answers.flatMap(({ open }) => (open.ok ? [] : [open.failure]));
    const [first] = failures;
    if (first !== undefined && failures.length === answers.length) return { ok: false, failure: first };
    const sorted = rows.toSorted((one, other) => other.pendingBytes - one.pendingBytes);
    const thrownOut = answers.flatMap(({ label, closed }) => (closed.ok ? closedRows(label, closed.value, ctx.now()) : [])).toSorted((one, other) => one.secondsAgo - other.secondsAgo);
    const slow = rows.filter((row) => row.slow);
    const roles = [...Map.groupBy(rows, (row) => row.role)].map(([role, of]) => `${of.length} ${role}`);
    return succeed({
      items: sorted.slice(0, limit),
      total,
      truncated: total > limit || rows.length < total || failures.length > 0,
      note: first === undefined ? (total > Math.min(limit, rows.length) ? `${total} connections; those with the most pending bytes are shown.` : '') : `${failures.length} of ${answers.length} servers could not be asked. ${first.message}`,
      say: `${total} connections${roles.length === 0 ? '' : ` (${someOf(roles, 8)})`}; ${slow.length === 0 ? 'none is slow' : `${slow.length} slow: ${someOf(slow.map((row) => `${row.name === '' ? row.role : row.name} ${row.ip}`))}`}.${thrownOut.length === 0 ? '' : ` ${thrownOut.length} were thrown out for reading too slowly.`}`,
      slow: slow.length,
      byName: totalsByName(rows),
      thrownOut: thrownOut.slice(0, 50),
    });
  },
});
