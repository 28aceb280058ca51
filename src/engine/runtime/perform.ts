/** Does one move and records its outcome. */
import type { Runbook } from '#language/runbook.ts';
import type { Move } from '../model/move.ts';
import { lookAhead } from './ahead.ts';
import { applyEffect } from './effect.ts';
import { computePlan } from './plan.ts';
import { probeEffect } from './probe.ts';
import { redeem } from './redeem.ts';
import { runStep } from './read-step.ts';
import type { RunActor } from './actor.ts';
import { verifyAll, watchWave } from './watch.ts';
import type { World } from './world.ts';

export function perform(world: World, actor: RunActor, runbook: Runbook, move: Move, signal: AbortSignal): Promise<void> {
  const work = { world, actor, runbook, signal };
  switch (move.do) {
    case 'step':
      return runStep(work, move.node);
    case 'plan':
      return computePlan(work, move.offer);
    case 'ahead':
      return lookAhead(work, move.approval);
    case 'redeem':
      return redeem(work, move.approval);
    case 'effect':
      return applyEffect(work, move.approval, move.item, move.wave);
    case 'probe':
      return probeEffect(work, move.effect);
    case 'watch':
      return watchWave(work, move.approval, move.wave);
    case 'verify':
      return verifyAll(work, move.approval);
  }
}
