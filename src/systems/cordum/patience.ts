import type { Result, StepContext } from '#step-kit/index.ts';

/** Cordum counts calls in windows of one second, so a little over a second clears a limit that others used up. */
const PAUSE_MS = 1_100;
const TRIES = 3;

/** The part of a step's context that reading needs. */
export type Waiting = Pick<StepContext, 'now' | 'sleep' | 'signal'>;

/** Reads again after a rate limit, a few times, with a longer pause each time. Any other failure is given back at once. */
export async function patiently<T>(ctx: Waiting, read: () => Promise<Result<T>>): Promise<Result<T>> {
  let answer = await read();
  for (let tried = 1; tried < TRIES && !answer.ok && answer.failure.reason === 'rateLimited' && !ctx.signal.aborted; tried += 1) {
    await ctx.sleep(PAUSE_MS * tried);
    if (ctx.signal.aborted) return answer;
    answer = await read();
  }
  return answer;
}
