import { createMemoryJournal } from '#journal/memory.ts';
import { describeJournal } from '../../contract/journal.contract.ts';

describeJournal('memory', async (clock) => {
  const journal = createMemoryJournal({ clock });
  return { journal, cleanUp: () => journal.close() };
});
