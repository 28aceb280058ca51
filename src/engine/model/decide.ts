/**
 * The next move of a run, as a pure function of its state. Events come first: while there are any, the caller appends them
 * and asks again. Moves are work with the outside world; the caller does each one that is not in flight already. `dueAt`
 * says when to ask again although nothing has happened.
 */
import type { Runbook } from '#language/runbook.ts';
import { decideApply } from './decide-apply.ts';
import { decideEnd } from './decide-end.ts';
import { decideOffers } from './decide-offers.ts';
import { decideSteps } from './decide-steps.ts';
import type { Facts, Next } from './move.ts';
import type { RunState } from './state.ts';

export function decide(run: RunState, runbook: Runbook, facts: Facts): Next {
  if (run.ended !== undefined) return { events: [], moves: [] };
  const parts: Next[] = [];
  for (const stage of [decideSteps, decideOffers, decideApply, decideEnd]) {
    const part = stage(run, runbook, facts);
    if (part.events.length > 0) return { events: part.events, moves: [] };
    parts.push(part);
  }
  return join(parts, facts);
}

/** One answer of many: all moves that are not in flight, and the earliest time. */
function join(parts: readonly Next[], facts: Facts): Next {
  const moves = parts.flatMap((part) => part.moves).filter((move) => !facts.inFlight.has(move.id));
  const dueAt = Math.min(...parts.map((part) => part.dueAt ?? Number.POSITIVE_INFINITY));
  return Number.isFinite(dueAt) ? { events: [], moves, dueAt } : { events: [], moves };
}
