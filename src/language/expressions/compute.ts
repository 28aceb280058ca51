import { type Budget, CannotTell } from './budget.ts';
import { cel } from './parse.ts';

const OPERATORS = ['+', '-', '*', '/', '%', '<', '<=', '>', '>='] as const;
type TextOf = (side?: 0 | 1) => string;
type Operator = (typeof OPERATORS)[number] | '==' | '!=' | 'in';

/** The library's own operators, each compiled once: overflow, division by zero, times and durations behave as CEL says. */
const compiled = new Map(OPERATORS.map((op) => [op as Operator, cel.parse(`a ${op} b`)]));

/** `textOf` gives the source of a side (0 left, 1 right), or of the whole, for messages. */
export function compute(op: Operator, left: unknown, right: unknown, budget: Budget, textOf: TextOf): unknown {
  if (op === '==' || op === '!=') return equals(left, right, budget) === (op === '==');
  if (op === 'in') return isIn(left, right, budget, textOf);
  if (left === null || right === null) throw new CannotTell(`${textOf(left === null ? 0 : 1)} is null`);
  if (isScalar(left) && isScalar(right) && typeof left === typeof right) {
    const quick = compared(op, left, right);
    if (quick !== undefined) return quick;
  }
  if (op === '+' && Array.isArray(left) && Array.isArray(right)) {
    const whole = [...(left as unknown[]), ...(right as unknown[])];
    budget.spendOn(whole);
    return whole;
  }
  // An int beside a double counts as a double.
  const mixed = typeof left !== typeof right && isNumeric(left) && isNumeric(right);
  const [a, b] = mixed ? [Number(left), Number(right)] : [left, right];
  try {
    const result: unknown = compiled.get(op)?.({ a, b });
    budget.spendOn(result);
    return result;
  } catch (error) {
    if (!(error instanceof Error) || !('summary' in error)) throw error;
    throw new CannotTell(`${textOf()}: ${String(error.summary)}`);
  }
}

type Scalar = string | number | bigint;

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || isNumeric(value);
}

/** What comparisons in loops over long lists mostly are; the library finds its overload anew each time. */
function compared(op: Operator, left: Scalar, right: Scalar): boolean | undefined {
  switch (op) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    default:
      return undefined;
  }
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

function isIn(element: unknown, holder: unknown, budget: Budget, textOf: TextOf): boolean {
  if (holder === null) throw new CannotTell(`${textOf(1)} is null`);
  if (Array.isArray(holder)) return holder.some((each) => equals(element, each, budget));
  if (holder instanceof Map) return holder.has(element);
  if (typeof holder !== 'object' || holder === undefined) throw new CannotTell(`${textOf(1)} is not a list`);
  return typeof element === 'string' && Object.hasOwn(holder, element);
}

/** Deep equality; an int equals a double of the same value, as JSON has one kind of number. */
export function equals(a: unknown, b: unknown, budget: Budget): boolean {
  budget.spend(1);
  if (a === b) return true;
  // eslint-disable-next-line eqeqeq -- BigInt and number compare by value only with ==
  if (isNumeric(a) && isNumeric(b)) return a == b;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => equals(each, b[i], budget));
  }
  if (a instanceof Date || b instanceof Date) return a instanceof Date && b instanceof Date && a.getTime() === b.getTime();
  const left = entriesOf(a);
  const right = entriesOf(b);
  if (left === undefined || right === undefined) return left === right && a.valueOf() === b.valueOf();
  return left.size === right.size && [...left].every(([key, value]) => right.has(key) && equals(value, right.get(key), budget));
}

/** Undefined for what is no map: a duration compares by its value. */
function entriesOf(value: object): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value as ReadonlyMap<unknown, unknown>;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object, one without a prototype, or one whose prototype inherits nothing, as labels have it.
  return prototype === null || Object.getPrototypeOf(prototype) === null ? new Map(Object.entries(value)) : undefined;
}
