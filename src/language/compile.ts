import { type Json, toJson } from '#kernel/json.ts';
import type { Path, Problems, SourceFile } from './document.ts';
import { Budget, CannotTell, OverBudget } from './expressions/budget.ts';
import { type Checked, type Names, checkExpression } from './expressions/check.ts';
import { evaluateExpression } from './expressions/evaluate.ts';
import { type Node, parseExpression } from './expressions/parse.ts';
import { hasExpression, offsetInSource, scan } from './expressions/scan.ts';
import { BOOL, type CelType, DOUBLE, INT, NULL, STRING, UNKNOWN, join, listOf, misfit, typeName } from './expressions/types.ts';
import type { Evaluated, Scope, Template } from './template.ts';

/** A text that is put together from expressions is cut off nowhere; beyond this many characters it is refused. */
export const MAX_TEXT = 128 * 1024;

interface Expression {
  readonly ast: Node;
  readonly checked: Checked;
}

/** A template in pieces: what stands in the file, with each expression parsed and checked. */
export type Part =
  | { readonly kind: 'literal'; readonly value: Json; readonly type: CelType }
  | { readonly kind: 'expression'; readonly expression: Expression; readonly type: CelType }
  | { readonly kind: 'text'; readonly pieces: readonly (string | Expression)[]; readonly type: CelType }
  | { readonly kind: 'list'; readonly items: readonly Part[]; readonly type: CelType }
  | { readonly kind: 'object'; readonly entries: ReadonlyMap<string, Part>; readonly type: CelType };

export interface Compiled {
  readonly template: Template;
  readonly type: CelType;
  readonly part: Part;
}

/** What compiling needs to know of its surroundings. */
export interface Compiling {
  readonly source: SourceFile;
  readonly problems: Problems;
  readonly names: Names;
  /** Keys whose null means "left out": optional fields that take no null. Given for `with`. */
  readonly leavesOut?: (path: Path) => boolean;
}

/** Makes a template of the value at this path, and notes what is wrong with its expressions. */
export function compile(path: Path, value: Json, within: Compiling): Compiled {
  const part = compilePart(path, value, within);
  const steps = new Set<string>();
  collectSteps(part, steps);
  const roots = [...within.names.variables.keys()];
  const leavesOut = within.leavesOut;
  const template: Template = {
    text: typeof value === 'string' ? value : within.source.textAt(path),
    steps: [...steps],
    evaluate: (scope) => evaluate(part, path, roots, scope, leavesOut),
  };
  return { template, type: part.type, part };
}

/** Like `compile`, for a value whose type is given by the language: a condition, a text, a list. */
export function compileAs(path: Path, value: Json, wanted: CelType, what: string, within: Compiling): Compiled {
  const compiled = compile(path, value, within);
  const why = misfit(compiled.type, wanted);
  if (why !== undefined) {
    const bare = typeof value === 'string' && !hasExpression(value) && wanted.kind !== 'string';
    within.problems.add(within.source.offsetOf(path), 'type-mismatch', `${what} must be a ${typeName(wanted)}: ${why}`, bare ? `write it as an expression: \${{ ${value} }}` : undefined);
  }
  return compiled;
}

function compilePart(path: Path, value: Json, within: Compiling): Part {
  if (typeof value === 'string') return compileString(path, value, within);
  if (Array.isArray(value)) {
    const items = (value as readonly Json[]).map((item, i) => compilePart([...path, i], item, within));
    let of: CelType | undefined = items[0]?.type ?? UNKNOWN;
    for (const item of items.slice(1)) of = of === undefined ? undefined : join(of, item.type);
    return { kind: 'list', items, type: listOf(of ?? UNKNOWN) };
  }
  if (typeof value === 'object' && value !== null) {
    const entries = new Map(Object.entries(value as object).map(([key, entry]) => [key, compilePart([...path, key], entry as Json, within)]));
    const fields = new Map([...entries].map(([key, part]) => [key, { type: part.type, optional: false }]));
    return { kind: 'object', entries, type: { kind: 'record', fields, open: false } };
  }
  return { kind: 'literal', value, type: literalType(value) };
}

function literalType(value: Json): CelType {
  if (value === null) return NULL;
  if (typeof value === 'boolean') return BOOL;
  if (typeof value === 'number') return Number.isInteger(value) ? INT : DOUBLE;
  return typeof value === 'string' ? { kind: 'string', values: [value] } : UNKNOWN;
}

function compileString(path: Path, value: string, within: Compiling): Part {
  if (!hasExpression(value)) return { kind: 'literal', value, type: literalType(value) };
  const scanned = scan(value);
  const raw = within.source.textAt(path);
  const place = (index: number): number => within.source.offsetOf(path) + offsetInSource(raw, value, index);
  if (!scanned.ok) {
    const plain = within.source.isPlain(path);
    within.problems.add(place(scanned.at), plain ? 'needs-quotes' : 'bad-expression', scanned.message, plain ? `YAML ends a value at " #" and ": ": put the whole value in quotes, '\${{ … }}'` : 'an expression is written ${{ … }}');
    return { kind: 'literal', value, type: UNKNOWN };
  }
  const pieces = scanned.pieces.map((piece) => (piece.kind === 'text' ? piece.text : compileExpression(piece.text, (offset) => place(piece.at + offset), within)));
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined && typeof only !== 'string') {
    return only.expression === undefined ? { kind: 'literal', value: null, type: UNKNOWN } : { kind: 'expression', expression: only.expression, type: only.expression.checked.type };
  }
  return { kind: 'text', pieces: pieces.map((piece) => (typeof piece === 'string' ? piece : (piece.expression ?? ''))), type: STRING };
}

function compileExpression(text: string, place: (offset: number) => number, within: Compiling): { readonly expression: Expression | undefined } {
  const parsed = parseExpression(text);
  if (!parsed.ok) {
    within.problems.add(place(parsed.mistake.start), parsed.mistake.code, parsed.mistake.message, parsed.mistake.hint);
    return { expression: undefined };
  }
  const checked = checkExpression(parsed.ast, within.names);
  for (const mistake of checked.mistakes) within.problems.add(place(mistake.start), mistake.code, mistake.message, mistake.hint);
  return { expression: { ast: parsed.ast, checked } };
}

function collectSteps(part: Part, steps: Set<string>): void {
  const add = (expression: Expression): void => expression.checked.steps.forEach((id) => steps.add(id));
  if (part.kind === 'expression') add(part.expression);
  else if (part.kind === 'text') part.pieces.forEach((piece) => typeof piece !== 'string' && add(piece));
  else if (part.kind === 'list') part.items.forEach((item) => collectSteps(item, steps));
  else if (part.kind === 'object') part.entries.forEach((entry) => collectSteps(entry, steps));
}

function evaluate(part: Part, path: Path, roots: readonly string[], scope: Scope, leavesOut: Compiling['leavesOut']): Evaluated {
  const values = new Map<string, unknown>(roots.map((name) => [name, Object.hasOwn(scope, name) ? scope[name] : undefined]));
  const steps = Object.hasOwn(scope, 'steps') && typeof scope['steps'] === 'object' && scope['steps'] !== null ? (scope['steps'] as Readonly<Record<string, unknown>>) : {};
  const budget = new Budget();
  const run = (expression: Expression): unknown => evaluateExpression(expression.ast, expression.checked, values, steps, budget);
  try {
    return { ok: true, value: build(part, path, run, leavesOut) };
  } catch (error) {
    if (error instanceof CannotTell) return { ok: false, because: `cannot tell: ${error.message}` };
    if (error instanceof OverBudget) return { ok: false, because: error.message };
    throw error;
  }
}

function build(part: Part, path: Path, run: (expression: Expression) => unknown, leavesOut: Compiling['leavesOut']): Json {
  switch (part.kind) {
    case 'literal':
      return part.value;
    case 'expression':
      return plainJson(run(part.expression));
    case 'text': {
      const text = part.pieces.map((piece) => (typeof piece === 'string' ? piece : asText(run(piece)))).join('');
      if (text.length > MAX_TEXT) throw new OverBudget(`the text would have ${text.length} characters, at most ${MAX_TEXT} are allowed`);
      return text;
    }
    case 'list':
      return part.items.map((item, i) => build(item, [...path, i], run, leavesOut));
    case 'object': {
      const entries: [string, Json][] = [];
      for (const [key, entry] of part.entries) {
        const below = [...path, key];
        const value = build(entry, below, run, leavesOut);
        if (value === null && entry.kind === 'expression' && leavesOut?.(below) === true) continue;
        entries.push([key, value]);
      }
      return Object.fromEntries(entries);
    }
  }
}

/** Durations of CEL are objects of the library; in JSON they are written as CEL writes them (`90s`). */
function plainJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(plainJson);
  if (value instanceof Map) return Object.fromEntries([...(value as ReadonlyMap<unknown, unknown>)].map(([key, each]) => [String(key), plainJson(each)]));
  if (typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object google.protobuf.Duration]') return String(value);
  return toJson(value);
}

/** As a person reads it: ints without a suffix, lists and maps as JSON, `unknown` for null. */
function asText(value: unknown): string {
  const json = plainJson(value);
  if (json === null) return 'unknown';
  return typeof json === 'object' ? JSON.stringify(json) : String(json);
}
