import type { Checking, Variables } from './checking.ts';
import type { Node } from './parse.ts';
import { BOOL, type CelType, STRING, UNKNOWN, listOf, present, typeName } from './types.ts';

/** Macros over a list, or over the keys of a map. */
const LOOPS = ['all', 'exists', 'exists_one', 'filter', 'map'];

export function isCelBind(name: string, target: Node): boolean {
  return name === 'bind' && target.op === 'id' && target.args === 'cel';
}

export const MACROS = {
  loops: LOOPS,
  isLoop: (name: string): boolean => LOOPS.includes(name),

  loop(checker: Checking, node: Node, name: string, target: Node, args: readonly Node[], variables: Variables): CelType {
    const element = elementOf(checker, target, checker.check(target, variables), name);
    const wanted = name === 'map' ? 'map(x, value) or map(x, condition, value)' : `${name}(x, condition)`;
    if (args.length !== 2 && !(name === 'map' && args.length === 3)) return checker.mistake(node, 'bad-expression', `${name} does not take ${args.length} arguments`, `write ${wanted}`);
    const inner = withVariable(checker, args[0], element, variables);
    const last = args.at(-1);
    if (inner === undefined || last === undefined) return UNKNOWN;
    if (name === 'map') {
      if (args.length === 3 && args[1] !== undefined) checker.expectBool(args[1], inner, 'the condition of map');
      return listOf(checker.check(last, inner));
    }
    checker.expectBool(last, inner, `the condition of ${name}`);
    return name === 'filter' ? listOf(element) : BOOL;
  },

  bind(checker: Checking, node: Node, args: readonly Node[], variables: Variables): CelType {
    const [, value, body] = args;
    if (value === undefined || body === undefined) return checker.mistake(node, 'bad-expression', 'cel.bind does not take these arguments', 'write cel.bind(x, value, expression)');
    const inner = withVariable(checker, args[0], checker.check(value, variables), variables);
    return inner === undefined ? UNKNOWN : checker.check(body, inner);
  },

  /** Whether an optional field, or a key, is there and not null. Its names are checked like any other. */
  has(checker: Checking, node: Node, args: readonly Node[], variables: Variables): CelType {
    const [path] = args;
    if (args.length !== 1 || path?.op !== '.') checker.mistake(node, 'bad-expression', 'has() takes a field, as in has(x.field)');
    else checker.check(path, variables);
    return BOOL;
  },
};

function elementOf(checker: Checking, target: Node, range: CelType, name: string): CelType {
  const type = present(range);
  if (type.kind === 'list') return type.of;
  if (type.kind === 'map' || type.kind === 'record') return STRING;
  if (type.kind !== 'unknown') checker.mistake(target, 'type-mismatch', `${name} goes over a list, got ${typeName(type)}`);
  return UNKNOWN;
}

function withVariable(checker: Checking, variable: Node | undefined, type: CelType, variables: Variables): Variables | undefined {
  if (variable?.op !== 'id') {
    if (variable !== undefined) checker.mistake(variable, 'bad-expression', 'expected the name of a variable');
    return undefined;
  }
  if (checker.isTaken(variable.args)) {
    checker.mistake(variable, 'bad-expression', `"${variable.args}" has a meaning already`, 'choose another name, such as x');
    return undefined;
  }
  return new Map(variables).set(variable.args, type);
}
