/** The errors of the API, worded as a kube-apiserver v1.36.2 words them (test/fixtures/kubernetes). */
import { type Fields, kindOf, qualified } from './objects.ts';

export interface Reply {
  readonly status: number;
  /** Text is sent as it is. */
  readonly body: unknown;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Thrown by whatever handles a request, and sent as its answer. */
export class ApiError extends Error {
  readonly reply: Reply;
  constructor(reply: Reply) {
    super(`the API answers ${reply.status}`);
    this.reply = reply;
  }
}

export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

export function status(code: number, reason: string | undefined, message: string, details?: Fields): ApiError {
  return new ApiError({
    status: code,
    body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, ...(reason === undefined ? {} : { reason }), ...(details === undefined ? {} : { details }), code },
  });
}

export function plainText(code: number, text: string, headers: Record<string, string> = {}): ApiError {
  return new ApiError({ status: code, body: text, type: 'text/plain; charset=utf-8', headers: { 'x-content-type-options': 'nosniff', ...headers } });
}

function detailsOf(resource: string, name?: string): Fields {
  const { group } = kindOf(resource);
  return { ...(name === undefined ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource };
}

export const pathNotFound = (): ApiError => plainText(404, '404 page not found\n');
export const resourceNotFound = (): ApiError => status(404, 'NotFound', 'the server could not find the requested resource', {});
export const unauthorized = (): ApiError => status(401, 'Unauthorized', 'Unauthorized');
export const badRequest = (message: string): ApiError => status(400, 'BadRequest', message);
export const throttled = (): ApiError => plainText(429, 'Too many requests, please try again later.\n', { 'retry-after': '1' });
export const methodNotAllowed = (): ApiError => status(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
export const unsupportedMediaType = (): ApiError => status(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
/** What every JSON patch that does not apply is answered with. */
export const jsonPatchFailed = (): ApiError => status(422, 'Invalid', 'the server rejected our request due to an error in our request', {});

export function notFound(resource: string, name: string): ApiError {
  return status(404, 'NotFound', `${qualified(resource)} "${name}" not found`, detailsOf(resource, name));
}

export function namespaceNotFound(name: string): ApiError {
  return status(404, 'NotFound', `namespaces "${name}" not found`, { name, kind: 'namespaces' });
}

export function alreadyExists(resource: string, name: string): ApiError {
  return status(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, detailsOf(resource, name));
}

export function conflict(resource: string, name: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(resource)} "${name}": the object has been modified; please apply your changes to the latest version and try again`;
  return status(409, 'Conflict', message, detailsOf(resource, name));
}

export interface Denied {
  readonly user: string;
  readonly verb: string;
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly name?: string | undefined;
  readonly namespace: string;
}

export function forbidden({ user, verb, resource, subresource, name, namespace }: Denied): ApiError {
  const what = name === undefined ? `${qualified(resource)} is` : `${qualified(resource)} "${name}" is`;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const message = `${what} forbidden: User "${user}" cannot ${verb} resource "${full}" in API group "${kindOf(resource).group}" in the namespace "${namespace}"`;
  return status(403, 'Forbidden', message, detailsOf(resource, name));
}

/** 422 of an object of a kind: `Deployment.apps "x" is invalid: field: message`. */
export function invalid(of: { readonly group: string; readonly kind: string; readonly name: string }, causes: readonly Cause[]): ApiError {
  const list = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))];
  const said = list.length === 1 ? list.join('') : `[${list.join(', ')}]`;
  const kind = of.group === '' ? of.kind : `${of.kind}.${of.group}`;
  const message = `${kind} "${of.name}" is invalid: ${said}`;
  return status(422, 'Invalid', message, { ...(of.name === '' ? {} : { name: of.name }), ...(of.group === '' ? {} : { group: of.group }), kind: of.kind, causes });
}

export function invalidObject(resource: string, name: string, causes: readonly Cause[]): ApiError {
  const { group, kind } = kindOf(resource);
  return invalid({ group, kind, name }, causes);
}

/** A value of the wrong type in a patch: the answer echoes the whole object. */
export function undecodable(object: unknown, because: string): ApiError {
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(object))}: ${because}`;
  return status(422, 'Invalid', ` "" is invalid: patch: ${message}`, { causes: [{ reason: 'FieldValueInvalid', message, field: 'patch' }] });
}

