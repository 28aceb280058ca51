import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { DlqEntry } from '#systems/cordum/sandbox/model.ts';

/** One exchange with a real Cordum gateway of v0.9.7, as copied to the fixtures. */
export interface Recording {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly sent: Json | undefined;
  readonly recordedAtMs: number;
  readonly status: number;
  readonly answered: Readonly<Record<string, string>>;
  readonly body: Json;
}

interface Stored {
  readonly recorded_at: string;
  readonly request: { readonly method: string; readonly base?: string | null; readonly path?: string | null; readonly headers?: Record<string, string>; readonly body_json?: Json; readonly body?: Json };
  readonly response?: { readonly status: number; readonly headers: readonly [string, string][]; readonly body_json?: Json; readonly body_text?: string } | null;
}

const FOLDER = fileURLToPath(new URL('../../../../fixtures/cordum/', import.meta.url));
/** The gateway's HTTP port; other ports are other services. */
const GATEWAY = ':18081';
const FAMILIES = /^\/(?:api\/v1\/(?:dlq|jobs|traces|workers|pools|topics|schemas|auth|status|health|nope|approvals|policy|workflows|workflow-runs|config|license|admin)\b|health$|metrics$)/;

/** Every recorded exchange with the gateway on one of the subjects that the sandbox plays. */
export function gatewayRecordings(): Recording[] {
  return readdirSync(FOLDER).filter((file) => file.endsWith('.json')).flatMap((file) => {
    const stored = JSON.parse(readFileSync(FOLDER + file, 'utf8')) as Stored;
    const { request, response } = stored;
    if (request?.base?.endsWith(GATEWAY) !== true || !FAMILIES.test(request.path ?? '') || response === undefined || response === null) return [];
    return [{
      name: file.replace(/\.json$/, ''),
      method: request.method,
      path: request.path ?? '',
      headers: request.headers ?? {},
      sent: request.body_json ?? request.body,
      recordedAtMs: Date.parse(stored.recorded_at),
      status: response.status,
      answered: Object.fromEntries(response.headers.map(([name, value]) => [name.toLowerCase(), value])),
      body: response.body_json ?? response.body_text ?? '',
    }];
  });
}

/** A recorded list, by the name of its recording. */
export function recordedItems<Item = DlqEntry>(recordings: readonly Recording[], name: string): Item[] {
  const found = recordings.find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no recording ${name}`);
  return (found.body as unknown as { items: Item[] }).items;
}

const PER_MACHINE = new Set(['uptime_seconds', 'ttl_remaining_ms', 'pending', 'dispatched', 'running', 'succeeded', 'failed', 'denied']);

/** The same value with what differs from run to run replaced by its kind: ids, hashes, times and counts of the moment. */
export function normalised(value: Json): Json {
  if (typeof value === 'string') return normalisedText(value);
  if (typeof value === 'number') return value > 1e15 ? '<microseconds>' : value;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(normalised);
  return Object.fromEntries(Object.entries(value as JsonObject).map(([name, entry]) => [name, PER_MACHINE.has(name) && typeof entry === 'number' ? '<count>' : normalised(entry)]));
}

function normalisedText(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/-retry-[0-9a-f]{8}/g, '-retry-<hex>')
    .replace(/\b[0-9a-f]{64}\b/g, '<hash>')
    .replace(/Z-[0-9a-f]{10,12}\b/g, 'Z-<hex>')
    .replace(/^vm-[0-9a-f]{8}$/, '<instance>')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (_all, fraction: string | undefined) => (fraction === undefined ? '<second>' : '<nanosecond>'));
}
