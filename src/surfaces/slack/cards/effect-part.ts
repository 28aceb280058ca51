import type { EffectView, RunView } from '#engine/model/views.ts';
import { ACTIONS, partValue } from './actions.ts';
import { button, context, section, type Button, type Part } from './blocks.ts';
import { inert, plain } from './text.ts';

/** More are settled one after another, or in the console. */
const SHOWN_EFFECTS = 3;

/** Effects that nobody can tell have landed: the evidence, and the two answers that a person can give. */
export function unknownEffects(run: RunView): readonly Part[] {
  const unknown = run.effects.filter((effect) => effect.status === 'unknown');
  const parts = unknown.slice(0, SHOWN_EFFECTS).flatMap((effect) => unknownEffect(run, effect));
  const more = unknown.length - SHOWN_EFFECTS;
  return more > 0 ? [...parts, { rank: 2, blocks: [context(plain(`${more} more effect(s) are unknown.`, 100))] }] : parts;
}

function unknownEffect(run: RunView, effect: EffectView): readonly Part[] {
  const evidence = effect.evidence ?? effect.failure?.message ?? 'There is no evidence either way.';
  const head: Part = { rank: 1, blocks: [section(plain(`❓ Nobody can tell whether this was applied: ${inert(effect.item, 150)}\n${inert(evidence, 500)}`, 800))] };
  const value = partValue(run.id, effect.key);
  const answers: Button[] = value === undefined ? [] : [button(ACTIONS.settleApplied, 'It was applied…', { value }), button(ACTIONS.settleNotApplied, 'It was not applied…', { value })];
  return answers.length === 0 ? [head] : [head, { rank: 1, needs: head, blocks: [{ type: 'actions', elements: answers }] }];
}
