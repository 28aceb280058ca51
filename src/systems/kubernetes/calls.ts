/** What the calls share: sending, reading the answer by a schema, and failures that say whether a write can have landed. */
import { type Result, succeed } from '#kernel/failure.ts';
import { parseJson } from '#kernel/json.ts';
import type { z } from 'zod';
import { type CallFacts, failureOfAnswer, type HttpAnswer, unreadable } from './failure.ts';
import type { HttpCall, Transport } from './transport.ts';

export const PATCH_TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
} as const;

/** Who changed a field, in the object's managedFields. */
const FIELD_MANAGER = 'cordum-runbook-bot';

export interface Reading {
  readonly doing: string;
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly signal?: AbortSignal;
}

export interface Writing extends Omit<Reading, 'query'> {
  readonly method: 'POST' | 'PATCH';
  readonly body: { readonly type: string; readonly text: string };
  readonly jsonPatch: boolean;
  readonly dryRun: boolean;
}

export interface Calls {
  send(call: HttpCall): Promise<Result<HttpAnswer>>;
  read<S extends z.ZodType>(call: Reading, shape: S): Promise<Result<z.output<S>>>;
  /** A POST that stores nothing: a review. */
  ask<S extends z.ZodType>(call: Reading, body: object, shape: S): Promise<Result<z.output<S>>>;
  write<S extends z.ZodType>(call: Writing, shape: S): Promise<Result<z.output<S>>>;
}

export function createCalls(transport: Transport): Calls {
  const exchange = async <S extends z.ZodType>(call: HttpCall, shape: S): Promise<Result<z.output<S>>> => {
    const answer = await transport.send(call);
    return answer.ok ? readAnswer(answer.value, shape, call) : answer;
  };
  return {
    send: (call) => transport.send(call),
    read: (call, shape) => exchange({ ...call, method: 'GET', writes: false }, shape),
    ask: (call, body, shape) => exchange({ ...call, method: 'POST', writes: false, body: { type: 'application/json', text: JSON.stringify(body) } }, shape),
    write(call, shape) {
      const { dryRun, ...rest } = call;
      const query = new URLSearchParams({ fieldManager: FIELD_MANAGER });
      // Anything else than "All" is refused (recording scale_dry_run_bad_value_422).
      if (dryRun) query.set('dryRun', 'All');
      // A misspelt field would otherwise be dropped under a 200 with a warning.
      query.set('fieldValidation', 'Strict');
      return exchange({ ...rest, query, writes: !dryRun }, shape);
    },
  };
}

export function readAnswer<S extends z.ZodType>(answer: HttpAnswer, shape: S, call: CallFacts): Result<z.output<S>> {
  if (answer.status < 200 || answer.status >= 300) return { ok: false, failure: failureOfAnswer(answer, call) };
  const body = parseJson(answer.body);
  if (body === undefined) return { ok: false, failure: unreadable(call, answer.body === '' ? 'an empty body' : 'no JSON') };
  const read = shape.safeParse(body);
  return read.success ? succeed(read.data) : { ok: false, failure: unreadable(call, mistakeOf(read.error)) };
}

/** Where the first thing is that the schema did not expect. Only names of fields: values may be secrets. */
export function mistakeOf(error: z.ZodError): string {
  const [first] = error.issues;
  return first === undefined ? 'no detail' : `${first.path.map(String).join('.') || 'the whole'}: ${first.code}`;
}
