/** Connections as rows: who it is by what it listens to, and whether it keeps up. Nothing of its credentials. Pure. */
import { z } from '#step-kit/index.ts';
import type { Connz } from './schema.ts';
import { ageSeconds, durationMs, timeText } from './values.ts';

/** Different names, for the totals. */
const MOST_NAMES = 100;

export const connectionRow = z.object({
  /** The server that it is connected to. */
  server: z.string(),
  cid: z.int(),
  name: z.string(),
  /** `gateway`, `scheduler`, `safety-kernel`, `worker` or `other`, by its subscriptions: Cordum's services all call themselves cordum-bus. */
  role: z.string(),
  ip: z.string(),
  client: z.string(),
  /** Sent to it and not read yet. */
  pendingBytes: z.int(),
  slow: z.boolean(),
  /** Rounded up; 0: not measured. */
  rttMs: z.int(),
  subscriptions: z.int(),
  messagesIn: z.int(),
  messagesOut: z.int(),
  idleSeconds: z.int(),
  connectedSeconds: z.int(),
});
export type ConnectionRow = z.output<typeof connectionRow>;

export function openRows(server: string, { connections }: Connz, nowMs: number, slowBytes: number): ConnectionRow[] {
  return connections.map((one) => ({
    server,
    cid: one.cid,
    name: one.name,
    role: roleOf(one.subscriptions_list),
    ip: one.ip,
    client: `${one.lang} ${one.version}`.trim(),
    pendingBytes: one.pending_bytes,
    slow: one.pending_bytes >= slowBytes,
    rttMs: durationMs(one.rtt),
    subscriptions: one.subscriptions,
    messagesIn: one.in_msgs,
    messagesOut: one.out_msgs,
    idleSeconds: ageSeconds(one.last_activity, nowMs),
    connectedSeconds: ageSeconds(one.start, nowMs),
  }));
}

/**
 * By what each of Cordum's services listens to (recording nats_connz of v0.9.7). The workflow engine listens to nothing but its own
 * inboxes, and can therefore not be told from others.
 */
export function roleOf(subjects: readonly string[]): string {
  const listens = new Set(subjects);
  if (listens.has('sys.job.>') || listens.has('sys.audit.>')) return 'gateway';
  if (listens.has('sys.handshake') || listens.has('sys.job.cancel')) return 'scheduler';
  if (subjects.some((subject) => /^worker\..+\.jobs$/.test(subject) || subject.startsWith('job.'))) return 'worker';
  if (listens.has('sys.config.changed')) return 'safety-kernel';
  return 'other';
}

/** The server names its reason: "Slow Consumer (Pending Bytes)", "Slow Consumer (Write Deadline)". */
export function closedRows(server: string, { connections }: Connz, nowMs: number): { server: string; name: string; reason: string; at: string; secondsAgo: number }[] {
  return connections.filter((one) => /slow consumer/i.test(one.reason)).map((one) => ({ server, name: one.name, reason: one.reason, at: timeText(one.stop), secondsAgo: ageSeconds(one.stop, nowMs) }));
}

export function totalsByName(rows: readonly ConnectionRow[]): { name: string; role: string; connections: number; pendingBytes: number; slow: number }[] {
  return [...Map.groupBy(rows, (row) => JSON.stringify([row.name, row.role])).values()]
    .map((of) => ({
      name: of[0]?.name ?? '',
      role: of[0]?.role ?? 'other',
      connections: of.length,
      pendingBytes: of.reduce((sum, row) => Math.min(Number.MAX_SAFE_INTEGER, sum + row.pendingBytes), 0),
      slow: of.filter((row) => row.slow).length,
    }))
    .toSorted((one, other) => other.pendingBytes - one.pendingBytes || other.connections - one.connections)
    .slice(0, MOST_NAMES);
}
