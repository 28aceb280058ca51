/** What is to be said of the backups of one store. Pure. */
import { z } from '#step-kit/index.ts';
import type { Listed, SetFacts, StoreName } from './client.ts';
import { ageText } from './words.ts';

export const STORES: readonly StoreName[] = ['redis', 'nats', 'config'];
/** Whoever removes old sets does so once a day, and `find -mtime +7` begins at eight (cordum.md, CronJobs). */
const REMOVAL_LEEWAY_SECONDS = 2 * 86_400;

export const storeShape = z.object({
  store: z.string(),
  sets: z.int(),
  /** Empty without any; what follows is about it. */
  newest: z.string(),
  /** −1 without any. */
  newestAgeSeconds: z.int(),
  fresh: z.boolean(),
  complete: z.enum(['yes', 'no', 'unknown']),
  size: z.enum(['usual', 'small', 'large', 'unknown']),
  /** Of the median of up to five before it; −1 with too few of these. */
  sizePercent: z.int(),
  bytes: z.int(),
  shards: z.int(),
  /** −1 without any. */
  oldestAgeSeconds: z.int(),
  /** The worst: `kept` means that old sets are not removed, `unknown` that nothing could be seen. */
  problem: z.enum(['none', 'missing', 'stale', 'incomplete', 'small', 'large', 'kept', 'unknown']),
  say: z.string(),
});
type Store = z.output<typeof storeShape>;

export const NOT_SEEN: Store = { store: '', sets: 0, newest: '', newestAgeSeconds: -1, fresh: false, complete: 'unknown', size: 'unknown', sizePercent: -1, bytes: 0, shards: 0, oldestAgeSeconds: -1, problem: 'unknown', say: '' };

interface Wanted {
  readonly maxAgeSeconds: number;
  /** 0: not stated. */
  readonly keptSeconds: number;
  readonly nowMs: number;
}

export function storeOf(store: StoreName, { stores, sets }: Listed, { maxAgeSeconds, keptSeconds, nowMs }: Wanted): Store {
  const all = stores.find((one) => one.store === store);
  const newest = sets.find((set) => set.store === store);
  if (all === undefined || newest === undefined) return { ...NOT_SEEN, store, problem: 'missing', say: `There is no backup of ${store}.` };
  const oldestAgeSeconds = all.oldestAt === null ? -1 : Math.max(0, Math.round((nowMs - Date.parse(all.oldestAt)) / 1_000));
  // Nothing removes backups of the configuration, and nobody takes them by the hour.
  const hourly = store !== 'config';
  const fresh = newest.ageSeconds <= maxAgeSeconds;
  const kept = hourly && keptSeconds > 0 && oldestAgeSeconds > keptSeconds + REMOVAL_LEEWAY_SECONDS;
  const problem = hourly && !fresh ? 'stale' : newest.complete === 'no' ? 'incomplete' : newest.size === 'small' ? 'small' : newest.size === 'large' ? 'large' : kept ? 'kept' : 'none';
  return {
    store,
    sets: all.sets,
    newest: newest.set,
    newestAgeSeconds: newest.ageSeconds,
    fresh,
    complete: newest.complete,
    size: newest.size,
    sizePercent: newest.sizeRatio === null ? -1 : Math.round(newest.sizeRatio * 100),
    bytes: newest.bytes,
    shards: newest.shards,
    oldestAgeSeconds,
    problem,
    say: sentence(newest, kept ? `The oldest is ${ageText(oldestAgeSeconds)} old, although ${ageText(keptSeconds)} are to be kept.` : ''),
  };
}

function sentence({ store, set, ageSeconds, notes, complete }: SetFacts, more: string): string {
  const unproven = complete === 'unknown' ? 'Whether it is complete no manifest tells.' : '';
  return [`The newest backup of ${store}, ${set}, is ${ageText(ageSeconds)} old.`, ...notes.slice(0, 3), unproven, more].filter((text) => text !== '').join(' ').slice(0, 1_000);
}
