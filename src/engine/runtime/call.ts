/** Calls into steps: a context, a time limit, and every throw turned into a failure. */
import type { Clock } from '#kernel/clock.ts';
import { waitUntil } from '#kernel/clock.ts';
import type { Failure, Result } from '#kernel/failure.ts';
import { fail } from '#kernel/failure.ts';
import { formatDuration } from '#kernel/duration.ts';
import type { AnyStep, StepContext } from '#step-kit/index.ts';
import type { World } from './world.ts';

const CALL_TIMEOUT_MS = 30_000;
/** After the abort a step gets this long to come back with what it knows, before it is left behind. */
const GRACE_MS = 250;

/** Thrown by `use` when the target has no such system; becomes the failure of the step. */
class MissingSystem extends Error {}

export function stepTimeoutMs(step: AnyStep): number {
  return step.timeoutMs ?? CALL_TIMEOUT_MS;
}

export function contextFor(world: Pick<World, 'clock' | 'log' | 'systems'>, target: string, signal: AbortSignal): StepContext {
  const { clock } = world;
  return {
    target,
    signal,
    log: world.log,
    now: () => clock.now(),
    sleep: (ms) => waitUntil(clock, clock.now() + ms, signal),
    use(system) {
      const client = world.systems.client(target, system);
      if (client === undefined) throw new MissingSystem(`target ${target} has no ${system.name} configured`);
      return client;
    },
  };
}

/**
 * Runs `work` with a signal that aborts at the limit or with `outer`. Whatever happens, a Result comes back in time: a step
 * that ignores its signal is left behind, and its late answer is dropped. `landed` says what a lost write counts as.
 */
export async function limited<T>(
  clock: Clock,
  limit: { readonly what: string; readonly timeoutMs: number; readonly outer: AbortSignal; readonly landed?: 'maybe' },
  work: (signal: AbortSignal) => Promise<Result<T>>,
): Promise<Result<T>> {
  const timer = new AbortController();
  const cancelTimer = clock.schedule(clock.now() + limit.timeoutMs, () => timer.abort());
  const signal = AbortSignal.any([limit.outer, timer.signal]);
  const late = lateAnswer<T>(clock, limit, signal);
  try {
    return await Promise.race([work(signal), late.answer]);
  } catch (error) {
    return { ok: false, failure: thrown(limit.what, error, limit.landed) };
  } finally {
    cancelTimer();
    late.cancel();
  }
}

function lateAnswer<T>(clock: Clock, limit: { readonly what: string; readonly timeoutMs: number; readonly outer: AbortSignal; readonly landed?: 'maybe' }, signal: AbortSignal): { answer: Promise<Result<T>>; cancel: () => void } {
  let cancel = (): void => undefined;
  const answer = new Promise<Result<T>>((resolve) => {
    const onAbort = (): void => {
      const failure = limit.outer.aborted
        ? fail('cancelled', `${limit.what} was stopped`, limit.landed)
        : fail('timeout', `${limit.what} gave no answer within ${formatDuration(limit.timeoutMs)}`, limit.landed);
      cancel = clock.schedule(clock.now() + GRACE_MS, () => resolve(failure));
    };
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      cancel = () => signal.removeEventListener('abort', onAbort);
    }
  });
  return { answer, cancel: () => cancel() };
}

function thrown(what: string, error: unknown, landed: 'maybe' | undefined): Failure {
  if (error instanceof MissingSystem) return { reason: 'invalid', message: error.message, landed: 'no' };
  const name = error instanceof Error ? error.name : 'a value';
  // The message of a bug may hold anything, so only its kind goes into the journal; the log has the rest.
  return { reason: 'unexpected', message: `${what} broke (${name}); this is a bug, the log has its trace`, ...(landed === undefined ? {} : { landed }) };
}
