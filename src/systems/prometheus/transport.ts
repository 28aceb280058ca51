/** One GET to Prometheus's HTTP API: bounded in time and size, no redirects, every way to fail as a value. */
import type { Agent, Dispatcher } from 'undici';
import { z } from 'zod';
import type { Clock } from '#kernel/clock.ts';
import { type EndpointParts, endpointOf } from '#kernel/endpoint.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import { failureOfAnswer, failureOfError, unreadable } from './failure.ts';

export const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** 50 series of 11,000 points are about 16 MiB of JSON. */
const ANSWER_MAX_BYTES = 32 * 1024 * 1024;

export interface Call {
  readonly signal?: AbortSignal;
}

export interface TransportParts extends EndpointParts {
  readonly clock: Clock;
  readonly timeoutMs?: number;
  /** For tests. */
  readonly dispatcher?: Dispatcher;
}

/** The `data` of an answer, what Prometheus had to remark, and its own time. */
export interface Answer<T> {
  readonly data: T;
  /** Its warnings and infos, in one sentence each. */
  readonly remarks: readonly string[];
  /** When it answered, by its own clock where it says so, ms. */
  readonly atMs: number;
}

export interface Transport {
  get<T>(path: string, query: Readonly<Record<string, string>>, schema: z.ZodType<T>, doing: string, call: Call): Promise<Result<Answer<T>>>;
  close(): Promise<void>;
}

const envelope = z.object({ status: z.literal('success'), data: z.unknown(), warnings: z.array(z.string()).default([]), infos: z.array(z.string()).default([]) });
const errorEnvelope = z.object({ errorType: z.string().default(''), error: z.string().default('') });

export function createTransport(parts: TransportParts): Transport {
  const { root, host, authorization } = endpointOf(parts);
  const what = `Prometheus at ${host}`;
  const timeoutMs = parts.timeoutMs ?? TIMEOUT_MS;
  let agent: Agent | undefined;

  return {
    async get(path, query, schema, doing, call) {
      const asked = { what, doing };
      if (isAborted(call.signal)) return fail('cancelled', `The call to ${what} was cancelled.`);
      const timeout = new AbortController();
      const stopTimer = parts.clock.schedule(parts.clock.now() + timeoutMs, () => timeout.abort());
      try {
        // Loaded by the first call: many bots ask no Prometheus.
        const undici = await import('undici');
        agent ??= parts.dispatcher === undefined ? new undici.Agent({ connect: connectOptions(parts) }) : undefined;
        const dispatcher = parts.dispatcher ?? agent;
        const answer = await undici.request(`${root}${path}?${new URLSearchParams(query).toString()}`, {
          headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization: authorization.reveal() }) },
          ...(dispatcher === undefined ? {} : { dispatcher }),
          signal: call.signal === undefined ? timeout.signal : AbortSignal.any([call.signal, timeout.signal]),
        });
        const text = await readBounded(answer.body);
        if (text === undefined) return fail('tooLarge', `${what} answered more than ${ANSWER_MAX_BYTES} bytes: narrow the query, or take a longer step.`);
        const json = parseJson(text);
        if (answer.statusCode !== 200) {
          const said = errorEnvelope.safeParse(json);
          return failureOfAnswer(answer.statusCode, said.success ? said.data : { errorType: '', error: '' }, asked);
        }
        const read = envelope.safeParse(json);
        const data = read.success ? schema.safeParse(read.data.data) : undefined;
        if (!read.success || data?.success !== true) return unreadable(asked);
        const dated = Date.parse(String(answer.headers['date']));
        return succeed({ data: data.data, remarks: [...read.data.warnings, ...read.data.infos], atMs: Number.isNaN(dated) ? parts.clock.now() : dated });
      } catch (error) {
        const timedOut = timeout.signal.aborted;
        return failureOfError(error, asked, { timedOut, cancelled: !timedOut && isAborted(call.signal), afterMs: timeoutMs });
      } finally {
        stopTimer();
      }
    },
    async close() {
      const open = agent;
      agent = undefined;
      await open?.destroy();
    },
  };
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function connectOptions({ tls }: EndpointParts): NonNullable<Agent.Options['connect']> {
  return {
    timeout: CONNECT_TIMEOUT_MS,
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key.reveal() }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  };
}

async function readBounded(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_MAX_BYTES) {
      body.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
