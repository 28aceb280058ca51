/** Read steps: what can start, what is tried again, and the diagnosis once all have ended. */
import { evaluateFindings, evaluateOffer } from '#language/diagnose.ts';
import type { Runbook, StepNode } from '#language/runbook.ts';
import type { Facts, Move, Next } from './move.ts';
import type { RunEvent } from './events.ts';
import { scopeOf } from './scope.ts';
import type { RunState } from './state.ts';

/** A for-each over more elements than this is a mistake in the runbook, or an attack. */
const ITERATIONS_MAX = 200;

const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'skipped']);

export function decideSteps(run: RunState, runbook: Runbook, facts: Facts): Next {
  if (run.diagnosed) return { events: [], moves: [] };
  const stopped = stopReason(run, runbook);
  const events: RunEvent[] = [];
  const moves: Move[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  for (const node of runbook.steps) {
    const step = run.steps.get(node.id);
    if (step === undefined || step.status === 'pending') {
      const event = stopped === undefined ? begin(run, node) : skip(node, stopped);
      if (event !== undefined) events.push(event);
    } else if (step.status === 'running') moves.push({ id: `step:${node.id}`, do: 'step', node });
    else if (step.status === 'retrying' && step.retryAt !== undefined) {
      if (stopped !== undefined) events.push(skip(node, stopped));
      else if (step.retryAt <= facts.now) events.push({ type: 'StepStarted', data: { step: node.id, attempt: step.attempt + 1 } });
      else dueAt = Math.min(dueAt, step.retryAt);
    }
  }
  if (events.length > 0) return { events, moves: [] };
  if (runbook.steps.every((node) => isEnded(run, node.id))) return { events: diagnose(run, runbook, stopped), moves: [] };
  return Number.isFinite(dueAt) ? { events: [], moves, dueAt } : { events: [], moves };
}

function begin(run: RunState, node: StepNode): RunEvent | undefined {
  if (!node.after.every((id) => isEnded(run, id))) return undefined;
  const scope = scopeOf(run);
  if (node.if !== undefined) {
    const condition = node.if.evaluate(scope);
    if (!condition.ok) return skip(node, condition.because);
    if (condition.value !== true) return skip(node, 'its condition does not hold');
  }
  if (node.forEach === undefined) return { type: 'StepStarted', data: { step: node.id, attempt: 1 } };
  const over = node.forEach.over.evaluate(scope);
  if (!over.ok) return skip(node, over.because);
  if (!Array.isArray(over.value)) return skip(node, 'its for-each is not a list');
  if (over.value.length > ITERATIONS_MAX) return skip(node, `its for-each has ${over.value.length} elements, at most ${ITERATIONS_MAX} are allowed`);
  return { type: 'StepStarted', data: { step: node.id, attempt: 1, iterations: over.value } };
}

function skip(node: StepNode, because: string): RunEvent {
  return { type: 'StepSkipped', data: { step: node.id, because } };
}

function isEnded(run: RunState, id: string): boolean {
  return ENDED.has(run.steps.get(id)?.status ?? 'pending');
}

/** Why no further step starts, if so. */
function stopReason(run: RunState, runbook: Runbook): string | undefined {
  if (run.cancel !== undefined) return `cancelled by ${run.cancel.by}`;
  const failed = failedStop(run, runbook);
  return failed === undefined ? undefined : `step ${failed} failed`;
}

/** The step with `on-failure: stop` that has failed. */
export function failedStop(run: RunState, runbook: Runbook): string | undefined {
  return runbook.steps.find((node) => node.onFailure === 'stop' && run.steps.get(node.id)?.status === 'failed')?.id;
}

function diagnose(run: RunState, runbook: Runbook, stopped: string | undefined): RunEvent[] {
  const scope = scopeOf(run);
  const { findings, unknowns } = evaluateFindings(runbook, scope);
  const events: RunEvent[] = [{ type: 'Diagnosed', data: { findings, unknowns: [...unknowns, ...unread(run)] } }];
  for (const rule of runbook.offers) {
    if (stopped !== undefined) {
      events.push({ type: 'OfferSkipped', data: { offer: rule.id, because: stopped } });
      continue;
    }
    const offer = evaluateOffer(rule, scope);
    if (offer.open) events.push({ type: 'OfferOpened', data: { offer: rule.id, title: offer.title, needsInputs: offer.needsInputs } });
    else events.push({ type: 'OfferSkipped', data: { offer: rule.id, because: offer.because } });
  }
  return events;
}

/** What a step answered and the run does not hold was not looked at by any finding: unknown is never healthy. */
function unread(run: RunState): string[] {
  return [...run.steps.values()].flatMap(({ id, artifact }) => (artifact === undefined ? [] : [`step ${id} answered more than is looked at; ${artifact.note}`]));
}
