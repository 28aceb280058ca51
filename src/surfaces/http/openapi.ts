/** The API as an OpenAPI 3.1 document, made of the endpoints that are registered: it cannot say anything else. */
import { z } from 'zod';
import { ProblemShape } from '#operations/shapes.ts';
import type { JsonObject } from '#kernel/json.ts';
import { API } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { PROBLEMS } from './problem.ts';

type Draft = Record<string, unknown>;

/** Endpoints outside /api/v1 that this surface answers itself. */
export interface Probe {
  readonly path: string;
  readonly summary: string;
  readonly answers: Readonly<Record<string, string>>;
  readonly type: string;
  readonly open: boolean;
}

export function openApiDocument(endpoints: readonly Endpoint[], probes: readonly Probe[], version: string): JsonObject {
  const components: Draft = {};
  const paths: Record<string, Draft> = {};
  const problem = { description: 'A problem document (RFC 9457).', content: { 'application/problem+json': { schema: schemaOf(ProblemShape, components) } } };
  for (const one of endpoints) {
    const path = (paths[`${API}${one.path}`] ??= {});
    path[one.method.toLowerCase()] = {
      summary: one.summary,
      operationId: operationId(one),
      parameters: [
        ...parametersOf(one.schemas.params, 'path', components),
        ...parametersOf(one.schemas.query, 'query', components),
        ...(one.schemas.headers === undefined ? [] : parametersOf(one.schemas.headers, 'header', components)),
      ],
      ...(one.schemas.body === undefined ? {} : { requestBody: { required: needsBody(one.schemas.body), content: { 'application/json': { schema: schemaOf(one.schemas.body, components) } } } }),
      responses: {
        [one.answer.status]: { description: 'Done.', content: { [one.answer.type ?? 'application/json']: { schema: schemaOf(one.answer.shape, components) } } },
        ...(one.streams === true ? { 204: { description: 'There is nothing more to come.' } } : {}),
        default: problem,
      },
    };
  }
  for (const probe of probes) {
    paths[probe.path] = {
      get: {
        summary: probe.summary,
        ...(probe.open ? { security: [] } : {}),
        responses: Object.fromEntries(Object.entries(probe.answers).map(([status, description]) => [status, { description, content: { [probe.type]: {} } }])),
      },
    };
  }
  return JSON.parse(
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Cordum Runbook Bot', version, description: `Problem codes: ${Object.entries(PROBLEMS).map(([code, { status }]) => `${code} (${status})`).join(', ')}.` },
      security: [{ bearer: [] }, { apiKey: [] }],
      paths,
      components: { schemas: components, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' } } },
    }),
  ) as JsonObject;
}

/** Named shapes become components, once; `#/$defs/Name` becomes `#/components/schemas/Name`. */
function schemaOf(schema: z.ZodType, components: Draft): Draft {
  const { $schema: _dialect, $defs, ...rest } = relocate(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })) as Draft;
  for (const [name, definition] of Object.entries(($defs as Draft | undefined) ?? {})) components[name] = definition;
  return rest;
}

function relocate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocate);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== 'id')
      .map(([key, entry]) => [key, key === '$ref' && typeof entry === 'string' ? entry.replace('#/$defs/', '#/components/schemas/') : relocate(entry)]),
  );
}

function parametersOf(schema: z.ZodObject, place: 'path' | 'query' | 'header', components: Draft): Draft[] {
  return Object.entries(schema.shape).map(([name, shape]) => {
    const { description, ...rest } = schemaOf(shape as z.ZodType, components);
    return {
      name,
      in: place,
      required: place === 'path' || !(shape as z.ZodType).safeParse(undefined).success,
      schema: rest,
      ...(description === undefined ? {} : { description }),
    };
  });
}

function needsBody(schema: z.ZodType): boolean {
  return !schema.safeParse({}).success;
}

function operationId(one: Endpoint): string {
  const words = one.path.split('/').filter((part) => part !== '' && !part.startsWith('{'));
  const single = one.path.endsWith('}') ? 'One' : '';
  return `${one.method.toLowerCase()}${words.map((word) => word.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase())).join('')}${single}`;
}
