/** The client of one Cordum: the calls that our steps and the exporter make, each with its answer read by a schema. */
import type { Dispatcher } from 'undici';
import { type Clock, systemClock } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import type { Secret } from '#kernel/secret.ts';
import { nodeTls, type TlsMaterial } from '#kernel/tls.ts';
import { type AdminCalls, adminOf } from './admin-calls.ts';
import { type ApprovalCalls, approvalsOf } from './approval-calls.ts';
import { type Calls, createCalls, isSuccess, pathWith, type ReadCall, readBody, shown, type WriteCall } from './calls.ts';
import { failureOfAnswer, unreadable } from './failure.ts';
import { createPacer } from './pacer.ts';
import { type PolicyCalls, policyOf } from './policy-calls.ts';
import type { ClusterStatus, DlqEntry, JobDetail, JobRow, PoolRow, TopicRow, WorkerRow } from './records.ts';
import { cancelAnswer, dlqPageAnswer, healthInWords, jobAnswer, jobsAnswer, poolsAnswer, readyzAnswer, retryAnswer, statusAnswer, topicsAnswer, traceAnswer, workersAnswer } from './schema.ts';
import { type TopicCalls, topicsOf } from './topic-calls.ts';
import { createTransport } from './transport.ts';
import { type WorkflowCalls, workflowsOf } from './workflow-calls.ts';

/** Cordum counts all calls of an address in windows of a second, by default at most 50: rate and burst together begin below that. */
const READS_PER_SECOND = 35;
/** A licensed Cordum allows 1,000 and more; the pace grows up to here as long as nothing is refused. */
const MOST_READS_PER_SECOND = 300;
const READ_BURST = 10;
/** Sockets to one Cordum. */
const MOST_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 15_000;

export interface CordumOptions {
  /** The gateway's HTTP address, `https://cordum.example:8081`: scheme, host and port alone. */
  readonly url: string;
  readonly apiKey: Secret;
  readonly tenant: string;
  /** For https: an authority of its own, and who we are. */
  readonly tls?: TlsMaterial;
  /** For tests; by default a pool of its own with keep-alive. */
  readonly dispatcher?: Dispatcher;
  readonly clock?: Clock;
  /** How long one call may take, ms. */
  readonly timeoutMs?: number;
  /** How fast to read at first. The default stays below the limit that Cordum has when nobody configured one. */
  readonly readsPerSecond?: number;
}

/** Failures of writes say whether they can have landed. Reads wait for their turn; writes go at once. */
export interface CordumClient extends AdminCalls, ApprovalCalls, PolicyCalls, TopicCalls, WorkflowCalls {
  /** `/health`: the text it answers, `ok` (v0.9.7), or what its JSON says in words (v0.9.9: `healthy (nats connected, redis ok)`). */
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
  /** Succeeds also for a job that has ended, with the state in which it did. */
  cancelJob(jobId: string, call: WriteCall): Promise<Result<{ readonly state: string }>>;
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
  const key = headerText('cordum.apiKey', options.apiKey.reveal());
  let dispatcher: Promise<Dispatcher> | undefined;
  const given = options.dispatcher;
  const transport = createTransport({
    origin: originOf(options.url),
    apiKey: options.apiKey,
    tenant: headerText('cordum.tenant', options.tenant),
    dispatcher: () => (dispatcher ??= given === undefined ? createPool(options.tls) : Promise.resolve(given)),
    clock,
    timeoutMs: options.timeoutMs ?? CALL_TIMEOUT_MS,
  });
  const pacer = createPacer(clock, { perSecond: options.readsPerSecond ?? READS_PER_SECOND, mostPerSecond: Math.max(options.readsPerSecond ?? 0, MOST_READS_PER_SECOND), burst: READ_BURST });
  const calls = createCalls(transport, pacer, (text) => text.replaceAll(key, '[secret]'));
  return { ...healthOf(calls), ...dlqOf(calls), ...jobsOf(calls), ...capacityOf(calls), ...adminOf(calls), ...approvalsOf(calls), ...policyOf(calls), ...topicsOf(calls), ...workflowsOf(calls), close: async () => (await dispatcher)?.close() };
}

async function createPool(tls: TlsMaterial | undefined): Promise<Dispatcher> {
  const { Agent } = await import('undici');
  return new Agent({ connections: MOST_CONNECTIONS, pipelining: 1, connect: { timeout: CONNECT_TIMEOUT_MS, ...nodeTls(tls) } });
}

function healthOf({ get, read }: Calls): Pick<CordumClient, 'health' | 'readyz' | 'status'> {
  return {
    async health(call) {
      const { answer, facts } = await get('say whether it is healthy', '/health', call);
      if (!answer.ok) return answer;
      // Whoever answers 503 has said whether, and says why.
      return isSuccess(answer.value) ? succeed(healthInWords(answer.value.body)) : { ok: false, failure: failureOfAnswer(answer.value, { ...facts, doing: 'say that it is healthy' }) };
    },
    async readyz(call) {
      const { answer, facts } = await get('say whether it is ready', '/readyz', call);
      if (!answer.ok) return answer;
      // A degraded Cordum answers 503 with the same body.
      const body = readBody(answer.value.body, readyzAnswer);
      if (body.ok && body.value.status !== '') return succeed({ ready: isSuccess(answer.value), ...body.value });
      return { ok: false, failure: isSuccess(answer.value) ? unreadable(facts, body.ok ? 'no status' : body.because) : failureOfAnswer(answer.value, facts) };
    },
    status: (call) => read('tell its status', '/api/v1/status', statusAnswer, call),
  };
}

function dlqOf({ read, write, writeBlind }: Calls): Pick<CordumClient, 'dlqPage' | 'retryDlqEntry' | 'deleteDlqEntry'> {
  return {
    async dlqPage(page, call) {
      // Cordum takes the cursor in s, ms, µs or ns by its size; µs is what it gives itself.
      const cursor = page.untilSecond === undefined ? '' : `&cursor=${page.untilSecond}000000`;
      return itemsOf(await read('list the DLQ', `/api/v1/dlq/page?limit=${page.limit}${cursor}`, dlqPageAnswer, call));
    },
    retryDlqEntry: (jobId, call) => write(`retry the DLQ entry ${shown(jobId)}`, 'POST', pathWith('/api/v1/dlq/', jobId, '/retry'), retryAnswer, call),
    deleteDlqEntry: (jobId, call) => writeBlind(`delete the DLQ entry ${shown(jobId)}`, 'DELETE', pathWith('/api/v1/dlq/', jobId), call),
  };
}

function jobsOf({ read, write }: Calls): Pick<CordumClient, 'job' | 'cancelJob' | 'jobs' | 'trace'> {
  return {
    job: (jobId, call) => read(`show the job ${shown(jobId)}`, pathWith('/api/v1/jobs/', jobId), jobAnswer, call),
    cancelJob: (jobId, call) => write(`cancel the job ${shown(jobId)}`, 'POST', pathWith('/api/v1/jobs/', jobId, '/cancel'), cancelAnswer, call),
    async jobs(page, call) {
      const cursor = page.untilMicros === undefined ? '' : `&cursor=${page.untilMicros}`;
      return itemsOf(await read('list jobs', `/api/v1/jobs?limit=${page.limit}${cursor}`, jobsAnswer, call));
    },
    trace: (traceId, call) => read(`show the trace ${shown(traceId)}`, pathWith('/api/v1/traces/', traceId), traceAnswer, call),
  };
}

function capacityOf({ read }: Calls): Pick<CordumClient, 'workers' | 'pools' | 'topics'> {
  return {
    workers: async (call) => itemsOf(await read('list workers', '/api/v1/workers', workersAnswer, call)),
    pools: async (call) => itemsOf(await read('list pools', '/api/v1/pools', poolsAnswer, call)),
    topics: (call) => read('list topics', '/api/v1/topics', topicsAnswer, call),
  };
}

function itemsOf<Item>(answer: Result<{ readonly items: readonly Item[] }>): Result<readonly Item[]> {
  return answer.ok ? succeed(answer.value.items) : answer;
}

/** The trace that Cordum gives to every retry of this job. */
export function retryTraceOf(jobId: string): string {
  return `dlq-retry-${jobId}`;
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
