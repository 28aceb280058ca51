/** Walking workflow runs: Cordum lists them by their last change, and filters are ours, because its own hide the cursor. */
import { type Result, succeed } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';
import { patiently, type Waiting } from './patience.ts';
import { timeMs } from './schema.ts';
import type { RunRow } from './workflow-records.ts';

/** A run holds its whole input and context, so pages are small. */
const PAGE_SIZE = 100;
const MOST_PAGES = 10;

export interface ListedRuns {
  readonly runs: readonly RunRow[];
  readonly unreadable: number;
  /** Whether older runs were not looked at. */
  readonly more: boolean;
  /** Whether that is because there were too many, and not because nothing older was asked for. */
  readonly cutShort: boolean;
}

/** Stops when `enough` says so, at runs that last changed before `sinceMs`, or after ten pages. */
export async function listRuns(client: CordumClient, ctx: Waiting, until: { readonly sinceMs: number; readonly enough?: (found: readonly RunRow[]) => boolean }): Promise<Result<ListedRuns>> {
  const seen = new Map<string, RunRow>();
  let unreadable = 0;
  let untilMicros: number | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const at = untilMicros;
    const page = await patiently(ctx, () => client.runs({ limit: PAGE_SIZE, ...(at === undefined ? {} : { untilMicros: at }) }, { signal: ctx.signal }));
    if (!page.ok) return page;
    const before = seen.size;
    for (const run of page.value.items) if (!seen.has(run.runId)) seen.set(run.runId, run);
    unreadable += page.value.unreadable;
    const runs = [...seen.values()];
    const next = page.value.nextMicros;
    if (next === undefined || seen.size === before) return succeed({ runs, unreadable, more: false, cutShort: false });
    const oldestMs = Math.min(...page.value.items.map((run) => timeMs(run.updatedAt)).filter((ms) => ms > 0));
    if (oldestMs < until.sinceMs || until.enough?.(runs) === true) return succeed({ runs, unreadable, more: true, cutShort: false });
    // Cordum's cursor is one below the last row: with that, a run of the same microsecond would be passed over.
    untilMicros = next + 1;
  }
  return succeed({ runs: [...seen.values()], unreadable, more: true, cutShort: true });
}
