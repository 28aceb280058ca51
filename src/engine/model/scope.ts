import type { JsonObject } from '#kernel/json.ts';
import { sha256 } from '#kernel/digest.ts';
import type { Scope } from '#language/template.ts';
import type { RunState } from './state.ts';

/** What expressions of this run see: outputs of the steps that ended, why others have none, inputs, alert and target. */
export function scopeOf(run: RunState, inputs: JsonObject = run.inputs): Scope {
  const steps: Record<string, JsonObject> = {};
  for (const step of run.steps.values()) {
    if (step.output !== undefined) steps[step.id] = { output: step.output };
    else if (step.failure !== undefined) steps[step.id] = { failed: `${step.failure.reason}: ${step.failure.message}` };
    else if (step.because !== undefined) steps[step.id] = { skipped: step.because };
  }
  return { steps, inputs, alert: { ...run.alert }, target: run.target };
}

/** Names one effect, for ever: the same approval and item always give the same key, so an intent cannot be made twice. */
export function effectKey(approval: string, item: string): string {
  return `eff_${sha256(`${approval}\n${item}`).slice(0, 32)}`;
}
