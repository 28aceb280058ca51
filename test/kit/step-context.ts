/** Runs single steps as the engine does: input and output through their own schemas, on a client that the test gives. */
import { silentLog } from '#kernel/log.ts';
import type { Result } from '#kernel/failure.ts';
import type { ApplyContext, PlanContext, ProbeContext, ReadStep, StepContext } from '#step-kit/index.ts';

export type AnyContext = StepContext & PlanContext & ApplyContext & ProbeContext;

/** A context whose every system is this client, in the time of the machine unless told. */
export function contextOn(client: unknown, more: Partial<AnyContext> = {}): AnyContext {
  return {
    target: 'test',
    use: <Client>() => client as Client,
    now: () => Date.now(),
    sleep: () => Promise.resolve(),
    signal: new AbortController().signal,
    log: silentLog,
    idempotencyKey: 'run-1/offer/item',
    approvedBy: 'alice',
    approvals: [{ by: 'alice', at: '2026-11-21T06:00:00.000Z', reason: null, window: null }],
    runId: 'run-1',
    intendedAt: Date.now(),
    ...more,
  };
}

/** What the step answers, checked strictly against its declared output. */
export async function tryRead(step: ReadStep, input: object, client: unknown, more: Partial<AnyContext> = {}): Promise<Result<Record<string, unknown>>> {
  const answer = await step.run(step.input.parse(input), contextOn(client, more));
  return answer.ok ? { ok: true, value: step.output.strict().parse(answer.value) } : answer;
}

/** The same where it must succeed. */
export async function read(step: ReadStep, input: object, client: unknown, more: Partial<AnyContext> = {}): Promise<Record<string, unknown>> {
  const answer = await tryRead(step, input, client, more);
  if (!answer.ok) throw new Error(`${step.name}: ${answer.failure.reason}: ${answer.failure.message}`);
  return answer.value;
}
