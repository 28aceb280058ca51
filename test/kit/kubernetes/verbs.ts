/** What the API does on its objects: get, list, create, patch, and the scale of a workload. */
import { checkObject, checkReplicas } from './checks.ts';
import { alreadyExists, ApiError, badRequest, type Cause, invalid, namespaceNotFound, notFound, type Reply, status, unsupportedMediaType } from './errors.ts';
import { apiVersionOf, at, type Fields, isFields, kindOf, type KubeObject, labelsAt, type Metadata, numberAt, shortHash } from './objects.ts';
import { jsonPatch, mergePatch, strategicPatch } from './patches.ts';
import { fieldSelector, labelSelector } from './selectors.ts';
import type { Store } from './store.ts';

export interface Incoming {
  readonly resource: string;
  readonly namespace: string;
  readonly query: URLSearchParams;
  readonly contentType: string;
  readonly body: string;
}

/** Continue tokens that the server has forgotten. */
export type Forgotten = { expired: boolean };

function whole(resource: string, object: KubeObject): Fields {
  const kind = kindOf(resource);
  return { kind: kind.kind, apiVersion: apiVersionOf(kind), ...object };
}

export function getObject(store: Store, { resource, namespace }: Incoming, name: string): Reply {
  if (namespace !== store.namespace) throw notFound(resource, name);
  return { status: 200, body: whole(resource, store.get(resource, name)) };
}

export function listObjects(store: Store, { resource, namespace, query }: Incoming, forgotten: Forgotten): Reply {
  const limitText = query.get('limit') ?? '0';
  if (!/^-?\d+$/.test(limitText)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(limitText)}: invalid syntax`);
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(resource, query.get('fieldSelector') ?? '');
  const token = query.get('continue');
  const from = token === null ? undefined : startOf(token);
  if (from !== undefined && !from.inconsistent && forgotten.expired) throw expired(from.start);
  const kind = kindOf(resource);
  const found = (namespace === store.namespace ? store.all(resource) : []).filter((one) => labels(one) && fields(one) && (from === undefined || one.metadata.name > from.start));
  const limit = Number(limitText);
  const page = limit > 0 ? found.slice(0, limit) : found;
  const rest = found.length - page.length;
  const more = rest === 0 ? {} : { continue: tokenOf(Number(store.version()), page.at(-1)?.metadata.name ?? ''), ...(query.has('labelSelector') || query.has('fieldSelector') ? {} : { remainingItemCount: rest }) };
  // Items of built-in lists carry no kind of their own.
  return { status: 200, body: { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata: { resourceVersion: store.version(), ...more }, items: page } };
}

function tokenOf(rv: number, after: string): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv, start: `${after}\u0000` })).toString('base64url');
}

function startOf(token: string): { start: string; inconsistent: boolean } {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString());
    return { start: String(at(read, 'start')).replace(/^\//, '').replace(/\0$/, ''), inconsistent: at(read, 'rv') === -1 };
  } catch {
    throw badRequest("invalid continue token: continue key is not valid: invalid character 'Ï' looking for beginning of value");
  }
}

function expired(start: string): ApiError {
  const message = 'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';
  return new ApiError({ status: 410, body: { kind: 'Status', apiVersion: 'v1', metadata: { continue: tokenOf(-1, start) }, status: 'Failure', message, reason: 'Expired', code: 410 } });
}

/** Anything else than `All` is refused; the field manager and the validation mode change nothing here. */
function isDryRun(query: URLSearchParams, options: string): boolean {
  const values = query.getAll('dryRun');
  if (values.length === 0) return false;
  if (values.every((value) => value === 'All')) return true;
  const cause: Cause = { reason: 'FieldValueNotSupported', message: `Unsupported value: ${JSON.stringify(values)}: supported values: "All"`, field: 'dryRun' };
  throw invalid({ group: 'meta.k8s.io', kind: options, name: '' }, [cause]);
}

export function createObject(store: Store, incoming: Incoming): Reply {
  const { resource, namespace, query } = incoming;
  const dryRun = isDryRun(query, 'CreateOptions');
  const kind = kindOf(resource);
  const body = parse(incoming.body, 'Object');
  if (at(body, 'kind') !== kind.kind) throw badRequest(`${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: no kind "${String(at(body, 'kind'))}" is registered`);
  if (namespace !== store.namespace) throw namespaceNotFound(namespace);
  const metadata = at(body, 'metadata');
  const generate = at(metadata, 'generateName');
  const given = at(metadata, 'name');
  const name = typeof given === 'string' ? given : `${String(generate)}${shortHash([generate, store.version()], 5)}`;
  if (store.find(resource, name) !== undefined) throw alreadyExists(resource, name);
  const object = { ...(body as Fields), metadata: { ...(isFields(metadata) ? metadata : {}), name } as Partial<Metadata> & { name: string } };
  Reflect.deleteProperty(object, 'kind');
  Reflect.deleteProperty(object, 'apiVersion');
  const defaulted = resource === 'jobs' ? defaultedJob(object, shortHash([name, store.version()], 12)) : object;
  checkObject(resource, defaulted as unknown as KubeObject);
  return { status: 201, body: whole(resource, store.add(resource, defaulted, dryRun)) };
}

/** A new Job has defaults, labels that name it, and an empty status (recording job_create_from_cronjob). */
function defaultedJob(job: Fields & { metadata: Partial<Metadata> & { name: string } }, uid: string): Fields & { metadata: Partial<Metadata> & { name: string } } {
  const { name } = job.metadata;
  const labels = { 'batch.kubernetes.io/controller-uid': uid, 'batch.kubernetes.io/job-name': name, 'controller-uid': uid, 'job-name': name };
  const template = at(job, 'spec', 'template');
  const spec = {
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } },
    manualSelector: false,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    ...(at(job, 'spec') as Fields | undefined),
    template: { ...(isFields(template) ? template : {}), metadata: { ...(at(template, 'metadata') as Fields | undefined), labels: { ...labelsAt(template, 'metadata', 'labels'), ...labels } } },
  };
  return { ...job, metadata: { ...job.metadata, labels: { ...job.metadata.labels, ...labels } }, spec, status: {} };
}

function parse(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest(what === 'patch' ? 'error decoding patch: unexpected end of JSON input' : `couldn't get version/kind; json parse error: unexpected end of JSON input`);
  }
}

function applyPatch(target: unknown, { contentType, body }: Incoming): unknown {
  const type = contentType.split(';')[0]?.trim() ?? '';
  if (!/^application\/(?:merge-patch|strategic-merge-patch|json-patch)\+json$/.test(type)) throw unsupportedMediaType();
  const patch = parse(body, 'patch');
  if (type === 'application/json-patch+json') {
    if (!Array.isArray(patch)) throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp');
    return jsonPatch(target, patch as Parameters<typeof jsonPatch>[1]);
  }
  return type.includes('strategic') ? strategicPatch(target, patch) : mergePatch(target, patch);
}

export function patchObject(store: Store, incoming: Incoming, name: string): Reply {
  const { resource } = incoming;
  const dryRun = isDryRun(incoming.query, 'PatchOptions');
  if (incoming.namespace !== store.namespace) throw notFound(resource, name);
  const old = store.get(resource, name);
  const patched = applyPatch(structuredClone(old), incoming) as KubeObject;
  Reflect.deleteProperty(patched, 'kind');
  Reflect.deleteProperty(patched, 'apiVersion');
  checkObject(resource, patched, old);
  // A stale resourceVersion is a conflict; the dry run as well.
  return { status: 200, body: whole(resource, store.change(resource, name, patched, dryRun)) };
}

export function scaleOf(object: KubeObject): Fields {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberAt(object, 'spec', 'replicas');
  const selector = Object.entries(labelsAt(object, 'spec', 'selector', 'matchLabels')).map(([key, value]) => `${key}=${value}`).join(',');
  // At zero the replicas are left out.
  const spec = replicas === 0 ? {} : { replicas };
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata: { name, namespace, uid, resourceVersion, creationTimestamp }, spec, status: { replicas: numberAt(object, 'status', 'replicas'), selector } };
}

export function getScale(store: Store, { resource, namespace }: Incoming, name: string): Reply {
  if (namespace !== store.namespace) throw notFound(resource, name);
  return { status: 200, body: scaleOf(store.get(resource, name)) };
}

export function patchScale(store: Store, incoming: Incoming, name: string): Reply {
  const { resource, query } = incoming;
  const dryRun = isDryRun(query, 'PatchOptions');
  if (incoming.namespace !== store.namespace) throw notFound(resource, name);
  const old = store.get(resource, name);
  const scale = applyPatch(scaleOf(old), incoming);
  const strange = Object.keys((at(scale, 'spec') as Fields | undefined) ?? {}).filter((field) => field !== 'replicas').map((field) => `unknown field "spec.${field}"`);
  if (strange.length > 0 && query.get('fieldValidation') === 'Strict') {
    throw status(422, 'Invalid', ` "" is invalid: patch: Invalid value: ${JSON.stringify(JSON.stringify(scale))}: strict decoding error: ${strange.join(', ')}`, { causes: [{ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(JSON.stringify(scale))}: strict decoding error: ${strange.join(', ')}`, field: 'patch' }] });
  }
  checkReplicas(scale, { group: 'autoscaling', kind: 'Scale', name, struct: 'ScaleSpec' });
  const metadata = { ...old.metadata, resourceVersion: String(at(scale, 'metadata', 'resourceVersion') ?? '') };
  const changed = store.change(resource, name, { ...old, metadata, spec: { ...old.spec, replicas: numberAt(scale, 'spec', 'replicas') } }, dryRun);
  return { status: 200, body: scaleOf(changed), ...(strange.length === 0 ? {} : { headers: { warning: strange.map((text) => `299 - ${JSON.stringify(text)}`).join(', ') } }) };
}
