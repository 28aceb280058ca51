/** The three kinds of patches that the bot sends: merge, strategic merge, JSON. */
import { jsonPatchFailed } from './errors.ts';
import { isFields, sameJson } from './objects.ts';

/** How the API finds the element of a list that a strategic merge means. Other lists are replaced as a whole. */
const MERGE_KEYS: Readonly<Record<string, string>> = {
  containers: 'name',
  initContainers: 'name',
  volumes: 'name',
  env: 'name',
  ports: 'containerPort',
  volumeMounts: 'mountPath',
  conditions: 'type',
  ownerReferences: 'uid',
};

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return structuredClone(patch);
  const out = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergePatch(out[name], value);
  }
  return out;
}

export function strategicPatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return structuredClone(patch);
  if (patch['$patch'] === 'replace') return structuredClone(Object.fromEntries(Object.entries(patch).filter(([name]) => name !== '$patch')));
  const out = isFields(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue;
    const key = MERGE_KEYS[name];
    if (value === null) delete out[name];
    else if (Array.isArray(value) && key !== undefined) out[name] = mergeLists(out[name], value, key);
    else out[name] = strategicPatch(out[name], value);
  }
  return out;
}

function mergeLists(target: unknown, patch: readonly unknown[], key: string): unknown[] {
  const out: unknown[] = Array.isArray(target) ? [...(target as unknown[])] : [];
  for (const element of patch) {
    const index = isFields(element) ? out.findIndex((one) => isFields(one) && one[key] === element[key]) : -1;
    if (isFields(element) && element['$patch'] === 'delete') {
      if (index !== -1) out.splice(index, 1);
    } else if (index === -1) out.push(structuredClone(element));
    else out[index] = strategicPatch(out[index], element);
  }
  return out;
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
  readonly from?: string;
}

/** RFC 6902. Whatever does not apply, a failed test as well, is the same bare 422. */
export function jsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  let out = structuredClone(target);
  for (const { op, path, value, from } of operations) {
    if (op === 'test') {
      if (!sameJson(read(out, pointer(path)), value)) throw jsonPatchFailed();
    } else if (op === 'add' || op === 'replace') out = write(out, pointer(path), structuredClone(value), op);
    else if (op === 'remove') out = remove(out, pointer(path));
    else if ((op === 'copy' || op === 'move') && from !== undefined) {
      const moved = structuredClone(read(out, pointer(from)));
      if (op === 'move') out = remove(out, pointer(from));
      out = write(out, pointer(path), moved, 'add');
    } else throw jsonPatchFailed();
  }
  return out;
}

function pointer(path: string): string[] {
  if (path === '') return [];
  if (!path.startsWith('/')) throw jsonPatchFailed();
  return path.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(target: unknown, path: readonly string[]): unknown {
  let here = target;
  for (const name of path) here = child(here, name);
  return here;
}

function child(here: unknown, name: string): unknown {
  if (Array.isArray(here) && Number(name) < here.length) return here[Number(name)] as unknown;
  if (isFields(here) && Object.hasOwn(here, name)) return here[name];
  throw jsonPatchFailed();
}

function write(target: unknown, path: readonly string[], value: unknown, op: 'add' | 'replace'): unknown {
  const last = path.at(-1);
  if (last === undefined) return value;
  const holder = read(target, path.slice(0, -1));
  if (op === 'replace') child(holder, last);
  if (Array.isArray(holder)) {
    const index = last === '-' ? holder.length : Number(last);
    if (!(index <= holder.length)) throw jsonPatchFailed();
    holder.splice(index, op === 'replace' ? 1 : 0, value);
  } else if (isFields(holder)) holder[last] = value;
  else throw jsonPatchFailed();
  return target;
}

function remove(target: unknown, path: readonly string[]): unknown {
  const last = path.at(-1);
  if (last === undefined) throw jsonPatchFailed();
  const holder = read(target, path.slice(0, -1));
  child(holder, last);
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else if (isFields(holder)) delete holder[last];
  return target;
}
