/**
 * The types of expressions. CEL's own, with three differences that exist so that a misspelt field cannot hide: a record
 * has named fields, a value that may be missing is `nullable` (and its fields are still known), and a string of a closed
 * set knows its values. `unknown` is what a schema leaves open; nothing below it can be checked.
 */
export type CelType =
  | { readonly kind: 'int' | 'double' | 'bool' | 'null' | 'timestamp' | 'duration' | 'unknown' }
  | { readonly kind: 'string'; readonly values?: readonly string[] }
  | { readonly kind: 'list'; readonly of: CelType }
  | { readonly kind: 'map'; readonly of: CelType }
  | { readonly kind: 'record'; readonly fields: ReadonlyMap<string, Field>; readonly open: boolean }
  | { readonly kind: 'nullable'; readonly of: CelType };

export interface Field {
  readonly type: CelType;
  /** The field may be left out. */
  readonly optional: boolean;
}

export const INT: CelType = { kind: 'int' };
export const DOUBLE: CelType = { kind: 'double' };
export const BOOL: CelType = { kind: 'bool' };
export const STRING: CelType = { kind: 'string' };
export const NULL: CelType = { kind: 'null' };
export const TIMESTAMP: CelType = { kind: 'timestamp' };
export const DURATION: CelType = { kind: 'duration' };
export const UNKNOWN: CelType = { kind: 'unknown' };

export function listOf(of: CelType): CelType {
  return { kind: 'list', of };
}

export function mapOf(of: CelType): CelType {
  return { kind: 'map', of };
}

export function nullable(of: CelType): CelType {
  return of.kind === 'nullable' || of.kind === 'null' || of.kind === 'unknown' ? of : { kind: 'nullable', of };
}

export function record(fields: Readonly<Record<string, CelType>>): CelType {
  return { kind: 'record', open: false, fields: new Map(Object.entries(fields).map(([name, type]) => [name, { type, optional: false }])) };
}

/** What is left when the value is there. */
export function present(type: CelType): CelType {
  return type.kind === 'nullable' ? type.of : type;
}

export function isNumber(type: CelType): boolean {
  return type.kind === 'int' || type.kind === 'double';
}

/** For messages: `list of {code, count}`. */
export function typeName(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list of ${typeName(type.of)}`;
    case 'map':
      return `map of ${typeName(type.of)}`;
    case 'nullable':
      return `${typeName(type.of)} or null`;
    case 'record': {
      const names = [...type.fields.keys()];
      return `{${names.slice(0, 6).join(', ')}${names.length > 6 ? ', …' : ''}}`;
    }
    default:
      return type.kind;
  }
}

/** The type that holds values of both, as for the branches of `?:`; undefined when there is none. */
export function join(a: CelType, b: CelType): CelType | undefined {
  if (a === b) return a;
  if (a.kind === 'unknown' || b.kind === 'unknown') return UNKNOWN;
  if (a.kind === 'null') return nullable(b);
  if (b.kind === 'null') return nullable(a);
  if (a.kind === 'nullable' || b.kind === 'nullable') {
    const inner = join(present(a), present(b));
    return inner === undefined ? undefined : nullable(inner);
  }
  if (isNumber(a) && isNumber(b)) return a.kind === b.kind ? a : DOUBLE;
  if (a.kind === 'string' && b.kind === 'string') {
    return a.values !== undefined && b.values !== undefined ? { kind: 'string', values: [...new Set([...a.values, ...b.values])] } : STRING;
  }
  if ((a.kind === 'list' && b.kind === 'list') || (a.kind === 'map' && b.kind === 'map')) {
    const of = join(a.of, b.of);
    return of === undefined ? undefined : { kind: a.kind, of };
  }
  if (a.kind === 'record' && b.kind === 'record') return joinRecords(a.fields, b.fields, a.open || b.open);
  return a.kind === b.kind ? a : undefined;
}

/** A field that only one side has may be missing. */
function joinRecords(a: ReadonlyMap<string, Field>, b: ReadonlyMap<string, Field>, open: boolean): CelType {
  const fields = new Map<string, Field>();
  for (const name of new Set([...a.keys(), ...b.keys()])) {
    const left = a.get(name);
    const right = b.get(name);
    const type = left === undefined || right === undefined ? (left ?? right)?.type : join(left.type, right.type);
    const optional = left === undefined || right === undefined || left.optional || right.optional;
    fields.set(name, { type: type ?? UNKNOWN, optional });
  }
  return { kind: 'record', fields, open };
}

/** Why a value of `actual` can never be read where `expected` is wanted; undefined when it can, or when only the run can tell. */
export function misfit(actual: CelType, expected: CelType): string | undefined {
  if (actual.kind === 'unknown' || expected.kind === 'unknown') return undefined;
  const plain = `expected ${typeName(expected)}, got ${typeName(actual)}`;
  if (actual.kind === 'null') return expected.kind === 'nullable' || expected.kind === 'null' ? undefined : plain;
  const have = present(actual);
  const want = present(expected);
  if (have.kind === 'string' && want.kind === 'string') return misfitValues(have.values, want.values);
  if (have.kind === 'int' && want.kind === 'double') return undefined;
  if (have.kind === 'timestamp' && want.kind === 'string') return undefined;
  if (have.kind === 'list' && want.kind === 'list') return within('each element', misfit(have.of, want.of));
  if (have.kind === 'map' && want.kind === 'map') return within('each value', misfit(have.of, want.of));
  if (have.kind === 'map' && want.kind === 'record') return undefined;
  if (have.kind === 'record' && want.kind === 'map') {
    for (const [name, field] of have.fields) {
      const why = misfit(field.type, want.of);
      if (why !== undefined) return within(`field "${name}"`, why);
    }
    return undefined;
  }
  if (have.kind === 'record' && want.kind === 'record') return misfitRecord(have.fields, want.fields);
  return have.kind === want.kind ? undefined : plain;
}

function misfitRecord(have: ReadonlyMap<string, Field>, want: ReadonlyMap<string, Field>): string | undefined {
  for (const [name, field] of want) {
    const given = have.get(name);
    if (given === undefined) {
      if (!field.optional) return `expected a field "${name}", got {${[...have.keys()].slice(0, 8).join(', ')}}`;
      continue;
    }
    const why = misfit(given.type, field.type);
    if (why !== undefined) return within(`field "${name}"`, why);
  }
  return undefined;
}

function misfitValues(have: readonly string[] | undefined, want: readonly string[] | undefined): string | undefined {
  if (have === undefined || want === undefined || have.some((value) => want.includes(value))) return undefined;
  return `expected one of ${want.join(', ')}, got ${have.join(', ')}`;
}

function within(where: string, why: string | undefined): string | undefined {
  return why === undefined ? undefined : `${where}: ${why}`;
}
