/** A list, page by page. A page may expire while the next is asked for; the list then begins anew, once. */
import { type Result, succeed } from '#kernel/failure.ts';
import type { z } from 'zod';
import { type Calls, mistakeOf, readAnswer } from './calls.ts';
import { type CallFacts, isGone, unreadable } from './failure.ts';
import { listAnswer } from './schema.ts';

const PAGE_ITEMS = 500;
/** A server that goes on handing out empty pages must not keep us. */
const MOST_PAGES = 200;

export interface Listing<S extends z.ZodType> {
  readonly doing: string;
  readonly path: string;
  readonly selectors: readonly [string, string][];
  readonly most: number;
  readonly item: S;
  readonly signal: AbortSignal | undefined;
}

export async function readPages<S extends z.ZodType>(calls: Calls, listing: Listing<S>): Promise<Result<{ items: z.output<S>[]; truncated: boolean }>> {
  const facts: CallFacts = { doing: listing.doing, writes: false };
  let items: z.output<S>[] = [];
  let next: string | undefined;
  let restarted = false;
  for (let page = 1; page <= MOST_PAGES; page += 1) {
    let cut = false;
    const query = new URLSearchParams(listing.selectors.map(([name, value]) => [name, value]));
    query.set('limit', String(Math.min(PAGE_ITEMS, listing.most - items.length)));
    if (next !== undefined) query.set('continue', next);
    const answer = await calls.send({ ...facts, method: 'GET', path: listing.path, query, ...(listing.signal === undefined ? {} : { signal: listing.signal }) });
    if (!answer.ok) return answer;
    if (isGone(answer.value) && next !== undefined && !restarted) {
      restarted = true;
      items = [];
      next = undefined;
      continue;
    }
    const list = readAnswer(answer.value, listAnswer, facts);
    if (!list.ok) return list;
    const found = list.value.items ?? [];
    for (const [index, one] of found.entries()) {
      // A server may know no limit.
      cut = items.length >= listing.most;
      if (cut) break;
      const read = listing.item.safeParse(one);
      if (!read.success) return { ok: false, failure: unreadable(facts, `item ${index}, ${mistakeOf(read.error)}`) };
      items.push(read.data);
    }
    const more = list.value.metadata?.continue ?? '';
    if (more === '') return succeed({ items, truncated: cut });
    if (items.length >= listing.most) return succeed({ items, truncated: true });
    next = more;
  }
  return succeed({ items, truncated: true });
}
