/** Backups like those of a busy Cordum, made by the product itself from real servers, for the bench of the drills. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findProgram } from '#config/programs.ts';
import { openDataConnection } from '#systems/redis/data-connection.ts';
import type { TakeResult } from '../processes/take.ts';
import { freePort, resultOf } from './process.ts';

/** Jobs of one turn of the script that fills Redis. */
const JOBS_A_TURN = 500;
/** What one job takes in the RDB, about: the keys below. */
const BYTES_A_JOB = 3_370;
/** Messages that wait for the server while a stream is filled. */
const PENDING = 5_000;

/**
 * Cordum's records of one job (cordum.md §6.1): the hash of its facts, its state, request, events, context and result. Ids and
 * digests are pseudo-random, words repeat, so that the RDB compresses as such records do.
 */
const FILL_SCRIPT = `
local from, to, now = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local function noise(of, lines)
  local parts = {}
  for n = 1, lines do parts[n] = '{"role":"assistant","digest":"' .. redis.sha1hex(of .. n) .. '","content":"' .. redis.sha1hex(n .. of) .. '"}' end
  return table.concat(parts, ',')
end
for i = from, to do
  local hash = redis.sha1hex('job' .. i)
  local id = string.sub(hash, 1, 8) .. '-' .. string.sub(hash, 9, 12) .. '-4' .. string.sub(hash, 13, 15) .. '-9' .. string.sub(hash, 16, 18) .. '-' .. string.sub(hash, 19, 30)
  redis.call('HSET', 'job:meta:' .. id, 'state', 'SUCCEEDED', 'topic', 'job.default', 'tenant', 'default', 'team', 'platform', 'principal', 'svc-' .. i % 40, 'attempts', '1', 'safety_decision', 'ALLOW', 'safety_reason', 'default', 'safety_snapshot', string.sub(hash, 1, 40), 'trace_id', redis.sha1hex('trace' .. i), 'updated_at', now .. '000', 'worker', 'worker-' .. i % 12)
  redis.call('SET', 'job:state:' .. id, 'SUCCEEDED')
  redis.call('SET', 'job:req:' .. id, '{"jobId":"' .. id .. '","topic":"job.default","priority":"JOB_PRIORITY_BATCH","contextPtr":"redis://ctx:' .. id .. '","tenantId":"default","principalId":"svc-' .. i % 40 .. '","labels":{"team":"platform","digest":"' .. redis.sha1hex('label' .. i) .. '"},"env":{"tenant_id":"default","team_id":"platform"}}')
  redis.call('RPUSH', 'job:events:' .. id, now .. '001|PENDING', now .. '002|SCHEDULED', now .. '003|DISPATCHED', now .. '004|RUNNING', now .. '005|SUCCEEDED')
  redis.call('SET', 'ctx:' .. id, '{"prompt":"summarise","messages":[' .. noise('ctx' .. i, 18) .. ']}')
  redis.call('SET', 'res:' .. id, '{"status":"ok","messages":[' .. noise('res' .. i, 8) .. ']}')
  for _, key in ipairs({'job:meta:', 'job:state:', 'job:req:'}) do redis.call('EXPIRE', key .. id, 604800) end
  redis.call('EXPIRE', 'ctx:' .. id, 86400)
  redis.call('EXPIRE', 'res:' .. id, 86400)
end`;

export function program(name: string): string {
  const found = findProgram(name);
  if (found === undefined) throw new Error(`There is no ${name} on PATH.`);
  return found;
}

export interface Server {
  readonly child: ChildProcess;
  /** From its start until it was ready. */
  readonly ms: number;
}

/** Resolves when the server has said that it is ready; rejects when it ends before. */
async function startServer(command: string, args: readonly string[], ready: RegExp): Promise<Server> {
  const begin = performance.now();
  const child = spawn(program(command), [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (ready.test(line)) resolve();
      });
    }
    child.once('close', () => reject(new Error(`${command} ended`)));
  });
  return { child, ms: performance.now() - begin };
}

export async function stopServer({ child }: Server): Promise<void> {
  const gone = once(child, 'close');
  child.kill('SIGKILL');
  await gone;
}

export async function startRedis(dir: string): Promise<Server & { readonly port: number }> {
  const port = await freePort();
  return { port, ...(await startServer('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no'], /Ready to accept connections/)) };
}

export async function startNats(dir: string): Promise<Server & { readonly url: string }> {
  const port = await freePort();
  return { url: `nats://127.0.0.1:${port}`, ...(await startServer('nats-server', ['-js', '-a', '127.0.0.1', '-p', String(port), '-sd', dir], /Server is ready/)) };
}

/** A backup of a Redis whose RDB has about so many bytes. */
export async function makeRedisBackup(folder: string, rdbBytes: number): Promise<{ readonly directory: string; readonly file: string; readonly keys: number; readonly taken: TakeResult }> {
  const directory = join(folder, 'backups-redis');
  const data = join(folder, 'redis-source');
  mkdirSync(data);
  const server = await startRedis(data);
  const connection = await openDataConnection({ host: '127.0.0.1', port: server.port });
  if (!connection.ok) throw new Error(connection.failure.message);
  const { call, close } = connection.value;
  for (const id of ['default', 'policy']) await call('SET', `cfg:system:${id}`, `{"scope":"system","scope_id":"${id}","data":{},"revision":1}`);
  const jobs = Math.ceil(rdbBytes / BYTES_A_JOB);
  for (let at = 0; at < jobs; at += JOBS_A_TURN) await call('EVAL', FILL_SCRIPT, 0, at, Math.min(jobs, at + JOBS_A_TURN) - 1, Date.now());
  const keys = Number(await call('DBSIZE'));
  await close();
  const taken = await resultOf<TakeResult>('bench/processes/take.ts', { store: 'redis', url: `redis://127.0.0.1:${server.port}`, directory, temp: folder });
  await stopServer(server);
  const file = readdirSync(directory).find((name) => name.endsWith('.rdb')) ?? '';
  return { directory, file: join(directory, file), keys, taken };
}

/** A backup of Cordum's two streams, of which one holds so many messages. */
export async function makeNatsBackup(folder: string, messages: number): Promise<{ readonly directory: string; readonly snapshot: string; readonly taken: TakeResult }> {
  const directory = join(folder, 'backups-nats');
  const server = await startNats(join(folder, 'nats-source'));
  await fillStreams(server.url, messages);
  const taken = await resultOf<TakeResult>('bench/processes/take.ts', { store: 'nats', url: server.url, directory, temp: folder });
  await stopServer(server);
  const set = readdirSync(directory).find((name) => /^nats-\d{8}T\d{6}Z$/.test(name)) ?? '';
  return { directory, snapshot: join(directory, set, 'CORDUM_JOBS.snapshot'), taken };
}

/** Job requests as Cordum publishes them: an id against duplicates in the headers (cordum.md §5.4), some hundred bytes of packet. */
async function fillStreams(url: string, messages: number): Promise<void> {
  const { connect, headers } = await import('nats');
  const nc = await connect({ servers: url });
  const jsm = await nc.jetstreamManager({ timeout: 60_000 });
  const js = nc.jetstream({ timeout: 60_000 });
  await jsm.streams.add({ name: 'CORDUM_SYS', subjects: ['sys.>'] });
  await jsm.streams.add({ name: 'CORDUM_JOBS', subjects: ['job.>', 'worker.>'] });
  await js.publish('sys.job.submit', new Uint8Array(200));
  for (let sent = 0; sent < messages; sent += PENDING) {
    const batch = Array.from({ length: Math.min(PENDING, messages - sent) }, (_, i) => {
      const id = `${(sent + i).toString(16).padStart(8, '0')}-0000-4000-9000-${((sent + i) * 7_919).toString(16).padStart(12, '0')}`;
      const head = headers();
      head.set('Nats-Msg-Id', `jobreq:${id}`);
      return js.publish(`job.pool-${(sent + i) % 8}`, packet(id, sent + i), { headers: head, timeout: 60_000 });
    });
    await Promise.all(batch);
  }
  await nc.close();
}

function packet(id: string, seed: number): Uint8Array {
  const bytes = Buffer.alloc(320);
  bytes.write(`\n$${id}\x12\x0bjob.default\x1a(redis://ctx:${id}*\x07default2\x06svc-${seed % 40}`, 'latin1');
  let state = (seed * 2_654_435_761) >>> 0;
  for (let at = 200; at < bytes.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes.writeUInt32LE(state, at);
  }
  return bytes;
}

