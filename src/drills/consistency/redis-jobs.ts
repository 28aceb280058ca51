/** The jobs that a restored Redis knows, one after the other (cordum.md §6.1). */
import type { RedisConnection } from '#backups/redis/connection.ts';

/** Jobs that are under way, as Cordum names them. The others are over. */
export const OPEN_STATES = ['pending', 'approval_required', 'scheduled', 'dispatched', 'running'] as const;
export type OpenState = (typeof OPEN_STATES)[number];

export interface RedisJob {
  readonly id: string;
  /** Lower case; empty where this record does not say. */
  readonly state: string;
  /** ms since the epoch; undefined where this record does not say. */
  readonly updatedMs: number | undefined;
  /** `record`: what counts. `copy`: the older `job:state:<id>`. `trace`: only that there was such a job. `index`: the list of its state. */
  readonly from: 'record' | 'copy' | 'trace' | 'index';
}

/** Keys that one turn looks at, and entries of an index that one turn reads. */
const KEYS_A_TURN = 5_000;

/** The state stands in the record, so that it is read in the server, with the keys. A key of another type says nothing. */
const JOBS_SCRIPT = `
local answer = redis.call('SCAN', ARGV[1], 'MATCH', 'job:[mser]*', 'COUNT', ARGV[2])
local out = {}
for _, key in ipairs(answer[2]) do
  local kind, id = string.match(key, '^job:(%a+):(.+)$')
  if kind == 'meta' then
    local said = redis.pcall('HMGET', key, 'state', 'updated_at')
    out[#out + 1] = { 'record', id, said.err and '' or said[1] or '', said.err and '' or said[2] or '' }
  elseif kind == 'state' then
    local said = redis.pcall('GET', key)
    out[#out + 1] = { 'copy', id, type(said) == 'string' and said or '', '' }
  elseif kind == 'events' or kind == 'req' then
    out[#out + 1] = { 'trace', id, '', '' }
  end
end
return { answer[1], out }`;

/** Records first, those of all servers, then the indexes: what a record says counts, and the index of a state stands on any of them. */
export async function* jobsOf(connections: readonly RedisConnection[], signal: AbortSignal): AsyncGenerator<RedisJob, void, undefined> {
  for (const connection of connections) {
    let cursor = '0';
    do {
      signal.throwIfAborted();
      const [next, found] = (await connection.call('EVAL_RO', JOBS_SCRIPT, 0, cursor, KEYS_A_TURN)) as [string, [RedisJob['from'], string, string, string][]];
      cursor = next;
      for (const [from, id, state, updated] of found) yield { from, id, state: state.toLowerCase(), updatedMs: msOf(updated) };
    } while (cursor !== '0');
  }
  for (const connection of connections) for (const state of OPEN_STATES) yield* indexOf(connection, state, signal);
}

async function* indexOf(connection: RedisConnection, state: OpenState, signal: AbortSignal): AsyncGenerator<RedisJob, void, undefined> {
  let cursor = '0';
  do {
    signal.throwIfAborted();
    const turn = await scanIndex(connection, `job:index:${state}`, cursor);
    cursor = turn.next;
    for (let i = 0; i + 1 < turn.pairs.length; i += 2) yield { from: 'index', id: turn.pairs[i] ?? '', state, updatedMs: msOf(turn.pairs[i + 1] ?? '') };
  } while (cursor !== '0');
}

/** An index of another type, or in a slot of another server, lists nothing here. */
async function scanIndex(connection: RedisConnection, key: string, cursor: string): Promise<{ readonly next: string; readonly pairs: readonly string[] }> {
  try {
    const [next, pairs] = (await connection.call('ZSCAN', key, cursor, 'COUNT', KEYS_A_TURN)) as [string, string[]];
    return { next, pairs };
  } catch (error) {
    if (error instanceof Error && /^(?:MOVED|WRONGTYPE) /.test(error.message)) return { next: '0', pairs: [] };
    throw error;
  }
}

/** Cordum keeps microseconds. */
function msOf(micros: string): number | undefined {
  const ms = Math.trunc(Number(micros) / 1_000);
  return micros !== '' && Number.isSafeInteger(ms) && ms > 0 ? ms : undefined;
}
