import { z } from 'zod';
import { BOOL, DOUBLE, type CelType, type Field, INT, NULL, STRING, UNKNOWN, join, listOf, mapOf, nullable } from './types.ts';

/** A schema nested deeper than this is open below. */
const DEEPEST_SCHEMA = 24;

type Schema = { readonly [key: string]: unknown };

/** Of a schema the answer is always the same, many runbooks use the same step, and working it out is most of loading a runbook. */
const known = { input: new WeakMap<z.ZodType, CelType>(), output: new WeakMap<z.ZodType, CelType>() };

/** What expressions may read of values of this schema (`output`), or what must be written for it (`input`). */
export function typeOfSchema(schema: z.ZodType, io: 'input' | 'output'): CelType {
  const before = known[io].get(schema);
  if (before !== undefined) return before;
  const root = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema;
  const type = read(root, isObject(root['$defs']) ? root['$defs'] : {}, 0);
  known[io].set(schema, type);
  return type;
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function read(schema: unknown, defs: Schema, depth: number): CelType {
  if (!isObject(schema) || depth > DEEPEST_SCHEMA) return UNKNOWN;
  const ref = schema['$ref'];
  if (typeof ref === 'string') return read(defs[ref.replace('#/$defs/', '')], defs, depth + 1);
  const choices = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(choices)) return oneOf(choices.map((choice) => read(choice, defs, depth + 1)));
  const type = schema['type'];
  if (Array.isArray(type)) return oneOf(type.map((one) => read({ ...schema, type: one }, defs, depth + 1)));
  switch (type) {
    case 'string':
      return readString(schema);
    case 'integer':
      return INT;
    case 'number':
      return DOUBLE;
    case 'boolean':
      return BOOL;
    case 'null':
      return NULL;
    case 'array':
      return listOf(read(schema['items'], defs, depth + 1));
    case 'object':
      return readObject(schema, defs, depth);
    default:
      return UNKNOWN;
  }
}

function readString(schema: Schema): CelType {
  const values = Array.isArray(schema['enum']) ? schema['enum'] : 'const' in schema ? [schema['const']] : undefined;
  const texts = values?.filter((value) => typeof value === 'string');
  return texts === undefined || texts.length === 0 ? STRING : { kind: 'string', values: texts };
}

function readObject(schema: Schema, defs: Schema, depth: number): CelType {
  const rest = schema['additionalProperties'];
  const properties = schema['properties'];
  if (!isObject(properties)) return isObject(rest) ? mapOf(read(rest, defs, depth + 1)) : mapOf(UNKNOWN);
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const fields = new Map<string, Field>();
  for (const [name, property] of Object.entries(properties)) {
    fields.set(name, { type: read(property, defs, depth + 1), optional: !required.includes(name) });
  }
  return { kind: 'record', fields, open: isObject(rest) };
}

function oneOf(types: readonly CelType[]): CelType {
  const rest = types.filter((type) => type.kind !== 'null');
  const [first, ...others] = rest;
  if (first === undefined) return NULL;
  let joined: CelType | undefined = first;
  for (const other of others) joined = joined === undefined ? undefined : join(joined, other);
  const whole = joined ?? UNKNOWN;
  return rest.length < types.length ? nullable(whole) : whole;
}
