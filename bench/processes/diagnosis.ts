/** A run with eight reads side by side, each of which takes its time; then the slowest of them alone. */
import { join } from 'node:path';
import { systemClock, waitUntil } from '#kernel/clock.ts';
import { openSqliteJournal } from '#journal/sqlite.ts';
import { defineRead, succeed, z } from '#step-kit/index.ts';
import { createBenchEngine } from '../kit/engine.ts';
import { inFolder } from '../kit/folder.ts';
import { inputOf, tellResult } from '../kit/process.ts';

export interface DiagnosisInput {
  /** How long each of the reads takes, ms. */
  readonly reads: readonly number[];
  readonly runs: number;
}
export interface DiagnosisResult {
  /** From the start of each run until its last read was recorded, ms. */
  readonly runs: readonly number[];
  /** The slowest read by itself, as often, ms. */
  readonly slowest: readonly number[];
}

const read = defineRead({
  name: 'bench.read.wait',
  summary: 'Answers after a while',
  input: z.object({ ms: z.int() }),
  output: z.object({ waited: z.int() }),
  examples: [],
  async run({ ms }) {
    await waitUntil(systemClock, systemClock.now() + ms);
    return succeed({ waited: ms });
  },
});

function runbookOf(reads: readonly number[]): string {
  const members = reads.map((ms, i) => `      - { id: r${i}, uses: bench.read.wait, with: { ms: ${ms} } }`).join('\n');
  return `runbook: bench\ntitle: Eight reads\nowner: bench\nsteps:\n  - parallel:\n${members}\nfindings:\n  - { if: '\${{ steps.r0.output.waited > 0 }}', severity: info, say: seen }\ndone:\n  when: \${{ alert.resolved }}\n  within: 30m\n`;
}

const { reads, runs } = inputOf<DiagnosisInput>();
// Timers of the clock keep no process alive.
const alive = setInterval(() => undefined, 60_000);
tellResult(
  await inFolder(async (folder): Promise<DiagnosisResult> => {
    const journal = openSqliteJournal({ path: join(folder, 'journal.db'), clock: systemClock });
    const { engine, startRun } = createBenchEngine(journal, runbookOf(reads), [read]);
    await engine.start();
    const taken: number[] = [];
    const alone: number[] = [];
    for (let i = 0; i < runs; i += 1) {
      const ended = Promise.withResolvers<void>();
      const stop = journal.onAppended((events) => {
        if (events.some(({ type }) => type === 'RunEnded')) ended.resolve();
      });
      const start = performance.now();
      await startRun();
      await ended.promise;
      taken.push(performance.now() - start);
      stop();
      const from = performance.now();
      await waitUntil(systemClock, systemClock.now() + Math.max(...reads));
      alone.push(performance.now() - from);
    }
    await engine.stop();
    await journal.close();
    return { runs: taken, slowest: alone };
  }),
);
clearInterval(alive);
