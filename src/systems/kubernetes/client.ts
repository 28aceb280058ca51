/** The client of one namespace of one cluster: the few calls that steps make, each with its answer read by a schema. */
import type { Clock } from '#kernel/clock.ts';
import { type Failure, fail, type Result, succeed } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { z } from 'zod';
import { createAccess } from './access.ts';
import { type Calls, createCalls, PATCH_TYPES, type Reading } from './calls.ts';
import { failureOfAnswer } from './failure.ts';
import { MOST_LOG_BYTES, readLog } from './logs.ts';
import { createNames, type KubernetesNames, type NamesOptions } from './names.ts';
import { readPages } from './pages.ts';
import { apiVersionOf, collectionPath, isObjectName, RESOURCES, type ResourceName } from './resources.ts';
import { reviewAnswer, versionAnswer } from './schema.ts';
import { createTransport } from './transport.ts';

export type { KubernetesNames, ServiceName } from './names.ts';
export type { ResourceName } from './resources.ts';

const CALL_TIMEOUT_MS = 10_000;
const MOST_TAIL_LINES = 10_000;
/** What label and field selectors of ours are made of. */
const SELECTOR = /^[A-Za-z0-9_./=!,() -]{1,1000}$/;

export interface Call {
  readonly signal?: AbortSignal;
}

export interface KubernetesClient {
  readonly namespace: string;
  readonly names: KubernetesNames;
  /** At most `most` items, in pages. An empty selector is refused: it would match everything; leave it out to mean that. */
  list<S extends z.ZodType>(resource: ResourceName, item: S, query: ListQuery, call: Call): Promise<Result<{ items: z.output<S>[]; truncated: boolean }>>;
  get<S extends z.ZodType>(resource: ResourceName, name: string, shape: S, call: Call & { readonly subresource?: 'scale' }): Promise<Result<z.output<S>>>;
  /** `dryRun` checks and answers like the real thing, and stores nothing. A merge patch carries metadata.resourceVersion where the caller holds one. */
  patch<S extends z.ZodType>(resource: ResourceName, name: string, patch: Patch, shape: S, call: Call & { readonly subresource?: 'scale'; readonly dryRun?: boolean }): Promise<Result<z.output<S>>>;
  /** `apiVersion`, `kind` and the namespace are filled in. */
  create<S extends z.ZodType>(resource: ResourceName, body: JsonObject, shape: S, call: Call & { readonly dryRun?: boolean }): Promise<Result<z.output<S>>>;
  /** A pod without a node has no log: empty, not an error. At most 1 MiB; of more than that the newest lines. */
  log(pod: string, query: LogQuery, call: Call): Promise<Result<{ text: string; truncated: boolean }>>;
  /** Whether our own credentials may do this in the namespace: `may('patch', 'deployments/scale', …)`. */
  may(verb: string, resource: string, call: Call): Promise<Result<boolean>>;
  /** `v1.36.2`. */
  version(call: Call): Promise<Result<string>>;
  close(): Promise<void>;
}

export interface ListQuery {
  readonly labels?: string;
  readonly fields?: string;
  readonly most: number;
}

export interface LogQuery {
  readonly container: string;
  readonly tailLines: number;
  readonly previous: boolean;
  readonly sinceSeconds?: number;
}

export interface Patch {
  readonly type: 'merge' | 'json' | 'strategic';
  readonly body: Json;
}

export interface KubernetesParts extends NamesOptions {
  readonly namespace: string;
  /** A path. Absent: the service account of the pod that the bot runs in. */
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly clock: Clock;
  /** How long one call may take, ms. Default 10 s. */
  readonly timeoutMs?: number;
}

export function createKubernetesClient(parts: KubernetesParts): KubernetesClient {
  const { namespace } = parts;
  const access = createAccess(parts);
  const calls = createCalls(createTransport({ access, clock: parts.clock, timeoutMs: parts.timeoutMs ?? CALL_TIMEOUT_MS }));
  return { namespace, names: createNames(parts), ...readsOf(calls, namespace), ...writesOf(calls, namespace), ...factsOf(calls, namespace), close: () => access.close() };
}

function readsOf(calls: Calls, namespace: string): Pick<KubernetesClient, 'list' | 'get' | 'log'> {
  return {
    async list(resource, item, { labels, fields, most }, call) {
      const doing = `list ${resource}`;
      const wrong = badNames({ namespace }) ?? badSelector(doing, labels) ?? badSelector(doing, fields);
      if (wrong !== undefined) return { ok: false, failure: wrong };
      if (!Number.isSafeInteger(most) || most < 1) return fail('invalid', `Kubernetes was not asked to ${doing}: the most items to list is ${most}, which is no count.`);
      const selectors: [string, string][] = [];
      if (labels !== undefined) selectors.push(['labelSelector', labels]);
      if (fields !== undefined) selectors.push(['fieldSelector', fields]);
      return readPages(calls, { doing, path: collectionPath(resource, namespace), selectors, most, item, signal: call.signal });
    },
    async get(resource, name, shape, call) {
      const wrong = badNames({ namespace, name });
      if (wrong !== undefined) return { ok: false, failure: wrong };
      return calls.read({ doing: `show ${resource}/${name}${ending(call.subresource)}`, path: `${collectionPath(resource, namespace)}/${name}${ending(call.subresource)}`, ...signalOf(call) }, shape);
    },
    async log(pod, { container, tailLines, previous, sinceSeconds }, call) {
      const wrong = badNames({ namespace, pod, container });
      if (wrong !== undefined) return { ok: false, failure: wrong };
      const facts = { doing: `read the log of ${pod} (${container})`, writes: false, byKubelet: true };
      const ask = (lines: number): ReturnType<Calls['send']> => {
        const query = new URLSearchParams({ container, tailLines: String(lines), limitBytes: String(MOST_LOG_BYTES) });
        if (previous) query.set('previous', 'true');
        if (sinceSeconds !== undefined) query.set('sinceSeconds', String(Math.max(1, Math.trunc(sinceSeconds))));
        return calls.send({ ...facts, method: 'GET', path: `${collectionPath('pods', namespace)}/${pod}/log`, query, ...signalOf(call) });
      };
      const wanted = Math.min(MOST_TAIL_LINES, Math.max(0, Math.trunc(tailLines)));
      return readLog(wanted, ask, (answer) => failureOfAnswer(answer, facts));
    },
  };
}

function writesOf(calls: Calls, namespace: string): Pick<KubernetesClient, 'patch' | 'create'> {
  return {
    async patch(resource, name, { type, body }, shape, call) {
      const wrong = badNames({ namespace, name });
      if (wrong !== undefined) return { ok: false, failure: unsent(wrong, call.dryRun) };
      return calls.write(
        {
          doing: `${call.dryRun === true ? 'try the change of' : 'change'} ${resource}/${name}${ending(call.subresource)}`,
          path: `${collectionPath(resource, namespace)}/${name}${ending(call.subresource)}`,
          method: 'PATCH',
          body: { type: PATCH_TYPES[type], text: JSON.stringify(body) },
          jsonPatch: type === 'json',
          dryRun: call.dryRun === true,
          ...signalOf(call),
        },
        shape,
      );
    },
    async create(resource, body, shape, call) {
      const wrong = badNames({ namespace });
      if (wrong !== undefined) return { ok: false, failure: unsent(wrong, call.dryRun) };
      const metadata = { ...(body['metadata'] as JsonObject | undefined), namespace };
      const whole = { ...body, apiVersion: apiVersionOf(resource), kind: RESOURCES[resource].kind, metadata };
      return calls.write(
        {
          doing: `${call.dryRun === true ? 'try to create' : 'create'} one of ${resource}`,
          path: collectionPath(resource, namespace),
          method: 'POST',
          body: { type: 'application/json', text: JSON.stringify(whole) },
          jsonPatch: false,
          dryRun: call.dryRun === true,
          ...signalOf(call),
        },
        shape,
      );
    },
  };
}

function factsOf(calls: Calls, namespace: string): Pick<KubernetesClient, 'may' | 'version'> {
  return {
    async may(verb, what, call) {
      const [resource = '', subresource] = what.split('/');
      const doing = 'say what its role allows';
      if (!Object.hasOwn(RESOURCES, resource)) return fail('invalid', `Kubernetes was not asked to ${doing}: the bot does not touch ${resource}.`);
      const { group } = RESOURCES[resource as ResourceName];
      const spec = { resourceAttributes: { namespace, verb, group, resource, ...(subresource === undefined ? {} : { subresource }) } };
      const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec };
      const answer = await calls.ask({ doing, path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', ...signalOf(call) }, body, reviewAnswer);
      return answer.ok ? succeed(answer.value.status.allowed) : answer;
    },
    async version(call) {
      const answer = await calls.read({ doing: 'tell its version', path: '/version', ...signalOf(call) }, versionAnswer);
      return answer.ok ? succeed(answer.value.gitVersion) : answer;
    },
  };
}

function ending(subresource: 'scale' | undefined): string {
  return subresource === undefined ? '' : `/${subresource}`;
}

function signalOf(call: Call): Pick<Reading, 'signal'> {
  return call.signal === undefined ? {} : { signal: call.signal };
}

/** Names go into paths, so only what Kubernetes itself allows gets there. */
function badNames(names: Readonly<Record<string, string>>): Failure | undefined {
  const wrong = Object.entries(names).find(([, name]) => !isObjectName(name));
  if (wrong === undefined) return undefined;
  return { reason: 'invalid', message: `Kubernetes was not asked: the ${wrong[0]} ${JSON.stringify(wrong[1].slice(0, 80))} is no name that Kubernetes knows (lower-case letters, digits, - and .).` };
}

function badSelector(doing: string, selector: string | undefined): Failure | undefined {
  if (selector === undefined) return undefined;
  if (selector.trim() === '') return { reason: 'refused', message: `Kubernetes was not asked to ${doing}: the selector is empty and would match everything.` };
  return SELECTOR.test(selector) ? undefined : { reason: 'invalid', message: `Kubernetes was not asked to ${doing}: the selector ${JSON.stringify(selector.slice(0, 80))} is none.` };
}

function unsent(failure: Failure, dryRun: boolean | undefined): Failure {
  return dryRun === true ? failure : { ...failure, landed: 'no' };
}
