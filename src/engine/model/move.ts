/** What a decision is made from, and what it comes to. */
import type { StepNode } from '#language/runbook.ts';
import type { Freeze, Limits } from '#policy/model.ts';
import type { RunEvent } from './events.ts';

/** What the decision depends on besides the run itself. */
export interface Facts {
  readonly now: number;
  readonly killSwitch: boolean;
  readonly freeze: Freeze | undefined;
  /** When the next freeze begins or ends, ms since the epoch. */
  readonly freezeBeginsAt: number | undefined;
  readonly limits: Limits;
  /** Ids of the moves that are being done right now. */
  readonly inFlight: ReadonlySet<string>;
}

export type Move =
  | { readonly id: string; readonly do: 'step'; readonly node: StepNode }
  | { readonly id: string; readonly do: 'plan'; readonly offer: string }
  | { readonly id: string; readonly do: 'ahead'; readonly approval: string }
  | { readonly id: string; readonly do: 'redeem'; readonly approval: string }
  | { readonly id: string; readonly do: 'effect'; readonly approval: string; readonly item: string; readonly wave: number }
  | { readonly id: string; readonly do: 'probe'; readonly effect: string }
  | { readonly id: string; readonly do: 'watch'; readonly approval: string; readonly wave: number }
  | { readonly id: string; readonly do: 'verify'; readonly approval: string };

export interface Next {
  readonly events: readonly RunEvent[];
  readonly moves: readonly Move[];
  readonly dueAt?: number;
}
