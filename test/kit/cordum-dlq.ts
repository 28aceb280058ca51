/** The DLQ's pages as a real Cordum gives them; `dlq-listing.test.ts` holds this to the recordings. */

export interface RawEntry {
  readonly job_id: string;
  readonly created_at: string;
  readonly topic?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly reason_code?: string;
  readonly last_state?: string;
  readonly attempts?: number;
  /** Belongs to another tenant, or its metadata has expired: counted for the page, then left out. */
  readonly hidden?: boolean;
}

export function rawEntry(jobId: string, createdAt: string, more: Partial<RawEntry> = {}): RawEntry {
  return {
    job_id: jobId,
    topic: 'job.default',
    status: 'JOB_STATUS_FAILED',
    reason: 'max scheduling retries exceeded (attempts=50)',
    reason_code: 'max_scheduling_retries',
    last_state: 'FAILED',
    attempts: 50,
    created_at: createdAt,
    ...more,
  };
}

/** `cursor` in microseconds, as Cordum gives it. */
export function pageOf(entries: readonly RawEntry[], limit: number, cursor?: number): { items: object[]; next_cursor: number | null } {
  const second = (entry: RawEntry): number => Math.floor(Date.parse(entry.created_at) / 1_000);
  const until = cursor === undefined ? Number.POSITIVE_INFINITY : Math.floor(cursor / 1_000_000);
  const size = Math.min(500, limit);
  const raw = entries
    .filter((entry) => second(entry) <= until)
    .toSorted((a, b) => second(b) - second(a) || (a.job_id < b.job_id ? 1 : -1))
    .slice(0, size);
  const items = raw.filter((entry) => entry.hidden !== true).map(({ hidden: _hidden, ...entry }) => entry);
  const last = items.at(-1);
  return { items, next_cursor: items.length < size || last === undefined ? null : Math.trunc(Date.parse(last.created_at) * 1_000) - 1 };
}
