/** What every call to Cordum has in common: its turn, the exchange, and the reading of the answer. */
import { z } from 'zod';
import { type Result, succeed } from '#kernel/failure.ts';
import { type JsonObject, parseJson } from '#kernel/json.ts';
import { type CallFacts, failureOfAnswer, notSent, unreadable } from './failure.ts';
import type { Pacer } from './pacer.ts';
import type { HttpAnswer, HttpCall, Transport } from './transport.ts';

/** Job ids are UUIDs with suffixes; a longer one is not Cordum's. */
const LONGEST_ID = 512;
const NOT_AN_ID = 'that is not an id that Cordum can have given';

export interface ReadCall {
  readonly signal?: AbortSignal;
}

export interface WriteCall extends ReadCall {
  /** Who approved, for Cordum's audit trail (`X-Principal-Id`; a static key in production overrides it). */
  readonly principal: string;
  readonly body?: JsonObject;
}

type WriteMethod = 'POST' | 'PATCH' | 'DELETE';

/** `doing` completes "Cordum did not …". A path is encoded; where an id in it cannot be one, it is undefined and nothing is sent. */
export interface Calls {
  get(doing: string, path: string | undefined, call?: ReadCall): Promise<{ readonly answer: Result<HttpAnswer>; readonly facts: CallFacts }>;
  read<Schema extends z.ZodType>(doing: string, path: string | undefined, schema: Schema, call?: ReadCall): Promise<Result<z.output<Schema>>>;
  /** A question that Cordum takes as a POST and that changes nothing there. */
  ask<Schema extends z.ZodType>(doing: string, path: string | undefined, body: JsonObject, schema: Schema, call?: ReadCall): Promise<Result<z.output<Schema>>>;
  write<Schema extends z.ZodType>(doing: string, method: WriteMethod, path: string | undefined, schema: Schema, call: WriteCall): Promise<Result<z.output<Schema>>>;
  /** A write whose answer has no body that matters. */
  writeBlind(doing: string, method: WriteMethod, path: string | undefined, call: WriteCall): Promise<Result<null>>;
}

export function createCalls(transport: Transport, pacer: Pacer, redact: (text: string) => string): Calls {
  const exchange = async (call: Omit<HttpCall, 'path'>, path: string | undefined): Promise<Result<HttpAnswer>> => {
    if (path === undefined) return { ok: false, failure: notSent(call, 'invalid', NOT_AN_ID) };
    if (!call.writes) await pacer.turn(call.signal);
    const answer = await transport.send({ ...call, path });
    if (answer.ok && answer.value.status === 429) pacer.refused();
    return answer.ok ? succeed(honest(answer.value)) : answer;
  };
  const get: Calls['get'] = async (doing, path, call = {}) => {
    const facts = { doing, writes: false, redact };
    return { answer: await exchange({ ...facts, method: 'GET', ...call }, path), facts };
  };
  return {
    get,
    async read(doing, path, schema, call) {
      const { answer, facts } = await get(doing, path, call);
      return answerAs(answer, schema, facts);
    },
    async ask(doing, path, body, schema, call = {}) {
      const facts = { doing, writes: false, redact };
      return answerAs(await exchange({ ...facts, method: 'POST', body, ...call }, path), schema, facts);
    },
    async write(doing, method, path, schema, call) {
      const facts = { doing, writes: true, redact };
      return answerAs(await exchange({ ...facts, method, ...call }, path), schema, facts);
    },
    async writeBlind(doing, method, path, call) {
      const facts = { doing, writes: true, redact };
      const answer = await exchange({ ...facts, method, ...call }, path);
      if (!answer.ok) return answer;
      return isSuccess(answer.value) ? succeed(null) : { ok: false, failure: failureOfAnswer(answer.value, facts) };
    },
  };
}

/** An id as one segment of a path, or undefined when it cannot be one: ids come from outside and must not choose the path. */
export function segmentOf(id: string): string | undefined {
  if (id === '' || id === '.' || id === '..' || id.length > LONGEST_ID || !id.isWellFormed()) return undefined;
  // oxlint-disable-next-line no-control-regex -- control characters are what is refused
  return /[\u0000-\u001f\u007f-\u009f]/.test(id) ? undefined : encodeURIComponent(id);
}

/** A path with an id in it; undefined when that is none. */
export function pathWith(before: string, id: string, after = ''): string | undefined {
  const segment = segmentOf(id);
  return segment === undefined ? undefined : `${before}${segment}${after}`;
}

/** `?a=1&b=x`, encoded; undefined and empty values are left out. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]): [string, string][] => (value === undefined || value === '' ? [] : [[name, String(value)]]));
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

/** An id in a message: hostile ones are not repeated. */
export function shown(id: string): string {
  return segmentOf(id) === undefined || id.length > 128 ? '(unusual id)' : id;
}

/** A refusal is short; a long answer is not looked into. */
const LONGEST_REFUSAL = 4_096;
const refusal = z.object({ error: z.string(), status: z.int().min(400).max(599) });

/**
 * Cordum answers a busy approval lock with HTTP 200 and the true status in the body (reference/cordum.md §1.6: written
 * without a status line). The body's own status counts.
 */
function honest(answer: HttpAnswer): HttpAnswer {
  if (!isSuccess(answer) || answer.body.length > LONGEST_REFUSAL || !answer.body.includes('"error"')) return answer;
  const read = readBody(answer.body, refusal);
  return read.ok ? { ...answer, status: read.value.status } : answer;
}

export function isSuccess(answer: HttpAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

export function readBody<Schema extends z.ZodType>(body: string, schema: Schema): { ok: true; value: z.output<Schema> } | { ok: false; because: string } {
  const raw = parseJson(body);
  if (raw === undefined) return { ok: false, because: 'the body is not JSON' };
  const read = schema.safeParse(raw);
  if (read.success) return { ok: true, value: read.data };
  const [issue] = read.error.issues;
  return { ok: false, because: `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unreadable'}` };
}

function answerAs<Schema extends z.ZodType>(answer: Result<HttpAnswer>, schema: Schema, facts: CallFacts): Result<z.output<Schema>> {
  if (!answer.ok) return answer;
  if (!isSuccess(answer.value)) return { ok: false, failure: failureOfAnswer(answer.value, facts) };
  const body = readBody(answer.value.body, schema);
  return body.ok ? succeed(body.value) : { ok: false, failure: unreadable(facts, body.because) };
}
