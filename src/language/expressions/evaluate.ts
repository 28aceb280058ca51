import { Budget, CannotTell, OverBudget } from './budget.ts';
import { type Checked, stepOf } from './check.ts';
import { findFunction } from './functions.ts';
import { isCelBind, MACROS } from './macros.ts';
import { compute } from './compute.ts';
import type { Node } from './parse.ts';
import { type CelType, UNKNOWN, present } from './types.ts';

/** Values of variables: JSON, or what an expression has computed (ints are BigInt, times are Date). */
export type Values = ReadonlyMap<string, unknown>;

/** What is known of the steps; see the docstring of `Scope`. */
export type Steps = Readonly<Record<string, unknown>>;

/**
 * Evaluates a checked expression. Data is read where it lies: JSON numbers become ints or doubles by their static type,
 * keys are own properties only. Throws CannotTell when data is missing, and OverBudget when it would cost too much.
 */
export function evaluateExpression(ast: Node, checked: Checked, values: Values, steps: Steps, budget: Budget): unknown {
  return new Walker(checked, steps, budget).run(ast, values);
}

class Walker {
  readonly #checked: Checked;
  readonly #steps: Steps;
  readonly #budget: Budget;

  constructor(checked: Checked, steps: Steps, budget: Budget) {
    this.#checked = checked;
    this.#steps = steps;
    this.#budget = budget;
  }

  run(node: Node, values: Values): unknown {
    this.#budget.spend(1);
    switch (node.op) {
      case 'value':
        return node.args;
      case 'id':
        return this.#lift(node, values.get(node.args));
      case '.':
        return this.#field(node, values);
      case '[]':
        return this.#index(node, values);
      case 'list':
        return node.args.map((element) => this.run(element, values));
      case 'map':
        return new Map(node.args.map(([key, value]) => [this.run(key, values), this.run(value, values)]));
      case '?:':
        return this.#bool(node.args[0], values) ? this.run(node.args[1], values) : this.run(node.args[2], values);
      case '||':
      case '&&':
        return this.#either(node.args, values, node.op === '||');
      case '!_':
        return !this.#bool(node.args, values);
      case '-_':
        return this.#minus(node.args, values);
      case 'call':
        return node.args[0] === 'has' ? this.#has(node.args[1][0], values) : this.#apply(node, node.args[0], undefined, node.args[1], values);
      case 'rcall':
        return this.#method(node, node.args[0], node.args[1], node.args[2], values);
      case '.?':
      case '[?]':
        throw new CannotTell('optional access is not part of the runbook language');
      default:
        return compute(node.op, this.run(node.args[0], values), this.run(node.args[1], values), this.#budget, (side) => textOf(side === undefined ? node : node.args[side]));
    }
  }

  #typeOf(node: Node): CelType {
    return this.#checked.types.get(node) ?? UNKNOWN;
  }

  /** JSON has one kind of number; the schema says which of CEL's two was meant. */
  #lift(node: Node, value: unknown): unknown {
    if (value === undefined) return null;
    return liftAs(value, present(this.#typeOf(node)).kind);
  }

  #field(node: Node & { op: '.' }, values: Values): unknown {
    const [target, name] = node.args;
    const step = stepOf(target);
    if (step !== undefined) return this.#stepField(node, step, name);
    const type = present(this.#typeOf(target));
    const value = this.#key(target, this.run(target, values), name, type);
    return this.#lift(node, value);
  }

  #stepField(node: Node, id: string, name: string): unknown {
    const entry = Object.hasOwn(this.#steps, id) ? this.#steps[id] : undefined;
    const output = own(entry, 'output');
    const failed = own(entry, 'failed');
    const skipped = own(entry, 'skipped');
    const because = typeof failed === 'string' ? `step ${id} failed (${failed})` : typeof skipped === 'string' ? `step ${id} was skipped (${skipped})` : `step ${id} has not run`;
    switch (name) {
      case 'ok':
        return output !== undefined;
      case 'failed':
        return output === undefined && failed !== undefined;
      case 'skipped':
        return output === undefined && skipped !== undefined;
      case 'because':
        return output === undefined ? because : '';
      default:
        if (output === undefined) throw new CannotTell(because);
        return this.#lift(node, output);
    }
  }

  /** A field that its schema lets be absent is null; a key of a map that is not there cannot be told. */
  #key(target: Node, holder: unknown, name: string, type: CelType): unknown {
    if (holder === null) throw new CannotTell(`${textOf(target)} is null`);
    const value = own(holder, name);
    if (value === undefined && type.kind !== 'record') throw new CannotTell(`${textOf(target)} has no "${name}"`);
    return value;
  }

  #index(node: Node & { op: '[]' }, values: Values): unknown {
    const [target, indexNode] = node.args;
    const holder = this.run(target, values);
    const index = this.run(indexNode, values);
    if (!Array.isArray(holder)) return this.#lift(node, this.#key(target, holder, String(index), present(this.#typeOf(target))));
    const at = typeof index === 'bigint' ? Number(index) : Number.NaN;
    if (!Number.isSafeInteger(at) || at < 0 || at >= holder.length) throw new CannotTell(`${textOf(target)} has ${holder.length} elements, there is none at ${String(index)}`);
    return this.#lift(node, holder[at]);
  }

  #bool(node: Node, values: Values): boolean {
    const value = this.run(node, values);
    if (typeof value === 'boolean') return value;
    throw new CannotTell(`${textOf(node)} is ${value === null ? 'null' : 'not a bool'}`);
  }

  /** `a || b` is true when either is, even if the other cannot be told; `&&` likewise with false. */
  #either(sides: readonly [Node, Node], values: Values, decides: boolean): boolean {
    let missing: CannotTell | undefined;
    for (const side of sides) {
      try {
        if (this.#bool(side, values) === decides) return decides;
      } catch (error) {
        missing ??= cannotTell(error);
      }
    }
    if (missing !== undefined) throw missing;
    return !decides;
  }

  #minus(node: Node, values: Values): unknown {
    const value = this.run(node, values);
    if (typeof value === 'bigint' || typeof value === 'number') return -value;
    throw new CannotTell(`${textOf(node)} is ${value === null ? 'null' : 'not a number'}`);
  }

  #has(path: Node | undefined, values: Values): boolean {
    if (path?.op !== '.') return false;
    const step = stepOf(path.args[0]);
    if (step !== undefined) return path.args[1] !== 'output' || own(own(this.#steps, step), 'output') !== undefined;
    const value = own(this.run(path.args[0], values), path.args[1]);
    return value !== undefined && value !== null;
  }

  #method(node: Node, name: string, target: Node, args: readonly Node[], values: Values): unknown {
    if (isCelBind(name, target)) {
      const [variable, value, body] = args;
      if (variable?.op !== 'id' || value === undefined || body === undefined) throw new CannotTell('cel.bind is not complete');
      return this.run(body, new Map(values).set(variable.args, this.run(value, values)));
    }
    if (MACROS.isLoop(name)) return this.#loop(name, target, args, values);
    return this.#apply(node, name, target, args, values);
  }

  #apply(node: Node, name: string, target: Node | undefined, args: readonly Node[], values: Values): unknown {
    const nodes = target === undefined ? args : [target, ...args];
    const given = nodes.map((each) => this.run(each, values));
    const missing = given.indexOf(null);
    if (missing >= 0) throw new CannotTell(`${textOf(nodes[missing])} is null`);
    if (name === 'size' && given.length === 1) return sizeOf(given[0]);
    const types = args.map((arg) => this.#typeOf(arg));
    const found = findFunction(name, target === undefined ? undefined : this.#typeOf(target), types);
    if (found === undefined) throw new CannotTell(`there is no function ${name} for these values`);
    for (const value of given) this.#budget.spendOn(value);
    if (name === 'matches') this.#budget.spend(matchWork(given));
    try {
      const result = found.call(given);
      this.#budget.spendOn(result);
      return result;
    } catch (error) {
      if (error instanceof OverBudget) throw error;
      throw new CannotTell(`${textOf(node)}: ${summaryOf(error)}`);
    }
  }

  #loop(name: string, target: Node, args: readonly Node[], values: Values): unknown {
    const range = elements(this.run(target, values), textOf(target));
    const [variable, ...rest] = args;
    const body = rest.at(-1);
    const condition = name === 'map' ? (rest.length === 2 ? rest[0] : undefined) : body;
    if (variable?.op !== 'id' || body === undefined) throw new CannotTell(`${name} is not complete`);
    const inner = new Map(values);
    const each = (element: unknown): Values => inner.set(variable.args, element);
    if (name === 'all' || name === 'exists') return this.#quantify(range, each, body, name === 'exists');
    const kept: unknown[] = [];
    for (const element of range) {
      this.#budget.spend(1);
      const scope = each(element);
      if (condition !== undefined && !this.#bool(condition, scope)) continue;
      kept.push(name === 'map' ? this.run(body, scope) : element);
    }
    return name === 'exists_one' ? kept.length === 1 : kept;
  }

  #quantify(range: readonly unknown[], each: (element: unknown) => Values, body: Node, decides: boolean): boolean {
    let missing: CannotTell | undefined;
    for (const element of range) {
      this.#budget.spend(1);
      try {
        if (this.#bool(body, each(element)) === decides) return decides;
      } catch (error) {
        missing ??= cannotTell(error);
      }
    }
    if (missing !== undefined) throw missing;
    return !decides;
  }
}

function liftAs(value: unknown, kind: CelType['kind']): unknown {
  if (typeof value === 'bigint') return kind === 'double' ? Number(value) : value;
  if (typeof value !== 'number') return value;
  if (kind === 'double') return value;
  return Number.isSafeInteger(value) ? BigInt(value) : value;
}

/** RE2 takes time in proportion to the length of the text times that of the pattern. */
function matchWork([text, pattern]: readonly unknown[]): number {
  return Math.ceil((String(text).length * String(pattern).length) / 64);
}

function own(holder: unknown, key: string): unknown {
  if (holder instanceof Map) return holder.get(key);
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, key)) return undefined;
  return (holder as Readonly<Record<string, unknown>>)[key];
}

function elements(range: unknown, text: string): readonly unknown[] {
  if (Array.isArray(range)) return range;
  if (range instanceof Map) return [...range.keys()];
  if (typeof range === 'object' && range !== null) return Object.keys(range);
  throw new CannotTell(`${text} is ${range === null ? 'null' : 'not a list'}`);
}

function sizeOf(value: unknown): bigint {
  if (typeof value === 'string') return BigInt([...value].length);
  if (Array.isArray(value)) return BigInt(value.length);
  if (value instanceof Map) return BigInt(value.size);
  if (typeof value === 'object' && value !== null) return BigInt(Object.keys(value).length);
  throw new CannotTell('only lists, maps and strings have a size');
}

/** Errors that a condition may absorb. Running out of budget is none of them. */
function cannotTell(error: unknown): CannotTell {
  if (error instanceof CannotTell) return error;
  throw error;
}

function summaryOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'summary' in error && typeof error.summary === 'string') return error.summary;
  return error instanceof Error ? error.message : String(error);
}

function textOf(node: Node | undefined): string {
  if (node === undefined) return '';
  const bare = node.input.slice(node.start, node.end);
  // The parser's ranges leave a closing bracket at the end out.
  const text = bare + ')'.repeat(Math.max(0, bare.split('(').length - bare.split(')').length));
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

