/** What a wave came to, and whether the rest may go on. */
import type { ItemEnd } from '#step-kit/index.ts';
import { evaluateHalt } from '#language/diagnose.ts';
import type { Waves } from '#language/runbook.ts';
import type { WaveCount } from './events.ts';
import { effectKey, scopeOf } from './scope.ts';
import type { ApprovalState, RunState } from './state.ts';

export type Ends = Readonly<Record<string, ItemEnd>>;

/** Counts the items of a wave, or of several. Skipped items were never sent and do not count. */
export function countEnds(run: RunState, approval: ApprovalState, index: number, items: readonly string[], ends: Ends): WaveCount {
  const count = { index, size: 0, done: 0, returned: 0, failed: 0, unknown: 0 };
  for (const item of items) {
    const effect = run.effects.get(effectKey(approval.id, item));
    if (effect === undefined) continue;
    count.size += 1;
    if (effect.status === 'failed') count.failed += 1;
    else if (effect.status !== 'succeeded') count.unknown += 1;
    else {
      const end = Object.hasOwn(ends, item) ? ends[item] : undefined;
      // What has not ended by the deadline, or cannot be seen, is unknown; unknown is never healthy.
      if (end === 'done' || end === 'returned' || end === 'failed') count[end] += 1;
      else count.unknown += 1;
    }
  }
  return count;
}

export function haltVerdict(run: RunState, waves: Waves, wave: WaveCount): { readonly halted: boolean; readonly because: string } {
  const seen = `${wave.done} of ${wave.size} done, ${wave.returned} returned, ${wave.failed} failed, ${wave.unknown} unknown`;
  const verdict = evaluateHalt(waves, { ...wave }, scopeOf(run));
  return { halted: verdict.halted, because: verdict.because === undefined ? seen : `${seen}; the halt condition cannot be told: ${verdict.because}` };
}
