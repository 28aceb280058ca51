/**
 * Walks the DLQ. Cordum's own cursor cannot be trusted to do it (reference: `GET /api/v1/dlq/page`, v0.9): it is floored to
 * whole seconds and inclusive, so pages overlap, and where more entries than fit a page share a second it never advances;
 * it is null whenever a hidden entry shortened the page, so null is not the end. We walk by the entries' own times:
 * from the second of the oldest one seen, inclusive, and a second further down once that second brings nothing new.
 */
import { type Result, succeed } from '#step-kit/index.ts';
import type { CordumClient } from './client.ts';
import { patiently, type Waiting } from './patience.ts';
import type { DlqEntry } from './records.ts';

/** Cordum gives at most this many entries a page, and as few as 100 to those who ask for none. */
const PAGE_SIZE = 500;
/** 10,000 entries are 20 full pages; the rest is for overlaps and for pages that hidden entries made short. */
const MOST_PAGES = 80;

/** Cordum keeps at most so many entries (`SCHEDULER_DLQ_MAX_SIZE`) and silently drops the oldest beyond. */
export const WHOLE_DLQ = 10_000;

export interface DlqListing {
  readonly items: DlqEntry[];
  readonly total: number;
  readonly truncated: boolean;
  readonly note: string;
}

const HIDDEN = 'Entries whose job metadata has expired (after 7 days) are hidden by Cordum and not listed.';

/** Lists up to `limit` entries, newest first. `until` stops the walk early, once the listing so far holds what is wanted. */
export async function listDlq(client: CordumClient, limit: number, ctx: Waiting, until?: (seen: ReadonlyMap<string, DlqEntry>) => boolean): Promise<Result<DlqListing>> {
  const seen = new Map<string, DlqEntry>();
  const notes = [HIDDEN];
  let truncated = false;
  let untilSecond: number | undefined;
  for (let pages = 0; ; pages += 1) {
    if (pages === MOST_PAGES) {
      truncated = true;
      notes.push(`The walk stopped after ${MOST_PAGES} pages.`);
      break;
    }
    const at = untilSecond;
    const page = await patiently(ctx, () => client.dlqPage({ limit: PAGE_SIZE, ...(at === undefined ? {} : { untilSecond: at }) }, { signal: ctx.signal }));
    if (!page.ok) return page;
    const before = seen.size;
    // Of two versions of an entry the first is kept: it is the newer one.
    for (const entry of page.value) if (!seen.has(entry.jobId)) seen.set(entry.jobId, entry);
    if (page.value.length === 0 || until?.(seen) === true) break;
    if (seen.size > limit) {
      truncated = true;
      notes.push(`There are more than ${limit} entries; the newest ${limit} are listed.`);
      break;
    }
    const oldest = oldestSecond(page.value);
    if (oldest === undefined) {
      truncated = true;
      notes.push('Cordum gave entries without a readable time, so older ones cannot be found.');
      break;
    }
    const brought = seen.size > before;
    if (!brought && page.value.length >= PAGE_SIZE) {
      truncated = true;
      notes.push(`More than ${PAGE_SIZE} entries share the second ${new Date(oldest * 1_000).toISOString()}; Cordum shows only the first ${PAGE_SIZE} of them.`);
    }
    untilSecond = nextSecond(oldest, brought, untilSecond);
  }
  const items = [...seen.values()].toSorted((a, b) => b.createdAtMs - a.createdAtMs || (a.jobId < b.jobId ? -1 : 1)).slice(0, limit);
  return succeed({ items, total: items.length, truncated, note: notes.join(' ') });
}

/** Every turn either brings new entries or goes down at least a second, whatever times the entries claim. */
function nextSecond(oldest: number, brought: boolean, asked: number | undefined): number {
  const next = brought ? oldest : oldest - 1;
  if (asked === undefined) return next;
  return Math.min(next, brought ? asked : asked - 1);
}

function oldestSecond(entries: readonly DlqEntry[]): number | undefined {
  const times = entries.map((entry) => entry.createdAtMs).filter((ms) => ms > 0);
  return times.length === 0 ? undefined : Math.floor(Math.min(...times) / 1_000);
}

/** Entries of one second that a look-up by time gets; more than a wave retries in a second. */
const SEEK_SIZE = 100;

/**
 * Finds one entry. When it was created is a hint: one small page from that second down holds it, unless it moved; then
 * the whole DLQ is walked until it turns up. The value is undefined when it is certainly not listed, and the listing of
 * that walk says so; a walk that could not see everything is a failure, never an absence.
 */
export async function findEntry(client: CordumClient, jobId: string, createdAtMs: number, ctx: Waiting): Promise<Result<DlqEntry | undefined>> {
  if (createdAtMs > 0) {
    const untilSecond = Math.floor(createdAtMs / 1_000);
    const page = await patiently(ctx, () => client.dlqPage({ limit: SEEK_SIZE, untilSecond }, { signal: ctx.signal }));
    if (!page.ok) return page;
    const found = page.value.find((entry) => entry.jobId === jobId);
    if (found !== undefined) return succeed(found);
  }
  const listing = await listDlq(client, WHOLE_DLQ, ctx, (seen) => seen.has(jobId));
  if (!listing.ok) return listing;
  const found = listing.value.items.find((entry) => entry.jobId === jobId);
  if (found === undefined && listing.value.truncated) {
    return { ok: false, failure: { reason: 'unexpected', message: `The DLQ could not be seen to its end, so it cannot be said whether ${jobId} is in it. ${listing.value.note}` } };
  }
  return succeed(found);
}
