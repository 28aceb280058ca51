/**
 * Which families have open incidents, so that the first alert of a new one need not ask the journal: in a storm nearly every alert is
 * the first of its family. Right only while the journal has no other writer, which the journal's own lock sees to.
 */
import type { Journal } from '#engine/ports.ts';

/** Beyond this the journal is asked for each new family. */
const OPEN_FAMILIES_MAX = 100_000;
const PAGE = 200;

export interface OpenFamilies {
  /** Reads the journal through, once. Until then nothing is certain. */
  survey(): Promise<void>;
  /** Has certainly no open incident. The opposite is never certain. */
  isQuiet(family: string): boolean;
  opened(family: string): void;
  emptied(family: string): void;
}

export function createOpenFamilies(journal: Journal): OpenFamilies {
  let known: Set<string> | undefined;
  let found: Set<string> | undefined;
  return {
    async survey() {
      found = new Set();
      let before: string | undefined;
      for (;;) {
        const rows = await journal.query({ kind: 'incident', open: true, limit: PAGE, ...(before === undefined ? {} : { before }) });
        for (const { key } of rows) if (key !== undefined) found.add(key);
        before = rows.at(-1)?.id;
        if (rows.length < PAGE || found.size > OPEN_FAMILIES_MAX) break;
      }
      known = found.size > OPEN_FAMILIES_MAX ? undefined : found;
      found = undefined;
    },
    isQuiet: (family) => known !== undefined && !known.has(family),
    opened(family) {
      // What opens behind the survey's back would be missed by it.
      found?.add(family);
      known?.add(family);
      if (known !== undefined && known.size > OPEN_FAMILIES_MAX) known = undefined;
    },
    emptied: (family) => void known?.delete(family),
  };
}
