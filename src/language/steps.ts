import type { z } from 'zod';
import { didYouMean, nearest } from '#kernel/hints.ts';
import type { Json } from '#kernel/json.ts';
import { type AnyStep, isWrite } from '#step-kit/index.ts';
import { type Compiling, compileAs } from './compile.ts';
import type { Path } from './document.ts';
import { typeOfSchema } from './expressions/schema.ts';
import { BOOL, type CelType, UNKNOWN, listOf, present, record } from './expressions/types.ts';
import { ROOT_NAMES, namesOf, withVariable } from './names.ts';
import { readShape } from './read-shape.ts';
import type { InputField, StepNode } from './runbook.ts';
import { parallelShape, stepShape } from './shape.ts';
import { compileWith } from './with.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

export type Steps = ReadonlyMap<string, AnyStep>;

interface ReadSteps {
  readonly nodes: readonly StepNode[];
  /** Output types by id, those of steps with mistakes included: one slip is one message. */
  readonly outputs: ReadonlyMap<string, CelType>;
}

interface Entry {
  readonly path: Path;
  readonly value: Json;
}

/**
 * Reads `steps:`. They run one after another; the members of a `parallel` block run together, and what follows the block
 * waits for all of them.
 */
export function readSteps(items: readonly Json[], path: Path, within: Compiling, inputs: readonly InputField[], known: Steps): ReadSteps {
  const blocks = items.map((value, i) => blockOf({ path: [...path, i], value }, within));
  const later = new Map<string, string>();
  for (const { value } of blocks.flat()) {
    const id = idOf(value);
    if (id !== undefined) later.set(`steps.${id}`, `step "${id}" has not ended yet when this is read: name it further down, or move it up`);
  }
  const nodes: StepNode[] = [];
  const outputs = new Map<string, CelType>();
  let before: readonly string[] = [];
  for (const block of blocks) {
    const visible = new Map(outputs);
    const ids: string[] = [];
    for (const entry of block) {
      const names = namesOf(inputs, visible, later);
      const read = readStep(entry, { ...within, names }, before, known);
      if (read === undefined) continue;
      if (outputs.has(read.id)) within.problems.add(within.source.offsetOf([...entry.path, 'id']), 'duplicate-id', `there is already a step "${read.id}"`);
      outputs.set(read.id, read.output);
      ids.push(read.id);
      if (read.node !== undefined) nodes.push(read.node);
    }
    if (ids.length > 0) before = ids;
  }
  return { nodes, outputs };
}

function blockOf(entry: Entry, within: Compiling): Entry[] {
  const { value, path } = entry;
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, 'parallel')) return [entry];
  const block = readShape(parallelShape, value, path, within.source, within.problems);
  if (block === undefined) return [];
  const members = block.parallel.map((member, i) => ({ path: [...path, 'parallel', i], value: member as Json }));
  return members.filter((member) => {
    const nested = typeof member.value === 'object' && member.value !== null && Object.hasOwn(member.value, 'parallel');
    if (nested) within.problems.add(within.source.offsetOf(member.path), 'bad-value', 'a parallel block may not stand inside another');
    return !nested;
  });
}

function idOf(value: Json): string | undefined {
  const id: unknown = typeof value === 'object' && value !== null && Object.hasOwn(value, 'id') ? (value as { id?: unknown }).id : undefined;
  return typeof id === 'string' ? id : undefined;
}

interface StepRead {
  readonly id: string;
  readonly output: CelType;
  readonly node: StepNode | undefined;
}

function readStep(entry: Entry, within: Compiling, after: readonly string[], known: Steps): StepRead | undefined {
  const { path } = entry;
  const { source, problems } = within;
  const shape = readShape(stepShape, entry.value, path, source, problems);
  if (shape === undefined) {
    const id = idOf(entry.value);
    return id === undefined ? undefined : { id, output: outputOf(entry.value, known), node: undefined };
  }
  const uses = findStep(shape.uses, [...path, 'uses'], within, known);
  if (uses !== undefined && isWrite(uses)) {
    problems.add(source.offsetOf([...path, 'uses']), 'write-step', `${uses.name} changes something: steps only read`, 'put it under "offers:", where a person approves it');
  }
  const condition = shape.if === undefined ? undefined : compileAs([...path, 'if'], shape.if, BOOL, '"if"', within).template;
  const forEach = readForEach(shape['for-each'], [...path, 'for-each'], within);
  const inner = forEach === undefined ? within : { ...within, names: withVariable(within.names, forEach.as, forEach.element) };
  // The output of a misspelt step is taken to be that of the one that was probably meant.
  const meant = uses ?? known.get(nearest(shape.uses, known.keys()) ?? '');
  const each = meant === undefined ? UNKNOWN : typeOfSchema(meant.output, 'output');
  const output = forEach === undefined ? each : record({ items: listOf(each) });
  if (uses === undefined) return { id: shape.id, output, node: undefined };
  const node: StepNode = {
    id: shape.id,
    uses,
    with: compileWith([...path, 'with'], shape.with as Json, uses, inner).template,
    ...(condition === undefined ? {} : { if: condition }),
    ...(forEach === undefined ? {} : { forEach: { over: forEach.over, as: forEach.as, concurrency: forEach.concurrency } }),
    retry: { attempts: shape.retry.attempts, delayMs: shape.retry.delay },
    timeoutMs: shape.timeout ?? uses.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    onFailure: shape['on-failure'],
    after,
  };
  return { id: shape.id, output, node };
}

/** Even of a step with mistakes the output is known, when its `uses` is right. */
function outputOf(value: Json, known: Steps): CelType {
  const uses: unknown = typeof value === 'object' && value !== null ? (value as { uses?: unknown }).uses : undefined;
  const step = typeof uses === 'string' ? known.get(uses) : undefined;
  return step === undefined || Object.hasOwn(value as object, 'for-each') ? UNKNOWN : typeOfSchema(step.output, 'output');
}

export function findStep(name: string, path: Path, within: Compiling, known: Steps): AnyStep | undefined {
  const step = known.get(name);
  if (step === undefined) within.problems.add(within.source.offsetOf(path), 'unknown-step', `there is no step "${name}"`, didYouMean(name, known.keys()));
  return step;
}

type ForEachShape = z.output<typeof stepShape>['for-each'];

function readForEach(shape: ForEachShape, path: Path, within: Compiling): (NonNullable<StepNode['forEach']> & { readonly element: CelType }) | undefined {
  if (shape === undefined) return undefined;
  const { over, as, concurrency } = typeof shape === 'string' ? { over: shape, as: 'item', concurrency: 4 } : shape;
  const overPath = typeof shape === 'string' ? path : [...path, 'over'];
  if (ROOT_NAMES.includes(as)) within.problems.add(within.source.offsetOf([...path, 'as']), 'bad-value', `"${as}" has a meaning already`, 'choose another name, such as item');
  const compiled = compileAs(overPath, over, listOf(UNKNOWN), '"for-each"', within);
  const type = present(compiled.type);
  return { over: compiled.template, as, concurrency, element: type.kind === 'list' ? type.of : UNKNOWN };
}
