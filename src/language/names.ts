import type { Names } from './expressions/check.ts';
import { BOOL, type CelType, DOUBLE, INT, STRING, type Field, listOf, mapOf, record } from './expressions/types.ts';
import type { InputField } from './runbook.ts';

const ALERT = record({ firing: BOOL, resolved: BOOL, labels: mapOf(STRING), annotations: mapOf(STRING), startsAt: STRING });
const WAVE = record({ index: INT, size: INT, done: INT, returned: INT, failed: INT, unknown: INT });

const INPUT_TYPES: Readonly<Record<InputField['type'], CelType>> = { string: STRING, int: INT, double: DOUBLE, bool: BOOL, list: listOf(STRING) };

/** Names that have a meaning everywhere, so no variable of a for-each may take them. */
export const ROOT_NAMES: readonly string[] = ['steps', 'alert', 'target', 'inputs', 'wave', 'cel'];

/** What expressions see: the alert, the target, these inputs and these steps. */
export function namesOf(inputs: readonly InputField[], steps: ReadonlyMap<string, CelType>, absent: ReadonlyMap<string, string> = new Map()): Names {
  const variables = new Map<string, CelType>([['alert', ALERT], ['target', STRING], ['inputs', inputsType(inputs)]]);
  const explained = new Map([
    ['wave', 'wave exists only in waves.halt'],
    ['item', 'item exists only under "with" of a for-each step'],
    ...absent,
  ]);
  return { variables, steps, absent: explained };
}

export function withWave(names: Names): Names {
  return withVariable(names, 'wave', WAVE);
}

export function withVariable(names: Names, name: string, type: CelType): Names {
  return { ...names, variables: new Map(names.variables).set(name, type) };
}

/** An input that is neither required nor has a default may be missing: its value is null then. */
function inputsType(inputs: readonly InputField[]): CelType {
  const fields = new Map<string, Field>();
  for (const input of inputs) {
    const values = input.type === 'string' && Array.isArray(input.options) ? (input.options as readonly string[]) : undefined;
    const type: CelType = values === undefined ? INPUT_TYPES[input.type] : { kind: 'string', values };
    fields.set(input.name, { type, optional: !input.required && input.default === undefined });
  }
  return { kind: 'record', fields, open: false };
}
