import type { Json } from '#kernel/json.ts';

/** The names that an expression may use. `item` and `wave` exist only where the language says so. */
export interface Scope {
  readonly [name: string]: Json;
}

/** What the evaluation of a template gave: a value, or why there is none (a step that failed, a limit that was reached). */
export type Evaluated = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly because: string };

/**
 * A value of the YAML whose strings may hold `${{ }}`. Checked when the runbook is loaded; evaluation is pure and bounded.
 * A string that is exactly one `${{ }}` keeps the type of its expression.
 */
export interface Template {
  /** As it stands in the file, for messages. */
  readonly text: string;
  /** Ids of the steps whose output it reads. */
  readonly steps: readonly string[];
  evaluate(scope: Scope): Evaluated;
}
