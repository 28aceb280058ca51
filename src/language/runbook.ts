import type { AnyStep, Tier } from '#step-kit/index.ts';
import type { Template } from './template.ts';

/** A checked runbook: what the loader makes of one good YAML file. Immutable, and free of I/O. */
export interface Runbook {
  readonly name: string;
  readonly title: string;
  readonly owner: string;
  readonly description: string;
  /** SHA-256 of the file's text, in hex. A run stays on the revision that it started with. */
  readonly revision: string;
  /** The text itself, so that a run in flight can be loaded again after a restart. */
  readonly source: string;
  /** Where it was read, for messages. */
  readonly file: string;
  readonly triggers: readonly Trigger[];
  readonly inputs: readonly InputField[];
  /** In the order of the file. The members of a `parallel` block wait for the same steps (`after`). */
  readonly steps: readonly StepNode[];
  readonly findings: readonly FindingRule[];
  readonly offers: readonly OfferRule[];
  readonly done: { readonly when?: Template; readonly withinMs: number };
}

/** One alternative of a trigger: all matchers must match. Alertmanager's own syntax, `alertname="X"`. */
export interface Trigger {
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
  matches(labels: Readonly<Record<string, string>>): boolean;
}

export interface InputField {
  readonly name: string;
  readonly type: 'string' | 'int' | 'double' | 'bool' | 'list';
  readonly title: string;
  readonly required: boolean;
  readonly default?: string | number | boolean | readonly string[];
  /** A closed set of choices: written out, or computed from evidence (a template that gives a list of strings). */
  readonly options?: readonly string[] | Template;
}

export interface StepNode {
  readonly id: string;
  readonly uses: AnyStep;
  /** Each leaf is a template: `with` of the YAML, read by the step's input schema after evaluation. */
  readonly with: Template;
  readonly if?: Template;
  /** Runs once an element. Its output is then `{ items }`, the outputs in the order of the elements. */
  readonly forEach?: { readonly over: Template; readonly as: string; readonly concurrency: number };
  readonly retry: { readonly attempts: number; readonly delayMs: number };
  readonly timeoutMs: number;
  /** What a failure of this step means: `continue` (default; findings say what could not be seen) or `stop` the run. */
  readonly onFailure: 'continue' | 'stop';
  /** Ids of the steps that must have ended before this one starts. */
  readonly after: readonly string[];
}

export interface FindingRule {
  readonly if: Template;
  readonly severity: 'info' | 'warning' | 'critical';
  readonly say: Template;
  readonly recommends?: string;
}

export interface OfferRule {
  readonly id: string;
  readonly title: Template;
  readonly if: Template;
  readonly uses: AnyStep & { readonly kind: 'write' };
  readonly with: Template;
  /** The step's tier, or the higher one that the runbook asks for. */
  readonly tier: Tier;
  /** With inputs, a form comes first and the plan after it. */
  readonly inputs: readonly InputField[];
  readonly waves: Waves;
}

export interface Waves {
  /** Sizes one after another; the last repeats. A number is a count of items, `{percent}` a share of the whole plan. */
  readonly sizes: readonly (number | { readonly percent: number })[];
  readonly pauseMs: number;
  /** How long a wave's items may take to end before they count as unknown. */
  readonly deadlineMs: number;
  /** Over `wave`: index, size, done, returned, failed, unknown. Absent: more than 10 % not done halts. */
  readonly halt?: Template;
}
