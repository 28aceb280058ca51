/** The index entries of a run and its approvals: what lists show, and when it must be looked at again. */
import type { JsonObject } from '#kernel/json.ts';
import type { Runbook } from '#language/runbook.ts';
import { decide } from '../model/decide.ts';
import type { Facts } from '../model/move.ts';
import { hasUnknownEffect, isUnderWay, type RunState } from '../model/state.ts';
import { summaryOf } from '../model/view.ts';
import type { IndexEntry } from '../ports.ts';

export function indexOf(run: RunState, runbook: Runbook | undefined, facts: Facts): readonly IndexEntry[] {
  const stream = `run:${run.id}`;
  const dueAt = dueAtOf(run, runbook, facts);
  const entries: IndexEntry[] = [
    {
      kind: 'run',
      id: run.id,
      stream,
      open: run.ended === undefined,
      ...(run.incidentId === null ? {} : { key: run.incidentId }),
      ...(dueAt === undefined ? {} : { dueAt }),
      summary: summaryOf(run, runbook) as unknown as JsonObject,
    },
  ];
  for (const approval of run.approvals.values()) {
    entries.push({
      kind: 'approval',
      id: approval.id,
      stream,
      // Undecided, or being carried out: the next process must know of it at once.
      open: run.ended === undefined && (approval.status === 'pending' || approval.status === 'approved' || isUnderWay(approval)),
      key: approval.status,
      summary: { runId: run.id, offerId: approval.offer, status: approval.status, tier: approval.tier, title: approval.title, expiresAt: approval.expiresAt },
    });
  }
  return entries;
}

/** With anything left to do it is due at once, so that a restart takes it up; else at the time that it waits for. */
function dueAtOf(run: RunState, runbook: Runbook | undefined, facts: Facts): number | undefined {
  if (run.ended !== undefined) return undefined;
  // Without its runbook only a person can bring it on, by settling what is unknown.
  if (runbook === undefined) return hasUnknownEffect(run) ? undefined : facts.now;
  const next = decide(run, runbook, facts);
  return next.events.length > 0 || next.moves.length > 0 ? facts.now : next.dueAt;
}
