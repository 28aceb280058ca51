/** An endpoint of the API, declared once: registered, checked and documented from the same object. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Answer } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';
import { Refusal } from './problem.ts';

export const API = '/api/v1';

export interface EndpointSchemas {
  /** Each parameter of the path, by its name. One that does not match names nothing: 404. */
  readonly params: z.ZodObject;
  /** Strict: a parameter that is not known is an error, not a surprise. */
  readonly query: z.ZodObject;
  /** Absent: the endpoint takes no body. */
  readonly body?: z.ZodType;
  readonly headers?: z.ZodObject;
}

export interface Call<S extends EndpointSchemas> {
  readonly principal: Principal;
  readonly params: z.infer<S['params']>;
  readonly query: z.infer<S['query']>;
  readonly body: S['body'] extends z.ZodType ? z.infer<S['body']> : undefined;
  readonly headers: S['headers'] extends z.ZodObject ? z.infer<S['headers']> : undefined;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Under /api/v1, with parameters as OpenAPI writes them: `/runs/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly schemas: EndpointSchemas;
  readonly answer: { readonly status: number; readonly shape: z.ZodType; readonly type?: string };
  /** Runs until the client has had enough: not timed. */
  readonly streams?: boolean;
  handle(call: Call<EndpointSchemas>): Promise<unknown>;
}

export const NOTHING = z.strictObject({});

/** Keeps the types of the schemas for `handle`, and forgets them for the table of endpoints. */
export function endpoint<const S extends EndpointSchemas>(declared: Omit<Endpoint, 'schemas' | 'handle'> & { readonly schemas: S; handle(call: Call<S>): Promise<unknown> }): Endpoint {
  return { ...declared, handle: (call) => declared.handle(call as unknown as Call<S>) };
}

/** The value of an operation's answer; its problem becomes the problem document. */
export function valueOf<T>(answer: Answer<T>): T {
  if (!answer.ok) throw new Refusal(answer.problem);
  return answer.value;
}

export function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Refusal({ code: 'not-found', message: `There is no such ${what}.` });
  return value;
}

export function registerEndpoints(app: FastifyInstance, endpoints: readonly Endpoint[], principalOf: (request: FastifyRequest) => Principal): void {
  for (const one of endpoints) {
    app.route({
      method: one.method,
      url: fastifyPath(one.path),
      exposeHeadRoute: false,
      config: { streams: one.streams === true },
      handler: async (request, reply) => {
        const call: Call<EndpointSchemas> = {
          principal: principalOf(request),
          params: readParams(one.schemas.params, request.params),
          query: readInput(one.schemas.query, request.query, 'the query'),
          headers: one.schemas.headers === undefined ? undefined : readInput(one.schemas.headers, request.headers, 'the headers'),
          // A request without a body says nothing, which is an empty object where all fields are optional.
          body: one.schemas.body === undefined ? undefined : readInput(one.schemas.body, request.body ?? {}, 'the body'),
          request,
          reply,
        } as Call<EndpointSchemas>;
        const value = await one.handle(call);
        // A reply is a promise of its own end, so it comes back as nothing; when the client left early it is not even `sent`.
        if (reply.sent || reply.raw.headersSent || value === reply) return reply;
        return reply.code(one.answer.status).send(value);
      },
    });
  }
}

/** `/runs/{id}` → `/runs/:id` */
function fastifyPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ':$1');
}

function readParams(schema: z.ZodObject, value: unknown): Record<string, unknown> {
  const read = schema.safeParse(value);
  if (!read.success) throw new Refusal({ code: 'not-found', message: 'There is no such thing: the path names nothing that can exist.' });
  return read.data;
}

function readInput(schema: z.ZodType, value: unknown, where: string): unknown {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const issue = read.error.issues[0];
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = [...(issue?.path ?? []), ...(unknown === undefined ? [] : [unknown])].map(String);
  const field = path.join('.');
  const say = unknown === undefined ? (issue?.message ?? 'it cannot be read') : 'there is no such field';
  throw new Refusal({ code: 'invalid', message: field === '' ? `In ${where}: ${say}.` : `In ${where}, "${field}": ${say}.`, ...(field === '' ? {} : { field }) });
}
