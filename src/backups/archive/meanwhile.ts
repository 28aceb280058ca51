/**
 * A server says what a stream holds when a snapshot begins, and goes on storing while it sends: a v1 archive holds what came
 * meanwhile as well, up to the block that was read last (measured on 2.9.10 under load). Users cannot delete meanwhile; limits can.
 */
import type { StreamArchive } from './archive.ts';

const LIMITS = ['max_msgs', 'max_bytes', 'max_age', 'max_msgs_per_subject'] as const;

/** How many messages came behind the last one of the state. */
export function cameMeanwhile(seen: StreamArchive | undefined, state: { readonly last_seq: number }): number {
  return seen?.format === 'v1' ? Math.max(0, seen.lastSeq - state.last_seq) : 0;
}

/** Whether others may have gone for them. */
export function makesRoom(config: Readonly<Record<string, unknown>> | undefined): boolean {
  return (config?.['retention'] ?? 'limits') !== 'limits' || LIMITS.some((limit) => Number(config?.[limit] ?? 0) > 0);
}
