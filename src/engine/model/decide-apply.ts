/** An approved plan being carried out: waves, effects one after another, checks between waves, and the verdict at the end. */
import { capacityCap } from '#policy/caps.ts';
import { waveSizes } from '#language/waves.ts';
import type { OfferRule, Runbook, Waves } from '#language/runbook.ts';
import type { Facts, Move, Next } from './move.ts';
import type { RunEvent } from './events.ts';
import { effectKey } from './scope.ts';
import { isUnderWay, type ApprovalState, type EffectState, type RunState, type WaveState } from './state.ts';

/** How the items of an undo go: it takes back what was applied in one go, and any trouble stops it. */
const UNDO_WAVES: Waves = { sizes: [{ percent: 100 }], pauseMs: 0, deadlineMs: 300_000 };

export function decideApply(run: RunState, runbook: Runbook, facts: Facts): Next {
  const events: RunEvent[] = [];
  const moves: Move[] = [];
  let dueAt = Number.POSITIVE_INFINITY;
  for (const approval of run.approvals.values()) {
    if (!isUnderWay(approval)) continue;
    const next = carryOn(run, runbook, approval, facts);
    events.push(...next.events);
    moves.push(...next.moves);
    dueAt = Math.min(dueAt, next.dueAt ?? Number.POSITIVE_INFINITY);
  }
  if (events.length > 0) return { events, moves: [] };
  return Number.isFinite(dueAt) ? { events: [], moves, dueAt } : { events: [], moves };
}

export function wavesOf(runbook: Runbook, offer: string): Waves {
  return ruleOf(runbook, offer)?.waves ?? UNDO_WAVES;
}

export function ruleOf(runbook: Runbook, offer: string): OfferRule | undefined {
  return runbook.offers.find((rule) => rule.id === offer);
}

function carryOn(run: RunState, runbook: Runbook, approval: ApprovalState, facts: Facts): Next {
  // An intent without an outcome is settled before anything else: by its call if that is under way, else by a probe.
  const open = effectsOf(run, approval).filter((effect) => effect.status === 'intended');
  if (open.length > 0) return { events: [], moves: open.flatMap((effect) => probeMove(approval, effect, facts)) };
  if (effectsOf(run, approval).some((effect) => effect.status === 'unknown')) {
    // The rest must not go on over an effect that nobody can account for.
    return approval.halted === undefined ? halt(approval, 'an effect is unaccounted for: nobody can tell whether its call landed') : { events: [], moves: [] };
  }
  const wave = approval.waves.at(-1);
  if (approval.halted !== undefined) return wave !== undefined && wave.checked === undefined && hasApplied(run, approval, wave) ? watch(approval, wave) : verify(approval);
  if (wave === undefined) return startWave(runbook, approval, facts);
  const left = wave.items.filter((item) => !hasOutcome(run, approval, item));
  if (left.length > 0) return nextEffect(run, approval, wave, left, facts);
  if (wave.checked === undefined) return watch(approval, wave);
  if (wave.checked.halted) return halt(approval, `stopped after wave ${wave.index + 1}`);
  if (remaining(approval).length === 0) return verify(approval);
  const stop = whyStop(run, facts);
  if (stop !== undefined) return halt(approval, stop);
  const resumeAt = wave.checked.at + wavesOf(runbook, approval.offer).pauseMs;
  return facts.now >= resumeAt ? startWave(runbook, approval, facts) : { events: [], moves: [], dueAt: resumeAt };
}

function nextEffect(run: RunState, approval: ApprovalState, wave: WaveState, left: readonly string[], facts: Facts): Next {
  const stop = whyStop(run, facts);
  if (stop !== undefined) return halt(approval, stop);
  const item = left[0];
  if (item === undefined) return { events: [], moves: [] };
  // One at a time: the next item of an approval starts when this one has its outcome.
  return { events: [], moves: [{ id: `effect:${approval.id}`, do: 'effect', approval: approval.id, item, wave: wave.index }] };
}

function whyStop(run: RunState, facts: Facts): string | undefined {
  if (facts.killSwitch) return 'the kill switch is on';
  if (run.cancel !== undefined) return `the run was cancelled by ${run.cancel.by}`;
  return undefined;
}

function probeMove(approval: ApprovalState, effect: EffectState, facts: Facts): Move[] {
  if (facts.inFlight.has(`effect:${approval.id}`)) return [];
  return [{ id: `probe:${effect.key}`, do: 'probe', effect: effect.key }];
}

function startWave(runbook: Runbook, approval: ApprovalState, facts: Facts): Next {
  const rest = remaining(approval);
  const sizes = waveSizes(wavesOf(runbook, approval.offer), approval.plan.items.length);
  const index = approval.waves.length;
  const wanted = sizes[Math.min(index, sizes.length - 1)] ?? 1;
  const cap = approval.plan.capacity === undefined ? wanted : capacityCap(approval.plan.capacity, facts.limits.capacityMax);
  if (cap < 1) return halt(approval, 'taking even one more would go below the floor of serving capacity');
  const items = rest.slice(0, Math.min(wanted, cap)).map((item) => item.key);
  return { events: [{ type: 'WaveStarted', data: { approval: approval.id, index, items } }], moves: [] };
}

function halt(approval: ApprovalState, because: string): Next {
  return { events: [{ type: 'ApplyHalted', data: { approval: approval.id, because } }], moves: [] };
}

function watch(approval: ApprovalState, wave: WaveState): Next {
  return { events: [], moves: [{ id: `watch:${approval.id}:${wave.index}`, do: 'watch', approval: approval.id, wave: wave.index }] };
}

function verify(approval: ApprovalState): Next {
  return { events: [], moves: [{ id: `verify:${approval.id}`, do: 'verify', approval: approval.id }] };
}

function remaining(approval: ApprovalState): ApprovalState['plan']['items'] {
  const taken = new Set(approval.waves.flatMap((wave) => wave.items));
  return approval.plan.items.filter((item) => !taken.has(item.key));
}

export function effectsOf(run: RunState, approval: ApprovalState): EffectState[] {
  const effects: EffectState[] = [];
  for (const wave of approval.waves) {
    for (const item of wave.items) {
      const effect = run.effects.get(effectKey(approval.id, item));
      if (effect !== undefined) effects.push(effect);
    }
  }
  return effects;
}

function hasOutcome(run: RunState, approval: ApprovalState, item: string): boolean {
  return approval.skipped.has(item) || run.effects.has(effectKey(approval.id, item));
}

function hasApplied(run: RunState, approval: ApprovalState, wave: WaveState): boolean {
  return wave.items.some((item) => run.effects.get(effectKey(approval.id, item))?.status === 'succeeded');
}
