/** Recordings of a kube-apiserver v1.36.2, and a world in which the fake server can be asked the same. */
import { readdirSync, readFileSync } from 'node:fs';
import type { FakeKubernetes } from './fake.ts';
import { at, type Fields, isFields, KINDS, type Metadata, numberAt } from './objects.ts';

const FIXTURES = new URL('../../fixtures/kubernetes/', import.meta.url);

export interface KubeRecording {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string | number>>; readonly body?: unknown };
  readonly response: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body?: unknown; readonly body_text?: string };
}

export function kubeRecordingNames(): string[] {
  return readdirSync(FIXTURES).map((file) => file.slice(0, -'.json'.length)).toSorted();
}

export function kubeRecording(name: string): KubeRecording {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FIXTURES), 'utf8')) as KubeRecording;
}

/** What the server sent, as text. */
export function bodyText({ response }: KubeRecording): string {
  return response.body_text ?? (response.body === undefined ? '' : typeof response.body === 'string' ? response.body : JSON.stringify(response.body));
}

const SEEDS = ['deployments_list', 'statefulsets_list', 'hpas_list', 'pdbs_list', 'cronjobs_list', 'pvcs_list'] as const;

/** Puts in what the cluster of the recordings held, and the object or the list that this exchange is about. */
export function seed(kube: FakeKubernetes, recording: KubeRecording): void {
  for (const name of SEEDS) putList(kube, kubeRecording(name));
  const { request, response } = recording;
  if (response.status !== 200) return;
  const [, resource = '', name, sub] = /\/namespaces\/cordum\/([a-z]+)(?:\/([^/?]+))?(?:\/([a-z]+))?/.exec(request.path) ?? [];
  if (KINDS[resource] === undefined) return;
  if (sub === 'scale') seedScale(kube, { resource, name: name ?? '' }, response.body);
  else if (name === undefined) putList(kube, recording);
  else if (sub === undefined && request.method === 'GET') put(kube, resource, response.body);
}

function putList(kube: FakeKubernetes, recording: KubeRecording): void {
  const resource = /\/namespaces\/cordum\/([a-z]+)/.exec(recording.request.path)?.[1] ?? '';
  const items = at(recording.response.body, 'items');
  for (const item of Array.isArray(items) ? (items as unknown[]) : []) put(kube, resource, item);
}

function put(kube: FakeKubernetes, resource: string, object: unknown): void {
  if (!isFields(object)) return;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  kube.put(resource, rest as Fields & { metadata: Partial<Metadata> & { name: string } });
}

/** A Scale tells how many run; how many were wanted before a patch is told by the test in it, or by what runs. */
function seedScale(kube: FakeKubernetes, { resource, name }: { readonly resource: string; readonly name: string }, scale: unknown): void {
  const running = numberAt(scale, 'status', 'replicas');
  kube.touch(resource, name, { spec: { replicas: running }, status: { replicas: running } });
}
