import { z } from 'zod';
import { didYouMean, nearest } from '#kernel/hints.ts';
import type { Json } from '#kernel/json.ts';
import type { Path, Problems, SourceFile } from './document.ts';

type Keyed = Readonly<Record<string, unknown>>;

/**
 * Reads one part by its shape; every issue becomes a diagnostic at its own place. A part with mistakes is then read once
 * more as it was probably meant (misspelt keys by their right names, bad values left out, `standIns` for what is missing), so
 * that the expressions in it are checked in the same go. It is undefined when even that does not help.
 */
export function readShape<Shape extends z.ZodType>(shape: Shape, value: Json | undefined, path: Path, source: SourceFile, problems: Problems, standIns: Keyed = {}): z.output<Shape> | undefined {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const renamed = renames(shape, value, parsed.error.issues);
  for (const issue of parsed.error.issues) {
    const misspelt = issue.path.length === 1 && renamed.has(String(issue.path[0]));
    if (!misspelt) reportIssue(shape, issue, path, source, problems);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const again = shape.safeParse(asMeant(value as Keyed, renamed, parsed.error.issues, standIns));
  return again.success ? again.data : undefined;
}

/** Right name → misspelt name, of the keys that nobody knows but that are near to one which is not there. */
function renames(shape: z.ZodType, value: unknown, issues: readonly z.core.$ZodIssue[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys' || issue.path.length > 0) continue;
    for (const unknown of issue.keys) {
      const known = nearest(unknown, keysAt(shape, []));
      if (known !== undefined && !Object.hasOwn(value as object, known)) found.set(known, unknown);
    }
  }
  return found;
}

function asMeant(value: Keyed, renamed: ReadonlyMap<string, string>, issues: readonly z.core.$ZodIssue[], standIns: Keyed): Keyed {
  const meant = new Map(Object.entries(value));
  for (const issue of issues) {
    if (issue.path[0] !== undefined) meant.delete(String(issue.path[0]));
    else if (issue.code === 'unrecognized_keys') issue.keys.forEach((key) => meant.delete(key));
  }
  for (const [known, unknown] of renamed) meant.set(known, value[unknown]);
  for (const [key, standIn] of Object.entries(standIns)) if (!meant.has(key)) meant.set(key, standIn);
  return Object.fromEntries(meant);
}

function reportIssue(shape: z.ZodType, issue: z.core.$ZodIssue, base: Path, source: SourceFile, problems: Problems): void {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  const name = path.length === 0 ? 'the file' : `"${String(path.at(-1))}"`;
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) problems.add(source.keyOffsetOf([...path, key]), 'unknown-key', `unknown key "${key}"`, didYouMean(key, keysAt(shape, issue.path)));
    return;
  }
  const branch = issue.code === 'invalid_union' ? bestBranch(issue, path, source) : undefined;
  if (branch !== undefined) {
    for (const each of branch) reportIssue(shape, { ...each, path: [...issue.path, ...each.path] }, base, source, problems);
    return;
  }
  const missing = (issue.code === 'invalid_type' || issue.code === 'invalid_value') && valueAt(source.value, path) === undefined;
  if (missing) problems.add(source.offsetOf(path), 'missing-key', `the key ${name} is missing`, `expected ${expectation(issue)}`);
  else problems.add(source.offsetOf(path), 'bad-value', `${name}: ${describe(issue)}`);
}

/** Of a union, the branch that the author meant: the one for a mapping when a mapping stands there. */
function bestBranch(issue: z.core.$ZodIssue & { readonly code: 'invalid_union' }, path: Path, source: SourceFile): readonly z.core.$ZodIssue[] | undefined {
  const value = valueAt(source.value, path);
  const branches = issue.errors.filter((issues) => !issues.some((each) => each.code === 'invalid_type' && each.path.length === 0));
  return typeof value === 'object' || branches.length > 0 ? branches[0] : undefined;
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`;
  if (issue.code !== 'invalid_type') return 'a value';
  const names: Readonly<Record<string, string>> = { string: 'a text', array: 'a list', object: 'a mapping', record: 'a mapping', number: 'a number', int: 'a whole number', boolean: 'true or false' };
  return names[issue.expected] ?? issue.expected;
}

function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value') return `expected ${expectation(issue)}`;
  return issue.message;
}

function keysAt(shape: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: z.ZodType = shape;
  for (const step of path) at = child(unwrap(at), step);
  const object = unwrap(at);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function child(shape: z.ZodType, step: PropertyKey): z.ZodType {
  if (shape instanceof z.ZodObject) return (shape.shape as Readonly<Record<string, z.ZodType>>)[String(step)] ?? z.unknown();
  return shape instanceof z.ZodArray ? (shape.element as z.ZodType) : z.unknown();
}

function unwrap(shape: z.ZodType): z.ZodType {
  if (shape instanceof z.ZodDefault || shape instanceof z.ZodOptional) return unwrap(shape.unwrap() as z.ZodType);
  if (shape instanceof z.ZodUnion) return unwrap((shape.options as readonly z.ZodType[]).find((option) => option instanceof z.ZodObject) ?? z.unknown());
  return shape;
}

export function valueAt(value: Json, path: Path): Json | undefined {
  let at: unknown = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Readonly<Record<string | number, unknown>>)[step];
  }
  return at as Json | undefined;
}
