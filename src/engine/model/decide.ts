/**
 * The next move of a run, as a pure function of its state. Events come first: while there are any, the caller appends them
 * and asks again. Moves are work with the outside world; the caller does each one that is not in flight already. `dueAt`
 * says when to ask again although nothing has happened.
 */
import type { StepNode, Runbook } from '#language/runbook.ts';
import type { Freeze, Limits } from '#policy/model.ts';
import { decideApply } from './decide-apply.ts';
import { decideEnd } from './decide-end.ts';
import { decideOffers } from './decide-offers.ts';
import { decideSteps } from './decide-steps.ts';
import type { RunEvent } from './events.ts';
import type { RunState } from './state.ts';

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

export const NOTHING: Next = { events: [], moves: [] };

export function decide(run: RunState, runbook: Runbook, facts: Facts): Next {
  if (run.ended !== undefined) return NOTHING;
  const parts: Next[] = [];
  for (const stage of [decideSteps, decideOffers, decideApply, decideEnd]) {
    const part = stage(run, runbook, facts);
    if (part.events.length > 0) return { events: part.events, moves: [] };
    parts.push(part);
  }
  return join(parts, facts);
}

/** One answer of many: all moves that are not in flight, and the earliest time. */
export function join(parts: readonly Next[], facts: Facts): Next {
  const moves = parts.flatMap((part) => part.moves).filter((move) => !facts.inFlight.has(move.id));
  const dueAt = Math.min(...parts.map((part) => part.dueAt ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(dueAt) ? { events: [], moves, dueAt } : { events: [], moves };
}
