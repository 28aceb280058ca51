import { didYouMean } from '#kernel/hints.ts';
import type { Checking, Variables } from './checking.ts';
import { compilePattern, findFunction, functionNames, signatures } from './functions.ts';
import { MACROS, isCelBind } from './macros.ts';
import { checkOperator } from './operators.ts';
import type { Mistake, Node } from './parse.ts';
import { BOOL, type CelType, DOUBLE, INT, NULL, STRING, UNKNOWN, join, listOf, mapOf, nullable, present, typeName } from './types.ts';

/** The names that an expression may use. `steps` is held apart: a step's output may be missing when it is evaluated. */
export interface Names {
  readonly variables: ReadonlyMap<string, CelType>;
  /** Output types by step id. */
  readonly steps: ReadonlyMap<string, CelType>;
  /** Why a name is not there although an author may expect it: steps that run later, `wave` outside `halt`. */
  readonly absent?: ReadonlyMap<string, string>;
}

export interface Checked {
  readonly type: CelType;
  readonly mistakes: readonly Mistake[];
  /** Static types of the nodes that read data: they say whether a JSON number is an int or a double. */
  readonly types: ReadonlyMap<Node, CelType>;
  /** Ids of the steps that it mentions. */
  readonly steps: ReadonlySet<string>;
}

/** What may be said of a step besides its output: `steps.<id>.ok`, `.failed`, `.skipped`, and `.because` (why there is no output). */
const STEP_FACTS: ReadonlyMap<string, CelType> = new Map([['ok', BOOL], ['failed', BOOL], ['skipped', BOOL], ['because', STRING]]);

/** Finds every mistake of an expression, not only the first. */
export function checkExpression(ast: Node, names: Names): Checked {
  const checker = new Checker(names);
  const type = checker.check(ast, names.variables);
  return { type, mistakes: checker.mistakes, types: checker.types, steps: checker.steps };
}

/** The id of the step, when the node is `steps.<id>`. */
export function stepOf(node: Node): string | undefined {
  if (node.op !== '.' || node.args[0].op !== 'id' || node.args[0].args !== 'steps') return undefined;
  return node.args[1];
}

class Checker implements Checking {
  readonly mistakes: Mistake[] = [];
  readonly types = new Map<Node, CelType>();
  readonly steps = new Set<string>();
  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  check(node: Node, variables: Variables): CelType {
    const type = this.#typeOf(node, variables);
    this.types.set(node, type);
    return type;
  }

  mistake(node: Node, code: string, message: string, hint?: string, start = node.start): CelType {
    const at = { start, end: node.end, code, message };
    this.mistakes.push(hint === undefined ? at : { ...at, hint });
    return UNKNOWN;
  }

  expectBool(node: Node, variables: Variables, what: string): void {
    const type = present(this.check(node, variables));
    if (type.kind !== 'bool' && type.kind !== 'unknown') this.mistake(node, 'type-mismatch', `${what} must be a bool, got ${typeName(type)}`);
  }

  isTaken(name: string): boolean {
    return name === 'steps' || this.#names.variables.has(name);
  }

  #typeOf(node: Node, variables: Variables): CelType {
    switch (node.op) {
      case 'value':
        return literalType(node.args) ?? this.mistake(node, 'type-mismatch', 'bytes and unsigned integers are not part of the runbook language');
      case 'id':
        return this.#name(node, node.args, variables);
      case '.':
        return this.#field(node, node.args[0], node.args[1], variables);
      case '[]':
        return this.#index(node, node.args[0], node.args[1], variables);
      case 'call':
        return this.#call(node, node.args[0], node.args[1], variables);
      case 'rcall':
        return this.#method(node, node.args[0], node.args[1], node.args[2], variables);
      case 'list':
        return listOf(this.#joined(node.args, variables, 'the elements of a list'));
      case 'map':
        return this.#mapLiteral(node.args, variables);
      case '?:':
        this.expectBool(node.args[0], variables, 'the condition before ?');
        return this.#joined([node.args[1], node.args[2]], variables, 'both sides of :');
      case '||':
      case '&&':
        for (const side of node.args) this.expectBool(side, variables, `each side of ${node.op}`);
        return BOOL;
      case '!_':
        this.expectBool(node.args, variables, 'what ! turns around');
        return BOOL;
      case '-_':
        return this.#minus(node, node.args, variables);
      case '.?':
      case '[?]':
        return this.mistake(node, 'bad-expression', 'optional access is not part of the runbook language', 'test with has(x.field) or x.field != null');
      default:
        return checkOperator(this, node, variables);
    }
  }

  #name(node: Node, name: string, variables: Variables): CelType {
    if (name === 'steps') return this.mistake(node, 'bad-expression', 'steps is not a value of its own', 'write steps.<id>.output.<field>');
    const type = variables.get(name);
    if (type !== undefined) return type;
    const absent = this.#names.absent?.get(name);
    const hint = absent ?? didYouMean(name, ['steps', ...variables.keys()]);
    return this.mistake(node, 'unknown-name', `there is no "${name}" here`, hint);
  }

  #field(node: Node, target: Node, field: string, variables: Variables): CelType {
    if (target.op === 'id' && target.args === 'steps') {
      this.#step(node, field);
      return this.mistake(node, 'bad-expression', `steps.${field} is not a value of its own`, `write steps.${field}.output.<field>, or steps.${field}.ok`);
    }
    const step = stepOf(target);
    if (step !== undefined) return this.#stepField(node, step, field, target);
    const nameStart = node.end - field.length;
    const type = present(this.check(target, variables));
    switch (type.kind) {
      case 'unknown':
        return UNKNOWN;
      case 'map':
        return type.of;
      case 'record':
        return this.#member(node, type, field, nameStart);
      default:
        return this.mistake(node, 'unknown-field', `a ${typeName(type)} has no field "${field}"`, type.kind === 'list' ? 'use .exists(x, …), .filter(x, …), .map(x, …), .size() or [0]' : undefined, nameStart);
    }
  }

  #member(node: Node, type: CelType & { kind: 'record' }, name: string, start = node.start): CelType {
    const known = type.fields.get(name);
    if (known === undefined) return this.mistake(node, 'unknown-field', `there is no field "${name}" in ${typeName(type)}`, didYouMean(name, type.fields.keys()), start);
    return known.optional ? nullable(known.type) : known.type;
  }

  #step(node: Node, id: string): CelType | undefined {
    this.steps.add(id);
    const output = this.#names.steps.get(id);
    if (output !== undefined) return output;
    const absent = this.#names.absent?.get(`steps.${id}`);
    this.mistake(node, 'unknown-reference', absent ?? `there is no step "${id}" here`, absent === undefined ? didYouMean(id, this.#names.steps.keys()) : undefined);
    return undefined;
  }

  #stepField(node: Node, id: string, field: string, target: Node): CelType {
    const output = this.#step(target, id);
    if (field === 'output') return output ?? UNKNOWN;
    const fact = STEP_FACTS.get(field);
    if (fact !== undefined) return fact;
    const meant = output?.kind === 'record' && output.fields.has(field) ? `write steps.${id}.output.${field}` : didYouMean(field, ['output', ...STEP_FACTS.keys()]);
    return this.mistake(node, 'unknown-field', `a step has no "${field}"`, meant, node.end - field.length);
  }

  #index(node: Node, target: Node, index: Node, variables: Variables): CelType {
    const type = present(this.check(target, variables));
    if (type.kind === 'record' && index.op === 'value' && typeof index.args === 'string') return this.#member(index, type, index.args);
    const key = present(this.check(index, variables));
    if (type.kind === 'unknown') return UNKNOWN;
    if (type.kind === 'list') return key.kind === 'int' || key.kind === 'unknown' ? type.of : this.mistake(index, 'type-mismatch', `a list is indexed by an int, got ${typeName(key)}`);
    if (type.kind === 'map') return key.kind === 'string' || key.kind === 'unknown' ? type.of : this.mistake(index, 'type-mismatch', `a map is indexed by a string, got ${typeName(key)}`);
    if (type.kind === 'record') return this.mistake(index, 'type-mismatch', 'a field is named by a literal string, so that it can be checked');
    return this.mistake(node, 'type-mismatch', `a ${typeName(type)} cannot be indexed`);
  }

  #call(node: Node, name: string, args: readonly Node[], variables: Variables): CelType {
    if (name === 'has') return MACROS.has(this, node, args, variables);
    const types = args.map((arg) => this.check(arg, variables));
    if (name === 'size' && types.length === 1) return this.#size(node, types[0] ?? UNKNOWN);
    const found = findFunction(name, undefined, types);
    if (found !== undefined) return found.returns;
    return this.#noFunction(node, name, undefined, types);
  }

  #method(node: Node, name: string, target: Node, args: readonly Node[], variables: Variables): CelType {
    if (isCelBind(name, target)) return MACROS.bind(this, node, args, variables);
    if (MACROS.isLoop(name)) return MACROS.loop(this, node, name, target, args, variables);
    const receiver = this.check(target, variables);
    const types = args.map((arg) => this.check(arg, variables));
    if (name === 'size' && types.length === 0) return this.#size(node, receiver);
    const found = findFunction(name, receiver, types);
    if (found === undefined) return this.#noFunction(node, name, receiver, types);
    const pattern = args[0];
    if (name === 'matches' && pattern?.op === 'value' && typeof pattern.args === 'string') {
      const compiled = compilePattern(pattern.args);
      if (typeof compiled === 'string') this.mistake(pattern, 'bad-expression', compiled, 'the syntax is RE2: no look-around and no back-references');
    }
    return found.returns;
  }

  #noFunction(node: Node, name: string, receiver: CelType | undefined, types: readonly CelType[]): CelType {
    const known = signatures(name, receiver !== undefined);
    const called = `${receiver === undefined ? '' : `${typeName(receiver)}.`}${name}(${types.map(typeName).join(', ')})`;
    if (known.length > 0) return this.mistake(node, 'type-mismatch', `${called} does not fit`, `it is called as ${known.join(' or ')}`);
    const names = [...functionNames(receiver), 'size', ...(receiver === undefined ? ['has'] : MACROS.loops)];
    return this.mistake(node, 'unknown-function', `there is no function ${called}`, didYouMean(name, names));
  }

  #size(node: Node, type: CelType): CelType {
    const kind = present(type).kind;
    return ['list', 'map', 'string', 'unknown'].includes(kind) ? INT : this.mistake(node, 'type-mismatch', `a ${typeName(type)} has no size`);
  }

  #joined(parts: readonly Node[], variables: Variables, what: string): CelType {
    let whole: CelType | undefined;
    for (const part of parts) {
      const type = this.check(part, variables);
      const joined = whole === undefined ? type : join(whole, type);
      if (joined === undefined) return this.mistake(part, 'type-mismatch', `${what} must have one type, got ${typeName(whole ?? type)} and ${typeName(type)}`);
      whole = joined;
    }
    return whole ?? UNKNOWN;
  }

  /** A map whose keys are written out is a record: its fields are checked where it is read. */
  #mapLiteral(entries: readonly (readonly [Node, Node])[], variables: Variables): CelType {
    const fields = new Map<string, { type: CelType; optional: boolean }>();
    for (const [key, value] of entries) {
      const keyType = this.check(key, variables);
      const type = this.check(value, variables);
      if (key.op === 'value' && typeof key.args === 'string') fields.set(key.args, { type, optional: false });
      else if (keyType.kind !== 'string' && keyType.kind !== 'unknown') this.mistake(key, 'type-mismatch', `the keys of a map are strings, got ${typeName(keyType)}`);
      else return mapOf(this.#joined(entries.map((entry) => entry[1]), variables, 'the values of a map'));
    }
    return { kind: 'record', fields, open: false };
  }

  #minus(node: Node, of: Node, variables: Variables): CelType {
    const type = present(this.check(of, variables));
    if (type.kind === 'int' || type.kind === 'double' || type.kind === 'unknown') return type;
    return this.mistake(node, 'type-mismatch', `- needs a number, got ${typeName(type)}`);
  }
}

function literalType(value: unknown): CelType | undefined {
  switch (typeof value) {
    case 'string':
      return { kind: 'string', values: [value] };
    case 'bigint':
      return INT;
    case 'number':
      return DOUBLE;
    case 'boolean':
      return BOOL;
    default:
      return value === null ? NULL : undefined;
  }
}
