/** One Redis server, with the few commands that runbooks need. Each answer is `unknown` until a schema has read it. */
import { z } from 'zod';
import type { Call, Command, Connection } from './connection.ts';
import { type Answer, trouble } from './failure.ts';
import { type Info, parseClients, parseInfo, type ClientRow } from './info.ts';
import { type ClusterNode, type ClusterState, parseClusterInfo, parseClusterNodes } from './cluster-nodes.ts';

export interface SlowCommand {
  readonly id: number;
  /** Seconds since the epoch, by the server's clock. */
  readonly atSeconds: number;
  readonly micros: number;
  /** As logged, cut by the server; never handed out as they are. */
  readonly words: readonly string[];
  readonly client: string;
}

export interface LatencyEvent {
  readonly event: string;
  readonly atSeconds: number;
  readonly latestMs: number;
  readonly maxMs: number;
}

export interface RedisNode {
  readonly address: string;
  ping(call: Call): Promise<Answer<void>>;
  info(call: Call): Promise<Answer<Info>>;
  clusterNodes(call: Call): Promise<Answer<readonly ClusterNode[]>>;
  clusterInfo(call: Call): Promise<Answer<ClusterState>>;
  /** The newest first. */
  slowlog(limit: number, call: Call): Promise<Answer<readonly SlowCommand[]>>;
  latency(call: Call): Promise<Answer<readonly LatencyEvent[]>>;
  /** What takes memory, in bytes, the biggest first; names are the server's. */
  memory(call: Call): Promise<Answer<readonly { readonly name: string; readonly bytes: number }[]>>;
  memoryDoctor(call: Call): Promise<Answer<string>>;
  clients(call: Call): Promise<Answer<{ readonly clients: readonly ClientRow[]; readonly truncated: boolean }>>;
  /** One setting; `undefined` when the server has none of that name. Managed servers may not allow it. */
  setting(name: Setting, call: Call): Promise<Answer<string | undefined>>;
  /** Wanted keys that begin with the text; `whole` when all keys were looked at. */
  keysWith(prefix: string, limits: ScanLimits, call: Call): Promise<Answer<ScanAnswer>>;
}

export type Setting = 'slowlog-log-slower-than' | 'latency-monitor-threshold' | 'stop-writes-on-bgsave-error' | 'save';

export interface ScanLimits {
  /** So many keys are handed out. */
  readonly keys: number;
  wanted(key: string): boolean;
}

export interface ScanAnswer {
  readonly keys: readonly string[];
  readonly whole: boolean;
}

const SCAN_COUNT = 1_000;
/** 500,000 keys looked at on a node. */
const MOST_SCANS = 500;

const text = z.string();
const list = z.array(z.unknown());
const slowEntry = z.tuple([z.coerce.number(), z.coerce.number(), z.coerce.number(), z.array(z.string())], z.unknown());
const latencyEntry = z.tuple([z.string(), z.coerce.number(), z.coerce.number(), z.coerce.number()], z.unknown());
const scanReply = z.tuple([z.coerce.string(), z.array(z.string())]);
const settingReply = z.array(z.string());

export function createNode(connection: Connection): RedisNode {
  const { address } = connection;
  const ask = async <T>(command: Command, schema: z.ZodType<T>, call: Call): Promise<Answer<T>> => {
    const answer = await connection.send(command, call);
    if (!answer.ok) return answer;
    return readReply(answer.value, schema, address);
  };
  const asText = (command: Command, call: Call): Promise<Answer<string>> => ask(command, text, call);
  return {
    address,
    ping: async (call) => into(await asText(['PING'], call), () => undefined),
    info: async (call) => {
      // `everything` adds modules and error counts (Redis 7); older servers answer all that they have to any section name.
      const answer = await asText(['INFO', 'everything'], call);
      return into(answer, parseInfo);
    },
    clusterNodes: async (call) => into(await asText(['CLUSTER', 'NODES'], call), parseClusterNodes),
    clusterInfo: async (call) => into(await asText(['CLUSTER', 'INFO'], call), (said) => parseClusterInfo(parseInfo(said))),
    slowlog: async (limit, call) => into(await ask(['SLOWLOG', 'GET', limit], list, call), (rows) => rows.flatMap((row) => slowCommand(row) ?? [])),
    latency: async (call) =>
      into(await ask(['LATENCY', 'LATEST'], list, call), (rows) =>
        rows.flatMap((row) => {
          const entry = latencyEntry.safeParse(row);
          if (!entry.success) return [];
          const [event, atSeconds, latestMs, maxMs] = entry.data;
          return [{ event, atSeconds, latestMs, maxMs }];
        }),
      ),
    memory: async (call) => into(await ask(['MEMORY', 'STATS'], list, call), memoryRows),
    memoryDoctor: (call) => asText(['MEMORY', 'DOCTOR'], call),
    clients: async (call) => into(await asText(['CLIENT', 'LIST'], call), parseClients),
    setting: async (name, call) => into(await ask(['CONFIG', 'GET', name], settingReply, call), (pair) => pair[1]),
    keysWith: (prefix, limits, call) => scan(connection, prefix, limits, call),
  };
}

export function readReply<T>(value: unknown, schema: z.ZodType<T>, address: string): Answer<T> {
  const read = schema.safeParse(value);
  return read.success ? { ok: true, value: read.data } : trouble('unexpected', address, read.error.issues[0]?.message ?? '');
}

export function into<A, B>(answer: Answer<A>, convert: (value: A) => B): Answer<B> {
  return answer.ok ? { ok: true, value: convert(answer.value) } : answer;
}

function slowCommand(row: unknown): SlowCommand | undefined {
  const entry = slowEntry.safeParse(row);
  if (!entry.success) return undefined;
  const [id, atSeconds, micros, words, client] = entry.data;
  return { id, atSeconds, micros, words, client: typeof client === 'string' ? client : '' };
}

/** MEMORY STATS is a flat list of names and values; a database's value is a list of its own. */
function memoryRows(reply: readonly unknown[]): { name: string; bytes: number }[] {
  const rows: { name: string; bytes: number }[] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) {
    const name = reply[at];
    const value = reply[at + 1];
    if (typeof name !== 'string') continue;
    if (Array.isArray(value)) rows.push(...memoryRows(value).map((row) => ({ name: `${name}: ${row.name}`, bytes: row.bytes })));
    // Decimal texts are ratios and percentages, not bytes.
    else if (typeof value === 'number' && Number.isSafeInteger(value)) rows.push({ name, bytes: value });
  }
  return rows.toSorted((one, other) => other.bytes - one.bytes);
}

async function scan(connection: Connection, prefix: string, limits: ScanLimits, call: Call): Promise<Answer<ScanAnswer>> {
  const keys = new Set<string>();
  let cursor = '0';
  for (let round = 0; round < MOST_SCANS; round += 1) {
    const answer = await connection.send(['SCAN', cursor, 'MATCH', `${escapeGlob(prefix)}*`, 'COUNT', SCAN_COUNT], call);
    if (!answer.ok) return answer;
    const reply = readReply(answer.value, scanReply, connection.address);
    if (!reply.ok) return reply;
    for (const key of reply.value[1]) if (keys.size <= limits.keys && limits.wanted(key)) keys.add(key);
    cursor = reply.value[0];
    if (cursor === '0') return { ok: true, value: { keys: [...keys].slice(0, limits.keys), whole: keys.size <= limits.keys } };
    if (keys.size > limits.keys) break;
  }
  return { ok: true, value: { keys: [...keys].slice(0, limits.keys), whole: false } };
}

function escapeGlob(prefix: string): string {
  return prefix.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`);
}
