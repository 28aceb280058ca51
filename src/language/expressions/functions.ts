import { RE2JS } from 're2js';
import { cel } from './parse.ts';
import { BOOL, DOUBLE, DURATION, INT, STRING, TIMESTAMP, type CelType, listOf, misfit, present } from './types.ts';

const LONGEST_PATTERN = 1_000;
/** Compiled patterns that are kept: an expression over a list asks for the same one again and again. */
const KEPT_PATTERNS = 64;
const compiledPatterns = new Map<string, RE2JS>();

interface CelFunction {
  readonly name: string;
  readonly receiver: CelType | undefined;
  readonly params: readonly CelType[];
  readonly returns: CelType;
  /** Receiver first. Throws an Error with a sentence when the values do not fit. */
  call(args: readonly unknown[]): unknown;
}

/** The library's types that ours know; its functions over others (bytes, uint, type, dyn) would let fields escape the check. */
const TYPES: Readonly<Record<string, CelType>> = {
  string: STRING,
  int: INT,
  double: DOUBLE,
  bool: BOOL,
  'list<string>': listOf(STRING),
  'google.protobuf.Timestamp': TIMESTAMP,
  'google.protobuf.Duration': DURATION,
};

const table = new Map<string, CelFunction[]>();

for (const definition of cel.getDefinitions().functions) {
  const receiver = definition.receiverType === null ? undefined : TYPES[definition.receiverType];
  const params = definition.params.map((param) => TYPES[param.type]);
  const returns = TYPES[definition.returnType];
  if (definition.name === 'matches' || returns === undefined || params.some((param) => param === undefined)) continue;
  if (definition.receiverType !== null && receiver === undefined) continue;
  add({ name: definition.name, receiver, params: params as CelType[], returns, call: fromLibrary(definition.name, receiver !== undefined, params.length) });
}
add({ name: 'matches', receiver: STRING, params: [STRING], returns: BOOL, call: ([text, pattern]) => matches(String(text), String(pattern)) });
add({ name: 'string', receiver: undefined, params: [TIMESTAMP], returns: STRING, call: ([time]) => (time as Date).toISOString() });
add({ name: 'string', receiver: undefined, params: [DURATION], returns: STRING, call: ([duration]) => String(duration) });

function add(fn: CelFunction): void {
  const key = keyOf(fn.name, fn.receiver !== undefined, fn.params.length);
  const known = table.get(key);
  if (known === undefined) table.set(key, [fn]);
  else known.push(fn);
}

function keyOf(name: string, method: boolean, params: number): string {
  return `${method ? '.' : ''}${name}/${params}`;
}

/** The library's own function, reached through a compiled call. Its result is that of the library. */
function fromLibrary(name: string, method: boolean, params: number): CelFunction['call'] {
  const names = Array.from({ length: params + (method ? 1 : 0) }, (_, i) => `a${i}`);
  const text = method ? `a0.${name}(${names.slice(1).join(', ')})` : `${name}(${names.join(', ')})`;
  const compiled = cel.parse(text);
  return (args) => compiled(Object.fromEntries(names.map((variable, i) => [variable, args[i]])));
}

/** CEL asks for RE2 and an unanchored match; the library would run JavaScript's engine, which hostile input can stall. */
function matches(text: string, pattern: string): boolean {
  const compiled = compilePattern(pattern);
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled.matcher(text).find();
}

/** The compiled pattern, or why there is none. */
export function compilePattern(pattern: string): RE2JS | string {
  if (pattern.length > LONGEST_PATTERN) return `a regular expression may be at most ${LONGEST_PATTERN} characters`;
  const known = compiledPatterns.get(pattern);
  if (known !== undefined) return known;
  try {
    const compiled = RE2JS.compile(pattern);
    if (compiledPatterns.size >= KEPT_PATTERNS) compiledPatterns.clear();
    compiledPatterns.set(pattern, compiled);
    return compiled;
  } catch (error) {
    return `${JSON.stringify(pattern)} is not an RE2 regular expression: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** The overload for these types; a nullable or unknown argument is settled when it is evaluated. */
export function findFunction(name: string, receiver: CelType | undefined, args: readonly CelType[]): CelFunction | undefined {
  const fits = (actual: CelType, wanted: CelType): boolean =>
    actual.kind === 'unknown' || (present(actual).kind === wanted.kind && misfit(actual, wanted) === undefined);
  const candidates = table.get(keyOf(name, receiver !== undefined, args.length)) ?? [];
  const fitting = candidates.filter((fn) => (receiver === undefined || fits(receiver, fn.receiver ?? receiver)) && args.every((arg, i) => fits(arg, fn.params[i] ?? arg)));
  return fitting[0];
}

/** Names of functions, or of methods on this receiver, for hints. */
export function functionNames(receiver: CelType | undefined): string[] {
  const names = new Set<string>();
  for (const fns of table.values()) {
    for (const fn of fns) {
      const onThis = receiver === undefined ? fn.receiver === undefined : fn.receiver !== undefined && present(receiver).kind === fn.receiver.kind;
      if (onThis) names.add(fn.name);
    }
  }
  return [...names];
}

/** How the function may be called, for messages: `matches(string)`. */
export function signatures(name: string, method: boolean): string[] {
  const found: string[] = [];
  for (const fns of table.values()) {
    for (const fn of fns) {
      if (fn.name !== name || (fn.receiver !== undefined) !== method) continue;
      found.push(`${fn.receiver === undefined ? '' : `${fn.receiver.kind}.`}${name}(${fn.params.map((param) => param.kind).join(', ')})`);
    }
  }
  return found;
}
