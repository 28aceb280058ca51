/** A process that appends to the journal named by its argument for ever, and prints each version once it is acknowledged. Killed by its test. */
import { writeSync } from 'node:fs';
import { systemClock } from '#kernel/clock.ts';
import { openSqliteJournal } from '#journal/sqlite.ts';

const journal = openSqliteJournal({ path: process.argv[2] ?? '', clock: systemClock });
await Promise.all(
  [0, 1, 2, 3].map(async (writer) => {
    for (let version = 0; ; version += 1) {
      const answer = await journal.append({ stream: `run_${writer}`, expectedVersion: version, events: [{ type: 'Written', actor: 'bot', data: { version: version + 1, text: 'x'.repeat(500) } }] });
      if (!answer.ok) throw new Error('conflict');
      // Synchronous, so that what is printed is never behind what was acknowledged by more than this one line.
      writeSync(1, `${writer} ${version + 1}\n`);
    }
  }),
);
