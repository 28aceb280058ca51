import type { Failure } from '#kernel/failure.ts';
import type { Json, JsonObject } from '#kernel/json.ts';

/**
 * One thing that a plan changes. The approver sees `title`, `current` and `next`; the digest covers all four, so
 * whatever decides that the change is still the right one belongs into `current` (a state, a resourceVersion, a time).
 */
export interface Item {
  /** Names the thing within its target and step: a job id, `deployment/cordum-scheduler`. Also the unit of claims. */
  readonly key: string;
  readonly title: string;
  readonly current: Json;
  readonly next: Json;
}

/** For plans that take serving capacity away (pods, replicas, shards): the executor holds caps and the floor by it. */
export interface Capacity {
  /** How many units serve now. */
  readonly total: number;
  /** Never fewer than this may be left. */
  readonly floor: number;
}

/** What a write step would do, computed before anybody is asked. An empty list of items means: nothing to do. */
export interface Plan {
  /** One sentence, for the card: what will change and what it may cost. */
  readonly summary: string;
  readonly items: readonly Item[];
  readonly capacity?: Capacity;
  /** What was left out and why, for people; not part of the digest. */
  readonly notes?: readonly string[];
}

/** An item whose effect has succeeded, with what `apply` returned for it. */
export interface AppliedItem {
  readonly item: Item;
  readonly result: JsonObject;
}

/**
 * How an applied item ended: `pending` not yet, `done` it did its job, `returned` it is back where it was (a retried job
 * that was dead-lettered again), `failed` it ended badly in another way, `unknown` it cannot be seen.
 */
export type ItemEnd = 'pending' | 'done' | 'returned' | 'failed' | 'unknown';

/** The answer of `verify`: the end of each item by its key, and a sentence on what was seen. */
export interface VerifyAnswer {
  readonly ends: Readonly<Record<string, ItemEnd>>;
  readonly say: string;
}

/**
 * Whether a call whose answer was lost has landed. `notApplied` counts only once the lost call can no longer land
 * (the step's `landsWithinMs`); the engine asks again until then.
 */
export type ProbeAnswer =
  | { readonly landed: 'applied'; readonly result: JsonObject; readonly evidence: string }
  | { readonly landed: 'notApplied'; readonly evidence: string }
  | { readonly landed: 'unknown'; readonly evidence: string; readonly failure?: Failure };

/** The write that takes an applied change back: a step and its input, which is planned and approved like any other. */
export interface UndoStep {
  readonly uses: string;
  readonly with: JsonObject;
  readonly title: string;
}
