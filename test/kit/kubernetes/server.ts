/** The HTTP side of the fake API server: who asks, may they, what goes wrong on the way, and which verb it is. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { ApiError, badRequest, forbidden, methodNotAllowed, pathNotFound, type Reply, resourceNotFound, unauthorized } from './errors.ts';
import { at, KINDS } from './objects.ts';
import { createObject, getObject, getScale, type Incoming, listObjects, patchObject, patchScale } from './verbs.ts';
import { readLog, type Logs } from './logs.ts';
import type { Store } from './store.ts';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Parsed, or the text when it is no JSON. */
  readonly body: unknown;
  /** Of the connection: calls over one socket have the same. */
  readonly port: number;
}

export interface User {
  readonly name: string;
  /** An administrator: no rule of RBAC is missing, in no namespace. */
  readonly admin: boolean;
}

/** A rule of RBAC that is missing. */
export interface Denial {
  readonly verb?: string;
  /** `deployments`, or with its subresource `deployments/scale`. */
  readonly resource: string;
  readonly name?: string;
}

export type Trouble = { readonly kind: 'hang' } | { readonly kind: 'cut' } | { readonly kind: 'cutAfterwards' } | { readonly kind: 'answer'; readonly reply: Reply };

export interface Fault {
  readonly method?: string;
  readonly path?: RegExp;
  /** How many requests it meets. Default: all. */
  readonly times?: number;
  readonly trouble: Trouble;
}

export interface Backend {
  readonly store: Store;
  readonly logs: Logs;
  /** By token. */
  readonly users: ReadonlyMap<string, User>;
  readonly denials: Denial[];
  readonly faults: { fault: Fault; left: number }[];
  readonly seen: Seen[];
  readonly forgotten: { expired: boolean };
  /** Called after each answer. */
  answered(method: string): void;
}

export interface Listening {
  readonly url: string;
  connections(): number;
  close(): Promise<void>;
}

const ROUTE = /^\/(?:api\/(?<core>v1)|apis\/(?<group>[a-z0-9.-]+)\/(?<version>v\d\w*))\/namespaces\/(?<namespace>[^/]+)\/(?<resource>[a-z]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[a-z]+))?$/;
const VERSION = {
  major: '1', minor: '36', emulationMajor: '1', emulationMinor: '36', minCompatibilityMajor: '1', minCompatibilityMinor: '35', gitVersion: 'v1.36.2', gitCommit: '0'.repeat(40), gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z', goVersion: 'go1.26.11', compiler: 'gc', platform: 'linux/amd64',
};
const MOST_BODY_BYTES = 3 * 1024 * 1024;

export async function listen(backend: Backend, tls?: { readonly cert: string; readonly key: string }): Promise<Listening> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const handler = (request: IncomingMessage, response: ServerResponse): void => {
    handle(backend, request, response).catch((error: unknown) => response.destroy(error as Error));
  };
  const server: Server = tls === undefined ? createServer(handler) : createTlsServer(tls, handler);
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function handle(backend: Backend, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fake');
  const body = await readBody(request);
  const method = request.method ?? 'GET';
  backend.seen.push({ method, path: url.pathname, query: url.searchParams, headers: request.headers, body: parsed(body), port: request.socket.remotePort ?? 0 });
  const trouble = troubleOf(backend, method, url.pathname);
  if (trouble?.kind === 'hang') return;
  if (trouble?.kind === 'cut') {
    request.socket.destroy();
    return;
  }
  const reply = trouble?.kind === 'answer' ? trouble.reply : answer(backend, { method, url, body, headers: request.headers });
  // The change was made and its answer is lost.
  if (trouble?.kind === 'cutAfterwards') {
    request.socket.destroy();
    return;
  }
  send(response, reply);
  backend.answered(method);
}

function send(response: ServerResponse, { status, body, type, headers }: Reply): void {
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  const contentType = status === 204 ? {} : { 'content-type': type ?? 'application/json' };
  response.writeHead(status, { 'audit-id': '00000000-0000-4000-8000-000000000000', 'cache-control': 'no-cache, private', ...contentType, ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MOST_BODY_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function troubleOf(backend: Backend, method: string, path: string): Trouble | undefined {
  const index = backend.faults.findIndex(({ fault }) => (fault.method ?? method) === method && (fault.path?.test(path) ?? true));
  const found = backend.faults[index];
  if (found === undefined) return undefined;
  found.left -= 1;
  if (found.left <= 0) backend.faults.splice(index, 1);
  return found.fault.trouble;
}

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly headers: IncomingMessage['headers'];
}

function answer(backend: Backend, request: Request): Reply {
  try {
    return route(backend, request);
  } catch (error) {
    if (error instanceof ApiError) return error.reply;
    throw error;
  }
}

const ANONYMOUS: User = { name: 'system:anonymous', admin: false };

function userOf(backend: Backend, headers: IncomingMessage['headers']): User {
  const token = /^Bearer (?<token>.+)$/.exec(headers.authorization ?? '')?.groups?.['token'];
  if (headers.authorization === undefined) return ANONYMOUS;
  const user = backend.users.get(token ?? '');
  if (user === undefined) throw unauthorized();
  return user;
}

function route(backend: Backend, request: Request): Reply {
  const { method, url } = request;
  const user = userOf(backend, request.headers);
  if (url.pathname === '/version') return { status: 200, body: VERSION };
  if (url.pathname === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews' && method === 'POST') return review(backend, request.body);
  const found = ROUTE.exec(url.pathname)?.groups;
  if (found === undefined) throw pathNotFound();
  const { core, group = '', version = core, namespace = '', resource = '', name, sub } = found;
  const kind = KINDS[resource];
  if (!Object.values(KINDS).some((one) => one.group === group && one.version === version)) throw pathNotFound();
  if (kind === undefined || kind.group !== group || kind.version !== version) throw resourceNotFound();
  const verb = verbOf(method, name);
  const denied = user === ANONYMOUS || namespace !== backend.store.namespace || isDenied(backend, { verb, resource: sub === undefined ? resource : `${resource}/${sub}`, name });
  if (denied && !user.admin) throw forbidden({ user: user.name, verb, resource, subresource: sub, name, namespace });
  const incoming: Incoming = { resource, namespace, query: url.searchParams, contentType: request.headers['content-type'] ?? '', body: request.body };
  return dispatch(backend, incoming, { verb, name, sub });
}

function verbOf(method: string, name: string | undefined): string {
  if (method === 'GET') return name === undefined ? 'list' : 'get';
  if (method === 'POST' && name === undefined) return 'create';
  if (method === 'PATCH' && name !== undefined) return 'patch';
  throw methodNotAllowed();
}

function isDenied(backend: Backend, asked: { readonly verb: string; readonly resource: string; readonly name: string | undefined }): boolean {
  return backend.denials.some((one) => one.resource === asked.resource && (one.verb ?? asked.verb) === asked.verb && (one.name === undefined || one.name === asked.name));
}

function dispatch(backend: Backend, incoming: Incoming, { verb, name, sub }: { readonly verb: string; readonly name: string | undefined; readonly sub: string | undefined }): Reply {
  const { store } = backend;
  if (sub === 'scale' && KINDS[incoming.resource]?.scale === true && name !== undefined) return verb === 'patch' ? patchScale(store, incoming, name) : getScale(store, incoming, name);
  if (sub === 'log' && incoming.resource === 'pods' && name !== undefined && verb === 'get') return readLog(store, backend.logs, name, incoming.query);
  if (sub !== undefined) throw resourceNotFound();
  if (name === undefined) return verb === 'list' ? listObjects(store, incoming, backend.forgotten) : createObject(store, incoming);
  return verb === 'patch' ? patchObject(store, incoming, name) : getObject(store, incoming, name);
}

/** SelfSubjectAccessReview: a denial has no reason. */
function review(backend: Backend, text: string): Reply {
  const body = parsed(text);
  const wanted = at(body, 'spec', 'resourceAttributes');
  if (wanted === undefined) throw badRequest('spec.resourceAttributes is required');
  const sub = at(wanted, 'subresource');
  const resource = `${String(at(wanted, 'resource'))}${typeof sub === 'string' ? `/${sub}` : ''}`;
  const name = at(wanted, 'name');
  const denied = isDenied(backend, { verb: String(at(wanted, 'verb')), resource, name: typeof name === 'string' ? name : undefined });
  const status = denied ? { allowed: false } : { allowed: true, reason: 'RBAC: allowed by RoleBinding "runbook-bot/cordum" of Role "runbook-bot" to ServiceAccount "runbook-bot/cordum"' };
  return { status: 201, body: { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec: at(body, 'spec'), status } };
}
