/** A read step: evaluate its input, call it, store what it answered. */
import { fail, isTransient, succeed, type Result } from '#kernel/failure.ts';
import { toJson, type Json, type JsonObject } from '#kernel/json.ts';
import type { StepNode } from '#language/runbook.ts';
import type { Scope } from '#language/template.ts';
import type { ReadStep } from '#step-kit/index.ts';
import { scopeOf } from '../model/scope.ts';
import { contextFor, limited } from './call.ts';
import { tidy } from './plan.ts';
import { stateOf, type Work } from './work.ts';

/** One output, as JSON text. Evidence beyond this is cut by the step itself; 1,000 dead letters are about 300 KB. */
const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;

type Outcome = Result<JsonObject> | { readonly ok: 'skip'; readonly because: string };

export async function runStep(work: Work, node: StepNode): Promise<void> {
  const run = await stateOf(work);
  const step = run.steps.get(node.id);
  if (step?.status !== 'running') return;
  const scope = scopeOf(run);
  const outcome = step.iterations === undefined ? await once(work, node, run.target, scope) : await forEach(work, node, run.target, scope, step.iterations);
  const { attempt } = step;
  await work.actor.record((now) => {
    // Cancelled, or answered by another worker meanwhile: the answer is of no use any more.
    if (now.steps.get(node.id)?.status !== 'running') return [];
    // The process is stopping: the step has not failed, it runs again in the next one.
    if (work.signal.aborted && now.cancel === undefined) return [];
    if (outcome.ok === 'skip') return [{ type: 'StepSkipped', data: { step: node.id, because: outcome.because } }];
    if (outcome.ok) return [{ type: 'StepSucceeded', data: { step: node.id, output: outcome.value } }];
    const again = attempt < node.retry.attempts && isTransient(outcome.failure) && now.cancel === undefined;
    const retryAt = work.world.clock.now() + node.retry.delayMs;
    return [{ type: 'StepFailed', data: again ? { step: node.id, failure: outcome.failure, retryAt } : { step: node.id, failure: outcome.failure } }];
  });
}

async function once(work: Work, node: StepNode, target: string, scope: Scope): Promise<Outcome> {
  const value = node.with.evaluate(scope);
  if (!value.ok) return { ok: 'skip', because: value.because };
  const input = node.uses.input.safeParse(value.value);
  if (!input.success) return fail('invalid', `its input is wrong at "${input.error.issues[0]?.path.join('.') ?? ''}": ${input.error.issues[0]?.message ?? ''}`);
  const step = node.uses as ReadStep;
  const answer = await limited(work.world.clock, { what: step.name, timeoutMs: node.timeoutMs, outer: work.signal }, (signal) => step.run(input.data, contextFor(work.world, target, signal)));
  return answer.ok ? stored(work, step, answer.value) : { ok: false, failure: tidy(work, answer.failure) };
}

function stored(work: Work, step: ReadStep, value: unknown): Result<JsonObject> {
  const output = step.output.safeParse(value);
  if (!output.success) return fail('unexpected', `${step.name} answered with something else at "${output.error.issues[0]?.path.join('.') ?? ''}"`);
  const json = work.world.redact(toJson(output.data)) as JsonObject;
  const chars = JSON.stringify(json).length;
  if (chars > OUTPUT_CHARS_MAX) return fail('tooLarge', `${step.name} answered ${chars} characters, at most ${OUTPUT_CHARS_MAX} are kept: ask for less`);
  return succeed(json);
}


/** All elements, a few at a time. One that fails fails the step: half an answer would look like a whole one. */
async function forEach(work: Work, node: StepNode, target: string, scope: Scope, elements: readonly Json[]): Promise<Outcome> {
  const { as, concurrency } = node.forEach ?? { as: 'item', concurrency: 1 };
  const results: Json[] = new Array<Json>(elements.length).fill(null);
  let next = 0;
  let bad: Outcome | undefined;
  const worker = async (): Promise<void> => {
    while (next < elements.length && bad === undefined) {
      const i = next;
      next += 1;
      const outcome = await once(work, node, target, { ...scope, [as]: elements[i] ?? null });
      if (outcome.ok === true) results[i] = outcome.value;
      else bad ??= outcome;
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, elements.length) }, worker));
  if (bad !== undefined) return bad;
  // Each answer is within the limit; together they must fit into one event as well.
  const chars = results.reduce<number>((sum, result) => sum + JSON.stringify(result).length, 0);
  return chars > OUTPUT_CHARS_MAX ? fail('tooLarge', `its ${elements.length} answers are ${chars} characters together, at most ${OUTPUT_CHARS_MAX} are kept: ask for less`) : succeed({ items: results });
}
