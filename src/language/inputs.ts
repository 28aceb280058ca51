import type { Json } from '#kernel/json.ts';
import { type Compiling, compileAs } from './compile.ts';
import type { Path } from './document.ts';
import { hasExpression } from './expressions/scan.ts';
import { STRING, listOf } from './expressions/types.ts';
import { readShape } from './read-shape.ts';
import type { InputField } from './runbook.ts';
import { inputShape } from './shape.ts';

/** Reads `inputs:` of a run or of an offer. Options may be computed from evidence, so the names are those of that place. */
export function readInputs(values: readonly Json[], path: Path, within: Compiling, taken: readonly string[] = []): InputField[] {
  const { source, problems } = within;
  const fields: InputField[] = [];
  const known = new Set(taken);
  for (const [i, value] of values.entries()) {
    const at = [...path, i];
    const shape = readShape(inputShape, value, at, source, problems);
    if (shape === undefined) continue;
    if (known.has(shape.name)) problems.add(source.offsetOf([...at, 'name']), 'duplicate-id', `there is already an input "${shape.name}"`);
    known.add(shape.name);
    const options = shape.options === undefined ? undefined : typeof shape.options === 'string' ? readOptions([...at, 'options'], shape.options, within) : shape.options;
    if (options !== undefined && shape.type !== 'string' && shape.type !== 'list') problems.add(source.offsetOf([...at, 'options']), 'bad-value', `options are for inputs of type string or list, not ${shape.type}`);
    if (shape.default !== undefined) checkDefault(shape.type, shape.default, options, [...at, 'default'], within);
    fields.push({
      name: shape.name,
      type: shape.type,
      title: shape.title ?? shape.name,
      required: shape.required,
      ...(shape.default === undefined ? {} : { default: shape.default }),
      ...(options === undefined ? {} : { options }),
    });
  }
  return fields;
}

function readOptions(path: Path, text: string, within: Compiling): InputField['options'] {
  if (!hasExpression(text)) {
    within.problems.add(within.source.offsetOf(path), 'bad-value', '"options": expected a list of texts, or an expression that gives one');
    return undefined;
  }
  return compileAs(path, text, listOf(STRING), 'options', within).template;
}

function checkDefault(type: InputField['type'], value: NonNullable<InputField['default']>, options: InputField['options'], path: Path, within: Compiling): void {
  const fits = {
    string: typeof value === 'string',
    int: Number.isSafeInteger(value),
    double: typeof value === 'number',
    bool: typeof value === 'boolean',
    list: Array.isArray(value),
  }[type];
  const { source, problems } = within;
  if (!fits) problems.add(source.offsetOf(path), 'bad-value', `"default": expected a value of type ${type}`);
  else if (Array.isArray(options)) {
    const given = Array.isArray(value) ? (value as readonly string[]) : [String(value)];
    const stray = given.find((each) => !(options as readonly string[]).includes(each));
    if (stray !== undefined) problems.add(source.offsetOf(path), 'bad-value', `"default": "${stray}" is none of the options`);
  }
}
