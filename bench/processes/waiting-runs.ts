/**
 * Fills a journal with runs that wait for an approval. The steps have the names and shapes of real ones, so that the real bot takes the runs
 * up; what they answer is made up here, so that no Cordum takes part.
 */
import { stat } from 'node:fs/promises';
import { systemClock } from '#kernel/clock.ts';
import { openSqliteJournal } from '#journal/sqlite.ts';
import { succeed, type ReadStep, type WriteStep } from '#step-kit/index.ts';
import { dlqDelete } from '#systems/cordum/steps/dlq-delete.ts';
import { healthGet } from '#systems/cordum/steps/health-get.ts';
import { createBenchEngine } from '../kit/engine.ts';
import { inputOf, tellResult } from '../kit/process.ts';

export interface WaitingInput {
  readonly path: string;
  readonly runs: number;
}
export interface WaitingResult {
  readonly runsPerSecond: number;
  readonly journalMb: number;
  /** Of this process, which has started them all. */
  readonly rssMb: number;
}

/** Started and not yet waiting. Fewer than the engine works on at once: the others would wait for its sweep. */
const AT_ONCE = 24;

const health: ReadStep = { ...healthGet, run: async () => succeed({ healthy: true, reachable: true, health: 'ok', ready: 'yes', checks: [], say: 'Cordum answers "ok".' }) };
const deletion: WriteStep = {
  ...dlqDelete,
  tier: 'R1',
  plan: async () => succeed({ summary: 'Delete 1 entry from the DLQ.', items: [{ key: 'job-1', title: 'Delete job-1', current: { topic: 'job.bench' }, next: { action: 'the entry is deleted from the DLQ' } }] }),
};
const RUNBOOK = `runbook: bench
title: Waits for an approval
owner: bench
steps:
  - id: health
    uses: cordum.health.get
offers:
  - id: delete
    title: Delete one entry
    if: \${{ steps.health.output.healthy }}
    uses: cordum.dlq.delete
    with:
      jobIds: [job-1]
done:
  when: \${{ alert.resolved && !steps.health.output.healthy }}
  within: 12h
`;

const { path, runs } = inputOf<WaitingInput>();
const journal = openSqliteJournal({ path, clock: systemClock });
const { engine, startRun } = createBenchEngine(journal, RUNBOOK, [health, deletion]);
await engine.start();
// The timers of the bot hold no process; elsewhere the listener does.
const alive = setInterval(() => undefined, 60_000);
const start = performance.now();
const done = Promise.withResolvers<void>();
let begun = 0;
let waiting = 0;
const next = (): void => {
  begun += 1;
  startRun().catch(done.reject);
};
journal.onAppended((events) => {
  for (const { type } of events) {
    if (type === 'RunEnded') done.reject(new Error('a run has ended instead of waiting'));
    if (type !== 'ApprovalRequested') continue;
    waiting += 1;
    if (waiting === runs) done.resolve();
    else if (begun < runs) next();
  }
});
for (let i = 0; i < Math.min(AT_ONCE, runs); i += 1) next();
await done.promise;
const seconds = (performance.now() - start) / 1_000;
const rssMb = process.memoryUsage().rss / 1e6;
clearInterval(alive);
await engine.stop();
await journal.close();
tellResult({ runsPerSecond: runs / seconds, journalMb: (await stat(path)).size / 1e6, rssMb } satisfies WaitingResult);
