/** Runs of five trivial read steps through the engine on the SQLite journal; then the same appends as raw durable commits. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '#kernel/clock.ts';
import { openSqliteJournal } from '#journal/sqlite.ts';
import { defineRead, succeed, z } from '#step-kit/index.ts';
import { createBenchEngine } from '../kit/engine.ts';
import { inFolder } from '../kit/folder.ts';
import { inputOf, tellResult } from '../kit/process.ts';

const STEPS_A_RUN = 5;

export interface StepsInput {
  readonly runs: number;
  /** How many runs are under way at a time. */
  readonly atOnce: number;
}
export interface StepsResult {
  readonly stepsPerSecond: number;
  readonly appends: number;
  readonly appendsPerSecond: number;
  /** One commit for each append, one after another. */
  readonly rawPerSecond: number;
}

const count = defineRead({
  name: 'bench.number.next',
  summary: 'Adds one, and looks at nothing',
  input: z.object({ from: z.int() }),
  output: z.object({ next: z.int() }),
  examples: [],
  run: async ({ from }) => succeed({ next: from + 1 }),
});
const steps = Array.from({ length: STEPS_A_RUN }, (_, i) => `  - id: s${i}\n    uses: bench.number.next\n    with:\n      from: ${i === 0 ? '0' : `\${{ steps.s${i - 1}.output.next }}`}\n`).join('');
const RUNBOOK = `runbook: bench\ntitle: Five steps\nowner: bench\nsteps:\n${steps}done:\n  when: \${{ alert.resolved }}\n  within: 30m\n`;

interface Stored {
  readonly stream: string;
  readonly events: readonly { readonly type: string; readonly data: object }[];
  readonly index?: readonly object[];
}

async function measureEngine(folder: string, { runs, atOnce }: StepsInput): Promise<{ readonly seconds: number; readonly appends: readonly Stored[] }> {
  const sqlite = openSqliteJournal({ path: join(folder, 'journal.db'), clock: systemClock });
  const appends: Stored[] = [];
  const journal = { ...sqlite, append: (append: Parameters<typeof sqlite.append>[0]) => (appends.push(append), sqlite.append(append)) };
  const { engine, startRun } = createBenchEngine(journal, RUNBOOK, [count]);
  await engine.start();
  let begun = 0;
  let ended = 0;
  const phase = async (until: number): Promise<number> => {
    const start = performance.now();
    const done = Promise.withResolvers<void>();
    const stop = sqlite.onAppended((events) => {
      for (const { type } of events) {
        if (type !== 'RunEnded') continue;
        ended += 1;
        if (ended === until) done.resolve();
        else if (begun < until) next();
      }
    });
    const next = (): void => {
      begun += 1;
      startRun().catch(done.reject);
    };
    for (let i = 0; i < atOnce; i += 1) next();
    await done.promise;
    stop();
    return (performance.now() - start) / 1_000;
  };
  await phase(Math.max(atOnce, Math.floor(runs / 5)));
  appends.length = 0;
  const seconds = await phase(ended + runs);
  await engine.stop();
  await sqlite.close();
  return { seconds, appends };
}

/** What the engine appended, as text, each append in a durable commit of its own. */
function measureRaw(folder: string, appends: readonly Stored[]): number {
  const db = new DatabaseSync(join(folder, 'raw.db'));
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE appends (id INTEGER PRIMARY KEY, stream TEXT NOT NULL, text TEXT NOT NULL) STRICT');
  const insert = db.prepare('INSERT INTO appends (stream, text) VALUES (?, ?)');
  const texts = appends.map((append) => JSON.stringify([append.events, append.index ?? []]));
  const start = performance.now();
  for (const [i, append] of appends.entries()) insert.run(append.stream, texts[i] ?? '');
  const seconds = (performance.now() - start) / 1_000;
  db.close();
  return seconds;
}

const input = inputOf<StepsInput>();
tellResult(
  await inFolder(async (folder): Promise<StepsResult> => {
    const { seconds, appends } = await measureEngine(folder, input);
    return { stepsPerSecond: (input.runs * STEPS_A_RUN) / seconds, appends: appends.length, appendsPerSecond: appends.length / seconds, rawPerSecond: appends.length / measureRaw(folder, appends) };
  }),
);
