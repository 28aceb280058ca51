import type { z } from 'zod';
import type { Result } from '#kernel/failure.ts';
import type { JsonObject } from '#kernel/json.ts';
import type { ApplyContext, PlanContext, ProbeContext, StepContext } from './context.ts';
import type { AppliedItem, Item, Plan, ProbeAnswer, UndoStep, VerifyAnswer } from './plan.ts';

/** Of writes, from the least harm to the most: R1 reversible and small; R2 scale down, bulk, delete; R3 restore, delete data, fail over. */
export const TIERS = ['R1', 'R2', 'R3'] as const;
export type Tier = (typeof TIERS)[number];

/** `system.noun.verb`, in lower case. */
export const STEP_NAME = /^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$/;

/** Shown in the generated reference and run as a test: the input must parse, and the output of a read as well. */
export interface StepExample {
  readonly title: string;
  /** As an author would write it under `with:`. */
  readonly with: JsonObject;
  /** For a read: what it answers. */
  readonly output?: JsonObject;
}

interface Declared<In extends z.ZodObject, Out extends z.ZodObject> {
  readonly name: string;
  /** One line: what it reads, or changes. */
  readonly summary: string;
  /** What stands under `with:`. Every list holds records with named fields, so that expressions over it are checked. */
  readonly input: In;
  /** What `steps.<id>.output` holds (a read), or what each effect returned (a write). */
  readonly output: Out;
  readonly examples: readonly StepExample[];
  /** How long one call of run, plan, apply, probe or verify may take before it counts as `timeout`. Default 30 s. */
  readonly timeoutMs?: number;
}

export interface ReadStep<In extends z.ZodObject = z.ZodObject, Out extends z.ZodObject = z.ZodObject> extends Declared<In, Out> {
  readonly kind: 'read';
  run(input: z.output<In>, ctx: StepContext): Promise<Result<z.input<Out>>>;
}

export interface WriteStep<In extends z.ZodObject = z.ZodObject, Out extends z.ZodObject = z.ZodObject> extends Declared<In, Out> {
  readonly kind: 'write';
  readonly tier: Tier;
  /** It works beside the target and never on it, so that its failures say nothing about changes of the target: the breaker does not count them. */
  readonly aside?: true;
  /**
   * It may be approved ahead, for a named window: this names what would be approved. Without it nobody can, and only an R1 that
   * works aside may have it. All that decides that it is still the same belongs into the items of its plan.
   */
  ahead?(input: z.output<In>): string;
  /** At most this many effects a second and an hour, on one target; the executor holds it. */
  readonly rate?: { readonly perSecond: number; readonly perHour: number };
  /** How long after it was sent a lost call may still take effect at the target, ms. `notApplied` is believed only then. */
  readonly landsWithinMs: number;
  /** Reads what is and says what would change. Must not change anything. Called again before the first effect. */
  plan(input: z.output<In>, ctx: PlanContext): Promise<Result<Plan>>;
  /** Changes one item, with one call. A failure that may have landed is probed, never repeated. */
  apply(item: Item, input: z.output<In>, ctx: ApplyContext): Promise<Result<z.input<Out>>>;
  /** Finds whether a lost call for this item landed. Must not change anything. */
  probe(item: Item, input: z.output<In>, ctx: ProbeContext): Promise<ProbeAnswer>;
  /** Says how each applied item ended. Called until no item is pending, or the deadline has passed. */
  verify(applied: readonly AppliedItem[], input: z.output<In>, ctx: StepContext): Promise<Result<VerifyAnswer>>;
  /** The write that takes the applied items back, when there is one. */
  undo?(applied: readonly AppliedItem[], input: z.output<In>): UndoStep | undefined;
}

/** A step whose types are erased: what the catalogue, the language and the engine handle. */
export type AnyStep = ReadStep | WriteStep;

export function defineRead<In extends z.ZodObject, Out extends z.ZodObject>(step: Omit<ReadStep<In, Out>, 'kind'>): ReadStep {
  return erase({ ...step, kind: 'read' });
}

export function defineWrite<In extends z.ZodObject, Out extends z.ZodObject>(step: Omit<WriteStep<In, Out>, 'kind'>): WriteStep {
  if (step.ahead !== undefined && (step.tier !== 'R1' || step.aside !== true)) throw new TypeError(`${step.name} may not be approved ahead: only an R1 that works aside may`);
  return erase({ ...step, kind: 'write' });
}

export function isWrite(step: AnyStep): step is WriteStep {
  return step.kind === 'write';
}

/** The engine parses every input with the step's own schema before it calls the step, so the types may be erased here. */
function erase<Erased extends AnyStep>(step: { readonly name: string; readonly kind: Erased['kind'] }): Erased {
  if (!STEP_NAME.test(step.name)) throw new TypeError(`a step is named system.noun.verb, got "${step.name}"`);
  return Object.freeze(step) as unknown as Erased;
}

