/** Label and field selectors. */
import { badRequest } from './errors.ts';
import { at, type KubeObject } from './objects.ts';

type Matches = (object: KubeObject) => boolean;

const SET = /^(?<key>[^\s=!,()]+)\s+(?<not>not)?in\s*\((?<values>[^()]*)\)$/;
const SET_OPEN = /\s(?:not)?in\s*\([^)]*$/;
const EQUAL = /^(?<key>[^\s=!,()]+)\s*(?<operator>==|!=|=)\s*(?<value>[^\s=!,()]*)$/;
const PRESENT = /^(?<not>!)?(?<key>[A-Za-z0-9._/-]+)$/;

export function labelSelector(text: string): Matches {
  if (text.trim() === '') return () => true;
  if (SET_OPEN.test(text)) throw badRequest("unable to parse requirement: found '', expected: ',' or ')'");
  const parts = text.split(/,(?![^()]*\))/).map((part) => requirement(part.trim()));
  return (object) => parts.every((part) => part(object.metadata.labels ?? {}));
}

function requirement(text: string): (labels: Record<string, string>) => boolean {
  const set = SET.exec(text)?.groups;
  if (set !== undefined) {
    const values = (set['values'] ?? '').split(',').map((value) => value.trim());
    const inside = (labels: Record<string, string>): boolean => values.includes(labels[set['key'] ?? ''] ?? '\u0000');
    return set['not'] === undefined ? inside : (labels) => !inside(labels);
  }
  const equal = EQUAL.exec(text)?.groups;
  if (equal !== undefined) {
    const same = (labels: Record<string, string>): boolean => labels[equal['key'] ?? ''] === equal['value'];
    return equal['operator'] === '!=' ? (labels) => !same(labels) : same;
  }
  const present = PRESENT.exec(text)?.groups;
  if (present !== undefined) return (labels) => Object.hasOwn(labels, present['key'] ?? '') === (present['not'] === undefined);
  throw badRequest(`unable to parse requirement: found '${text}', expected: identifier`);
}

/** Besides metadata.name and metadata.namespace, which all kinds have. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  pods: ['status.phase', 'spec.nodeName', 'spec.restartPolicy', 'status.podIP'],
  events: ['type', 'reason', 'source', 'involvedObject.kind', 'involvedObject.name', 'involvedObject.namespace', 'involvedObject.uid'],
  jobs: ['status.successful'],
};

export function fieldSelector(resource: string, text: string): Matches {
  if (text.trim() === '') return () => true;
  const known = ['metadata.name', 'metadata.namespace', ...(FIELDS[resource] ?? [])];
  const parts = text.split(',').map((part) => {
    const groups = /^(?<field>[^=!]+)(?<operator>==|!=|=)(?<value>.*)$/.exec(part)?.groups;
    if (groups === undefined) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
    const field = groups['field'] ?? '';
    if (!known.includes(field)) throw badRequest(`field label not supported: ${field}`);
    return (object: KubeObject) => (String(at(object, ...field.split('.')) ?? '') === groups['value']) === (groups['operator'] !== '!=');
  });
  return (object) => parts.every((part) => part(object));
}
