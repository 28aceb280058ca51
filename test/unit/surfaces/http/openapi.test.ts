import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { PROBLEM_CODES } from '#operations/operations.ts';
import * as shapes from '#operations/shapes.ts';
import { HTTP_CODES, PROBLEMS } from '#surfaces/http/problem.ts';
import { ALICE, createTestHttp } from '../../../kit/http.ts';
import type { TestHttp } from '../../../kit/http.ts';
import { approvalView, auditEntry, effectView, incidentView, offerView, runbookView, runView, stepReference, timelineEntry } from '../../../kit/views.ts';

const DOCS = readFileSync(new URL('../../../../docs/api.md', import.meta.url), 'utf8');
const metrics = { contentType: 'text/plain', text: async () => '', observeRequest: () => {} };

interface Operation {
  readonly operationId?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: unknown;
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

let http: TestHttp;
afterEach(() => http?.close());

/** The routes as the server has them, not as the table of endpoints says. */
async function registered(): Promise<{ routes: string[]; document: Document }> {
  http = await createTestHttp({ metrics });
  const document = (await http.app.inject({ url: '/api/v1/openapi.json', headers: ALICE })).json<Document>();
  const routes: string[] = [];
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH'] as const) {
    for (const url of pathsOf(http.app.printRoutes({ commonPrefix: false, method }))) routes.push(`${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`);
  }
  return { routes: routes.toSorted(), document };
}

/** Reads Fastify's drawing of its tree: four columns a level, then the piece of the path. */
function pathsOf(tree: string): string[] {
  const pieces: string[] = [];
  const paths: string[] = [];
  for (const line of tree.split('\n')) {
    const drawn = /^([│ ]*)[├└]── (.*)$/.exec(line);
    if (drawn === null) continue;
    const level = (drawn[1] ?? '').length / 4;
    const [, piece = '', methods] = /^(.*?)(?: \(([A-Z, ]+)\))?$/.exec(drawn[2] ?? '') ?? [];
    pieces.splice(level, Infinity, piece);
    if (methods !== undefined) paths.push(pieces.join(''));
  }
  return paths;
}

function documented(document: Document): string[] {
  return Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)).toSorted();
}

describe('the OpenAPI document', () => {
  it('has every route that is registered, and no other', async () => {
    const { routes, document } = await registered();
    expect(routes).toContain('POST /api/v1/runs/{id}/effects/{key}/settlement');
    expect(documented(document)).toEqual(routes);
  });

  it('names each parameter of a path, gives each operation an id of its own, and leaves no reference open', async () => {
    const { document } = await registered();
    const ids: string[] = [];
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const operation of Object.values(methods)) {
        if (operation.operationId !== undefined) ids.push(operation.operationId);
        const named = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
        expect(named.map((parameter) => `{${parameter.name}}`), path).toEqual(path.match(/\{\w+\}/g) ?? []);
        expect(named.every((parameter) => parameter.required)).toBe(true);
      }
    }
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, name = ''] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) expect(Object.keys(document.components.schemas)).toContain(name.replace('#/components/schemas/', ''));
    expect(Object.keys(document.components.schemas)).toEqual(expect.arrayContaining(['Incident', 'Run', 'Approval', 'Problem']));
  });

  it('does not ask for a body where an empty one will do', async () => {
    const { document } = await registered();
    expect(document.paths['/api/v1/runs/{id}/cancel']?.['post']?.requestBody).toMatchObject({ required: false });
    expect(document.paths['/api/v1/runs']?.['post']?.requestBody).toMatchObject({ required: true });
  });
});

describe('the shapes of the views', () => {
  it('hold every field of the views: what is read by them has lost nothing', () => {
    const run = runView({
      offers: [offerView({ inputs: [{ name: 'max', type: 'int', title: 'At most', required: true, default: 5, options: null }], waves: [{ index: 0, size: 1, done: 1, returned: 0, failed: 0, unknown: 0 }], verified: { outcome: 'passed', say: 'Done.' } })],
      effects: [effectView({ failure: { reason: 'timeout', message: 'No answer.', landed: 'maybe' } })],
    });
    const views: [z.ZodType, unknown][] = [
      [shapes.RunShape, run],
      [shapes.ApprovalShape, approvalView({ decisions: [{ principal: 'alice', decision: 'deny', reason: null, via: 'api', at: '2026-03-01T10:00:00.000Z' }] })],
      [shapes.IncidentShape, incidentView()],
      [shapes.TimelineEntryShape, timelineEntry()],
      [shapes.RunbookShape, runbookView()],
      [shapes.StepReferenceShape, stepReference()],
      [shapes.AuditEntryShape, auditEntry({ detail: { a: [1] } })],
      [shapes.KillSwitchShape, { on: true, by: 'alice', reason: 'stop', at: '2026-03-01T10:00:00.000Z' }],
    ];
    for (const [shape, view] of views) expect(shape.parse(view)).toEqual(view);
  });

  it('refuse a view that lacks a field, and forgive one that has more', () => {
    const { status: _status, ...withoutStatus } = incidentView();
    expect(shapes.IncidentShape.safeParse(withoutStatus).success).toBe(false);
    expect(shapes.IncidentShape.safeParse({ ...incidentView(), newer: 1 }).success).toBe(true);
  });
});

describe('docs/api.md', () => {
  it('lists every problem code with its status, and no other', () => {
    const rows = [...DOCS.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \|/gm)].map(([, code = '', status = '']) => `${code} ${status}`);
    const codes = Object.entries(PROBLEMS).map(([code, { status }]) => `${code} ${status}`);
    expect(rows.toSorted()).toEqual(codes.toSorted());
    expect(Object.keys(PROBLEMS).toSorted()).toEqual([...PROBLEM_CODES, ...HTTP_CODES].toSorted());
  });

  it('names every path of the API, and no other', async () => {
    const { document } = await registered();
    const named = [...DOCS.matchAll(/^\| `(GET|POST|PUT|DELETE) (\/[^`\s]*)` \|/gm)].map(([, method, path]) => `${method} ${path}`);
    expect(named.toSorted()).toEqual(documented(document));
  });

  it('shows commands whose paths and methods exist', async () => {
    const { routes } = await registered();
    const patterns = routes.map((route) => new RegExp(`^${route.replaceAll(/[.]/g, '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`));
    const shown = [...DOCS.matchAll(/curl [^\n]*/g)].map(([line]) => line);
    expect(shown.length).toBeGreaterThan(5);
    for (const line of shown) {
      const method = /-X (\w+)/.exec(line)?.[1] ?? (line.includes('-d ') ? 'POST' : 'GET');
      const path = /\$BOT(\/[^\s"'?]*)/.exec(line)?.[1] ?? '';
      expect(patterns.some((pattern) => pattern.test(`${method} ${path}`)), line).toBe(true);
    }
  });
});
