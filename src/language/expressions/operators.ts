import { didYouMean } from '#kernel/hints.ts';
import type { Checking, Variables } from './checking.ts';
import type { Node } from './parse.ts';
import { BOOL, type CelType, DOUBLE, DURATION, INT, STRING, TIMESTAMP, UNKNOWN, isNumber, join, misfit, present, typeName } from './types.ts';

type Binary = Extract<Node, { readonly op: '+' | '-' | '*' | '/' | '%' | '<' | '<=' | '>' | '>=' | '==' | '!=' | 'in' }>;

/** `+ - * / % < <= > >= == != in`. An int and a double mix: the result is a double. */
export function checkOperator(checker: Checking, node: Binary, variables: Variables): CelType {
  const [leftNode, rightNode] = node.args;
  const left = present(checker.check(leftNode, variables));
  const right = present(checker.check(rightNode, variables));
  if (node.op === '==' || node.op === '!=') {
    checkEquality(checker, node, left, right);
    return BOOL;
  }
  if (node.op === 'in') return checkIn(checker, node, left, right);
  if (left.kind === 'unknown' || right.kind === 'unknown') return isComparison(node.op) ? BOOL : UNKNOWN;
  const result = isComparison(node.op) ? compared(left, right) : computed(node.op, left, right);
  return result ?? checker.mistake(node, 'type-mismatch', `${typeName(left)} ${node.op} ${typeName(right)} cannot be computed`, convertHint(left, right));
}

function isComparison(op: Binary['op']): boolean {
  return op === '<' || op === '<=' || op === '>' || op === '>=';
}

function compared(left: CelType, right: CelType): CelType | undefined {
  if (isNumber(left) && isNumber(right)) return BOOL;
  return left.kind === right.kind && ['string', 'bool', 'timestamp', 'duration'].includes(left.kind) ? BOOL : undefined;
}

function computed(op: Binary['op'], left: CelType, right: CelType): CelType | undefined {
  if (isNumber(left) && isNumber(right)) {
    const ints = left.kind === 'int' && right.kind === 'int';
    if (op === '%') return ints ? INT : undefined;
    return ints ? INT : DOUBLE;
  }
  if (op !== '+' && op !== '-') return undefined;
  if (left.kind === 'duration' && right.kind === 'duration') return DURATION;
  if (left.kind === 'timestamp' && right.kind === 'duration') return TIMESTAMP;
  if (op === '-') return left.kind === 'timestamp' && right.kind === 'timestamp' ? DURATION : undefined;
  if (left.kind === 'duration' && right.kind === 'timestamp') return TIMESTAMP;
  if (left.kind === 'string' && right.kind === 'string') return STRING;
  return left.kind === 'list' && right.kind === 'list' ? join(left, right) : undefined;
}

function convertHint(left: CelType, right: CelType): string | undefined {
  const [a, b] = [left.kind, right.kind];
  if (a === 'string' || b === 'string') return 'convert first: string(x), int(x) or double(x)';
  return undefined;
}

function checkEquality(checker: Checking, node: Binary, left: CelType, right: CelType): void {
  if (left.kind === 'null' || right.kind === 'null' || left.kind === 'unknown' || right.kind === 'unknown') return;
  if (left.kind === 'string' && right.kind === 'string') return checkValues(checker, node, left, right);
  if (isNumber(left) && isNumber(right)) return;
  if (left.kind !== right.kind && !(left.kind === 'map' && right.kind === 'record') && !(left.kind === 'record' && right.kind === 'map')) {
    checker.mistake(node, 'type-mismatch', `a ${typeName(left)} never equals a ${typeName(right)}`, convertHint(left, right));
  } else if (left.kind === 'list' && misfit(left, right) !== undefined && misfit(right, left) !== undefined) {
    checker.mistake(node, 'type-mismatch', `a ${typeName(left)} never equals a ${typeName(right)}`);
  }
}

/** A misspelt value of a closed set is as silent as a misspelt field. */
function checkValues(checker: Checking, node: Binary, left: CelType & { kind: 'string' }, right: CelType & { kind: 'string' }): void {
  for (const [literal, other] of [[node.args[0], right], [node.args[1], left]] as const) {
    if (literal.op !== 'value' || typeof literal.args !== 'string' || other.values === undefined) continue;
    if (other.values.includes(literal.args)) continue;
    checker.mistake(literal, 'unknown-value', `"${literal.args}" is none of its values`, didYouMean(literal.args, other.values));
  }
}

function checkIn(checker: Checking, node: Binary, left: CelType, right: CelType): CelType {
  if (right.kind === 'unknown' || left.kind === 'unknown') return BOOL;
  if (right.kind === 'map' || right.kind === 'record') {
    if (left.kind !== 'string') checker.mistake(node.args[0], 'type-mismatch', `the keys of a map are strings, got ${typeName(left)}`);
    return BOOL;
  }
  if (right.kind !== 'list') return checker.mistake(node.args[1], 'type-mismatch', `in looks into a list or a map, got ${typeName(right)}`);
  const element = present(right.of);
  const numbers = isNumber(left) && isNumber(element);
  if (!numbers && misfit(left, element) !== undefined) {
    const values = element.kind === 'string' ? element.values : undefined;
    const literal = left.kind === 'string' && left.values?.length === 1 ? left.values[0] : undefined;
    if (values !== undefined && literal !== undefined) return checker.mistake(node.args[0], 'unknown-value', `"${literal}" is none of its values`, didYouMean(literal, values));
    return checker.mistake(node, 'type-mismatch', `a ${typeName(left)} is never in a ${typeName(right)}`);
  }
  return BOOL;
}
