/** What the API checks before it stores: types and values of the fields that the bot changes. */
import { type Cause, invalid, invalidObject, undecodable } from './errors.ts';
import { at, kindOf, type KubeObject, labelsAt, sameJson } from './objects.ts';

const MOST_INT32 = 2_147_483_647;
/** A Job's name is also a label of its pods. */
const LONGEST_JOB_NAME = 63;
const NOT_NEGATIVE = 'must be greater than or equal to 0';

/** `spec.replicas` of a Scale or a workload. A wrong type is found while decoding, a wrong value while validating. */
export function checkReplicas(object: unknown, of: { readonly group: string; readonly kind: string; readonly name: string; readonly struct: string }): void {
  const replicas = at(object, 'spec', 'replicas');
  if (replicas === undefined || replicas === null) return;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas > MOST_INT32) {
    const what = typeof replicas === 'number' ? `number ${replicas}` : typeof replicas;
    throw undecodable(object, `json: cannot unmarshal ${what} into Go struct field ${of.struct}.spec.replicas of type int32`);
  }
  if (replicas < 0) throw invalid(of, [negative('spec.replicas', replicas)]);
}

function negative(field: string, value: unknown): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${NOT_NEGATIVE}`, field };
}

/** A changed or new object of one of our kinds. `old` is absent when it is created. */
export function checkObject(resource: string, next: KubeObject, old?: KubeObject): void {
  const { name } = next.metadata;
  const { group, kind } = kindOf(resource);
  const causes: Cause[] = [];
  if (kindOf(resource).scale) {
    const replicas = at(next, 'spec', 'replicas');
    if (typeof replicas === 'number' && replicas < 0) causes.push(negative('spec.replicas', replicas));
    else checkReplicas(next, { group, kind, name, struct: `${kind}Spec` });
    if (old !== undefined && !sameJson(at(old, 'spec', 'selector'), at(next, 'spec', 'selector'))) {
      causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(at(next, 'spec', 'selector'))}: field is immutable`, field: 'spec.selector' });
    }
    causes.push(...checkContainers(next), ...checkLabels(next));
  }
  if (resource === 'horizontalpodautoscalers') causes.push(...checkBounds(next));
  if (resource === 'jobs') causes.push(...checkJob(next));
  if (causes.length > 0) throw invalidObject(resource, name, causes);
}

function checkContainers(object: KubeObject): Cause[] {
  const containers = at(object, 'spec', 'template', 'spec', 'containers');
  if (!Array.isArray(containers)) return [];
  return containers.flatMap((one: unknown, index) => (at(one, 'image') === '' || at(one, 'image') === undefined ? [{ reason: 'FieldValueRequired', message: 'Required value', field: `spec.template.spec.containers[${index}].image` }] : []));
}

function checkLabels(object: KubeObject): Cause[] {
  const wanted = Object.entries(labelsAt(object, 'spec', 'selector', 'matchLabels'));
  const labels = labelsAt(object, 'spec', 'template', 'metadata', 'labels');
  if (wanted.every(([name, value]) => labels[name] === value)) return [];
  return [{ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``, field: 'spec.template.metadata.labels' }];
}

function checkBounds(hpa: KubeObject): Cause[] {
  const min = at(hpa, 'spec', 'minReplicas');
  const max = at(hpa, 'spec', 'maxReplicas');
  const causes: Cause[] = [];
  if (typeof min === 'number' && min < 1) {
    causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${min}: must be greater than or equal to 1`, field: 'spec.minReplicas' });
    if (min === 0) causes.push({ reason: 'FieldValueForbidden', message: 'Forbidden: must specify at least one Object or External metric to support scaling to zero replicas', field: 'spec.metrics' });
  }
  if (typeof max === 'number' && typeof min === 'number' && max < min) causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${max}: must be greater than or equal to \`minReplicas\``, field: 'spec.maxReplicas' });
  return causes;
}

function checkJob(job: KubeObject): Cause[] {
  const { name } = job.metadata;
  const causes: Cause[] = [];
  const tooLong = { reason: 'FieldValueInvalid', message: `Invalid value: "${name}": must be no more than 63 bytes`, field: 'spec.template.labels' };
  // Two labels hold the name.
  if (name.length > LONGEST_JOB_NAME) causes.push(tooLong, tooLong);
  const policy = at(job, 'spec', 'template', 'spec', 'restartPolicy');
  if (policy === undefined) causes.push({ reason: 'FieldValueRequired', message: 'Required value: valid values: "OnFailure", "Never"', field: 'spec.template.spec.restartPolicy' });
  else if (policy !== 'OnFailure' && policy !== 'Never') {
    causes.push({ reason: 'FieldValueNotSupported', message: `Unsupported value: ${JSON.stringify(policy)}: supported values: "OnFailure", "Never"`, field: 'spec.template.spec.restartPolicy' });
  }
  return causes;
}
