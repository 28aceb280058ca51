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

export interface StaleQuestion {
  readonly state: JobState;
  /** Last changed at or before, ms since the epoch. */
  readonly untilMs: number;
}

/** How many jobs each question is about, in the order of the questions. */
export type CountOlder = (questions: readonly StaleQuestion[], call: Call) => Promise<Result<readonly number[]>>;

export function staleJobsSource(target: string, countOlder: CountOlder, clock: Clock): Source {
  return {
    target,
    name: 'jobs',
    everyMs: EVERY_MS,
    async look(call) {
      const nowMs = clock.now();
      const counted = await countOlder(JOB_STATES.map((state) => ({ state, untilMs: nowMs - STALE_AFTER_MS[state] - SCAN_LEEWAY_MS })), call);
      if (!counted.ok) return { samples: [], failure: counted.failure };
      return { samples: JOB_STATES.map((state, i): Sample => ({ series: 'cordum_stale_jobs', labels: { state: state.toLowerCase() }, value: counted.value[i] ?? 0 })) };
    },
  };
}
