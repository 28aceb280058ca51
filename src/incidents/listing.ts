/** Incidents as they are read: folded from the journal when they are asked for. */
import type { IncidentView } from '#engine/model/views.ts';
import type { Journal } from '#engine/ports.ts';
import type { Page, PageQuery } from '#operations/operations.ts';
import type { Ledger } from './ledger.ts';
import { viewOf } from './view.ts';

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

export interface IncidentQuery extends PageQuery {
  readonly status?: 'open' | 'closed';
}

export interface Listing {
  view(id: string): Promise<IncidentView | undefined>;
  /** Newest first. */
  list(query: IncidentQuery): Promise<Page<IncidentView>>;
}

export function createListing(journal: Journal, ledger: Ledger): Listing {
  async function view(id: string): Promise<IncidentView | undefined> {
    const folded = await ledger.incident(id);
    return folded === undefined ? undefined : viewOf(folded.state);
  }

  async function list(query: IncidentQuery): Promise<Page<IncidentView>> {
    const limit = Math.min(PAGE_MAX, Math.max(1, query.limit ?? PAGE_DEFAULT));
    const rows = await journal.query({
      kind: 'incident',
      limit: limit + 1,
      ...(query.status === undefined ? {} : { open: query.status === 'open' }),
      ...(query.cursor === undefined ? {} : { before: query.cursor }),
    });
    const page = rows.slice(0, limit);
    const views = await Promise.all(page.map(({ id }) => view(id)));
    return { items: views.filter((one) => one !== undefined), nextCursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  return { view, list };
}
