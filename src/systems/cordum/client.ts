/** The client of one Cordum: the calls that our steps and the exporter make, each with its answer read by a schema. */
import { Agent, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { type Clock, systemClock } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';
import { type CallFacts, failureOfAnswer, notSent, unreadable } from './failure.ts';
import { createPacer } from './pacer.ts';
import type { ClusterStatus, DlqEntry, JobDetail, JobRow, PoolRow, TopicRow, WorkerRow } from './records.ts';
import { dlqPageAnswer, jobAnswer, jobsAnswer, poolsAnswer, readyzAnswer, retryAnswer, statusAnswer, topicsAnswer, traceAnswer, workersAnswer } from './schema.ts';
import { createTransport, type HttpAnswer, type HttpCall } from './transport.ts';

/** Cordum counts all calls of an address in windows of a second, by default at most 50: rate and burst together stay below. */
const READS_PER_SECOND = 35;
const READ_BURST = 10;
/** Sockets to one Cordum. */
const MOST_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 15_000;
/** Job ids are UUIDs with suffixes; a longer one is not Cordum's. */
export const LONGEST_ID = 512;

export interface CordumOptions {
  /** The gateway's HTTP address, `https://cordum.example:8081`: scheme, host and port alone. */
  readonly url: string;
  readonly apiKey: Secret;
  readonly tenant: string;
  /** For tests; by default a pool of its own with keep-alive. */
  readonly dispatcher?: Dispatcher;
  readonly clock?: Clock;
  /** How long one call may take, ms. */
  readonly timeoutMs?: number;
  /** How fast to read. The default stays below the limit that Cordum has when nobody configured one. */
  readonly readsPerSecond?: number;
}

export interface ReadCall {
  readonly signal?: AbortSignal;
}

export interface WriteCall extends ReadCall {
  /** Who approved, for Cordum's audit trail (`X-Principal-Id`; a static key in production overrides it). */
  readonly principal: string;
}

/** Failures of the two writes say whether they can have landed. Reads wait for their turn; writes go at once. */
export interface CordumClient {
  /** `/health`: the text it answers, `ok`. Some versions answer JSON. */
  health(call?: ReadCall): Promise<Result<string>>;
  /** `/readyz`, which Cordum does not rate limit. */
  readyz(call?: ReadCall): Promise<Result<Readiness>>;
  status(call?: ReadCall): Promise<Result<ClusterStatus>>;
  /** One page, newest first. `untilSecond` is inclusive, in seconds since the epoch. At most 500 entries. */
  dlqPage(page: { readonly limit: number; readonly untilSecond?: number }, call?: ReadCall): Promise<Result<readonly DlqEntry[]>>;
  retryDlqEntry(jobId: string, call: WriteCall): Promise<Result<{ readonly newJobId: string }>>;
  /** Succeeds also for an entry that is not there: Cordum answers 204 to both. */
  deleteDlqEntry(jobId: string, call: WriteCall): Promise<Result<null>>;
  job(jobId: string, call?: ReadCall): Promise<Result<JobDetail>>;
  /** The newest jobs, at most 500, last updated at or before `untilMicros`. Cordum remembers the newest 1,000 of all tenants. */
  jobs(page: { readonly limit: number; readonly untilMicros?: number }, call?: ReadCall): Promise<Result<readonly JobRow[]>>;
  /** The jobs of a trace. Unknown traces are empty, not an error. */
  trace(traceId: string, call?: ReadCall): Promise<Result<readonly JobRow[]>>;
  workers(call?: ReadCall): Promise<Result<readonly WorkerRow[]>>;
  pools(call?: ReadCall): Promise<Result<readonly PoolRow[]>>;
  topics(call?: ReadCall): Promise<Result<{ readonly items: readonly TopicRow[]; readonly registryEmpty: boolean }>>;
  /** Ends its connections. */
  close(): Promise<void>;
}

export interface Readiness {
  readonly ready: boolean;
  readonly status: string;
  readonly checks: readonly { readonly name: string; readonly status: string }[];
}

export function createCordumClient(options: CordumOptions): CordumClient {
  const clock = options.clock ?? systemClock;
  const dispatcher = options.dispatcher ?? new Agent({ connections: MOST_CONNECTIONS, pipelining: 1, connect: { timeout: CONNECT_TIMEOUT_MS } });
  const transport = createTransport({
    origin: originOf(options.url),
    apiKey: options.apiKey,
    tenant: headerText('cordum.tenant', options.tenant),
    dispatcher,
    clock,
    timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
  });
  const pacer = createPacer(clock, options.readsPerSecond ?? READS_PER_SECOND, READ_BURST);
  const key = headerText('cordum.apiKey', options.apiKey.reveal());
  const redact = (text: string): string => text.replaceAll(key, '[secret]');

  const answerOf = async (call: HttpCall): Promise<Result<HttpAnswer>> => {
    if (!call.writes) await pacer.turn(call.signal);
    return transport.send(call);
  };
  const get = (doing: string, path: string, call: ReadCall): HttpCall => ({ doing, path, writes: false, redact, method: 'GET', ...call });
  const read = async <Schema extends z.ZodType>(doing: string, path: string, schema: Schema, call: ReadCall = {}): Promise<Result<z.output<Schema>>> => {
    const asked = get(doing, path, call);
    return readAnswer(await answerOf(asked), schema, asked);
  };
  const write = (doing: string, method: 'POST' | 'DELETE', path: string, call: WriteCall): HttpCall => ({ doing, path, method, writes: true, redact, ...call });

  return {
    async health(call = {}) {
      const asked = get('say whether it is healthy', '/health', call);
      const answer = await answerOf(asked);
      if (!answer.ok) return answer;
      return isSuccess(answer.value) ? succeed(answer.value.body.trim().slice(0, 200)) : { ok: false, failure: failureOfAnswer(answer.value, asked) };
    },
    async readyz(call = {}) {
      const asked = get('say whether it is ready', '/readyz', call);
      const answer = await answerOf(asked);
      if (!answer.ok) return answer;
      // A degraded Cordum answers 503 with the same body.
      const body = readBody(answer.value.body, readyzAnswer);
      if (body.ok && body.value.status !== '') return succeed({ ready: isSuccess(answer.value), ...body.value });
      return { ok: false, failure: isSuccess(answer.value) ? unreadable(asked, body.ok ? 'no status' : body.because) : failureOfAnswer(answer.value, asked) };
    },
    status: (call) => read('tell its status', '/api/v1/status', statusAnswer, call),
    async dlqPage(page, call) {
      // Cordum takes the cursor in s, ms, µs or ns by its size; µs is what it gives itself.
      const cursor = page.untilSecond === undefined ? '' : `&cursor=${page.untilSecond}000000`;
      const answer = await read('list the DLQ', `/api/v1/dlq/page?limit=${page.limit}${cursor}`, dlqPageAnswer, call);
      return answer.ok ? succeed(answer.value.items) : answer;
    },
    async retryDlqEntry(jobId, call) {
      const doing = `retry the DLQ entry ${shown(jobId)}`;
      const segment = segmentOf(jobId);
      const asked = write(doing, 'POST', `/api/v1/dlq/${segment ?? ''}/retry`, call);
      if (segment === undefined) return { ok: false, failure: notSent(asked, 'invalid', NOT_AN_ID) };
      return readAnswer(await answerOf(asked), retryAnswer, asked);
    },
    async deleteDlqEntry(jobId, call) {
      const doing = `delete the DLQ entry ${shown(jobId)}`;
      const segment = segmentOf(jobId);
      const asked = write(doing, 'DELETE', `/api/v1/dlq/${segment ?? ''}`, call);
      if (segment === undefined) return { ok: false, failure: notSent(asked, 'invalid', NOT_AN_ID) };
      const answer = await answerOf(asked);
      if (!answer.ok) return answer;
      return isSuccess(answer.value) ? succeed(null) : { ok: false, failure: failureOfAnswer(answer.value, asked) };
    },
    job: (jobId, call = {}) => {
      const segment = segmentOf(jobId);
      const doing = `show the job ${shown(jobId)}`;
      if (segment === undefined) return Promise.resolve({ ok: false, failure: notSent(get(doing, '', call), 'invalid', NOT_AN_ID) });
      return read(doing, `/api/v1/jobs/${segment}`, jobAnswer, call);
    },
    async jobs(page, call) {
      const cursor = page.untilMicros === undefined ? '' : `&cursor=${page.untilMicros}`;
      const answer = await read('list jobs', `/api/v1/jobs?limit=${page.limit}${cursor}`, jobsAnswer, call);
      return answer.ok ? succeed(answer.value.items) : answer;
    },
    trace: (traceId, call = {}) => {
      const segment = segmentOf(traceId);
      const doing = `show the trace ${shown(traceId)}`;
      if (segment === undefined) return Promise.resolve({ ok: false, failure: notSent(get(doing, '', call), 'invalid', NOT_AN_ID) });
      return read(doing, `/api/v1/traces/${segment}`, traceAnswer, call);
    },
    async workers(call) {
      const answer = await read('list workers', '/api/v1/workers', workersAnswer, call);
      return answer.ok ? succeed(answer.value.items) : answer;
    },
    async pools(call) {
      const answer = await read('list pools', '/api/v1/pools', poolsAnswer, call);
      return answer.ok ? succeed(answer.value.items) : answer;
    },
    topics: (call) => read('list topics', '/api/v1/topics', topicsAnswer, call),
    close: () => dispatcher.close(),
  };
}

const NOT_AN_ID = 'that is not an id that Cordum can have given';

/** The trace that Cordum gives to every retry of this job. */
export function retryTraceOf(jobId: string): string {
  return `dlq-retry-${jobId}`;
}

/** An id as one segment of a path, or undefined when it cannot be one: ids come from outside and must not choose the path. */
export function segmentOf(id: string): string | undefined {
  if (id === '' || id === '.' || id === '..' || id.length > LONGEST_ID || !id.isWellFormed()) return undefined;
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return /[\u0000-\u001f\u007f-\u009f]/.test(id) ? undefined : encodeURIComponent(id);
}

/** An id in a message: hostile ones are not repeated. */
function shown(id: string): string {
  return segmentOf(id) === undefined || id.length > 128 ? '(unusual id)' : id;
}

function isSuccess(answer: HttpAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function readAnswer<Schema extends z.ZodType>(answer: Result<HttpAnswer>, schema: Schema, call: CallFacts): Result<z.output<Schema>> {
  if (!answer.ok) return answer;
  if (!isSuccess(answer.value)) return { ok: false, failure: failureOfAnswer(answer.value, call) };
  const body = readBody(answer.value.body, schema);
  return body.ok ? succeed(body.value) : { ok: false, failure: unreadable(call, body.because) };
}

function readBody<Schema extends z.ZodType>(body: string, schema: Schema): { ok: true; value: z.output<Schema> } | { ok: false; because: string } {
  let raw: unknown;
  try {
    raw = JSON.parse(body);
  } catch {
    return { ok: false, because: 'the body is not JSON' };
  }
  const read = schema.safeParse(raw);
  if (read.success) return { ok: true, value: read.data };
  const [issue] = read.error.issues;
  return { ok: false, because: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}` };
}

function originOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw new TypeError('cordum.url must be an http or https address');
  if (parsed.username !== '' || parsed.password !== '') throw new TypeError('cordum.url must not hold credentials: use cordum.apiKeyFile');
  if (parsed.pathname !== '/' || parsed.search !== '' || parsed.hash !== '') throw new TypeError('cordum.url must be scheme, host and port alone, without a path');
  return parsed.origin;
}

/** A key with a line break would fail at every call, with a message that helps nobody. */
function headerText(name: string, value: string): string {
  if (!/^[\x21-\x7e]+$/.test(value)) throw new TypeError(`${name} must be printable ASCII without spaces, and not empty`);
  return value;
}
