/** The logs of containers, as the API hands them on from a kubelet. */
import { badRequest, invalid, notFound, type Reply, status } from './errors.ts';
import { at, isFields, type KubeObject } from './objects.ts';
import type { Store } from './store.ts';

export interface Logs {
  /** `pod/container` or `pod/container/previous` → text. */
  readonly texts: Map<string, string>;
  /** Nodes whose kubelet cannot be reached. */
  readonly deadNodes: Set<string>;
}

export function readLog(store: Store, logs: Logs, name: string, query: URLSearchParams): Reply {
  const counts = { tailLines: countOf(query, 'tailLines'), limitBytes: countOf(query, 'limitBytes'), sinceSeconds: countOf(query, 'sinceSeconds') };
  const pod = store.find('pods', name);
  if (pod === undefined) throw notFound('pods', name);
  if (counts.tailLines !== undefined && counts.tailLines < 0) {
    throw invalid({ group: '', kind: 'PodLogOptions', name }, [{ reason: 'FieldValueInvalid', message: `Invalid value: ${counts.tailLines}: must be greater than or equal to 0`, field: 'tailLines' }]);
  }
  const container = containerOf(pod, query.get('container'));
  const node = at(pod, 'spec', 'nodeName');
  if (typeof node !== 'string' || node === '') return { status: 204, body: '' };
  if (logs.deadNodes.has(node)) throw status(500, undefined, `Get "https://127.0.0.1:10250/containerLogs/${store.namespace}/${name}/${container}": dial tcp 127.0.0.1:10250: connect: connection refused`);
  const previous = query.get('previous') === 'true';
  const text = logs.texts.get(`${name}/${container}${previous ? '/previous' : ''}`);
  if (previous && text === undefined) throw badRequest(`previous terminated container "${container}" in pod "${name}" not found\n`);
  return { status: 200, type: 'text/plain', body: cut(text ?? '', counts) };
}

function countOf(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  if (!/^-?\d+$/.test(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
  return Number(value);
}

function containerOf(pod: KubeObject, asked: string | null): string {
  const specs = at(pod, 'spec', 'containers');
  const known = (Array.isArray(specs) ? specs : []).filter(isFields).map((one) => String(one['name']));
  const { name } = pod.metadata;
  if (asked === null) {
    const [only] = known;
    if (known.length === 1 && only !== undefined) return only;
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${known.join(' ')}]`);
  }
  if (!known.includes(asked)) throw badRequest(`container ${asked} is not valid for pod ${name}`);
  return asked;
}

/** The last lines, of which the first bytes: a long log loses its end. */
function cut(text: string, { tailLines, limitBytes }: { readonly tailLines: number | undefined; readonly limitBytes: number | undefined }): Buffer {
  let out = text;
  if (tailLines === 0) out = '';
  else if (tailLines !== undefined) {
    const lines = text.endsWith('\n') ? text.slice(0, -1).split('\n') : text.split('\n');
    out = lines.slice(-tailLines).join('\n') + (text.endsWith('\n') ? '\n' : '');
  }
  return Buffer.from(out).subarray(0, limitBytes);
}
