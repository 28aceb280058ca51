/** After the calls: how the items of a wave end, and at the very end whether the change did its job. */
import { waitUntil } from '#kernel/clock.ts';
import type { AppliedItem, ItemEnd, UndoStep, VerifyAnswer, WriteStep } from '#step-kit/index.ts';
import type { Result } from '#kernel/failure.ts';
import { effectsOf, wavesOf } from '../model/decide-apply.ts';
import type { RunEvent } from '../model/events.ts';
import { approvalOf, type ApprovalState, type RunState } from '../model/state.ts';
import { countEnds, haltVerdict, type Ends } from '../model/waves.ts';
import { contextFor, limited, stepTimeoutMs } from './call.ts';
import { tidyText } from './plan.ts';
import { appliedItems, approvedStep, stateOf, type Work } from './work.ts';

/** Between two looks at items that have not ended, ms; the last one repeats until the deadline. */
const LOOK_AGAIN_MS = [0, 500, 1_000, 2_000, 5_000] as const;

export async function watchWave(work: Work, approvalId: string, index: number): Promise<void> {
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const wave = approval.waves.find((candidate) => candidate.index === index);
  if (wave === undefined) return;
  const seen = await follow(work, run, approval, appliedItems(run, approval, wave.items));
  if (work.signal.aborted) return;
  await work.actor.record((now) => {
    const current = approvalOf(now, approvalId);
    if (current.waves.find((candidate) => candidate.index === index)?.checked !== undefined) return [];
    const count = countEnds(now, current, index, wave.items, seen.ends);
    const verdict = haltVerdict(now, wavesOf(work.runbook, current.offer), count);
    const because = seen.say === '' ? verdict.because : `${verdict.because}. ${seen.say}`;
    return [{ type: 'WaveChecked', data: { approval: approvalId, wave: count, ends: seen.ends, halted: verdict.halted, because } }];
  });
}

export async function verifyAll(work: Work, approvalId: string): Promise<void> {
  const run = await stateOf(work);
  const approval = approvalOf(run, approvalId);
  const step = approvedStep(work, approval);
  const applied = appliedItems(run, approval);
  const seen = await follow(work, run, approval, applied);
  if (work.signal.aborted) return;
  const undo = undoOf(work, step, approval, applied);
  await work.actor.record((now) => {
    const current = approvalOf(now, approvalId);
    if (current.verified !== undefined) return [];
    const verdict = judge(work, now, current, seen);
    const events: RunEvent[] = [{ type: 'Verified', data: { approval: approvalId, ...verdict, target: now.target, uses: step.name } }];
    if (verdict.outcome === 'failed' && undo !== undefined && applied.length > 0) {
      events.push({ type: 'UndoOffered', data: { offer: undoId(now, current.offer), of: approvalId, uses: undo.uses, input: undo.with, title: tidyText(work, undo.title) } });
    }
    return events;
  });
  work.world.claims.release(approvalId);
}

/** An undo that breaks is a bug, and no reason to leave the change without its verdict. */
function undoOf(work: Work, step: WriteStep, approval: ApprovalState, applied: readonly AppliedItem[]): UndoStep | undefined {
  try {
    return step.undo?.(applied, approval.plan.input);
  } catch (error) {
    work.world.log.error({ run: work.actor.id, step: step.name, error }, 'the undo of a step broke; none is offered');
    return undefined;
  }
}

/** A second apply of the same offer must not take the place of an undo that is still open. */
function undoId(run: RunState, offer: string): string {
  let id = `${offer}-undo`;
  for (let n = 2; run.offers.has(id); n += 1) id = `${offer}-undo-${n}`;
  return id;
}

function judge(work: Work, run: RunState, approval: ApprovalState, seen: VerifyAnswer): { outcome: 'passed' | 'failed' | 'unknown'; say: string } {
  const effects = effectsOf(run, approval);
  const skipped = approval.skipped.size === 0 ? '' : ` ${approval.skipped.size} had moved and were left alone.`;
  // Skipped is never passed.
  if (effects.length === 0) return { outcome: 'unknown', say: `Nothing was sent.${skipped}` };
  const total = countEnds(run, approval, -1, effects.map((effect) => effect.item), seen.ends);
  const verdict = haltVerdict(run, wavesOf(work.runbook, approval.offer), total);
  const say = `${verdict.because}.${skipped}${seen.say === '' ? '' : ` ${seen.say}`}`;
  if (!verdict.halted && total.done > 0) return { outcome: 'passed', say };
  return { outcome: total.returned + total.failed > 0 ? 'failed' : 'unknown', say };
}

/** Looks until no item is pending or the deadline has passed. What could not be seen at all is unknown. */
async function follow(work: Work, run: RunState, approval: ApprovalState, applied: readonly AppliedItem[]): Promise<VerifyAnswer> {
  if (applied.length === 0) return { ends: {}, say: '' };
  const { clock } = work.world;
  const step = approvedStep(work, approval);
  const deadlineAt = lastEffectAt(run, approval, applied) + wavesOf(work.runbook, approval.offer).deadlineMs;
  let last: VerifyAnswer = { ends: {}, say: '' };
  for (let i = 0; !work.signal.aborted; i += 1) {
    await waitUntil(clock, clock.now() + (LOOK_AGAIN_MS[Math.min(i, LOOK_AGAIN_MS.length - 1)] ?? 0), work.signal);
    const answer = await look(work, run, step, approval, applied);
    last = answer.ok ? answer.value : { ends: last.ends, say: `Could not see: ${answer.failure.message}` };
    const open = !answer.ok || applied.some(({ item }) => endOf(last.ends, item.key) === 'pending');
    if (!open || clock.now() >= deadlineAt) break;
  }
  return { ends: final(applied, last.ends), say: tidyText(work, last.say) };
}

function look(work: Work, run: RunState, step: WriteStep, approval: ApprovalState, applied: readonly AppliedItem[]): Promise<Result<VerifyAnswer>> {
  return limited(work.world.clock, { what: `the check of ${step.name}`, timeoutMs: stepTimeoutMs(step), outer: work.signal }, (signal) =>
    step.verify(applied, approval.plan.input, contextFor(work.world, run.target, signal)),
  );
}

function endOf(ends: Ends, key: string): ItemEnd {
  return (Object.hasOwn(ends, key) ? ends[key] : undefined) ?? 'unknown';
}

function final(applied: readonly AppliedItem[], ends: Ends): Ends {
  return Object.fromEntries(applied.map(({ item }) => [item.key, endOf(ends, item.key) === 'pending' ? 'unknown' : endOf(ends, item.key)]));
}

function lastEffectAt(run: RunState, approval: ApprovalState, applied: readonly AppliedItem[]): number {
  const keys = new Set(applied.map(({ item }) => item.key));
  return Math.max(...effectsOf(run, approval).filter((effect) => keys.has(effect.item)).map((effect) => effect.endedAt ?? effect.intendedAt));
}
