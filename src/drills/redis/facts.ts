/** What a drill of Redis is told besides the backup: how the live system looks, and what somebody planted in it. */
import type { PrefixCount } from '#backups/redis/dataset.ts';
import type { LiveFacts } from '../context.ts';
import type { LiveDocuments } from '../documents-live.ts';

export interface RedisLive extends LiveFacts, LiveDocuments {
  readonly mode: 'standalone' | 'cluster';
  /** What each of them owns and holds; a server that is no cluster owns no slots. */
  readonly primaries: readonly { readonly slots: readonly string[]; readonly keys: number }[];
  readonly keys: number;
  readonly prefixes: readonly PrefixCount[];
}

/** A record that was written before the backup, and one written after it: the first must be there, the second must not. */
export interface Canary {
  readonly before: { readonly key: string; readonly value: string };
  readonly after?: { readonly key: string };
}
