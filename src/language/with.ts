import { didYouMean } from '#kernel/hints.ts';
import type { Json } from '#kernel/json.ts';
import type { AnyStep } from '#step-kit/index.ts';
import { type Compiled, type Compiling, type Part, compile } from './compile.ts';
import type { Path } from './document.ts';
import { typeOfSchema } from './expressions/schema.ts';
import { type CelType, misfit, present, typeName } from './expressions/types.ts';

/** Compiles what stands under `with:` and checks it against the step's input schema, as far as that can be told before a run. */
export function compileWith(path: Path, value: Json, step: AnyStep, within: Compiling): Compiled {
  const { problems } = within;
  const wanted = typeOfSchema(step.input, 'input');
  const leavesOut = (at: Path): boolean => mayBeLeftOut(wanted, at.slice(path.length));
  const before = problems.diagnostics.length;
  const compiled = compile(path, value, { ...within, leavesOut });
  const { part } = compiled;
  if (part.kind !== 'object') return compiled;
  checkPart(part, wanted, path, within);
  checkConstants(part, step, path, within);
  if (problems.diagnostics.length === before) checkLiterals(part, value as Readonly<Record<string, unknown>>, step, path, within);
  return compiled;
}

function mayBeLeftOut(type: CelType, path: Path): boolean {
  let at: CelType | undefined = type;
  let optional = false;
  for (const step of path) {
    const inner: CelType = present(at);
    if (inner.kind === 'record') {
      const field = inner.fields.get(String(step));
      if (field === undefined) return false;
      optional = field.optional;
      at = field.type;
    } else if (inner.kind === 'list' || inner.kind === 'map') {
      at = inner.of;
      optional = false;
    } else return false;
  }
  return optional && at.kind !== 'nullable' && at.kind !== 'null';
}

function checkPart(part: Part, wanted: CelType, path: Path, within: Compiling): void {
  const want = present(wanted);
  if (part.kind === 'object' && want.kind === 'record') {
    checkFields(part.entries, want, path, within);
  } else if (part.kind === 'object' && want.kind === 'map') {
    for (const [key, entry] of part.entries) checkPart(entry, want.of, [...path, key], within);
  } else if (part.kind === 'list' && want.kind === 'list') {
    part.items.forEach((item, i) => checkPart(item, want.of, [...path, i], within));
  } else {
    const why = misfit(part.type, wanted);
    if (why !== undefined) within.problems.add(within.source.offsetOf(path), 'type-mismatch', `"${String(path.at(-1))}" does not fit: ${why}`);
  }
}

function checkFields(entries: ReadonlyMap<string, Part>, want: CelType & { kind: 'record' }, path: Path, within: Compiling): void {
  const { source, problems } = within;
  for (const [key, entry] of entries) {
    const field = want.fields.get(key);
    if (field !== undefined) checkPart(entry, field.type, [...path, key], within);
    else if (!want.open) problems.add(source.keyOffsetOf([...path, key]), 'unknown-key', `unknown key "${key}" under "${String(path.at(-1))}"`, didYouMean(key, want.fields.keys()));
  }
  for (const [name, field] of want.fields) {
    if (field.optional || entries.has(name)) continue;
    problems.add(source.keyOffsetOf(path), 'missing-key', `the key "${name}" is missing under "${String(path.at(-1))}"`, `expected ${typeName(field.type)}`);
  }
}

/**
 * Some inputs are text that a target runs, such as a query: `.meta({ constant: true })` in the step's schema. Only the runbook's
 * author writes those; an alert's label in them would become syntax.
 */
function checkConstants(part: Part & { kind: 'object' }, step: AnyStep, path: Path, { source, problems }: Compiling): void {
  for (const [key, entry] of part.entries) {
    if (step.input.shape[key]?.meta()?.['constant'] !== true || isLiteral(entry)) continue;
    problems.add(source.offsetOf([...path, key]), 'not-constant', `"${key}" is run by the target as it stands: it must not hold an expression`, 'hand values over in an input of their own, such as "labels"');
  }
}

/** What has no expression in it can be read by the schema itself, with its limits and formats. */
function checkLiterals(part: Part & { kind: 'object' }, values: Readonly<Record<string, unknown>>, step: AnyStep, path: Path, within: Compiling): void {
  const { source, problems } = within;
  const report = (base: Path, issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]): void => {
    for (const issue of issues) {
      const at = [...base, ...issue.path.map((key) => (typeof key === 'number' ? key : String(key)))];
      problems.add(source.offsetOf(at), 'bad-value', `"${String(at.at(-1))}": ${issue.message}`);
    }
  };
  if (isLiteral(part)) {
    const read = step.input.safeParse({ ...values });
    if (!read.success) report(path, read.error.issues);
    return;
  }
  for (const [key, entry] of part.entries) {
    const schema = step.input.shape[key];
    if (schema === undefined || !isLiteral(entry)) continue;
    const read = (schema as AnyStep['input']).safeParse(values[key]);
    if (!read.success) report([...path, key], read.error.issues);
  }
}

function isLiteral(part: Part): boolean {
  if (part.kind === 'object') return [...part.entries.values()].every(isLiteral);
  if (part.kind === 'list') return part.items.every(isLiteral);
  return part.kind === 'literal';
}
