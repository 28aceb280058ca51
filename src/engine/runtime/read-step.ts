/** A read step: evaluate its input, call it, store what it answered. */
import { fail, isTransient, succeed, type Result } from '#kernel/failure.ts';
import { toJson, type Json, type JsonObject } from '#kernel/json.ts';
import type { StepNode } from '#language/runbook.ts';
import type { Scope } from '#language/template.ts';
import type { ReadStep } from '#step-kit/index.ts';
import { scopeOf } from '../model/scope.ts';
import { contextFor, limited } from './call.ts';
import { ARTIFACT_CHARS_MAX, keep } from './kept.ts';
import { tidy } from './plan.ts';
import { stateOf, type Work } from './work.ts';

type Outcome = Result<JsonObject> | { readonly ok: 'skip'; readonly because: string };

export async function runStep(work: Work, node: StepNode): Promise<void> {
  const run = await stateOf(work);
  const step = run.steps.get(node.id);
  if (step?.status !== 'running') return;
  const scope = scopeOf(run);
  const outcome = step.iterations === undefined ? await once(work, node, run.target, scope) : await forEach(work, node, run.target, scope, step.iterations);
  const kept = outcome.ok === true ? await keep(work, node.uses.name, outcome.value, step.iterations !== undefined) : outcome;
  const { attempt } = step;
  await work.actor.record((now) => {
    // Cancelled, or answered by another worker meanwhile: the answer is of no use any more.
    if (now.steps.get(node.id)?.status !== 'running') return [];
    // The process is stopping: the step has not failed, it runs again in the next one.
    if (work.signal.aborted && now.cancel === undefined) return [];
    if (kept.ok === 'skip') return [{ type: 'StepSkipped', data: { step: node.id, because: kept.because } }];
    if (kept.ok) return [{ type: 'StepSucceeded', data: { step: node.id, ...kept.value } }];
    const again = attempt < node.retry.attempts && isTransient(kept.failure) && now.cancel === undefined;
    const retryAt = work.world.clock.now() + node.retry.delayMs;
    return [{ type: 'StepFailed', data: again ? { step: node.id, failure: kept.failure, retryAt } : { step: node.id, failure: kept.failure } }];
  });
}

async function once(work: Work, node: StepNode, target: string, scope: Scope): Promise<Outcome> {
  const value = node.with.evaluate(scope);
  if (!value.ok) return { ok: 'skip', because: value.because };
  const input = node.uses.input.safeParse(value.value);
  if (!input.success) return fail('invalid', `its input is wrong at "${input.error.issues[0]?.path.join('.') ?? ''}": ${input.error.issues[0]?.message ?? ''}`);
  const step = node.uses as ReadStep;
  const answer = await limited(work.world.clock, { what: step.name, timeoutMs: node.timeoutMs, outer: work.signal }, (signal) => step.run(input.data, contextFor(work.world, target, signal)));
  return answer.ok ? read(work, step, answer.value) : { ok: false, failure: tidy(work, answer.failure) };
}

function read(work: Work, step: ReadStep, value: unknown): Result<JsonObject> {
  const output = step.output.safeParse(value);
  if (!output.success) return fail('unexpected', `${step.name} answered with something else at "${output.error.issues[0]?.path.join('.') ?? ''}"`);
  return succeed(work.world.redact(toJson(output.data)) as JsonObject);
}

/** All elements, a few at a time. One that fails fails the step: half an answer would look like a whole one. */
async function forEach(work: Work, node: StepNode, target: string, scope: Scope, elements: readonly Json[]): Promise<Outcome> {
  const { as, concurrency } = node.forEach ?? { as: 'item', concurrency: 1 };
  const results: Json[] = new Array<Json>(elements.length).fill(null);
  let next = 0;
  let chars = 0;
  let bad: Outcome | undefined;
  const worker = async (): Promise<void> => {
    while (next < elements.length && bad === undefined) {
      const i = next;
      next += 1;
      const outcome = await once(work, node, target, { ...scope, [as]: elements[i] ?? null });
      if (outcome.ok === true) {
        results[i] = outcome.value;
        chars += JSON.stringify(outcome.value).length;
        // All answers are in memory together, so they are bounded together.
        if (chars > ARTIFACT_CHARS_MAX) bad ??= fail('tooLarge', `its answers are over ${ARTIFACT_CHARS_MAX} characters together: ask for less`);
      } else bad ??= outcome;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, elements.length) }, worker));
  return bad ?? succeed({ items: results });
}
