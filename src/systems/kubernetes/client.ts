/** The client of one namespace of one cluster: the few calls that steps make, each with its answer read by a schema. */
import type { Clock } from '#kernel/clock.ts';
import { fail, type Result } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';
import type { z } from 'zod';
import { createNames, type KubernetesNames, type NamesOptions } from './names.ts';
import type { ResourceName } from './resources.ts';

export type { KubernetesNames, ServiceName } from './names.ts';
export type { ResourceName } from './resources.ts';

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
  const nothing = async () => fail('unavailable', 'not built yet');
  return { namespace: parts.namespace, names: createNames(parts), list: nothing, get: nothing, patch: nothing, create: nothing, log: nothing, may: nothing, version: nothing, close: async () => {} };
}
