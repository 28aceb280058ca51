/** One GET to Prometheus's HTTP API: bounded in time and size, no redirects, every way to fail as a value. */
import type { Agent, Dispatcher } from 'undici';
import { z } from 'zod';
import { readBounded } from '#kernel/body.ts';
import { type Clock, deadlineOf } from '#kernel/clock.ts';
import { type EndpointParts, endpointOf } from '#kernel/endpoint.ts';
import { fail, type Result, succeed } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import { nodeTls } from '#kernel/tls.ts';
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
      if (call.signal?.aborted === true) return fail('cancelled', `The call to ${what} was cancelled.`);
      const deadline = deadlineOf(parts.clock, timeoutMs, call.signal);
      try {
        // Loaded by the first call: many bots ask no Prometheus.
        const undici = await import('undici');
        agent ??= parts.dispatcher === undefined ? new undici.Agent({ connect: { timeout: CONNECT_TIMEOUT_MS, ...nodeTls(parts.tls) } }) : undefined;
        const dispatcher = parts.dispatcher ?? agent;
        const answer = await undici.request(`${root}${path}?${new URLSearchParams(query).toString()}`, {
          headers: { accept: 'application/json', ...(authorization === undefined ? {} : { authorization: authorization.reveal() }) },
          ...(dispatcher === undefined ? {} : { dispatcher }),
          signal: deadline.signal,
        });
        const text = await readBounded(answer.body, ANSWER_MAX_BYTES);
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
        return failureOfError(error, asked, { timedOut: deadline.timedOut(), cancelled: deadline.cancelled(), afterMs: timeoutMs });
      } finally {
        deadline.stop();
      }
    },
    async close() {
      const open = agent;
      agent = undefined;
      await open?.destroy();
    },
  };
}

