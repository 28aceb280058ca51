/** Walking the newest jobs, which is all that Cordum remembers of them. */
import { type Result, succeed } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';
import { patiently, type Waiting } from './patience.ts';
import type { JobRow } from './records.ts';

const PAGE_SIZE = 500;
/** `job:recent` in Cordum's Redis keeps so many ids, of all tenants together (reference/cordum.md §6.1). */
export const REMEMBERED_JOBS = 1_000;
/** Pages may overlap or be thinned out by other tenants' jobs. */
const MOST_PAGES = 6;

/**
 * Cordum takes the newest jobs first and filters afterwards, and then gives no cursor: filtering there would hide most
 * matches (v0.9, `jobs_list_state_*` in the recordings). So we filter here and page by the jobs' own times.
 */
export async function newestJobs(client: CordumClient, ctx: Waiting, enough: (found: JobRow[]) => boolean): Promise<Result<JobRow[]>> {
  const seen = new Map<string, JobRow>();
  let untilMicros: number | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const at = untilMicros;
    const page = await patiently(ctx, () => client.jobs({ limit: PAGE_SIZE, ...(at === undefined ? {} : { untilMicros: at }) }, { signal: ctx.signal }));
    if (!page.ok) return page;
    const before = seen.size;
    for (const job of page.value) if (!seen.has(job.jobId)) seen.set(job.jobId, job);
    const found = [...seen.values()];
    const oldestMs = Math.min(...page.value.map((job) => job.updatedAtMs).filter((ms) => ms > 0));
    if (seen.size === before || enough(found) || !Number.isFinite(oldestMs)) return succeed(found);
    // Inclusive and a little too late: pages then overlap, and no job of the same millisecond is passed over.
    untilMicros = oldestMs * 1_000 + 999;
  }
  return succeed([...seen.values()]);
}
