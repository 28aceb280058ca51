/** Whether the run is over, and how it stands until then. */
import type { Runbook } from '#language/runbook.ts';
import { failedStop } from './decide-steps.ts';
import type { Facts, Next } from './move.ts';
import { scopeOf } from './scope.ts';
import { hasUnknownEffect, type RunState } from './state.ts';
import type { OfferStatus, RunStatus } from './views.ts';

/** Work is being done, or somebody is being asked. */
const ACTIVE: ReadonlySet<OfferStatus> = new Set(['planning', 'pending', 'approved', 'applying', 'verifying']);
/** Nothing is asked now, but a person may plan it (again) while the run is open. */
const REPLANNABLE: ReadonlySet<OfferStatus> = new Set(['form', 'expired', 'planFailed', 'halted', 'failed', 'withdrawn']);

export function mayPlanAgain(status: OfferStatus): boolean {
  return REPLANNABLE.has(status);
}

export function decideEnd(run: RunState, runbook: Runbook, facts: Facts): Next {
  if (!run.diagnosed || hasUnknownEffect(run)) return { events: [], moves: [] };
  const offers = [...run.offers.values()];
  if (offers.some((offer) => ACTIVE.has(offer.status))) return { events: [], moves: [] };
  if (run.cancel !== undefined) return end('cancelled', `cancelled by ${run.cancel.by}${run.cancel.reason === null ? '' : `: ${run.cancel.reason}`}`);
  const stopped = failedStop(run, runbook);
  if (stopped !== undefined) return end('failed', `step ${stopped} failed`);
  if (run.dryRun) return endOfDryRun(run);
  // What ran beside the target has an outcome of its own: that it failed is its answer, and not for somebody to try again here.
  const lost = offers.find(({ id, status }) => status === 'failed' && runbook.offers.some((rule) => rule.id === id && rule.uses.aside === true));
  if (lost !== undefined) return end('failed', `${lost.id} did not do its job`);

  const failed = [...run.effects.values()].filter((effect) => effect.status === 'failed').length;
  const done = doneHolds(run, runbook);
  const overAt = run.startedAt + runbook.done.withinMs;
  const late = overAt <= facts.now;
  // Without an alert nothing resolves by itself, so until something was carried out, what a person can still plan keeps the run open.
  const waiting = run.trigger.kind !== 'alert' && !offers.some((offer) => offer.status === 'done') && offers.some((offer) => REPLANNABLE.has(offer.status));
  if (done.holds && (late || !waiting)) return failed === 0 ? end('succeeded', done.because) : end('failed', `${failed} effects failed`);
  if (late) return end('failed', `not done in time: ${done.because}`);
  return { events: [], moves: [], dueAt: overAt };
}

/** A dry run that could not look has planned nothing, and must not read like one that found nothing to do. */
function endOfDryRun(run: RunState): Next {
  const planned = [...run.offers.values()].filter((offer) => offer.status === 'planned').length;
  const blind = [...run.steps.values()].find((step) => step.status === 'failed');
  if (planned === 0 && blind !== undefined) return end('failed', `dry run: nothing is planned, but step ${blind.id} failed, so that may not be all`);
  return end('succeeded', planned === 0 ? 'dry run: there is nothing to do' : 'dry run: planned, nothing was offered');
}

function end(status: 'succeeded' | 'failed' | 'cancelled', because: string): Next {
  return { events: [{ type: 'RunEnded', data: { status, because } }], moves: [] };
}

function doneHolds(run: RunState, runbook: Runbook): { readonly holds: boolean; readonly because: string } {
  if (runbook.done.when === undefined) return { holds: true, because: 'all steps and offers have ended' };
  const done = runbook.done.when.evaluate(scopeOf(run));
  if (!done.ok) return { holds: false, because: done.because };
  const condition = runbook.done.when.text.replace(/^\$\{\{\s*|\s*\}\}$/g, '');
  return done.value === true ? { holds: true, because: `${condition} holds` } : { holds: false, because: `${condition} does not hold` };
}

export function statusOf(run: RunState): RunStatus {
  if (run.ended !== undefined) return run.ended.status;
  if (hasUnknownEffect(run)) return 'unknown';
  if (run.steps.size === 0 && !run.diagnosed) return 'queued';
  if (!run.diagnosed) return [...run.steps.values()].some((step) => step.status === 'running' || step.status === 'pending') ? 'running' : 'waiting';
  const busy = [...run.offers.values()].some((offer) => offer.status === 'planning' || offer.status === 'approved' || offer.status === 'applying' || offer.status === 'verifying');
  return busy ? 'running' : 'waiting';
}
