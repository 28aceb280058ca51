/** Digests the RDB files of a backup and counts their keys, one after the other, each in one pass beside everything else. */
import { RECORD_BEGINNINGS, RECORDS_EACH_MAX } from '#backups/redis/cordum-records.ts';
import type { RdbKeys } from '#backups/redis/rdb-scan.ts';
import { scanRdbInWorker } from '#backups/redis/rdb-worker.ts';
import type { DrillContext } from '../context.ts';
import type { Copied, Fetched } from '../fetch.ts';

/** Keys whose slots are looked at. */
export const SLOT_SAMPLE = 400;

export interface ReadFile extends Fetched {
  /** Undefined where the file holds something that only a server knows. */
  readonly keys: RdbKeys | undefined;
}

export async function readFiles(copies: readonly Copied[], ctx: DrillContext): Promise<readonly ReadFile[]> {
  // A server leaves out what is over when it loads, which is now or later.
  const nowMs = ctx.clock.now();
  const read: ReadFile[] = [];
  for (const file of copies) {
    const { bytes, sha256, facts } = await scanRdbInWorker({ path: file.copy, nowMs, choose: SLOT_SAMPLE, beginnings: RECORD_BEGINNINGS, collect: RECORDS_EACH_MAX }, ctx.signal);
    read.push({ ...file, bytes, sha256, keys: facts });
  }
  return read;
}
