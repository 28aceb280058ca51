import { z } from 'zod';

/** Walks a schema, so that hints and the reference come from the same place as the check. */

type Schema = z.core.$ZodType;

/** The keys that an object has at this path of the schema; none where there is no object with named keys. */
export function keysAt(schema: Schema, path: readonly PropertyKey[]): readonly string[] {
  let at = bare(schema);
  for (const step of path) {
    const next = at instanceof z.ZodObject ? at.shape[String(step)] : at instanceof z.ZodArray ? at.element : at instanceof z.ZodRecord ? at.valueType : undefined;
    if (next === undefined) return [];
    at = bare(next);
  }
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

/** All keys as they stand in the reference: `auth.apiKeys[].key`, `roles.<name>.emails`. */
export function allKeys(schema: Schema, prefix = ''): string[] {
  const at = bare(schema);
  if (at instanceof z.ZodObject) return Object.entries(at.shape).flatMap(([key, inner]) => allKeys(inner, prefix === '' ? key : `${prefix}.${key}`));
  if (at instanceof z.ZodArray && keysAt(at.element, []).length > 0) return allKeys(at.element, `${prefix}[]`);
  if (at instanceof z.ZodRecord) return allKeys(at.valueType, `${prefix}.<name>`);
  return [prefix];
}

function bare(schema: Schema): Schema {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodDefault || at instanceof z.ZodPrefault) at = at.unwrap();
  return at;
}
