/**
 * Everything that the author of a step imports. A step is one declared object: what it reads or changes, with typed input
 * and output, examples that run as tests, and functions whose only way to the world is their context.
 *
 * The reference implementation to imitate: `systems/cordum/steps/dlq-list.ts` (read), `dlq-retry.ts` (write).
 */
export { z } from 'zod';
export { succeed, fail, isTransient } from '#kernel/failure.ts';
export type { Failure, FailureReason, Result } from '#kernel/failure.ts';
export type { Json, JsonObject } from '#kernel/json.ts';
export { defineRead, defineWrite, isWrite, STEP_NAME, TIERS } from './step.ts';
export type { AnyStep, ReadStep, WriteStep, StepExample, Tier } from './step.ts';
export { defineSystem } from './context.ts';
export type { ApplyContext, GivenApproval, PlanContext, ProbeContext, StepContext, SystemToken } from './context.ts';
export type { Capacity, Item, ItemEnd, Plan, AppliedItem, ProbeAnswer, UndoStep, VerifyAnswer } from './plan.ts';
