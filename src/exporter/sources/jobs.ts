/**
 * Stale jobs by state: jobs that stand in a state for longer than Cordum's reconciler would let them. Cordum has a gauge for
 * them, but nothing ever sets it (its reconciler is given no metrics), so they are counted from its own indexes.
 */
import type { Clock } from '#kernel/clock.ts';
import type { Result } from '#kernel/failure.ts';
import type { Sample } from '../series.ts';
import type { Call, Source } from '../source.ts';

const EVERY_MS = 30_000;
/** The reconciler looks every 30 s; a job that it is about to clear is not stale yet. */
const SCAN_LEEWAY_MS = 60_000;

/**
 * Cordum's default timeouts, as its reconciler writes them into `failure_reason` ("timeout: RUNNING >15m0s"). A pending job has
 * none; one that no replay has moved for as long as a job may run is counted as stale too.
 */
const STALE_AFTER_MS: Readonly<Record<JobState, number>> = { PENDING: 900_000, SCHEDULED: 60_000, DISPATCHED: 300_000, RUNNING: 900_000 };
export const JOB_STATES = ['PENDING', 'SCHEDULED', 'DISPATCHED', 'RUNNING'] as const;
export type JobState = (typeof JOB_STATES)[number];

/** How many jobs in this state were last updated at or before that moment. */
export type CountOlder = (state: JobState, updatedUntilMs: number, call: Call) => Promise<Result<number>>;

export function staleJobsSource(target: string, countOlder: CountOlder, clock: Clock): Source {
  return {
    target,
    name: 'jobs',
    everyMs: EVERY_MS,
    async look(call) {
      const nowMs = clock.now();
      const counted = await Promise.all(JOB_STATES.map(async (state) => ({ state, read: await countOlder(state, nowMs - STALE_AFTER_MS[state] - SCAN_LEEWAY_MS, call) })));
      const samples = counted.flatMap(({ state, read }): Sample[] => (read.ok ? [{ series: 'cordum_stale_jobs', labels: { state: state.toLowerCase() }, value: read.value }] : []));
      const failed = counted.flatMap(({ read }) => (read.ok ? [] : [read.failure]))[0];
      return failed === undefined ? { samples } : { samples, failure: failed };
    },
  };
}
