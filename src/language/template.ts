import type { Json } from '#kernel/json.ts';

/**
 * The names that an expression may use, as JSON:
 *
 * - `steps`: an object by step id. A step that has its output is `{ output }`; one that failed is `{ failed: "timeout: no
 *   answer" }`, one that was skipped is `{ skipped: "its condition does not hold" }`; one that has not ended is absent. Reading
 *   the output of any but the first gives `because: "cannot tell: step entries failed (timeout: no answer)"`. Expressions
 *   may ask `steps.<id>.ok`, `.failed`, `.skipped` (bools) and `.because` (a string) of every step.
 *   The output of a `for-each` step is `{ items: [...] }`, the outputs of its elements in order.
 * - `inputs`: the run's inputs; for `with` of an offer its own inputs too.
 * - `alert`: `{ firing, resolved, labels, annotations, startsAt }`, and `target`, the target's name.
 * - the variable of `for-each` (`item` unless `as` names it otherwise) in the `with` of that step; `wave` (`index size done
 *   returned failed unknown`) in `waves.halt`.
 */
export interface Scope {
  readonly [name: string]: Json;
}

/** What the evaluation of a template gave: a value, or why there is none (a step that failed, a limit that was reached). */
export type Evaluated = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly because: string };

/**
 * A value of the YAML whose strings may hold `${{ }}`. Checked when the runbook is loaded; evaluation is pure and bounded.
 * A string that is exactly one `${{ }}` keeps the type of its expression. In other strings an expression becomes text:
 * ints without a suffix, lists and maps as JSON, null as `unknown`. Under `with`, an expression that gives null for an
 * optional field leaves the field out.
 */
export interface Template {
  /** As it stands in the file, for messages. */
  readonly text: string;
  /** Ids of the steps that it reads. */
  readonly steps: readonly string[];
  evaluate(scope: Scope): Evaluated;
}
