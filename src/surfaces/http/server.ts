/** The one listener. The API and the probes are its own; webhooks, Slack and the console are plugins that app hands in. */
import { randomUUID } from 'node:crypto';
import fastify from 'fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Clock } from '#kernel/clock.ts';
import type { Log } from '#kernel/log.ts';
import type { Operations } from '#operations/operations.ts';
import type { Principal } from '#policy/model.ts';
import { crossSite } from './auth.ts';
import type { Authenticate } from './auth.ts';
import { API, endpoint, NOTHING, registerEndpoints } from './endpoint.ts';
import type { Endpoint } from './endpoint.ts';
import { answerBrokenRequest, answerError, answerErrors } from './errors.ts';
import { MAX_PARAM_LENGTH } from './input.ts';
import { BODY_LIMIT_BYTES, CLOSE_GRACE_MS, HEADERS_TIMEOUT_MS, isDeeperThan, KEEP_ALIVE_TIMEOUT_MS, MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_JSON_DEPTH, REQUEST_TIMEOUT_MS } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import type { Probe } from './openapi.ts';
import { registerProbes } from './probes.ts';
import type { HttpMetrics } from './probes.ts';
import { Refusal } from './problem.ts';
import { approvalEndpoints } from './routes/approvals.ts';
import { controlEndpoints } from './routes/control.ts';
import { drillEndpoints } from './routes/drills.ts';
import { DEFAULT_MAX_STREAMS, eventEndpoints } from './routes/events.ts';
import { incidentEndpoints } from './routes/incidents.ts';
import { runEndpoints } from './routes/runs.ts';
import { z } from 'zod';

/** A surface that lives on this listener. It registers its own paths and authenticates its own callers. */
export type HttpPlugin = (app: FastifyInstance) => void | Promise<void>;

export interface HttpServerOptions {
  /** Port 0: any free one; `listen()` says which. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly operations: Operations;
  readonly authenticate: Authenticate;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the package, for the OpenAPI document. */
  readonly version: string;
  readonly metrics?: HttpMetrics;
  readonly plugins?: readonly HttpPlugin[];
  /** Event streams open at one time. */
  readonly maxStreams?: number;
}

export interface HttpServer {
  readonly app: FastifyInstance;
  /** Listens. Returns the URL. Rejects when the address cannot be had. */
  listen(): Promise<string>;
  /** Ends event streams and idle connections; lets requests finish, for 10 s at most. */
  close(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    streams?: boolean;
  }
}

export async function createHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const app = newFastify(options.log);
  addHooks(app, options.metrics, options.log);
  readJson(app);
  answerErrors(app, options.log);

  const events = eventEndpoints({ operations: options.operations, clock: options.clock, maxStreams: options.maxStreams ?? DEFAULT_MAX_STREAMS });
  const endpoints = [
    ...incidentEndpoints(options.operations),
    ...runEndpoints(options.operations),
    ...events.endpoints,
    ...approvalEndpoints(options.operations),
    ...drillEndpoints(options.operations),
    ...controlEndpoints(options.operations),
  ];
  const probes = registerProbes(app, options);
  await app.register(async (api) => registerApi(api, [...endpoints, documentOf(endpoints, probes, options.version)], options), { prefix: API });
  for (const plugin of options.plugins ?? []) await app.register(async (scope) => plugin(scope));
  app.addHook('preClose', (done) => {
    events.streams.end();
    done();
  });
  await app.ready();
  return {
    app,
    listen: () => app.listen(options.listen),
    close: () => closeWithin(app, options.clock),
  };
}

async function closeWithin(app: FastifyInstance, clock: Clock): Promise<void> {
  const cancel = clock.schedule(clock.now() + CLOSE_GRACE_MS, () => app.server.closeAllConnections());
  try {
    await app.close();
  } finally {
    cancel();
  }
}

function newFastify(log: Log): FastifyInstance {
  const app = fastify({
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    forceCloseConnections: 'idle',
    // Whoever can set X-Forwarded-For could choose where he comes from.
    trustProxy: false,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => void answerError(error, request as FastifyRequest, reply, log),
  });
  app.server.maxConnections = MAX_CONNECTIONS;
  app.decorateRequest('principal', null);
  return app;
}

/** zod reads what comes in. Fastify would load ajv and a compiler of serialisers all the same, for schemas that no route has. */
function noSchemas(): never {
  throw new Error('a route declares a schema of Fastify: declare it with zod, as the others do');
}

/** Headers that hold for every answer; a page of the console sets its own policy over them. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
};

function addHooks(app: FastifyInstance, metrics: HttpMetrics | undefined, log: Log): void {
  // With callbacks, not promises: these run for every request, and none of them waits for anything.
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header('x-request-id', request.id);
    done();
  });
  // A connection that is busy when the server stops would be kept alive after its answer, and we would wait for it.
  let stopping = false;
  app.addHook('preClose', async () => void (stopping = true));
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (stopping) reply.header('connection', 'close');
    done();
  });
  app.addHook('onResponse', (request, reply, done) => {
    // The pattern of the route, not the path: a label that a stranger can choose would never stop growing.
    const route = request.routeOptions.url ?? 'none';
    const seconds = request.routeOptions.config.streams === true ? undefined : reply.elapsedTime / 1_000;
    metrics?.observeRequest({ method: request.method, route, status: reply.statusCode, seconds });
    log.debug({ requestId: request.id, method: request.method, route, status: reply.statusCode, principal: request.principal?.id, seconds }, 'answered');
    done();
  });
}

/** JSON is all that the API reads, to a depth that code may recurse over. */
function readJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    void parse(request, body, (error, value) => {
      if (error !== null && error !== undefined) return done(error);
      if (isDeeperThan(value, MAX_JSON_DEPTH)) return done(new Refusal({ code: 'invalid', message: `The body is nested deeper than ${MAX_JSON_DEPTH} levels.` }));
      done(null, value);
    });
  });
}

function registerApi(api: FastifyInstance, endpoints: readonly Endpoint[], { authenticate, log }: HttpServerOptions): void {
  // Before the body is read: a stranger gets no parser to play with. Unknown paths too, so that they tell nothing.
  api.addHook('onRequest', async (request) => {
    const authentication = await authenticate(request.raw);
    if (!authentication.ok) throw new Refusal({ code: 'unauthenticated', message: authentication.because });
    const otherSite = authentication.ambient ? crossSite(request.raw) : undefined;
    if (otherSite !== undefined) throw new Refusal({ code: 'cross-site', message: otherSite });
    request.principal = authentication.principal;
  });
  answerErrors(api, log);
  registerEndpoints(api, endpoints, (request) => {
    if (request.principal === null) throw new Error('a handler of the API ran without a principal');
    return request.principal;
  });
}

function documentOf(endpoints: readonly Endpoint[], probes: readonly Probe[], version: string): Endpoint {
  const itself: Endpoint = endpoint({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document.',
    schemas: { params: NOTHING, query: NOTHING },
    answer: { status: 200, shape: z.record(z.string(), z.unknown()) },
    handle: async () => (document ??= openApiDocument([...endpoints, itself], probes, version)),
  });
  // Made when first asked for: most processes never are.
  let document: ReturnType<typeof openApiDocument> | undefined;
  return itself;
}
