/**
 * The sandbox: a Cordum gateway of v0.9.x in one process, for the demo and for tests. It answers on a real socket with what
 * a real one was recorded to answer; `test/unit/systems/cordum/sandbox/contract.test.ts` holds it to the recordings.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#kernel/clock.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import { pageOfDlq, resurrect } from './dlq.ts';
import { createWorld, findJob, type Job, type Outcome, type Part, type Worker, type World } from './model.ts';
import { answer } from './routes.ts';
import { type Answer, type Call, problem } from './routing.ts';

export interface SandboxOptions {
  readonly clock: Clock;
  /** The one static key, which has the role admin. */
  readonly apiKey: string;
  /** The tenant of that key; empty for a key without one. */
  readonly tenant: string;
  /** Ids and fractions of seconds follow from it: the same seed makes the same sandbox. */
  readonly seed?: string;
  /** Requests that one address may make in one second of the clock; as many as it likes unless told. */
  readonly burst?: number;
}

export interface CallRecord {
  readonly atMs: number;
  readonly method: string;
  /** As sent, still encoded, without the query. */
  readonly path: string;
  readonly query: string;
  /** Of `X-Principal-Id`. */
  readonly principal: string | undefined;
  /** What was answered, or would have been when the answer was lost; undefined when the request was lost before its effect. */
  status: number | undefined;
}

export interface NewWorker {
  readonly id: string;
  readonly pool: string;
  readonly capabilities?: readonly string[];
  readonly maxParallelJobs?: number;
  readonly labels?: Readonly<Record<string, string>>;
}

export interface Sandbox {
  /** The state itself, for seeds and for what no knob covers. */
  readonly world: World;
  /** Every request that arrived, oldest first. */
  readonly calls: readonly CallRecord[];
  start(port?: number): Promise<{ url: string }>;
  stop(): Promise<void>;
  /** How jobs end that are scheduled from now on: by job id (of the job, or of the one that it retries), by topic, or `*` for all others. */
  setOutcome(jobIdOrTopic: string, outcome: Outcome, afterMs?: number): void;
  /** Drops the connection of the next `times` calls whose `METHOD /path` matches, before or after their effect. */
  loseAnswer(pattern: string | RegExp, when: 'beforeEffect' | 'afterEffect', times?: number): void;
  /** Every call waits so long, of the clock, before it takes effect, whether its caller is still there or not. */
  delay(ms: number): void;
  down(part: Part): Promise<void>;
  up(part: Part): Promise<void>;
  /** A late redelivery: writes the last entry of a job again, created now. False when the job never was in the queue. */
  resurrect(jobId: string): boolean;
  addWorker(worker: NewWorker): void;
  removeWorker(id: string): void;
  expireContext(jobId: string): void;
  expireMeta(jobId: string): void;
  job(id: string): Job | undefined;
  /** The ids that the list shows, newest first. */
  entryIds(): string[];
}

const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/api/v1/auth/config']);
const UNLIMITED_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/livez']);
const STATUS_CACHE_MS = 2_000;
const DEFAULT_RUN_MS = 300;
const MOST_CALLS = 200_000;
const MOST_BODY_BYTES = 1024 * 1024;

/** On every answer; those for other origins only where the origin was let in, which the sandbox does not play. */
const HEADERS: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Headers':
    'Content-Type, Authorization, X-API-Key, X-Tenant-ID, X-Principal-Id, X-Principal-Role, X-Request-Id, Idempotency-Key, X-Idempotency-Key',
  'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'Access-Control-Expose-Headers': 'X-Request-Id, X-Trace-Id',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

interface Loss {
  readonly pattern: string | RegExp;
  readonly when: 'beforeEffect' | 'afterEffect';
  left: number;
}

interface State {
  readonly options: SandboxOptions;
  readonly world: World;
  readonly calls: CallRecord[];
  readonly losses: Loss[];
  delayMs: number;
  /** Requests per address within one second of the clock. */
  window: { second: number; counts: Map<string, number> };
  cachedStatus: { atMs: number; answer: Answer } | undefined;
}

export function createSandbox(options: SandboxOptions): Sandbox {
  const world = createWorld(options.clock, options.tenant, options.seed ?? 'cordum');
  const state: State = { options, world, calls: [], losses: [], delayMs: 0, window: { second: 0, counts: new Map() }, cachedStatus: undefined };
  let server: Server | undefined;
  let port = 0;

  const listen = async (): Promise<void> => {
    const listening = createServer((request, response) => receive(state, request, response));
    server = listening;
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject);
      listening.listen(port, '127.0.0.1', resolve);
    });
    port = (listening.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = new Promise<void>((resolve) => closing.close(() => resolve()));
    closing.closeAllConnections();
    await closed;
  };

  return {
    world,
    calls: state.calls,
    async start(wantedPort = 0) {
      port = wantedPort;
      await listen();
      return { url: `http://127.0.0.1:${port}` };
    },
    async stop() {
      world.stopTimers();
      await close();
    },
    setOutcome: (name, outcome, afterMs = DEFAULT_RUN_MS) => void world.outcomes.set(name, { outcome, afterMs }),
    loseAnswer: (pattern, when, times = 1) => void state.losses.push({ pattern, when, left: times }),
    delay(ms) {
      state.delayMs = ms;
    },
    async down(part) {
      world.down.add(part);
      if (part === 'gateway') await close();
      else if (part !== 'kernel') world.snapshotFrozenAtMs ??= world.clock.now();
      state.cachedStatus = undefined;
    },
    async up(part) {
      world.down.delete(part);
      if (part === 'gateway') await listen();
      if (!['redis', 'nats', 'scheduler'].some((one) => world.down.has(one as Part))) world.snapshotFrozenAtMs = undefined;
      state.cachedStatus = undefined;
    },
    resurrect: (jobId) => resurrect(world, jobId),
    addWorker: (worker) => void world.workers.set(worker.id, fullWorker(worker)),
    removeWorker: (id) => void world.workers.delete(id),
    expireContext: (jobId) => void expire(world, jobId, 'contextUntilMs'),
    expireMeta: (jobId) => void expire(world, jobId, 'metaUntilMs'),
    job: (id) => findJob(world, id),
    entryIds: () => pageOfDlq(world, Number.MAX_SAFE_INTEGER, undefined).items.map((entry) => entry.job_id),
  };
}

function receive(state: State, request: IncomingMessage, response: ServerResponse): void {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  const principal = request.headers['x-principal-id'];
  const call: { -readonly [Field in keyof Call]: Call[Field] } = {
    method: request.method ?? 'GET', path, query: new URLSearchParams(query), principal: typeof principal === 'string' ? principal : '', body: undefined,
  };
  const record: CallRecord = {
    atMs: state.world.clock.now(), method: call.method, path: call.path, query,
    principal: typeof principal === 'string' ? principal : undefined, status: undefined,
  };
  state.calls.push(record);
  if (state.calls.length > MOST_CALLS) state.calls.shift();
  const handle = (): void => {
    const loss = state.losses.find((one) => one.left > 0 && matches(one.pattern, `${call.method} ${call.path}`));
    if (loss !== undefined) loss.left -= 1;
    if (loss?.when === 'beforeEffect') return void request.socket.destroy();
    const answered = passThrough(state, request, call);
    record.status = answered.status;
    if (loss !== undefined) return void request.socket.destroy();
    send(state.world, request, response, answered);
  };
  const begin = (): void => {
    if (state.delayMs > 0) state.world.later(state.delayMs, handle);
    else handle();
  };
  if (Number(request.headers['content-length'] ?? 0) === 0) {
    request.resume();
    return begin();
  }
  readJson(request, (body) => {
    call.body = body;
    begin();
  });
}

/** A body that is no JSON object, or too long, is as good as none. */
function readJson(request: IncomingMessage, then: (body: JsonObject | undefined) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BODY_BYTES) chunks.push(chunk);
  });
  request.on('end', () => {
    try {
      const read: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
      then(typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as JsonObject) : undefined);
    } catch {
      then(undefined);
    }
  });
}

/** In the gateway's order: rate limit, key, tenant, then the routes. So an unknown path needs a key, and Redis away hides all else. */
function passThrough(state: State, request: IncomingMessage, call: Call): Answer {
  const { world, options } = state;
  if (!UNLIMITED_PATHS.has(call.path) && isLimited(state, request.socket.remoteAddress ?? '')) return problem(429, 'rate limited');
  if (call.path.startsWith('/api/') && !PUBLIC_PATHS.has(call.path)) {
    // A static key is read from X-API-Key only: as a bearer token it is nobody's.
    if (request.headers['x-api-key'] !== options.apiKey) return problem(401, 'unauthorized');
    const asked = request.headers['x-tenant-id'] ?? '';
    if (asked === '' && options.tenant === '') return problem(403, 'tenant id required');
    if (asked !== '' && asked !== options.tenant) return problem(403, 'tenant access denied');
  }
  if (call.method !== 'GET' || call.path !== '/api/v1/status') return answer(world, call);
  const nowMs = world.clock.now();
  if (state.cachedStatus === undefined || nowMs - state.cachedStatus.atMs >= STATUS_CACHE_MS) state.cachedStatus = { atMs: nowMs, answer: answer(world, call) };
  return state.cachedStatus.answer;
}

/** A fixed window of one second against the burst alone. With Redis away the real limiter denies everything. */
function isLimited(state: State, address: string): boolean {
  if (state.world.down.has('redis')) return true;
  const second = Math.floor(state.world.clock.now() / 1_000);
  if (state.window.second !== second) state.window = { second, counts: new Map() };
  const count = (state.window.counts.get(address) ?? 0) + 1;
  state.window.counts.set(address, count);
  return count > (state.options.burst ?? Number.POSITIVE_INFINITY);
}

function send(world: World, request: IncomingMessage, response: ServerResponse, answered: Answer): void {
  if (response.destroyed) return;
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const sent = request.headers['x-request-id'];
  response.setHeader('X-Request-Id', typeof sent === 'string' && sent !== '' ? sent : world.hex(16));
  response.setHeader('Date', new Date(world.clock.now()).toUTCString());
  if (answered.allow !== undefined) response.setHeader('Allow', answered.allow);
  response.statusCode = answered.status;
  if (answered.json !== undefined) {
    response.setHeader('Content-Type', 'application/json');
    response.end(goJson(answered.json));
  } else if (answered.text !== undefined) {
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(answered.text);
  } else response.end();
}

/** Go's encoder escapes what could end a script, and ends with a new line. */
function goJson(value: Json): string {
  const text = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${text}\n`;
}

function matches(pattern: string | RegExp, line: string): boolean {
  return typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line);
}

function expire(world: World, jobId: string, which: 'contextUntilMs' | 'metaUntilMs'): void {
  const job = world.jobs.get(jobId);
  if (job === undefined) throw new Error(`the sandbox has no job ${jobId}`);
  job[which] = world.clock.now();
}

function fullWorker(worker: NewWorker): Worker {
  return {
    id: worker.id,
    pool: worker.pool,
    capabilities: worker.capabilities ?? ['bank.transfer'],
    maxParallelJobs: worker.maxParallelJobs ?? 4,
    labels: worker.labels ?? { zone: 'a' },
  };
}
