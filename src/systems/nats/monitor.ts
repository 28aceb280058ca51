/** The monitoring port of one nats-server: plain HTTP, JSON, no credentials. Each call is bounded in time and size. */
import type { Agent, Dispatcher } from 'undici';
import { readBounded } from '#kernel/body.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import { type Result, succeed } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import { nodeTls, type TlsMaterial } from '#kernel/tls.ts';
import type { z } from '#step-kit/index.ts';
import { cancelled, failureOfError, failureOfStatus, timedOut, tooLarge, unreadable } from './failure.ts';
import { type Connz, connzAnswer, healthzAnswer, type Jsz, jszAnswer, type Routez, routezAnswer, type Varz, varzAnswer } from './schema.ts';

/** `/jsz` with 1,000 consumers is about 1.5 MiB. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 5_000;
/** Of one server; its monitor is asked a handful of things at a time. */
const MOST_CONNECTIONS = 4;

export interface Call {
  readonly signal?: AbortSignal;
}

export interface Monitor {
  /** `host:port`, for messages and rows. */
  readonly label: string;
  varz(call?: Call): Promise<Result<Varz>>;
  /** A server that is not healthy answers 503 with its reason, which is an answer here. */
  healthz(call?: Call): Promise<Result<{ readonly status: string; readonly error: string }>>;
  routez(call?: Call): Promise<Result<Routez>>;
  jsz(call?: Call): Promise<Result<Jsz>>;
  /** With every stream and consumer that this server holds a copy of. */
  jszDetail(call?: Call): Promise<Result<Jsz>>;
  /** The connections with the most pending bytes first, with their subscriptions; or those that ended last, with their reason. */
  connz(of: { readonly state: 'open' | 'closed'; readonly limit: number }, call?: Call): Promise<Result<Connz>>;
}

export interface MonitorOptions {
  readonly url: string;
  readonly dispatcher: () => Promise<Dispatcher>;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export function createMonitor(options: MonitorOptions): Monitor {
  const base = new URL(options.url);
  const label = base.host;
  const get = async <Schema extends z.ZodType>(path: string, query: string, schema: Schema, call: Call | undefined, answers: readonly number[] = [200]): Promise<Result<z.output<Schema>>> => {
    const doing = `answer ${path}`;
    const url = new URL(base);
    url.pathname = `${base.pathname.replace(/\/+$/, '')}${path}`;
    url.search = query;
    const answer = await exchange(url, { ...options, label, doing }, call?.signal);
    if (!answer.ok) return answer;
    if (!answers.includes(answer.value.status)) return { ok: false, failure: failureOfStatus(answer.value.status, label, doing) };
    const read = schema.safeParse(parseJson(answer.value.body));
    if (read.success) return succeed(read.data);
    if (answer.value.status !== 200) return { ok: false, failure: failureOfStatus(answer.value.status, label, doing) };
    const [issue] = read.error.issues;
    return { ok: false, failure: unreadable(label, doing, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`) };
  };
  return {
    label,
    varz: (call) => get('/varz', '', varzAnswer, call),
    healthz: (call) => get('/healthz', '', healthzAnswer, call, [200, 400, 404, 500, 503]),
    routez: (call) => get('/routez', '', routezAnswer, call),
    jsz: (call) => get('/jsz', '', jszAnswer, call),
    jszDetail: (call) => get('/jsz', 'accounts=1&streams=1&consumers=1&config=1', jszAnswer, call),
    connz: ({ state, limit }, call) => get('/connz', state === 'open' ? `subs=1&sort=pending&limit=${limit}` : `state=closed&sort=stop&limit=${limit}`, connzAnswer, call),
  };
}

interface Exchange extends MonitorOptions {
  readonly label: string;
  readonly doing: string;
}

async function exchange(url: URL, options: Exchange, outer: AbortSignal | undefined): Promise<Result<{ status: number; body: string }>> {
  const { label, doing, timeoutMs, clock } = options;
  if (outer?.aborted === true) return { ok: false, failure: cancelled(label, doing) };
  const deadline = deadlineOf(clock, timeoutMs, outer);
  try {
    const { request } = await import('undici');
    const answer = await request(url, { method: 'GET', headers: { accept: 'application/json' }, dispatcher: await options.dispatcher(), signal: deadline.signal });
    const body = await readBounded(answer.body, MOST_ANSWER_BYTES);
    if (body === undefined) return { ok: false, failure: tooLarge(label, doing, MOST_ANSWER_BYTES) };
    return succeed({ status: answer.statusCode, body });
  } catch (error) {
    if (deadline.timedOut()) return { ok: false, failure: timedOut(label, doing, timeoutMs) };
    if (deadline.cancelled()) return { ok: false, failure: cancelled(label, doing) };
    return { ok: false, failure: failureOfError(error, label, doing) };
  } finally {
    deadline.stop();
  }
}

/** One pool for all servers. The TLS material of the target is used for monitors behind https as well. */
export async function createMonitorPool(tls: TlsMaterial | undefined): Promise<Agent> {
  const { Agent } = await import('undici');
  return new Agent({
    connections: MOST_CONNECTIONS,
    pipelining: 1,
    connect: { timeout: CONNECT_TIMEOUT_MS, ...nodeTls(tls) },
  });
}
